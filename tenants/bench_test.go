package tenants

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"twofold/twofactor"
)

// BenchmarkPasswordCheck is one argon2id hash: the floor of every sign-in.
func BenchmarkPasswordCheck(b *testing.B) {
	phc, err := newHasher().hash("correct horse battery staple", rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, err := newHasher().check(phc, "correct horse battery staple"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// BenchmarkResolve folds a reach with assignments at every level.
func BenchmarkResolve(b *testing.B) {
	r := Reach{Now: time.Now(), Instances: map[string]Candidate{}, LastUsed: "tf-3"}
	for i, l := range Levels() {
		id := fmt.Sprint("t-", i)
		r.Stations = append(r.Stations, Station{Level: l, ID: id, Name: id, Min: twofactor.Strength2FA})
		for j := range 2 {
			tf := fmt.Sprint("tf-", i+j)
			r.Instances[tf] = Candidate{ID: tf, Name: tf, Type: "x", Strength: twofactor.Strength(2 + j)}
			r.Assignments = append(r.Assignments, Assignment{ID: tf, TwoFactorID: tf, Level: l, TargetID: id, Required: j == 0})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if p := Resolve(r); !p.Required || len(p.Offered) == 0 {
			b.Fatal(p)
		}
	}
}

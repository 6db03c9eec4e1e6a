package apply_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"twofold/admin/apply"
)

func jsonOf(s string) ([]byte, error) { return json.Marshal(s) }

func must2(r *rapid.T) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		if err != nil {
			r.Fatal(err)
		}
		return b
	}
}

// exportMany exports TWOFOLD_MANY_USERS users and says what it took.
func exportMany(t *testing.T, url string) {
	n := 600
	if many := os.Getenv("TWOFOLD_MANY_USERS"); many != "" {
		var err error
		if n, err = strconv.Atoi(many); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, url)
	var b strings.Builder
	b.WriteString("subscriptions:\n  - name: s\n    idps: [{name: staff}]\n    tenants: [{name: a, idps: [staff]}, {name: b}]\n    groups: [{name: g}]\n    users:\n")
	for i := range n {
		fmt.Fprintf(&b, "      - {name: user%06d, given_name: Given, family_name: Family %d, email: u%d@example.org, email_verified: true, idps: [staff], tenants: [a, b], groups: [g]}\n", i, i, i)
	}
	begin := time.Now()
	w.apply(b.String())
	t.Logf("applied in %s", time.Since(begin).Round(time.Millisecond))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin = time.Now()
	peak := make(chan uint64)
	stop := make(chan bool)
	go watchHeap(stop, peak)
	var size counter
	warnings, err := apply.Export(t.Context(), w.store, &size, apply.ExportOptions{})
	took := time.Since(begin)
	close(stop)
	top := <-peak
	runtime.ReadMemStats(&after)
	if err != nil || len(warnings) > 0 {
		t.Errorf("%v, %q", err, warnings)
	}
	t.Logf("%d users: %d bytes in %s; heap %d MiB before, %d MiB at most", n, size, took.Round(time.Millisecond), before.HeapAlloc>>20, top>>20)
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func watchHeap(stop chan bool, peak chan uint64) {
	var top uint64
	for {
		select {
		case <-stop:
			peak <- top
			return
		case <-time.After(20 * time.Millisecond):
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			top = max(top, m.HeapAlloc)
		}
	}
}

package tenants

import (
	"crypto/rand"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/crypto/argon2"
)

func cheapHasher() hasher {
	return hasher{params: argonParams{memory: 8, time: 1, threads: 1}, derive: argon2.IDKey}
}

func TestHashRoundTrip(t *testing.T) {
	h := cheapHasher()
	for _, password := range []string{"velvet-harbour-59", "", "пароль и ещё слово", strings.Repeat("x", 256), "with\x00zero"} {
		phc, err := h.hash(password, rand.Reader)
		must(t, err)
		if ok, stale, err := h.check(phc, password); !ok || stale || err != nil {
			t.Errorf("%q: %v, %v, %v", password, ok, stale, err)
		}
		if ok, _, err := h.check(phc, password+"x"); ok || err != nil {
			t.Errorf("%q and one more: %v, %v", password, ok, err)
		}
		if again, _ := h.hash(password, rand.Reader); again == phc {
			t.Errorf("%q hashed twice gives the same: no salt", password)
		}
	}
	if _, err := h.hash("x", iotest.ErrReader(io.ErrUnexpectedEOF)); err == nil {
		t.Error("a hash without randomness")
	}
}

func TestTodaysParameters(t *testing.T) {
	h := newHasher()
	phc, err := h.hash("velvet-harbour-59", rand.Reader)
	must(t, err)
	// OWASP and ASVS appendix C: at least 19 MiB, t=2, p=1.
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error(phc)
	}
	if ok, stale, err := h.check(phc, "velvet-harbour-59"); !ok || stale || err != nil {
		t.Errorf("%v, %v, %v", ok, stale, err)
	}
}

func TestStale(t *testing.T) {
	now := cheapHasher()
	for name, old := range map[string]argonParams{
		"less memory": {4, 1, 1}, "more memory": {16, 1, 1}, "more time": {8, 2, 1}, "more threads": {16, 1, 2},
	} {
		phc, err := hasher{params: old, derive: argon2.IDKey}.hash("password", rand.Reader)
		must(t, err)
		if ok, stale, err := now.check(phc, "password"); !ok || !stale || err != nil {
			t.Errorf("%s: %v, %v, %v", name, ok, stale, err)
		}
	}
	short := now.params.phc([]byte("0123456789abcdef"), argon2.IDKey([]byte("password"), []byte("0123456789abcdef"), 1, 8, 1, 16))
	if ok, stale, err := now.check(short, "password"); !ok || !stale || err != nil {
		t.Errorf("a short hash: %v, %v, %v", ok, stale, err)
	}
}

// A hash made by the reference implementation: argon2 -id -t 2 -m 16 -p 1.
func TestForeignHash(t *testing.T) {
	const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, stale, err := newHasher().check(phc, "password"); !ok || !stale || err != nil {
		t.Errorf("%v, %v, %v", ok, stale, err)
	}
}

func TestDecoy(t *testing.T) {
	h := cheapHasher()
	d := h.decoy(rand.Reader)
	k, err := readArgon2(d)
	if err != nil || k.params != h.params || len(k.salt) != saltSize || len(k.sum) != hashSize {
		t.Errorf("%+v %v", k, err)
	}
	if ok, stale, err := h.check(d, ""); ok || stale || err != nil {
		t.Errorf("%v, %v, %v", ok, stale, err)
	}
	if h.decoy(rand.Reader) == d {
		t.Error("the same twice")
	}
	defer func() {
		if recover() == nil {
			t.Error("a decoy without randomness")
		}
	}()
	h.decoy(iotest.ErrReader(io.ErrUnexpectedEOF))
}

func TestReadArgon2(t *testing.T) {
	const salt, sum = "MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
	good := "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + sum
	if _, err := readHash(good); err != nil {
		t.Fatal(err)
	}
	for name, phc := range map[string]string{
		"empty":             "",
		"a password":        "hunter2",
		"another algorithm": strings.Replace(good, "argon2id", "argon2d", 1),
		"another version":   strings.Replace(good, "v=19", "v=16", 1),
		"no version":        strings.Replace(good, "$v=19", "", 1),
		"text before":       "x" + good,
		"one part more":     good + "$",
		"memory 0":          strings.Replace(good, "m=19456", "m=0", 1),
		"memory too much":   strings.Replace(good, "m=19456", "m=262145", 1),
		"memory overflows":  strings.Replace(good, "m=19456", "m=4294967297", 1),
		"memory negative":   strings.Replace(good, "m=19456", "m=-1", 1),
		"time 0":            strings.Replace(good, "t=2", "t=0", 1),
		"time too much":     strings.Replace(good, "t=2", "t=11", 1),
		"both too much":     strings.Replace(good, "m=19456,t=2", "m=262144,t=5", 1),
		"threads 0":         strings.Replace(good, "p=1", "p=0", 1),
		"threads too many":  strings.Replace(good, "p=1", "p=17", 1),
		"threads overflow":  strings.Replace(good, "p=1", "p=257", 1),
		"other order":       strings.Replace(good, "m=19456,t=2", "t=2,m=19456", 1),
		"text after":        strings.Replace(good, "p=1", "p=1,x=9", 1),
		"plus sign":         strings.Replace(good, "m=19456", "m=+19456", 1),
		"leading zero":      strings.Replace(good, "t=2", "t=02", 1),
		"salt short":        strings.Replace(good, salt, "MDEyMzQ1Ng", 1),
		"salt too long":     strings.Replace(good, salt, strings.Repeat("MDEy", 30), 1),
		"salt no base64":    strings.Replace(good, salt, "!!!!!!!!!!!!!!!!!!!!!!", 1),
		"salt padded":       strings.Replace(good, salt, salt+"==", 1),
		"sum short":         strings.Replace(good, sum, "MDEyMzQ1Njc4OWFiY2Rl", 1),
		"sum too long":      strings.Replace(good, sum, strings.Repeat("MDEy", 30), 1),
		"no sum":            strings.Replace(good, sum, "", 1),
	} {
		if _, err := readHash(phc); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

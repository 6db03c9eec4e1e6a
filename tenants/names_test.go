package tenants

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// spellings of one name: whoever counts tries by NormalName counts them together
// (SECURITY §3, 33 and M35).
var spellings = []string{
	"zoë müller", "Zoë Müller", "ZOË MÜLLER", " zoë müller", "zoë müller\t", "zoë\u00a0müller", "zoë  müller",
	norm.NFD.String("zoë müller"), norm.NFD.String("ZOË MÜLLER"), "ｚｏë ｍüｌｌｅｒ", "zo\u200bë mül\u00adler", "\ufeffzoë müller", "zoë\u3000müller",
}

func TestNormalNameSpellings(t *testing.T) {
	for _, s := range spellings {
		if got := NormalName(s); got != "zoë müller" {
			t.Errorf("%q is %q", s, got)
		}
	}
	seen := map[string]string{}
	for _, s := range []string{"anna", "ana", "anna1", "anna@x.example", "anna+1@x.example", "a.nna", "аnna" /* a Cyrillic а */, "änna", "an na"} {
		n := NormalName(s)
		if other, ok := seen[n]; ok {
			t.Errorf("%q and %q are one", s, other)
		}
		seen[n] = s
	}
	for in, want := range map[string]string{"": "", "  ": "", "\u200b": "", "STRASSE": "strasse", "straße": "strasse", "ﬁn": "fin", "İ": "i̇", "Σ": "σ", "ς": "σ"} {
		if got := NormalName(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func FuzzNormalName(f *testing.F) {
	for _, s := range spellings {
		f.Add(s)
	}
	f.Add("\u0345\u0390ΐ")
	f.Add("\u1e9e\u0130\u01c5")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return // refused before
		}
		once := NormalName(s)
		if twice := NormalName(once); twice != once {
			t.Errorf("%q is %q, and that is %q", s, once, twice)
		}
		if up := NormalName(strings.ToUpper(once)); NormalName(strings.ToLower(once)) != once && up != once {
			t.Errorf("%q is another in lower case and in upper case", once)
		}
	})
}

func TestOneUserForAllSpellings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		u := w.user(c, User{Name: spellings[1], Active: true})
		for _, s := range spellings {
			got, err := w.CheckPassword(c.ctx, s, goodPassword)
			if err != nil || got.ID != u.ID {
				t.Errorf("%q: %v, %v", s, got.Name, err)
			}
			again := User{Name: s, Kind: Person, Active: true}
			if d, err := w.PutUser(c.admin, &again); err != nil || d.Created || again.ID != u.ID {
				t.Errorf("%q put again: %+v, %v", s, d, err)
			}
		}
		if _, err := w.CheckPassword(c.ctx, "zoe muller", goodPassword); !errors.Is(err, ErrWrongPassword) {
			t.Errorf("without the dots: %v", err)
		}
	})
}

// TestNormalNameIsNormal: the normal form of a normal form is itself, for every
// character, and cases make no difference.
func TestNormalNameIsNormal(t *testing.T) {
	for r := rune(1); r < 0x20000; r++ {
		once := NormalName("x" + string(r) + "y")
		if twice := NormalName(once); twice != once {
			t.Errorf("%U: %q, then %q", r, once, twice)
		}
		if unicode.Is(unicode.Cherokee, r) && NormalName(string(unicode.ToLower(r))) != NormalName(string(unicode.ToUpper(r))) {
			t.Errorf("%U: the case makes a difference", r)
		}
	}
}

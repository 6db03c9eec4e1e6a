package tenants

import (
	"strings"
	"testing"
)

func TestPasswordRules(t *testing.T) {
	around := []string{"anna.muster", "anna.muster@example.com", "Anna Muster", "Staff of Acme", "Twofold"}
	for password, why := range map[string]string{
		"velvet-harbour-59-lantern":              "",
		"correct horse battery staple":           "",
		"пароль из четырёх слов":                 "",
		"一二三四五六七八九十甲乙丙丁戊":                        "",
		"Tr0ub4dor&3 und mehr":                   "",
		"83 17 40 92 65 28 71 5":                 "", // digits alone, but not in a row
		strings.Repeat("anna likes ", 4) + "tea": "",
		"password-muster-likes-tea":              "",

		"velvet-59-lant":                      "at least 15",
		"ééééééé":                             "at least 15", // characters count, not bytes
		strings.Repeat("velvet harbour ", 18): "longer than 256",
		"velvet\xff-harbour-59":               "not valid text",

		"123456789987654321":   "first that anybody",
		"123456789012345":      "first that anybody",
		"aaaaaaaaaaaaaaaa":     "first that anybody",
		"abababababababab":     "first that anybody",
		"abcdefghijklmnopq":    "first that anybody",
		"4711471147114711":     "first that anybody",
		"passwordpassword":     "first that anybody",
		"password12345678":     "first that anybody",
		"PASSWORD!!!!!!!!":     "first that anybody",
		"!!!2026password2026":  "first that anybody",
		"P@ssw0rd20262026":     "first that anybody",
		"P4$$w0rd........":     "first that anybody",
		"qwertyuiopqwertyuiop": "first that anybody",
		"ｐａｓｓｗｏｒｄ１２３４５６７": "first that anybody",
		"1qaz2wsx3edc4rfv":      "first that anybody",
		"                    ":  "first that anybody",
		"---------------------": "first that anybody",

		"muster2026muster":      "little more than a name",
		"AnnaMuster12345":       "little more than a name",
		"anna.muster.1985":      "little more than a name",
		"Acme-Staff-2026!":      "little more than a name",
		"twofoldtwofold26":      "little more than a name",
		"example.com-2026-anna": "little more than a name",
	} {
		got := CheckPasswordRules(password, false, around...)
		if (why == "") != (got == "") || !strings.Contains(got, why) {
			t.Errorf("%q: %q, want %q", password, got, why)
		}
	}
}

func TestPasswordLength(t *testing.T) {
	const fifteen = "velvet-harbour5"
	for n := range len(fifteen) + 1 {
		for mfa, least := range map[bool]int{false: 15, true: 12} {
			if got := CheckPasswordRules(fifteen[:n], mfa); (got == "") != (n >= least) {
				t.Errorf("%d characters, MFA %v: %q", n, mfa, got)
			}
		}
	}
	longest := strings.Repeat("velvet harbour 59", 16)[:MaxPasswordBytes]
	if got := CheckPasswordRules(longest, false); got != "" {
		t.Errorf("the longest: %s", got)
	}
}

func TestCommonPasswords(t *testing.T) {
	if n := len(common()); n < 9_900 { // some differ in nothing but what is folded
		t.Errorf("%d common passwords", n)
	}
	for p := range common() {
		if p != NormalName(p) || p == "" {
			t.Errorf("%q is not in normal form and would never be found", p)
		}
	}
}

func FuzzPasswordRules(f *testing.F) {
	f.Add("velvet-harbour-59", "anna")
	f.Add("\u0130\u0130\u0130\u0130\u0130\u0130\u0130\u0130\u0130\u0130\u0130\u0130", "İstanbul")
	f.Fuzz(func(_ *testing.T, password, around string) { CheckPasswordRules(password, true, around) })
}

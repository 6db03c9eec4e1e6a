package twofactor

// Strength orders what a proof is worth; each has one acr value (SPEC §7).
type Strength int

// Strengths, weakest first.
const (
	StrengthNone Strength = iota
	Strength1FA           // a password
	Strength2FA           // and a code by mail
	StrengthAAL2          // and a code by SMS or from an authenticator app
	StrengthPHR           // resistant to phishing: a passkey
)

var acrs = [...]string{"", "urn:twofold:acr:1fa", "urn:twofold:acr:2fa", "urn:twofold:acr:aal2", "phr"}

// ACR returns the acr claim value, empty for StrengthNone.
func (s Strength) ACR() string {
	if s < 0 || int(s) >= len(acrs) {
		return ""
	}
	return acrs[s]
}

// ParseACR finds the strength of an acr value; ok is false for unknown ones.
func ParseACR(acr string) (s Strength, ok bool) {
	for i, a := range acrs {
		if a == acr && a != "" {
			return Strength(i), true
		}
	}
	return StrengthNone, false
}

// ACRs lists all acr values, weakest first.
func ACRs() []string { return append([]string(nil), acrs[1:]...) }

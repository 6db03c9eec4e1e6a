package phone

import (
	"errors"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// Kind is what kind of line a number belongs to.
type Kind string

// Kinds of lines.
const (
	Mobile        Kind = "mobile"
	FixedOrMobile Kind = "fixed_or_mobile" // the number alone does not tell: North America
	Fixed         Kind = "fixed"
	TollFree      Kind = "toll_free"
	Premium       Kind = "premium"
	SharedCost    Kind = "shared_cost"
	VoIP          Kind = "voip"
	Personal      Kind = "personal" // follows its owner, and is billed like premium in places
	Pager         Kind = "pager"
	UAN           Kind = "uan" // of a company, routed anywhere
	Voicemail     Kind = "voicemail"
	Unknown       Kind = "unknown"
)

// World is the Region of numbers that belong to no country: satellites, networks
// on ships and planes, international services.
const World = "001"

// ErrInvalid reports that the text is no number that somebody could have.
var ErrInvalid = errors.New("phone: not a valid number")

// Number is a number that somebody could have.
type Number struct {
	E164   string // "+41791234567"
	Region string // ISO 3166-1 alpha-2, or World
	Kind   Kind
}

// maxText is more than any number with its punctuation needs.
const maxText = 40

// maxE164 is + and 15 digits (ITU-T E.164 §6.1).
const maxE164 = 16

// Parse reads a number as people write it. A number without a country code is one
// of defaultRegion; with an empty defaultRegion it must have one. Letters and
// extensions are refused: what a text message goes to has neither.
func Parse(raw, defaultRegion string) (Number, error) {
	if len(raw) > maxText || strings.ContainsFunc(raw, notOfNumber) {
		return Number{}, ErrInvalid
	}
	p, err := phonenumbers.Parse(raw, defaultRegion)
	// The library's errors may quote what they read.
	if err != nil || p.GetExtension() != "" || !phonenumbers.IsValidNumber(p) {
		return Number{}, ErrInvalid
	}
	n := Number{
		E164:   phonenumbers.Format(p, phonenumbers.E164),
		Region: phonenumbers.GetRegionCodeForNumber(p),
		Kind:   kindOf(phonenumbers.GetNumberType(p)),
	}
	// The library knows national numbers that are longer than ITU-T E.164 allows.
	if n.Region == "" || n.Region == "ZZ" || len(n.E164) > maxE164 {
		return Number{}, ErrInvalid
	}
	return n, nil
}

// Written is a number in E.164 as people read it: "+41 79 123 45 67". What is none stays
// as it is.
func Written(e164 string) string {
	p, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return e164
	}
	return phonenumbers.Format(p, phonenumbers.INTERNATIONAL)
}

// notOfNumber refuses letters, which the library would read as keys (0800 FLOWERS)
// or as an extension, and what begins an extension or a parameter.
func notOfNumber(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsControl(r) || strings.ContainsRune(";#,*=~:@", r)
}

func kindOf(t phonenumbers.PhoneNumberType) Kind {
	switch t {
	case phonenumbers.MOBILE:
		return Mobile
	case phonenumbers.FIXED_LINE_OR_MOBILE:
		return FixedOrMobile
	case phonenumbers.FIXED_LINE:
		return Fixed
	case phonenumbers.TOLL_FREE:
		return TollFree
	case phonenumbers.PREMIUM_RATE:
		return Premium
	case phonenumbers.SHARED_COST:
		return SharedCost
	case phonenumbers.VOIP:
		return VoIP
	case phonenumbers.PERSONAL_NUMBER:
		return Personal
	case phonenumbers.PAGER:
		return Pager
	case phonenumbers.UAN:
		return UAN
	case phonenumbers.VOICEMAIL:
		return Voicemail
	case phonenumbers.UNKNOWN:
	}
	return Unknown
}

package phone

import "slices"

// Refusal is why no text message may go to a number; empty: it may.
type Refusal string

// Refusals.
const (
	NoNumber     Refusal = "number"  // nobody can have this number
	WrongKind    Refusal = "kind"    // it belongs to no mobile phone
	WrongCountry Refusal = "country" // its country is not among those allowed
)

// Text says whether a text message may go to a number in E.164, where countries
// are those allowed (SECURITY N12). None allowed means nowhere: what a message
// costs, and who earns by it, depends on the country.
//
// Only a line that can be a mobile phone's is texted. Personal numbers are refused
// with the rest: they cost like premium ones and are rented by the hour. Numbers
// over the Internet are refused because nobody needs a SIM card for them.
func Text(e164 string, countries []string) (Number, Refusal) {
	n, err := Parse(e164, "")
	switch {
	case err != nil || n.E164 != e164:
		return Number{}, NoNumber
	case n.Region == World || (n.Kind != Mobile && n.Kind != FixedOrMobile):
		return n, WrongKind
	case !slices.Contains(countries, n.Region):
		return n, WrongCountry
	}
	return n, ""
}

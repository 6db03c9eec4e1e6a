package totp

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"twofold/twofactor"
)

// uri is what the QR code says: the key URI that authenticator apps read,
// otpauth://totp/Issuer:Account?secret=….
func (k key) uri(issuer, account string) string {
	return "otpauth://totp/" + escape(issuer) + ":" + escape(account) +
		"?secret=" + k.Secret + "&issuer=" + escape(issuer) +
		"&algorithm=SHA1&digits=" + strconv.Itoa(k.Digits) + "&period=" + strconv.Itoa(int(period/time.Second))
}

// escape leaves nothing that means something in a URI. A space is %20: some apps
// show a plus sign as it stands.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// issuer is the name beside the codes in the app: the option, else what the user
// believes to be signing in to, else our host.
func (f *factor) issuer(u twofactor.User) string {
	if f.options.Issuer != "" {
		return f.options.Issuer
	}
	if realm := part(u.Realm); realm != "" {
		return realm
	}
	if o, err := url.Parse(f.env.Origin); err == nil && o.Hostname() != "" {
		return part(o.Hostname())
	}
	return "Twofold"
}

// account is the user's name in the app.
func account(u twofactor.User) string {
	if name := part(u.Name); name != "" {
		return name
	}
	return part(u.Email)
}

// part makes a name that others chose fit for one side of the label: a colon would
// begin the other side, even if it were escaped.
func part(name string) string { return plain(strings.ReplaceAll(name, ":", " ")) }

// maxName bounds names, in characters: with all of them the QR code stays legible.
const maxName = 60

// plain is a name in one line, with nothing invisible and not endless.
func plain(name string) string {
	visible := strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, name)
	runes := []rune(strings.Join(strings.Fields(visible), " "))
	if len(runes) > maxName {
		runes = append(runes[:maxName-1], '…')
	}
	return string(runes)
}

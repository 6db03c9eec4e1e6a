package upstream

import (
	"cmp"
	"encoding/json"
	"strings"
	"unicode"

	"twofold/tenants"
)

// wanted are the claims that an IDP's mapping looks at.
func wanted(idp tenants.IDP) []string {
	names := []string{cmp.Or(idp.NameClaim, tenants.ClaimName), cmp.Or(idp.EmailClaim, tenants.ClaimEmail)}
	if idp.GroupsClaim != "" {
		names = append(names, idp.GroupsClaim)
	}
	return names
}

// profile maps claims. An address counts as verified only where the provider says so by
// a true of its own: a text "true" has been sent by those who do not verify (SECURITY
// row 62). What stands in a claim of another name nobody has verified.
func profile(idp tenants.IDP, claims map[string]any) tenants.Profile {
	email, phone := cmp.Or(idp.EmailClaim, tenants.ClaimEmail), cmp.Or(idp.PhoneClaim, tenants.ClaimPhone)
	p := tenants.Profile{
		DisplayName: text(claims[cmp.Or(idp.NameClaim, tenants.ClaimName)]), GivenName: text(claims["given_name"]),
		FamilyName: text(claims["family_name"]), Email: text(claims[email]), Phone: text(claims[phone]), Locale: text(claims["locale"]),
	}
	p.EmailVerified = p.Email != "" && email == tenants.ClaimEmail && claims["email_verified"] == true
	p.PhoneVerified = p.Phone != "" && phone == tenants.ClaimPhone && claims["phone_number_verified"] == true
	if idp.GroupsClaim != "" {
		p.Groups = list(claims[idp.GroupsClaim])
	}
	return p
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// list reads a list of words, or one word. Nil: there is none.
func list(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		out := []string{}
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// words reads amr: a list, or, against the specification, one word.
func words(raw json.RawMessage) []string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	var out []string
	for _, s := range list(v) {
		if len(out) < 16 {
			out = append(out, cut(s))
		}
	}
	return out
}

// cut bounds a value from outside that is kept or logged.
func cut(s string) string {
	if len(s) > maxValue {
		s = s[:maxValue]
	}
	return clean(s)
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

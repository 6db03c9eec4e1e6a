package demo

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// claims are those of an ID token or of userinfo, undecoded.
type claims map[string]json.RawMessage

// text is a claim that is text; else empty.
func (c claims) text(name string) string {
	var s string
	_ = json.Unmarshal(c[name], &s) // absent and not text are alike here
	return s
}

// time is a claim in seconds since 1970; else zero.
func (c claims) time(name string) time.Time {
	var n float64
	if len(c[name]) == 0 || json.Unmarshal(c[name], &n) != nil {
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}

// list is a claim that is a list of texts; else nil.
func (c claims) list(name string) []string {
	var out []string
	_ = json.Unmarshal(c[name], &out)
	return out
}

// claimRow is one claim as the page shows it.
type claimRow struct{ Name, Value, Meaning string }

// claimRows shows all claims, those about the sign-in first.
func claimRows(c claims, now time.Time) []claimRow {
	names := slices.Sorted(maps.Keys(c))
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	out := make([]claimRow, len(names))
	for i, name := range names {
		out[i] = claimRow{Name: name, Value: shown(c[name]), Meaning: meaning(name, c, now)}
	}
	return out
}

// rank puts the four claims of summary first, then who and where.
func rank(claim string) int {
	first := []string{"acr", "amr", "sid", "auth_time", "sub", "iss", "aud"}
	if i := slices.Index(first, claim); i >= 0 {
		return i
	}
	return len(first)
}

// shown is a value as a person reads it: text without quotes, lists with commas.
func shown(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return strings.Join(list, ", ")
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

func meaning(name string, c claims, now time.Time) string {
	switch name {
	case "acr":
		return strengthWords(c.text(name))
	case "amr":
		return methodWords(c.list(name))
	case "exp", "iat", "auth_time", "updated_at", "nbf":
		return clock(now, c.time(name))
	}
	return map[string]string{
		"sub": "Who: stable, and never anybody else's", "iss": "The tenant that says so", "aud": "The app it is for", "azp": "The app it was made for",
		"sid": "The session at the provider", "nonce": "Ties the token to this browser's request", "at_hash": "Ties it to the access token",
		"email_verified": "Whether the address was proven", "phone_number_verified": "Whether the number was proven", "groups": "Groups of the subscription",
	}[name]
}

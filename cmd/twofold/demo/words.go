package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"twofold/ui"
)

// acrAAL2 is the acr value that stands for a strong second factor.
const acrAAL2 = "urn:twofold:acr:aal2"

// strengths are the acr values that discovery lists, weakest first, in words.
func strengths() []ui.Fact {
	return []ui.Fact{
		{Name: "urn:twofold:acr:1fa", Value: "Password only"},
		{Name: "urn:twofold:acr:2fa", Value: "Two factors, the second by e-mail"},
		{Name: acrAAL2, Value: "Two factors, the second by SMS or authenticator app"},
		{Name: "phr", Value: "Passkey, resistant to phishing"},
	}
}

// strength is the place of an acr value among strengths; -1 for unknown ones.
func strength(acr string) int {
	return slices.IndexFunc(strengths(), func(f ui.Fact) bool { return f.Name == acr })
}

func strengthWords(acr string) string {
	if i := strength(acr); i >= 0 {
		return strengths()[i].Value
	}
	return "Not said"
}

// methodWords are the amr values (RFC 8176) in words.
func methodWords(amr []string) string {
	known := map[string]string{
		"pwd": "password", "email": "code by e-mail", "sms": "code by SMS", "otp": "code", "tel": "phone call", "hwk": "security key",
		"swk": "passkey", "user": "presence", "kba": "recovery code", "mca": "two channels", "mfa": "two factors",
	}
	var out []string
	for _, m := range amr {
		w, ok := known[m]
		if !ok {
			w = m
		}
		if m != "mca" && m != "mfa" { // said by the strength already
			out = append(out, w)
		}
	}
	if len(out) == 0 {
		return "Not said"
	}
	return strings.ToUpper(out[0][:1]) + out[0][1:] + strings.Join(append([]string{""}, out[1:]...), ", then ")
}

// noted says what a sign-in brought, compared with the one before it.
func noted(asked ask, old, fresh login) *ui.Notice {
	was, is := strength(old.claims.text("acr")), strength(fresh.claims.text("acr"))
	first := old.token == nil || old.claims.text("sub") != fresh.claims.text("sub")
	same := !first && old.claims.time("auth_time").Equal(fresh.claims.time("auth_time"))
	n := &ui.Notice{Kind: ui.Good, Text: "You are signed in."}
	switch {
	case asked == askStronger && is < strength(acrAAL2):
		n.Kind, n.Text = ui.Warn, "A stronger sign-in was asked for, and the provider answered with less. An app that needs it must refuse now."
	case asked == askStronger && !first && is > was:
		n.Text = "Stepped up: only what was missing was asked for."
	case asked == askStronger:
		n.Text = "The sign-in was strong enough already."
	case asked == askFresh:
		n.Text = "You signed in afresh: auth_time shows it."
	case same:
		n.Text = "Single sign-on: a new ID token, and auth_time is still the first one."
	}
	return n
}

// summary are the four claims about the sign-in itself, in words.
func summary(l login, now time.Time) []told {
	c := l.claims
	out := []told{
		{Name: "How strong", Claim: "acr", Words: strengthWords(c.text("acr")), Value: c.text("acr")},
		{Name: "By what", Claim: "amr", Words: methodWords(c.list("amr")), Value: strings.Join(c.list("amr"), ", ")},
		{Name: "In which session", Claim: "sid", Words: "All apps of the tenant share it", Value: c.text("sid")},
		{Name: "Since when", Claim: "auth_time", Words: "Not said"},
	}
	if t := c.time("auth_time"); !t.IsZero() {
		out[3].Words, out[3].Value = ago(now, t), clock(now, t)
	}
	return out
}

// told is one claim in words.
type told struct{ Name, Claim, Words, Value string }

// access is what the app got beside the ID token.
func access(l login, now time.Time) []ui.Fact {
	scope, _ := l.token.Extra("scope").(string)
	if scope == "" {
		scope = "as asked for"
	}
	out := []ui.Fact{{Name: "Scopes", Value: scope}}
	if !l.token.Expiry.IsZero() {
		out = append(out, ui.Fact{Name: "Access token", Value: "valid until " + clock(now, l.token.Expiry)})
	}
	renewal := "none"
	if l.token.RefreshToken != "" {
		renewal = "yes"
	}
	return append(out, ui.Fact{Name: "Refresh token", Value: renewal}, ui.Fact{Name: "Received", Value: clock(now, l.received)})
}

// claimTable shows all claims, those about the sign-in first.
func claimTable(caption string, c claims, now time.Time) ui.Table {
	t := ui.Table{Caption: caption, Head: []string{"Claim", "Value", "Meaning"}, Empty: "No claims."}
	names := slices.Sorted(maps.Keys(c))
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	for _, name := range names {
		t.Rows = append(t.Rows, []ui.Cell{{Text: name, Mono: true}, {Text: shown(c[name]), Mono: true}, {Text: meaning(name, c, now)}})
	}
	return t
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
		"sub": "Who: stable, and never anybody else's", "iss": "Which tenant says so", "aud": "For which app", "azp": "Made for which app",
		"sid": "The session at the provider", "nonce": "Ties the token to this browser's request", "at_hash": "Ties it to the access token",
		"email_verified": "Whether the address was proven", "phone_number_verified": "Whether the number was proven", "jti": "This token",
	}[name]
}

// clock is a time of day, with the date when it is another one.
func clock(now, t time.Time) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2006-01-02 15:04:05")
}

// ago is a time that has passed, in words.
func ago(now, t time.Time) string {
	for _, step := range []struct {
		size time.Duration
		word string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch n := int(now.Sub(t) / step.size); {
		case n == 1:
			return "1 " + step.word + " ago"
		case n > 1:
			return fmt.Sprintf("%d %ss ago", n, step.word)
		}
	}
	return "Just now"
}

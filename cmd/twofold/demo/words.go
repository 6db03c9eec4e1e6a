package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"twofold/ui"
)

// acrAAL2 is the acr value that stands for a strong second factor.
const acrAAL2 = "urn:twofold:acr:aal2"

// strengths are the acr values that discovery lists, weakest first, in words.
func strengths() []ui.Fact {
	return []ui.Fact{
		{Name: "urn:twofold:acr:1fa", Value: "A password only"},
		{Name: "urn:twofold:acr:2fa", Value: "A password and a code by e-mail"},
		{Name: acrAAL2, Value: "A password and a code by SMS or authenticator app"},
		{Name: "phr", Value: "A passkey, resistant to phishing"},
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
		switch w := known[m]; {
		case m == "mca" || m == "mfa": // the strength says so already
		case w != "":
			out = append(out, w)
		case m != "":
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		return "Not said"
	}
	return capital(strings.Join(out, ", then "))
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// noted says what a sign-in brought, compared with what was known of the same
// session before.
func noted(asked ask, before, fresh login) *ui.Notice {
	was, is := strength(before.claims.text("acr")), strength(fresh.claims.text("acr"))
	known := before.token != nil && before.claims.text("sub") == fresh.claims.text("sub")
	n := &ui.Notice{Kind: ui.Good, Text: "You are signed in."}
	switch {
	case asked == askStronger && is < strength(acrAAL2):
		n.Kind, n.Text = ui.Warn, "A stronger sign-in was asked for, and the provider answered with less. An app that needs it must refuse now."
	case known && is > was:
		n.Text = "Stepped up: only what was missing was asked for."
	case asked == askStronger:
		n.Text = "The sign-in was strong enough already."
	case asked == askFresh:
		n.Text = "You signed in afresh: auth_time shows it."
	case known && before.claims.time("auth_time").Equal(fresh.claims.time("auth_time")):
		n.Text = "Single sign-on: a new ID token without a question. auth_time is still the first one."
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

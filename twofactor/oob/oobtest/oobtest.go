// Package oobtest is what the tests of all factors made by oob have in common:
// users, answers and bad options for factortest.
package oobtest

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"strings"
	"testing"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

// User can use every factor; realm and name try to break out of messages.
var User = twofactor.User{
	ID: "u1", Name: "Mia <b>Müller</b>\r\nBcc: x@evil.example", Realm: "Acme & Söhne\n{{.Code}}",
	Email: "mia@example.ch", Phone: "+41791234567", Locale: "en",
}

// NoPhone are users who cannot get an SMS.
var NoPhone = []twofactor.User{
	{ID: "u2", Email: "mia@example.ch"},
	{ID: "u3", Phone: "079 123 45 67"},
	{ID: "u4", Phone: "+41791234567,+41797654321"},
	{ID: "u5", Phone: "+0791234567"},
}

// NoEmail are users who cannot get mail.
var NoEmail = []twofactor.User{
	{ID: "u2", Phone: "+41791234567"},
	{ID: "u3", Email: "mia"},
	{ID: "u4", Email: "mia@example.ch, eve@evil.example"},
	{ID: "u5", Email: "Mia <mia@example.ch>"},
	{ID: "u6", Email: "mia@example.ch\r\nBcc: eve@evil.example"},
}

// Wrong are wrong answers to a code of six digits.
var Wrong = []twofactor.Answer{
	{"code": "1e5"}, {"code": "0x1"}, {"code": "+1"}, {"code": "--- ---"}, {"code": strings.Repeat("1", 65)}, {"code": "\xff\xfe"}, {"Code": "123456"},
}

// Answer reads the right answer from the challenge's state.
func Answer(t testing.TB, c twofactor.Challenge) twofactor.Answer {
	t.Helper()
	var s struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(c.State, &s); err != nil {
		t.Fatalf("state: %v", err)
	}
	return twofactor.Answer{"code": s.Code}
}

// Invalid are bad values of oob.Options, added to good options.
func Invalid(options string) []factortest.Invalid {
	add := func(more string) string { return strings.TrimSuffix(options, "}") + "," + more + "}" }
	return []factortest.Invalid{
		{Name: "short code", Options: add(`"CodeLength":5`), Fields: []string{"CodeLength"}},
		{Name: "long code", Options: add(`"CodeLength":11`), Fields: []string{"CodeLength"}},
		{Name: "short life", Options: add(`"CodeLifetime":59`), Fields: []string{"CodeLifetime"}},
		{Name: "long life", Options: add(`"CodeLifetime":601`), Fields: []string{"CodeLifetime"}},
		{Name: "zero", Options: add(`"CodeLength":0,"CodeLifetime":0`), Fields: []string{"CodeLength", "CodeLifetime"}},
		{Name: "twice", Options: add(`"CodeLength":6,"CodeLength":7`), Fields: nil},
		{Name: "other case", Options: add(`"codelength":6`), Fields: []string{"codelength"}},
	}
}

// Begin opens the factor and a challenge for User.
func Begin(t testing.TB, p twofactor.Provider, options string, env twofactor.Env) (twofactor.Factor, twofactor.Challenge) {
	t.Helper()
	f, err := p.Open([]byte(options), env)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	c, err := f.Challenge(t.Context(), User, nil)
	if err != nil {
		t.Fatalf("Challenge: %v", err)
	}
	return f, c
}

// SendFails delivers and expects the failure.
func SendFails(t testing.TB, p twofactor.Provider, options string, env twofactor.Env, class error, stage, code string) {
	t.Helper()
	f, c := Begin(t, p, options, env)
	_, err := f.(twofactor.Sender).Send(t.Context(), *c.Outgoing)
	var e *twofactor.SendError
	if !errors.As(err, &e) {
		t.Fatalf("Send: got %v, want a *SendError", err)
	}
	if !errors.Is(e.Class, class) || e.Stage != stage || e.Code != code {
		t.Errorf("Send: got %v at %q, code %q; want %v at %q, code %q", e.Class, e.Stage, e.Code, class, stage, code)
	}
}

// Quiet is a logger for servers whose complaints are expected.
var Quiet = log.New(io.Discard, "", 0)

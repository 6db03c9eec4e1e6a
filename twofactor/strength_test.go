package twofactor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"twofold/twofactor"
)

func TestACR(t *testing.T) {
	for s, want := range map[twofactor.Strength]string{
		twofactor.StrengthNone: "", twofactor.Strength1FA: "urn:twofold:acr:1fa", twofactor.Strength2FA: "urn:twofold:acr:2fa",
		twofactor.StrengthAAL2: "urn:twofold:acr:aal2", twofactor.StrengthPHR: "phr", -1: "", 99: "",
	} {
		if got := s.ACR(); got != want {
			t.Errorf("%d: %q, want %q", s, got, want)
		}
		if got, ok := twofactor.ParseACR(want); want != "" && (!ok || got != s) {
			t.Errorf("ParseACR(%q) = %d, %v", want, got, ok)
		}
	}
	for _, unknown := range []string{"", "PHR", "urn:twofold:acr:2FA", "0"} {
		if got, ok := twofactor.ParseACR(unknown); ok || got != twofactor.StrengthNone {
			t.Errorf("ParseACR(%q) = %d, %v", unknown, got, ok)
		}
	}
}

func TestACRsAreOrderedAndOwn(t *testing.T) {
	all := twofactor.ACRs()
	var last twofactor.Strength
	for _, acr := range all {
		s, ok := twofactor.ParseACR(acr)
		if !ok || s <= last {
			t.Errorf("%s is out of order", acr)
		}
		last = s
	}
	all[0] = "changed"
	if twofactor.ACRs()[0] == "changed" {
		t.Error("ACRs shares its list")
	}
}

func TestClassName(t *testing.T) {
	for want, err := range map[string]error{
		"": nil, "retry": twofactor.ErrRetry, "recipient": twofactor.ErrRecipient, "account": twofactor.ErrAccount, "content": twofactor.ErrContent,
	} {
		if got := twofactor.ClassName(err); got != want {
			t.Errorf("%v: %q", err, got)
		}
		if err == nil {
			continue
		}
		e := &twofactor.SendError{Class: err, Stage: "send", Status: 400, Code: "c"}
		if got := twofactor.ClassName(fmt.Errorf("x: %w", e)); got != want {
			t.Errorf("%v: %q", e, got)
		}
		if !strings.HasSuffix(e.Error(), " at send, status 400, code c") {
			t.Errorf("says %q", e)
		}
	}
	if twofactor.ClassName(errors.New("unclassified")) != "retry" {
		t.Error("an unclassified failure is not tried again")
	}
}

func TestEndpoints(t *testing.T) {
	e := twofactor.Endpoints{"a": "https://a.example/", "b": ""}
	for name, want := range map[string]string{"a": "https://a.example", "b": "https://def.example", "c": "https://def.example"} {
		if got := e.Get(name, "https://def.example/"); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := twofactor.Endpoints(nil).Get("a", "d"); got != "d" {
		t.Errorf("nil: %q", got)
	}
}

func TestAttributes(t *testing.T) {
	u := twofactor.User{Email: "a@b.example"}
	if !twofactor.NeedsEmail.Has(u) || twofactor.NeedsPhone.Has(u) || twofactor.Attribute("other").Has(u) {
		t.Error("Has is wrong")
	}
}

package demo

import (
	"encoding/json"
	"testing"
	"time"
)

func TestFindCode(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"mail", "Use this code:\n\n    123456\n\nIt was asked for on 2026-11-22 at 15:04 UTC.", "123456"},
		{"mail with CRLF", "Code:\r\n\r\n    123456\r\n\r\nBye", "123456"},
		{"SMS", "Your Acme code is 234567. It is valid for 5 minutes.\n\n@localhost #234567", "234567"},
		{"bound line wins", "111111\n@id.example #222222", "222222"},
		{"SMS of one line", "Your code is 345678. It is valid for 5 minutes.", "345678"},
		{"leading zeros", "    000042\n", "000042"},
		{"ten digits", "    1234567890\n", "1234567890"},
		{"a date is none", "Changed on 2026-11-22 at 15:04.", ""},
		{"a number is none", "Call +447700900101 or 20261122151500.", ""},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := findCode(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMethodWords(t *testing.T) {
	for _, tt := range []struct {
		amr  []string
		want string
	}{
		{nil, "Not said"},
		{[]string{"mfa"}, "Not said"},
		{[]string{"pwd"}, "Password"},
		{[]string{"pwd", "sms", "mca", "mfa"}, "Password, then code by SMS"},
		{[]string{"éclair", "", "x"}, "Éclair, then x"},
		{[]string{""}, "Not said"},
	} {
		if got := methodWords(tt.amr); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.amr, got, tt.want)
		}
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for back, want := range map[time.Duration]string{
		-time.Second: "Just now", 59 * time.Second: "Just now", time.Minute: "1 minute ago", 5 * time.Minute: "5 minutes ago",
		time.Hour: "1 hour ago", 50 * time.Hour: "2 days ago",
	} {
		if got := ago(now, now.Add(-back)); got != want {
			t.Errorf("%s: got %q, want %q", back, got, want)
		}
	}
}

func TestClaims(t *testing.T) {
	c := claims{
		"text": json.RawMessage(`"a"`), "list": json.RawMessage(`["a","b"]`), "number": json.RawMessage(`1e9`), "object": json.RawMessage(`{ "a" : 1 }`),
	}
	if c.text("list") != "" || c.text("none") != "" || c.list("text") != nil || !c.time("text").IsZero() || !c.time("none").IsZero() {
		t.Error("reads what is not there")
	}
	if got := c.time("number").Unix(); got != 1e9 {
		t.Errorf("time %d", got)
	}
	for name, want := range map[string]string{"text": "a", "list": "a, b", "number": "1e9", "object": `{"a":1}`} {
		if got := shown(c[name]); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s := &session{pending: map[string]pending{}}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i := range 20 {
		s.begin(string(rune('a'+i)), pending{at: at.Add(time.Duration(i) * time.Second)})
	}
	if len(s.pending) != maxPending {
		t.Errorf("%d sign-ins under way", len(s.pending))
	}
	if _, ok := s.take("a", at); ok {
		t.Error("the oldest was kept")
	}
	if _, ok := s.take("t", at.Add(2*pendingLife)); ok {
		t.Error("an old one counts")
	}
	if _, ok := s.take("s", at); !ok {
		t.Error("a fresh one does not count")
	}
	if _, ok := s.take("s", at); ok {
		t.Error("it counts twice")
	}
}

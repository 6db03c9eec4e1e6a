package demo_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
)

// message is what the mailbox promises to programs.
type message struct {
	Channel, From, To, Subject, Text, HTML, Code string
	At                                           time.Time
}

func (s *stage) receive() {
	s.inbox.Add(fakes.Message{
		Channel: fakes.ChannelMail, Provider: "smtp", From: "signin@sample.example", To: "anna@acme.example", Subject: "Your sign-in code for Acme",
		Text: "Hello Anna,\n\nUse this code:\n\n    123456\n\nIt was asked for on 2026-11-22 at 15:04 UTC.\n", HTML: "<p>123456</p>", At: noon,
	})
	s.inbox.Add(fakes.Message{
		Channel: fakes.ChannelSMS, Provider: "twilio", From: "+447700900100", To: "+447700900101",
		Text: "Your Globex code is 234567. It is valid for 5 minutes.\n\n@localhost #234567", At: noon.Add(time.Second),
	})
	s.inbox.Add(fakes.Message{Channel: fakes.ChannelSMS, Provider: "ecall", From: "Globex", To: "+447700900101", Text: "Call us back.", At: noon.Add(2 * time.Second)})
}

func (s *stage) json(t *testing.T, address, accept string) []message {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	p := s.Do(req).Require(http.StatusOK)
	if got := p.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	var out []message
	if err := json.Unmarshal([]byte(p.Body), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMailboxJSON(t *testing.T) {
	s := newStage(t)
	if p := s.Get(s.url + "/mailbox.json"); p.Body != "[]" {
		t.Errorf("empty: %s", p.Body)
	}
	s.receive()
	all := s.json(t, s.url+"/mailbox", "application/json")
	want := []message{
		{Channel: "ecall", From: "Globex", To: "+447700900101", Text: "Call us back.", At: noon.Add(2 * time.Second)},
		{
			Channel: "twilio", From: "+447700900100", To: "+447700900101", Code: "234567",
			Text: "Your Globex code is 234567. It is valid for 5 minutes.\n\n@localhost #234567", At: noon.Add(time.Second),
		},
		{
			Channel: "email", From: "signin@sample.example", To: "anna@acme.example", Subject: "Your sign-in code for Acme", Code: "123456", HTML: "<p>123456</p>",
			Text: "Hello Anna,\n\nUse this code:\n\n    123456\n\nIt was asked for on 2026-11-22 at 15:04 UTC.", At: noon,
		},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for query, n := range map[string]int{"?to=ANNA@acme.example": 1, "?to=%2B447700900101": 2, "?to=+447700900101": 2, "?to=nobody": 0, "?to=": 3} {
		if got := s.json(t, s.url+"/mailbox.json"+query, "*/*"); len(got) != n {
			t.Errorf("%s: %d messages, want %d", query, len(got), n)
		}
	}
}

func TestMailboxPage(t *testing.T) {
	s := newStage(t)
	s.Get(s.url+"/mailbox").Require(http.StatusOK).RequireText("Nothing has come yet.", "Refresh")
	s.receive()
	p := s.Get(s.url+"/mailbox").RequireText("SMS by eCall", "SMS by Twilio", "E-mail", "Code: 234567", "Your sign-in code for Acme", "Everybody 3")
	if strings.Index(p.Text, "Call us back") > strings.Index(p.Text, "Hello Anna") {
		t.Error("the oldest is first")
	}
	p = p.Link("anna@acme.example 1").RequireText("Code: 123456")
	if strings.Contains(p.Text, "234567") {
		t.Error("the filter lets others through")
	}
	s.Get(s.url + "/mailbox?to=nobody").RequireText("Nothing has come for nobody.")
}

func TestMailboxPageEscapes(t *testing.T) {
	s := newStage(t)
	hostile := `"><script>alert(1)</script><img src=x onerror=alert(1)>` + "\u202eevil"
	s.inbox.Add(fakes.Message{
		Channel: fakes.ChannelMail, Provider: "smtp", From: hostile, To: hostile, Subject: hostile, Text: hostile + "\n123456\n",
		HTML: "<script>alert(1)</script><p>Hello</p>", At: noon,
	})
	p := s.Get(s.url + "/mailbox?to=" + "%22%3E%3Cscript%3E").Require(http.StatusOK)
	all := s.Get(s.url + "/mailbox").Require(http.StatusOK)
	for _, page := range []*testkit.Page{p, all} {
		if strings.Contains(page.Body, "<script>") || strings.Contains(page.Body, "<img src=x") {
			t.Error("not escaped")
		}
	}
	if strings.Contains(all.H1+all.Title, "evil") || strings.Count(all.Body, "\u202e") > 1 {
		t.Error("a name keeps its override of direction") // the text of the message may: it is shown as it came
	}
	mail := all.Link("Show the mail as it looks").Require(http.StatusOK)
	if csp := mail.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox; default-src 'none'") {
		t.Errorf("a mail may run: %q", csp)
	}
	s.Get(s.url + "/mailbox/mail?id=0").Require(http.StatusNotFound)
}

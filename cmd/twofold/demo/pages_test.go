package demo_test

import (
	"fmt"
	"net/url"
	"testing"

	"twofold/internal/fakes"
	"twofold/internal/testkit/browser"
)

// longName is a name as long as they come.
const longName = "Maria-Magdalena von Hohenstaufen-Wittelsbacher zu Sachsen-Coburg"

// views are all pages of the site in states worth a picture, in order.
func (s *stage) views() []struct{ name, path string } {
	return []struct{ name, path string }{
		{"mailbox-empty", "/mailbox"},
		{"home", "/"},
		{"account", acme + "/sign-in"},
		{"home-signed-in", "/"},
		{"account-stepped-up", acme + "/sign-in?ask=stronger"},
		{"mailbox", "/mailbox"},
		{"mailbox-one", "/mailbox?to=anna@acme.example"},
		{"refused", acme + "/sign-in"},
	}
}

// set puts the stage into the state that a view shows.
func (s *stage) set(name string) {
	switch name {
	case "mailbox":
		s.receive()
	case "account":
		s.op.claims = map[string]any{"name": "Anna Keller", "groups": []string{"finance", "acme-staff"}, "sub": "019340b2-7c51-7a0e-9f1d-2f3c5b6a7d88", "sid": "019340b2-9d11-7c44-8a52-0b1f7e2d9c03", "auth_time": noon.Unix()}
		s.op.userinfo = map[string]any{"sub": "019340b2-7c51-7a0e-9f1d-2f3c5b6a7d88", "name": "Anna Keller", "email": "anna@acme.example", "email_verified": true}
	case "account-stepped-up":
		s.op.claims["acr"], s.op.claims["amr"] = "urn:twofold:acr:aal2", []string{"pwd", "email", "sms", "mca", "mfa"}
		s.op.claims["name"] = longName
	case "refused":
		s.op.answer = url.Values{"code": {}, "error": {"access_denied"}, "error_description": {"no second factor can be used"}}
	}
}

// TestScreenshots takes pictures of all pages and checks that at the smallest
// width nothing sticks out, and that the content security policy stops nothing.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	s, b := newStage(t), browser.New(t)
	for _, v := range s.views() {
		s.set(v.name)
		b.SetViewport(320, 640)
		b.Open(s.url + v.path)
		var over int
		b.Eval("document.documentElement.scrollWidth - innerWidth", &over)
		if over > 0 {
			t.Errorf("%s: %d pixels stick out", v.name, over)
		}
		for _, width := range []int{390, 1280} {
			for _, dark := range []bool{false, true} {
				scheme := map[bool]string{false: "light", true: "dark"}[dark]
				b.Screenshot(fmt.Sprintf("demo-%s-%d-%s", v.name, width, scheme), width, 0, dark)
			}
		}
	}
	b.RequireClean(t)
}

// TestMailboxFillsByItself checks that a message shows without a reload.
func TestMailboxFillsByItself(t *testing.T) {
	t.Parallel()
	s, b := newStage(t), browser.New(t)
	b.Open(s.url + "/mailbox")
	b.WaitText("Nothing has come yet.")
	s.receive()
	b.WaitText("Your Globex code is 234567")
	if got := b.Text("#arrivals"); got != "New message to +447700900101" {
		t.Errorf("said %q", got)
	}
	b.Eval("document.querySelector('.copy').focus()", nil)
	s.inbox.Add(fakes.Message{Channel: fakes.ChannelSMS, Provider: "twilio", From: "x", To: "+447700900102", Text: "@localhost #345678", At: noon})
	b.WaitText("345678")
	var focus string
	b.Eval("document.activeElement.closest('li')?.querySelector('code').textContent ?? ''", &focus)
	if focus != "234567" {
		t.Errorf("the focus went to %q", focus)
	}
	b.RequireClean(t)
}

// TestSignOutInTheBrowser checks that the policy lets the form end at the provider
// and come back.
func TestSignOutInTheBrowser(t *testing.T) {
	t.Parallel()
	s, b := newStage(t), browser.New(t)
	s.op.claims = map[string]any{"auth_time": noon.Unix()}
	b.Open(s.url + acme + "/sign-in")
	b.ClickText("Refresh")
	b.WaitText("Refreshed:")
	b.ClickText("Sign out")
	b.WaitText("You are signed out of Expenses at Acme")
	b.RequireClean(t)
}

package email

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/fakes"
	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

// TestInjection: nothing in a message can become a command or a header.
func TestInjection(t *testing.T) {
	for name, change := range map[string]func(*twofactor.Message){
		"subject":           func(m *twofactor.Message) { m.Subject = "x\r\nBcc: eve@evil.example" },
		"recipient header":  func(m *twofactor.Message) { m.To = "mia@example.ch\r\nBcc: eve@evil.example" },
		"recipient command": func(m *twofactor.Message) { m.To = "\"x\r\nRCPT TO:<eve@evil.example>\r\n\"@example.ch" },
		"quoted recipient":  func(m *twofactor.Message) { m.To = `"x> RCPT TO:<eve@evil.example"@example.ch` },
		"second recipient":  func(m *twofactor.Message) { m.To = "mia@example.ch, eve@evil.example" },
		"id":                func(m *twofactor.Message) { m.ID = "x>\r\nBcc: eve@evil.example" },
		"body":              func(m *twofactor.Message) { m.Text = "x\r\n.\r\nRCPT TO:<eve@evil.example>\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			fake := startServer(t, fakes.SMTPOptions{})
			m := message()
			change(&m)
			_, err := newTestSender(fake, fakes.SMTPPlain, factortest.Env()).Send(t.Context(), m)
			for _, got := range fake.Mails() {
				if diff := cmp.Diff([]string{"mia@example.ch"}, got.To); diff != "" {
					t.Errorf("recipients (-want +got):\n%s", diff)
				}
				if strings.Contains(strings.ToLower(string(got.Raw)), "\r\nbcc:") {
					t.Errorf("injected a header:\n%s", got.Raw)
				}
			}
			commands, _, _ := strings.Cut(fake.Transcript(), "\r\nDATA\r\n")
			if n := strings.Count(commands, "\r\nRCPT TO:"); n > 1 || (err == nil && n != 1) {
				t.Errorf("%d RCPT commands", n)
			}
			if n := len(fake.Mails()); n > 1 {
				t.Errorf("%d mails", n)
			}
		})
	}
}

func TestInjectionBySenderName(t *testing.T) {
	fake := startServer(t, fakes.SMTPOptions{})
	s := newTestSender(fake, fakes.SMTPPlain, factortest.Env())
	s.from.Name = "Acme\r\nBcc: eve@evil.example"
	if _, err := s.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if raw := string(fake.Mails()[0].Raw); strings.Contains(raw, "\nBcc") {
		t.Errorf("injected a header:\n%s", raw)
	}
}

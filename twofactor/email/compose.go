package email

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"twofold/twofactor"
)

// compose builds the mail and its Message-ID, which depends on m.ID only: the
// copies of a repeated delivery are one mail to the receiver.
func (s *smtpSender) compose(m twofactor.Message) (*gomail.Msg, string, error) {
	to, err := parseAddress(m.To)
	if err != nil {
		return nil, "", errRecipientAddress()
	}
	to.Name = ""
	if strings.ContainsAny(m.Subject, "\r\n") {
		return nil, "", &twofactor.SendError{
			Class: twofactor.ErrContent, Stage: "compose", Code: "subject", Help: "The subject must be one line.",
		}
	}
	id := messageID(m.ID, domainOf(s.from))
	mail := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	mail.FromMailAddress(s.from)
	mail.ToMailAddress(to)
	mail.Subject(m.Subject)
	mail.SetDateWithValue(s.env.Now())
	mail.SetMessageIDWithValue(id)
	// No out-of-office notes to codes (RFC 3834 §5).
	mail.SetGenHeader("Auto-Submitted", "auto-generated")
	mail.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	mail.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		mail.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return mail, id, nil
}

// messageID hashes the id, so that nothing in it can break the header.
func messageID(id, domain string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16]) + "@" + domain
}

func errRecipientAddress() error {
	return &twofactor.SendError{
		Class: twofactor.ErrRecipient, Stage: "compose", Code: "address", Help: "The user's address is not a mail address.",
	}
}

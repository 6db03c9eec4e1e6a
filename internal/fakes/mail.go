package fakes

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// Mail is a mail that a fake accepted.
type Mail struct {
	From    string   // of the envelope
	To      []string // of the envelope
	Subject string
	Text    string // the text/plain part
	HTML    string // the text/html part
	Raw     []byte // as received; nil when it came as JSON
	At      time.Time
}

// parseMail reads a message as a careful receiver does: a mail without the
// fields that spam filters look for is refused.
func parseMail(raw []byte) (Mail, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Mail{}, fmt.Errorf("not a mail: %w", err)
	}
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version"} {
		if n := len(msg.Header[name]); n != 1 {
			return Mail{}, fmt.Errorf("has %d header fields %s", n, name)
		}
	}
	if _, err := msg.Header.Date(); err != nil {
		return Mail{}, fmt.Errorf("date: %w", err)
	}
	m := Mail{Raw: raw}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return Mail{}, fmt.Errorf("subject: %w", err)
	}
	if err := m.readPart(msg.Header.Get, msg.Body); err != nil {
		return Mail{}, err
	}
	if m.Text == "" {
		return Mail{}, errors.New("has no text/plain part")
	}
	return m, nil
}

func (m *Mail) readPart(header func(string) string, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		return fmt.Errorf("content type: %w", err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		return m.readParts(multipart.NewReader(body, params["boundary"]))
	}
	content, err := io.ReadAll(decoded(header("Content-Transfer-Encoding"), body))
	if err != nil {
		return fmt.Errorf("%s part: %w", kind, err)
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	switch kind {
	case "text/plain":
		m.Text = text
	case "text/html":
		m.HTML = text
	default:
		return fmt.Errorf("has an unexpected %s part", kind)
	}
	return nil
}

func (m *Mail) readParts(parts *multipart.Reader) error {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		if err := m.readPart(part.Header.Get, part); err != nil {
			return err
		}
	}
}

func decoded(encoding string, r io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	}
	return r
}

package fakes

import (
	"regexp"
	"time"
)

// SMS is a text message that a fake accepted.
type SMS struct {
	ID       string // the provider's
	Provider string // "twilio" or "ecall"
	From, To string
	Text     string
	At       time.Time
	ValidFor time.Duration // asked for; 0 if not
	Callback string        // where to tell how it fared; empty: nowhere
}

// Forms of numbers and senders.
var (
	e164         = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)
	alphanumeric = regexp.MustCompile(`^[A-Za-z0-9 +_&-]{1,11}$`)
	hasLetter    = regexp.MustCompile(`[A-Za-z]`)
)

func (m SMS) message() Message {
	return Message{Channel: ChannelSMS, Provider: m.Provider, From: m.From, To: m.To, Text: m.Text, At: m.At}
}

package fakes

import (
	"context"
	"time"
)

// Channels of a Message.
const (
	ChannelMail = "mail"
	ChannelSMS  = "sms"
	ChannelHook = "hook" // what a webhook was asked to deliver
)

// Message is a mail or an SMS as its reader sees it.
type Message struct {
	Channel  string // ChannelMail, ChannelSMS or ChannelHook
	Provider string // "smtp", "m365", "twilio", "ecall", "webhook"
	From, To string
	Subject  string // mail only
	Text     string
	HTML     string // mail only, may be empty
	At       time.Time
}

// Inbox gathers the messages of several fakes in one place, such as the demo's
// mailbox page. Its zero value is ready; a nil Inbox swallows everything.
type Inbox struct{ box box[Message] }

// Add puts a message in.
func (i *Inbox) Add(m Message) {
	if i != nil {
		i.box.add(m)
	}
}

// Messages lists the last 1000 messages, oldest first.
func (i *Inbox) Messages() []Message { return i.box.all() }

// Watch returns what is there and a channel that is closed at the next change.
func (i *Inbox) Watch() ([]Message, <-chan struct{}) { return i.box.look() }

// Wait returns the newest message that matches, now or as soon as there is one.
func (i *Inbox) Wait(ctx context.Context, match func(Message) bool) (Message, error) {
	return i.box.wait(ctx, match)
}

package email

import (
	"context"
	"errors"
	"net/textproto"
	"regexp"
	"strings"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// Stages of a conversation with a mail server.
const (
	stageGreeting  = "greeting"
	stageTLS       = "tls"
	stageAuth      = "auth"
	stageSender    = "sender"
	stageRecipient = "recipient"
	stageContent   = "content"
)

// enhanced is an enhanced status code at the start of a reply (RFC 2034 §4).
var enhanced = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

// failed classifies what went wrong at a stage. The reply's words are left out:
// they often quote the address.
func failed(ctx context.Context, stage string, err error) error {
	var reply *textproto.Error
	if ctx.Err() != nil || !errors.As(err, &reply) {
		return oob.Unreached(ctx, stage, err)
	}
	code := enhanced.FindString(reply.Msg)
	e := &twofactor.SendError{Stage: stage, Status: reply.Code, Code: code}
	e.Class = replyClass(stage, reply.Code, code)
	e.Help = replyHelp(stage, e.Class)
	return e
}

// replyClass reads a reply by its first digit, then by the subject of its
// enhanced code (RFC 3463 §3), then by the stage.
func replyClass(stage string, code int, enhanced string) error {
	if code < 500 {
		return twofactor.ErrRetry // 4yz, RFC 5321 §4.2.1; or nonsense
	}
	switch stage {
	case stageRecipient:
		// X.7 is policy, "relaying denied" above all, and 5.1.7 and 5.1.8 mean the
		// sender: no fault of this recipient.
		if code == 530 || code == 535 || subject(enhanced, "7") || enhanced == "5.1.7" || enhanced == "5.1.8" {
			return twofactor.ErrAccount
		}
		return twofactor.ErrRecipient
	case stageContent:
		if code == 530 || code == 535 {
			return twofactor.ErrAccount
		}
		// X.1 is the address and X.2 the mailbox, refused only after the content.
		if subject(enhanced, "1") || subject(enhanced, "2") {
			return twofactor.ErrRecipient
		}
		return twofactor.ErrContent
	}
	return twofactor.ErrAccount
}

// subject reports whether the second number of an enhanced code is n.
func subject(enhanced, n string) bool { return strings.HasPrefix(enhanced, "5."+n+".") }

func replyHelp(stage string, class error) string {
	switch {
	case errors.Is(class, twofactor.ErrRetry):
		return "The mail server asks us to try again later."
	case errors.Is(class, twofactor.ErrRecipient):
		return "The mail server does not take mail for this address."
	case errors.Is(class, twofactor.ErrContent):
		return "The mail server refused the mail's content, perhaps as spam or for its size."
	case stage == stageAuth:
		return "The mail server does not accept the user name and password."
	case stage == stageSender:
		return "The mail server does not let this account send from the sender address."
	case stage == stageTLS:
		return "The mail server refused to start TLS."
	}
	return "The mail server does not take mail from us. Check account, port and TLS setting."
}

package webhook

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"twofold/twofactor"
)

// reply is what a hook says. Fields that are not here are left alone, so that hooks
// may say more one day.
type reply struct {
	ID        string   `json:"id"`
	Status    string   `json:"status"`    // deliver: accepted, unreachable
	Reference string   `json:"reference"` // start: the hook's own name for this question. deliver: for the log, if it likes
	Ask       string   `json:"ask"`       // start: code, number, none
	Message   string   `json:"message"`   // start: what the page says, if not our own sentence
	Decision  string   `json:"decision"`  // check: approved, denied, pending
	AMR       []string `json:"amr"`       // check: how, if the hook likes
}

// What a hook may ask of the page, and decide.
const (
	askCode   = "code"
	askNumber = "number"
	askNone   = "none" // it cannot reach this user

	approved = "approved"
	denied   = "denied"
	pending  = "pending"

	accepted    = "accepted"
	unreachable = "unreachable"
)

// readReply believes a reply only if the hook signed it just now, for this very call
// (SECURITY N29, M20). A call that comes back as its own reply has none of the
// fields asked for here, though its signature is right.
func readReply(secret twofactor.Secret, now time.Time, c call, h http.Header, body []byte) (reply, error) {
	if len(body) > maxReply {
		return reply{}, tooLong()
	}
	if err := checkSignature(secret, now, h, body); err != nil {
		return reply{}, err
	}
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "application/json" || h.Get("Content-Encoding") != "" {
		return reply{}, garbage()
	}
	var r reply
	if json.Unmarshal(body, &r) != nil {
		return reply{}, garbage()
	}
	if r.ID != c.ID {
		return reply{}, unbelievable("replay", "The reply is to another call: it must repeat the call's id.")
	}
	if !r.answers(c.Type) {
		return reply{}, garbage()
	}
	return r, nil
}

// answers reports whether r says what a call of that type asks, in the form it must have.
func (r reply) answers(callType string) bool {
	switch callType {
	case callDeliver:
		return r.Status == accepted || r.Status == unreachable
	case callStart:
		return r.Ask == askNone || (r.Ask == askCode || r.Ask == askNumber) && isReference(r.Reference) && isSentence(r.Message)
	case callCheck:
		return r.Decision == approved || r.Decision == denied || r.Decision == pending
	}
	return false
}

const (
	maxReference = 200
	maxSentence  = 200 // characters
)

// isReference takes printable ASCII without spaces.
func isReference(s string) bool {
	return s != "" && len(s) <= maxReference && !slices.ContainsFunc([]rune(s), func(r rune) bool { return r <= ' ' || r > '~' })
}

// isSentence takes one line of text with nothing invisible in it, or nothing.
func isSentence(s string) bool {
	return utf8.RuneCountInString(s) <= maxSentence && !slices.ContainsFunc([]rune(s), func(r rune) bool {
		return !unicode.IsGraphic(r) || r == unicode.ReplacementChar
	})
}

// methods are what a hook may say of itself by RFC 8176 §2. Not among them: hwk, which
// is the mark of what resists phishing; pwd, kba and mfa, which are not its to claim;
// and what no second factor is: geo, rba, wia.
var methods = []string{"face", "fpt", "iris", "mca", "otp", "pin", "retina", "sms", "swk", "tel", "user", "vbm"}

// amr is how the user proved himself: what the hook says of it, as far as that may be
// believed, or only that it was by another channel.
func (r reply) amr() []string {
	var out []string
	for _, m := range methods {
		if slices.Contains(r.AMR, m) {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		return []string{"mca"}
	}
	return out
}

// unbelievable is a reply that must count for nothing: only an administrator can mend
// what is behind it.
func unbelievable(code, help string) error {
	return &twofactor.SendError{Class: twofactor.ErrAccount, Stage: "response", Status: http.StatusOK, Code: code, Help: help}
}

func garbage() error { return unbelievable("garbage", "The reply has not the form that is agreed.") }

func tooLong() error { return unbelievable("too_long", "The reply is longer than 64 KiB.") }

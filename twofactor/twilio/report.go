package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with it; HMAC needs no collision resistance
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"

	"twofold/twofactor"
)

// signatureHeader carries Twilio's proof that a call is its own.
const signatureHeader = "X-Twilio-Signature"

// Report reads a status callback (CONTRACTS §2).
func (f *factor) Report(url string, header, form map[string][]string) (twofactor.Report, error) {
	token := f.sender.options.TwilioAuthToken.Reveal()
	got := header[textproto.CanonicalMIMEHeaderKey(signatureHeader)]
	if len(got) != 1 || !hmac.Equal([]byte(got[0]), []byte(sign(token, url, form))) {
		return twofactor.Report{}, fmt.Errorf("twilio: the report is not signed: %w", twofactor.ErrWrongAnswer)
	}
	for _, name := range []string{"MessageSid", "MessageStatus"} {
		if len(form[name]) != 1 || form[name][0] == "" {
			return twofactor.Report{}, fmt.Errorf("twilio: the report has no %s: %w", name, twofactor.ErrWrongAnswer)
		}
	}
	r := twofactor.Report{ProviderID: form["MessageSid"][0], Status: statusWord(form["MessageStatus"][0])}
	switch r.Status {
	case "delivered", "read":
		r.Done = true
	case "undelivered", "failed", "canceled":
		r.Done, r.Failed = true, undelivered(form["ErrorCode"])
	}
	return r, nil
}

// sign is the signature of a form sent to url: over the address and then the
// parameters, by name, each as name and value.
func sign(token, url string, form map[string][]string) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(url))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			mac.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// statusWord is a status that we know, or "unknown": it is kept and shown.
func statusWord(s string) string {
	known := []string{"queued", "sending", "sent", "failed", "delivered", "undelivered", "accepted", "scheduled", "read", "partially_delivered", "canceled"}
	if slices.Contains(known, s) {
		return s
	}
	return "unknown"
}

// undelivered classifies the error code of a message that Twilio took and the
// network did not. Without a code nobody knows more than that it did not arrive.
func undelivered(code []string) error {
	n := 0
	if len(code) == 1 {
		n, _ = strconv.Atoi(code[0])
	}
	if n <= 0 {
		return &twofactor.SendError{Class: twofactor.ErrRecipient, Stage: "report", Help: "The network did not deliver the message, and did not say why."}
	}
	e := failure(http.StatusBadRequest, n, 0)
	e.Stage, e.Status = "report", 0
	return e
}

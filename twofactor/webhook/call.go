package webhook

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// Types of calls.
const (
	callDeliver = "deliver"
	callStart   = "start"
	callCheck   = "check"
)

// call is the body of a request. The first three are in all of them.
type call struct {
	Type string `json:"type"`
	ID   string `json:"id"` // of this call alone; the reply must repeat it
	At   int64  `json:"at"`

	MessageID string  `json:"message_id,omitempty"` // deliver: the same when it is tried again
	To        *person `json:"to,omitempty"`         // deliver
	Text      string  `json:"text,omitempty"`       // deliver
	User      *person `json:"user,omitempty"`       // start
	Realm     string  `json:"realm,omitempty"`      // start
	Number    string  `json:"number,omitempty"`     // start: what our page shows if asked to
	ExpiresAt int64   `json:"expires_at,omitempty"` // deliver, start
	Reference string  `json:"reference,omitempty"`  // check
	Answer    string  `json:"answer,omitempty"`     // check
}

// person is what the hook is told about a user. Address and number are proven.
type person struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name,omitempty"`
	Email  string `json:"email,omitempty"`
	Phone  string `json:"phone,omitempty"`
	Locale string `json:"locale,omitempty"`
}

// Bounds of a call (SECURITY N29, F22). The guarded client has them too.
const (
	maxCall  = 10 * time.Second
	maxReply = 64 << 10
)

// hook calls. Options stand behind a pointer, so that printing a hook cannot print
// the secret.
type hook struct {
	options *Options
	env     twofactor.Env
	http    *http.Client
}

func newHook(o Options, env twofactor.Env) *hook {
	c := *env.Guarded
	if c.Timeout == 0 || c.Timeout > maxCall {
		c.Timeout = maxCall
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil
	return &hook{options: &o, env: env, http: &c}
}

func (h *hook) lifetime() time.Duration { return time.Duration(h.options.CodeLifetime) * time.Second }

// ask makes one call. It fails with a *SendError, whatever the call is for.
func (h *hook) ask(ctx context.Context, c call) (reply, error) {
	id, err := newID(h.env.Rand)
	if err != nil {
		return reply{}, &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "prepare", Help: "There is no randomness to be had."}
	}
	c.ID, c.At = id, h.env.Now().Unix()
	body, err := json.Marshal(c)
	if err != nil {
		return reply{}, &twofactor.SendError{Class: twofactor.ErrContent, Stage: "prepare", Help: "The message cannot be written as JSON."}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.options.URL, bytes.NewReader(body))
	if err != nil {
		return reply{}, &twofactor.SendError{Class: twofactor.ErrAccount, Stage: "prepare", Help: "The hook's address cannot be used."}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "twofold")
	req.Header.Set(signatureHeader, sign(h.options.SigningSecret, c.At, body))
	res, err := h.http.Do(req)
	if err != nil {
		return reply{}, unreached(ctx, "connect", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return reply{}, &twofactor.SendError{
			Class: oob.StatusClass(res.StatusCode), Stage: "send", Status: res.StatusCode,
			Help: oob.StatusHelp(res.StatusCode), RetryAfter: oob.RetryAfter(res.Header, h.env.Now()),
		}
	}
	got, err := io.ReadAll(io.LimitReader(res.Body, maxReply+1))
	if err != nil {
		return reply{}, unreached(ctx, "response", err)
	}
	return readReply(h.options.SigningSecret, h.env.Now(), c, res.Header, got)
}

// unreached knows two failures more than oob: those of the guarded client.
func unreached(ctx context.Context, stage string, err error) error {
	var refused interface{ Refused() bool }
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &refused) && refused.Refused():
		return &twofactor.SendError{
			Class: twofactor.ErrAccount, Stage: stage, Code: "address",
			Help: "The hook must be called by https, at a public address. Only the operator can allow others.",
		}
	case errors.As(err, &long):
		return tooLong()
	}
	return oob.Unreached(ctx, stage, err)
}

// newID names a call or a message.
func newID(rand io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("webhook: id: %w", err)
	}
	return base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]), nil
}

// digits draws n decimal digits, each equally likely.
func digits(rand io.Reader, n int) (string, error) {
	out := make([]byte, 0, n)
	var buf [16]byte
	for len(out) < n {
		if _, err := io.ReadFull(rand, buf[:]); err != nil {
			return "", fmt.Errorf("webhook: random digits: %w", err)
		}
		for _, b := range buf {
			// 250 is the largest multiple of 10 in a byte; what lies above would
			// favour the digits 0 to 5.
			if b < 250 && len(out) < n {
				out = append(out, '0'+b%10)
			}
		}
	}
	return string(out), nil
}

package oob

import (
	"context"
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"

	"twofold/twofactor"
)

// Medium is how a code travels.
type Medium int

// Media.
const (
	Mail Medium = iota
	SMS
)

// Factor makes codes, hands them to a Sender and checks the answers.
type Factor struct {
	medium  Medium
	options Options
	env     twofactor.Env
	host    string // of env.Origin
	texts   *texts
	sender  twofactor.Sender
}

var (
	_ twofactor.Factor = (*Factor)(nil)
	_ twofactor.Sender = (*Factor)(nil)
)

// New makes a factor that delivers by sender. Options must have been decoded by
// twofactor.Define, which holds them to their bounds.
func New(m Medium, o Options, env twofactor.Env, sender twofactor.Sender) *Factor {
	f := &Factor{medium: m, options: o, env: env, sender: sender, texts: parseTexts()}
	if u, err := url.Parse(env.Origin); err == nil {
		f.host = u.Hostname()
	}
	return f
}

// state is what must travel from Challenge to Verify.
type state struct {
	Code string `json:"code"`
}

// answerField is the name of the one field of the prompt.
const answerField = "code"

// Challenge makes a code and the message that carries it. The message holds all
// it says, so that sending it again repeats the same code (SPEC §5.3).
func (f *Factor) Challenge(_ context.Context, u twofactor.User, _ []twofactor.Enrollment) (twofactor.Challenge, error) {
	to, masked, ok := f.destination(u)
	if !ok {
		return twofactor.Challenge{}, fmt.Errorf("oob: no destination: %w", twofactor.ErrUnusable)
	}
	code, err := newCode(f.env.Rand, f.options.CodeLength)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	id, err := newMessageID(f.env.Rand)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	now := f.env.Now()
	m, err := f.texts.compose(f.medium, letter{
		Name: clean(u.Name), Realm: clean(u.Realm), Code: code, Host: f.host,
		Minutes: f.options.CodeLifetime / 60, At: now.UTC(),
	}, u.Locale)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	m.ID, m.To, m.Masked = id, to, masked
	m.ExpiresAt = now.Add(f.options.lifetime())
	st, err := json.Marshal(state{Code: code})
	if err != nil {
		return twofactor.Challenge{}, fmt.Errorf("oob: state: %w", err)
	}
	return twofactor.Challenge{
		State: st, Prompt: f.prompt(masked), Outgoing: &m, ExpiresAt: m.ExpiresAt,
	}, nil
}

func (f *Factor) prompt(masked string) twofactor.Prompt {
	return twofactor.Prompt{
		Message:     "Enter the code we sent to " + masked + ".",
		Destination: masked,
		Fields: []twofactor.Field{{
			Name: answerField, Label: "Code", Kind: twofactor.KindCode, Required: true,
			Min: f.options.CodeLength, Max: f.options.CodeLength,
		}},
	}
}

func (f *Factor) destination(u twofactor.User) (to, masked string, ok bool) {
	if f.medium == Mail {
		return u.Email, MaskEmail(u.Email), plainAddress(u.Email)
	}
	return u.Phone, MaskPhone(u.Phone), isE164(u.Phone)
}

// Verify compares the answer with the code of the challenge.
func (f *Factor) Verify(_ context.Context, _ []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	var s state
	if err := json.Unmarshal(c.State, &s); err != nil || len(s.Code) < 6 {
		// Never wrapped: the decoder's error may quote the state.
		return twofactor.Result{}, errors.New("oob: the challenge's state cannot be read")
	}
	digits, err := Digits(a[answerField])
	if err != nil || subtle.ConstantTimeCompare([]byte(digits), []byte(s.Code)) != 1 {
		return twofactor.Result{}, fmt.Errorf("oob: %w", twofactor.ErrWrongAnswer)
	}
	return twofactor.Result{AMR: slices.Clone(amrs[f.medium])}, nil
}

// amrs are the authentication methods by RFC 8176 §2; "email" is not registered
// there, but says what happened.
var amrs = [...][]string{Mail: {"email", "mca"}, SMS: {"sms", "mca"}}

// Send delivers m, unless it has become worthless.
func (f *Factor) Send(ctx context.Context, m twofactor.Message) (twofactor.Receipt, error) {
	if !m.ExpiresAt.IsZero() && !f.env.Now().Before(m.ExpiresAt) {
		return twofactor.Receipt{}, &twofactor.SendError{
			Class: twofactor.ErrContent, Stage: "expired", Help: "The code was no longer valid, so it was not sent.",
		}
	}
	return f.sender.Send(ctx, m)
}

// newMessageID names a message, stable over all its deliveries.
func newMessageID(rand io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("oob: message id: %w", err)
	}
	return base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]), nil
}

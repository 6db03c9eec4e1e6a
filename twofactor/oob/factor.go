package oob

import (
	"context"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"twofold/twofactor"
)

// Factor makes codes, hands them to a Sender and checks the answers.
type Factor struct {
	medium  Medium
	options Options
	env     twofactor.Env
	host    string // of env.Origin
	texts   twofactor.Texts
	sender  twofactor.Sender
}

var (
	_ twofactor.Factor  = (*Factor)(nil)
	_ twofactor.Sender  = (*Factor)(nil)
	_ twofactor.Relayer = (*Factor)(nil)
	_ twofactor.Chained = (*Factor)(nil)
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

// answerField is the name of the one field of the prompt.
const answerField = "code"

// Challenge makes a code and the message that carries it. The message holds all
// it says, so that sending it again repeats the same code (SPEC §5.3).
func (f *Factor) Challenge(ctx context.Context, u twofactor.User, _ []twofactor.Enrollment) (twofactor.Challenge, error) {
	if _, _, ok := f.destination(u); !ok {
		return twofactor.Challenge{}, fmt.Errorf("oob: no destination: %w", twofactor.ErrUnusable)
	}
	code, err := newCode(f.env.Rand, f.options.CodeLength)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	now := f.env.Now()
	st, err := newState(code, now)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	c := twofactor.Challenge{State: st, ExpiresAt: now.Add(f.options.lifetime())}
	return f.deliverable(ctx, u, c, letter{code: code, life: f.options.lifetime(), asked: now})
}

// Relay delivers the code of another instance's challenge by our own means. That
// instance still judges the answer: only the way to the user is ours.
func (f *Factor) Relay(ctx context.Context, u twofactor.User, c twofactor.Challenge) (twofactor.Challenge, error) {
	st, ok := readState(c.State)
	left := f.options.lifetime()
	if !c.ExpiresAt.IsZero() {
		left = c.ExpiresAt.Sub(f.env.Now())
	}
	switch _, _, reachable := f.destination(u); {
	case !ok:
		return twofactor.Challenge{}, fmt.Errorf("oob: the challenge has no code: %w", twofactor.ErrUnusable)
	case !reachable:
		return twofactor.Challenge{}, fmt.Errorf("oob: no destination: %w", twofactor.ErrUnusable)
	case left <= 0:
		return twofactor.Challenge{}, fmt.Errorf("oob: the challenge is over: %w", twofactor.ErrUnusable)
	}
	return f.deliverable(ctx, u, c, letter{code: st.Code, life: left, asked: st.asked()})
}

// letter is what the message must tell.
type letter struct {
	code  string
	life  time.Duration
	asked time.Time // zero: not known
}

// deliverable is c with a prompt and a message of this factor.
func (f *Factor) deliverable(ctx context.Context, u twofactor.User, c twofactor.Challenge, l letter) (twofactor.Challenge, error) {
	to, masked, _ := f.destination(u)
	m, err := f.compose(ctx, u, l)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	if m.ID, err = newMessageID(f.env.Rand); err != nil {
		return twofactor.Challenge{}, err
	}
	m.To, m.Masked, m.ExpiresAt = to, masked, c.ExpiresAt
	if m.ExpiresAt.IsZero() {
		m.ExpiresAt = f.env.Now().Add(l.life)
	}
	c.Prompt, c.Outgoing = f.prompt(u, masked, len(l.code)), &m
	return c, nil
}

func (f *Factor) compose(ctx context.Context, u twofactor.User, l letter) (twofactor.Message, error) {
	if f.env.Compose == nil {
		return twofactor.Message{}, errors.New("oob: the environment has no Compose: there are no words for the message")
	}
	vars := map[string]string{
		"Name": u.Name, "Realm": u.Realm, "Code": l.code, "Host": f.host,
		"Minutes": strconv.Itoa(max(1, int(l.life/time.Minute))),
	}
	if !l.asked.IsZero() {
		vars["At"] = l.asked.UTC().Format(time.RFC3339)
	}
	m, err := f.env.Compose(ctx, twofactor.Letter{Kind: twofactor.LetterCode, Medium: f.medium.letter(), Locale: u.Locale, Vars: vars})
	if err != nil {
		return twofactor.Message{}, fmt.Errorf("oob: message: %w", err)
	}
	return m, nil
}

// Verify compares the answer with the code of the challenge.
func (f *Factor) Verify(_ context.Context, _ []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	st, ok := readState(c.State)
	if !ok {
		return twofactor.Result{}, errors.New("oob: the challenge's state cannot be read")
	}
	digits, err := Digits(a[answerField])
	if err != nil || subtle.ConstantTimeCompare([]byte(digits), []byte(st.Code)) != 1 {
		return twofactor.Result{}, fmt.Errorf("oob: %w", twofactor.ErrWrongAnswer)
	}
	return twofactor.Result{AMR: f.medium.amr()}, nil
}

// OnFailure names the instance that takes over when a delivery has failed for good.
func (f *Factor) OnFailure() string { return f.options.OnDeliveryFailure }

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

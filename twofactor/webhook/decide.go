package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// decide asks the hook to begin, and then what it has decided. The hook owns the code;
// or the user confirms in the hook's app a number that our page shows. A question of
// yes or no alone is not offered: people approve what they did not ask for
// (SECURITY N29).
//
//	start ─ ask code ───► the page asks for a code ─► check with the answer
//	      ├ ask number ─► the page shows our number ─► check without one, again and again
//	      └ ask none ───► not usable for this user
type decide struct {
	hook  *hook
	texts twofactor.Texts
}

var (
	_ twofactor.Factor = (*decide)(nil)
	_ twofactor.Poller = (*decide)(nil)
)

// newNumber draws a number to match: from 100 to 999, easy to keep in mind.
func newNumber(rand io.Reader) (string, error) {
	for {
		n, err := digits(rand, 3)
		if err != nil || n[0] != '0' {
			return n, err
		}
	}
}

type decideState struct {
	Reference string `json:"reference"`
	Ask       string `json:"ask"`
}

// Challenge tells the hook that a user has to prove himself.
func (d *decide) Challenge(ctx context.Context, u twofactor.User, _ []twofactor.Enrollment) (twofactor.Challenge, error) {
	if u.ID == "" {
		return twofactor.Challenge{}, fmt.Errorf("webhook: nobody to ask: %w", twofactor.ErrUnusable)
	}
	number, err := newNumber(d.hook.env.Rand)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	ends := d.hook.env.Now().Add(d.hook.lifetime())
	r, err := d.hook.ask(ctx, call{
		Type: callStart, Realm: u.Realm, Number: number, ExpiresAt: ends.Unix(),
		User: &person{ID: u.ID, Name: u.Name, Email: u.Email, Phone: u.Phone, Locale: u.Locale},
	})
	if err != nil {
		return twofactor.Challenge{}, fmt.Errorf("webhook: start: %w", err)
	}
	if r.Ask == askNone {
		return twofactor.Challenge{}, fmt.Errorf("webhook: the hook cannot reach this user: %w", twofactor.ErrUnusable)
	}
	state, err := json.Marshal(decideState{Reference: r.Reference, Ask: r.Ask})
	if err != nil {
		return twofactor.Challenge{}, fmt.Errorf("webhook: state: %w", err)
	}
	return twofactor.Challenge{State: state, Prompt: d.prompt(u.Locale, r, number), ExpiresAt: ends}, nil
}

func (d *decide) prompt(locale string, r reply, number string) twofactor.Prompt {
	if r.Ask == askNumber {
		confirm := d.texts.Say(locale, "number.confirm", "number", number)
		return twofactor.Prompt{Message: strings.TrimSpace(r.Message + " " + confirm)}
	}
	message := r.Message
	if message == "" {
		message = d.texts.Say(locale, "code.enter")
	}
	return codePrompt(d.texts, locale, message, 0)
}

// Verify lets the hook judge an answer, or say what the user has done in its app.
func (d *decide) Verify(ctx context.Context, _ []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	s, err := readDecide(c.State)
	if err != nil {
		return twofactor.Result{}, err
	}
	answer := ""
	if s.Ask == askCode {
		// What cannot be a code is wrong without asking.
		if answer, err = oob.Digits(a[codeField]); err != nil {
			return twofactor.Result{}, fmt.Errorf("webhook: %w", twofactor.ErrWrongAnswer)
		}
	}
	r, err := d.check(ctx, s, answer)
	if err != nil {
		return twofactor.Result{}, err
	}
	if r.Decision != approved {
		return twofactor.Result{}, fmt.Errorf("webhook: %s: %w", r.Decision, twofactor.ErrWrongAnswer)
	}
	return twofactor.Result{AMR: r.amr()}, nil
}

// Poll reports whether the user has answered in the hook's app, with yes or no.
func (d *decide) Poll(ctx context.Context, _ []twofactor.Enrollment, c twofactor.Challenge) (settled bool, err error) {
	s, err := readDecide(c.State)
	if err != nil || s.Ask != askNumber {
		return false, err
	}
	r, err := d.check(ctx, s, "")
	if err != nil {
		return false, err
	}
	return r.Decision != pending, nil
}

func (d *decide) check(ctx context.Context, s decideState, answer string) (reply, error) {
	r, err := d.hook.ask(ctx, call{Type: callCheck, Reference: s.Reference, Answer: answer})
	if err != nil {
		return reply{}, fmt.Errorf("webhook: check: %w", err)
	}
	return r, nil
}

func readDecide(raw twofactor.State) (decideState, error) {
	var s decideState
	if json.Unmarshal(raw, &s) != nil || s.Reference == "" || s.Ask != askCode && s.Ask != askNumber {
		// Never wrapped: the decoder's error may quote the state.
		return decideState{}, errors.New("webhook: the challenge's state cannot be read")
	}
	return s, nil
}

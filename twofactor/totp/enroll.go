package totp

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

const (
	// maxApps bounds what one code may fit: each app adds to the odds of a guess (N7).
	maxApps = 5
	// enrolLife leaves time to install an app; the house allows no more (N25).
	enrolLife = 10 * time.Minute
)

// BeginEnroll makes a key and shows it, as a QR code and in text. It asks for a code
// of the app, which proves that the app has the key.
func (f *factor) BeginEnroll(_ context.Context, u twofactor.User, bound []twofactor.Enrollment) (twofactor.Challenge, error) {
	if err := mayAdd(bound); err != nil {
		return twofactor.Challenge{}, err
	}
	k, err := newKey(f.env.Rand, f.digits())
	if err != nil {
		return twofactor.Challenge{}, err
	}
	state, err := k.state()
	if err != nil {
		return twofactor.Challenge{}, err
	}
	return twofactor.Challenge{
		State: state,
		Prompt: twofactor.Prompt{
			Message:   f.texts.Say(u.Locale, "enrol"),
			Fields:    []twofactor.Field{f.codeField(u, codeField, "code", k.Digits)},
			QR:        k.uri(f.issuer(u), account(u)),
			Keep:      []string{k.grouped()},
			KeepLabel: f.texts.Say(u.Locale, "key"),
		},
		ExpiresAt: f.env.Now().Add(enrolLife),
	}, nil
}

// FinishEnroll binds the app if the code is its own. That code counts as used (N19).
func (f *factor) FinishEnroll(_ context.Context, u twofactor.User, bound []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Enrollment, error) {
	if err := mayAdd(bound); err != nil {
		return twofactor.Enrollment{}, err
	}
	k, err := readKey(c.State)
	if err != nil {
		return twofactor.Enrollment{}, err
	}
	code, err := oob.Digits(a[codeField])
	if err != nil {
		return twofactor.Enrollment{}, errWrong()
	}
	step, ok := k.find(code, f.step())
	if !ok {
		return twofactor.Enrollment{}, errWrong()
	}
	return k.used(twofactor.Enrollment{Label: f.label(u, bound), AMR: []string{"otp"}}, step)
}

func mayAdd(bound []twofactor.Enrollment) error {
	if len(bound) >= maxApps {
		return fmt.Errorf("totp: %d apps are set up: %w", len(bound), twofactor.ErrUnusable)
	}
	return nil
}

// label tells the app from those that the user has.
func (f *factor) label(u twofactor.User, bound []twofactor.Enrollment) string {
	label := f.texts.Say(u.Locale, "label")
	taken := func(e twofactor.Enrollment) bool { return e.Label == label }
	if len(bound) > 0 {
		label = f.texts.Say(u.Locale, "another", "n", strconv.Itoa(len(bound)+1))
	}
	for n := len(bound) + 2; slices.ContainsFunc(bound, taken); n++ {
		label = f.texts.Say(u.Locale, "another", "n", strconv.Itoa(n))
	}
	return label
}

package recovery

import (
	"context"
	"fmt"

	"twofold/twofactor"
)

// codeField is the name of the field for a code.
const codeField = "code"

func errWrong() error { return fmt.Errorf("recovery: %w", twofactor.ErrWrongAnswer) }

// Challenge asks for a code, if any is left.
func (f *factor) Challenge(_ context.Context, u twofactor.User, bound []twofactor.Enrollment) (twofactor.Challenge, error) {
	_, sets, err := usable(bound)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	if len(sets) == 0 {
		return twofactor.Challenge{}, fmt.Errorf("recovery: no code is left: %w", twofactor.ErrUnusable)
	}
	return twofactor.Challenge{Prompt: twofactor.Prompt{
		Message: f.texts.Say(u.Locale, "ask"),
		Fields: []twofactor.Field{{
			Name: codeField, Label: f.texts.Say(u.Locale, "code"), Help: f.texts.Say(u.Locale, "form"),
			Kind: twofactor.KindText, Required: true, // KindCode is for digits
		}},
	}}, nil
}

// usable are the enrollments that have codes left, with their sets.
func usable(bound []twofactor.Enrollment) (left []twofactor.Enrollment, sets []set, err error) {
	for _, e := range bound {
		if e.Uses == twofactor.UsedUp {
			continue
		}
		s, err := readSet(e.State)
		if err != nil {
			return nil, nil, err
		}
		if len(s.Codes) > 0 {
			left, sets = append(left, e), append(sets, s)
		}
	}
	return left, sets, nil
}

// Verify takes the code out of its set.
func (f *factor) Verify(_ context.Context, bound []twofactor.Enrollment, _ twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	left, sets, err := usable(bound)
	if err != nil {
		return twofactor.Result{}, err
	}
	code, ok := normal(a[codeField])
	if !ok {
		return twofactor.Result{}, errWrong()
	}
	in, at, ok := f.hasher.find(sets, code)
	if !ok {
		return twofactor.Result{}, errWrong()
	}
	used, err := sets[in].without(at, left[in])
	if err != nil {
		return twofactor.Result{}, err
	}
	// A look-up secret is a password that counts once: RFC 8176 §2 has no closer word.
	return twofactor.Result{Used: used, AMR: []string{"otp"}}, nil
}

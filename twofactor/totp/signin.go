package totp

import (
	"context"
	"fmt"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// Names of the fields that prompts ask for.
const (
	codeField = "code"
	nextField = "next" // resync: the code after code
)

func errWrong() error { return fmt.Errorf("totp: %w", twofactor.ErrWrongAnswer) }

// Challenge asks for a code. There is nothing to make: the app has the key.
func (f *factor) Challenge(_ context.Context, u twofactor.User, bound []twofactor.Enrollment) (twofactor.Challenge, error) {
	if len(bound) == 0 {
		return twofactor.Challenge{}, fmt.Errorf("totp: no app is set up: %w", twofactor.ErrUnusable)
	}
	var shortest, longest int
	for _, e := range bound {
		k, err := readKey(e.State)
		if err != nil {
			continue // the others still work
		}
		if shortest == 0 || k.Digits < shortest {
			shortest = k.Digits
		}
		longest = max(longest, k.Digits)
	}
	if longest == 0 {
		return twofactor.Challenge{}, errState
	}
	code := f.codeField(u, codeField, "code", shortest)
	code.Max = longest
	return twofactor.Challenge{Prompt: twofactor.Prompt{
		Message: f.texts.Say(u.Locale, "ask", "issuer", f.issuer(u)),
		Fields:  []twofactor.Field{code},
	}}, nil
}

// codeField is an input for a code of that many digits.
func (f *factor) codeField(u twofactor.User, name, label string, digits int) twofactor.Field {
	return twofactor.Field{
		Name: name, Label: f.texts.Say(u.Locale, label), Kind: twofactor.KindCode, Required: true, Min: digits, Max: digits,
	}
}

// Verify looks for the app that shows the code. It tries every app, even after one
// has matched.
func (f *factor) Verify(_ context.Context, bound []twofactor.Enrollment, _ twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	code, err := oob.Digits(a[codeField])
	if err != nil {
		return twofactor.Result{}, errWrong()
	}
	var (
		res    twofactor.Result
		found  bool
		broken error
		now    = f.step()
	)
	for _, e := range bound {
		k, err := readKey(e.State)
		if err != nil {
			broken = err
			continue
		}
		step, ok := k.find(code, now)
		if !ok || found {
			continue
		}
		found = true
		if res.Used, err = k.used(e, step); err != nil {
			return twofactor.Result{}, err
		}
	}
	switch {
	case found:
		res.AMR = []string{"otp"} // RFC 8176 §2
		return res, nil
	case broken != nil:
		return twofactor.Result{}, broken
	}
	return twofactor.Result{}, errWrong()
}

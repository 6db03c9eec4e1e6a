package totp

import (
	"context"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// BeginResync asks for two codes in a row: of an app whose clock is off one code is
// too little proof, since so many steps are searched for it.
func (f *factor) BeginResync(_ context.Context, u twofactor.User, e twofactor.Enrollment) (twofactor.Challenge, error) {
	k, err := readKey(e.State)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	return twofactor.Challenge{Prompt: twofactor.Prompt{
		Message: f.texts.Say(u.Locale, "resync"),
		Fields: []twofactor.Field{
			f.codeField(u, codeField, "first", k.Digits),
			f.codeField(u, nextField, "next", k.Digits),
		},
	}}, nil
}

// FinishResync learns how far the app's clock is off, up to ten minutes either way.
// The window at a sign-in stays as narrow as it was; it only moves. Both codes count
// as used.
func (f *factor) FinishResync(_ context.Context, e twofactor.Enrollment, _ twofactor.Challenge, a twofactor.Answer) (twofactor.Enrollment, error) {
	k, err := readKey(e.State)
	if err != nil {
		return twofactor.Enrollment{}, err
	}
	first, err1 := oob.Digits(a[codeField])
	next, err2 := oob.Digits(a[nextField])
	if err1 != nil || err2 != nil {
		return twofactor.Enrollment{}, errWrong()
	}
	now := f.step()
	offset, ok := k.drift(first, next, now)
	if !ok {
		return twofactor.Enrollment{}, errWrong()
	}
	k.Offset = offset
	return k.used(e, now+offset)
}

// drift returns how far from now the app shows next, right after first. As in find,
// all is tried, and neither code may be of a step that is over.
func (k key) drift(first, next string, now int64) (offset int64, ok bool) {
	for d := int64(-maxOffset); d <= maxOffset; d++ {
		one, two := k.shows(first, now+d-1), k.shows(next, now+d)
		if one && two && now+d-1 > k.Last {
			offset, ok = d, true
		}
	}
	return offset, ok
}

package oob

import (
	"slices"

	"twofold/twofactor"
)

// Medium is how a code travels.
type Medium int

// Media. Direct is for a Sender that finds the user by himself, such as a push to an
// app of his: its messages go to User.ID, worded as text messages are.
const (
	Mail Medium = iota
	SMS
	Direct
)

// amr are the authentication methods by RFC 8176 §2; "email" is not registered
// there, but says what happened. Of Direct we know only that it is another channel.
func (m Medium) amr() []string {
	return slices.Clone([...][]string{Mail: {"email", "mca"}, SMS: {"sms", "mca"}, Direct: {"mca"}}[m])
}

// letter is the medium whose words fit.
func (m Medium) letter() twofactor.Medium {
	if m == Mail {
		return twofactor.ByMail
	}
	return twofactor.BySMS
}

// destination is where messages for u go, and how pages and logs may show it.
func (f *Factor) destination(u twofactor.User) (to, masked string, ok bool) {
	switch f.medium {
	case Mail:
		return u.Email, MaskEmail(u.Email), plainAddress(u.Email)
	case SMS:
		return u.Phone, MaskPhone(u.Phone), isE164(u.Phone)
	case Direct:
		return u.ID, f.texts.Say(u.Locale, "app"), u.ID != ""
	}
	return "", hidden, false
}

func (f *Factor) prompt(u twofactor.User, masked string, length int) twofactor.Prompt {
	message := f.texts.Say(u.Locale, "prompt", "to", masked)
	if f.medium == Direct {
		message = f.texts.Say(u.Locale, "prompt_direct")
	}
	return twofactor.Prompt{
		Message: message, Destination: masked,
		Fields: []twofactor.Field{{
			Name: answerField, Label: f.texts.Say(u.Locale, "code"), Kind: twofactor.KindCode, Required: true, Min: length, Max: length,
		}},
	}
}

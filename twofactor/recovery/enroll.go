package recovery

import (
	"context"
	"encoding/json"
	"time"

	"twofold/twofactor"
)

const (
	// savedField is the name of the box that says the codes are kept.
	savedField = "saved"
	// enrolLife leaves time to print; the house allows no more.
	enrolLife = 10 * time.Minute
)

// draft is the State while a set is made: the codes themselves, as draw made them.
type draft struct {
	Codes []string `json:"codes"`
}

// BeginEnroll makes a set and shows it, this once.
func (f *factor) BeginEnroll(_ context.Context, u twofactor.User, bound []twofactor.Enrollment) (twofactor.Challenge, error) {
	codes, err := drawSet(f.env.Rand, f.options.Count, selectors(bound))
	if err != nil {
		return twofactor.Challenge{}, err
	}
	state, err := json.Marshal(draft{codes})
	if err != nil {
		return twofactor.Challenge{}, errState
	}
	keep := make([]string, len(codes))
	for i, code := range codes {
		keep[i] = written(code)
	}
	message := "enrol"
	if len(bound) > 0 {
		message = "renew"
	}
	return twofactor.Challenge{
		State: state,
		Prompt: twofactor.Prompt{
			Message:   f.texts.Say(u.Locale, message),
			Fields:    []twofactor.Field{{Name: savedField, Label: f.texts.Say(u.Locale, "saved"), Kind: twofactor.KindBool, Required: true}},
			Keep:      keep,
			KeepLabel: f.texts.Say(u.Locale, "label"),
		},
		ExpiresAt: f.env.Now().Add(enrolLife),
	}, nil
}

// selectors are those in use until the house has removed the sets of before. A set
// that cannot be read is no reason not to make a new one.
func selectors(bound []twofactor.Enrollment) map[string]bool {
	taken := map[string]bool{}
	for _, e := range bound {
		s, err := readSet(e.State)
		if err != nil {
			continue
		}
		for _, c := range s.Codes {
			taken[c.Selector] = true
		}
	}
	return taken
}

// FinishEnroll keeps the hashes of the codes once the user says to have the codes.
func (f *factor) FinishEnroll(_ context.Context, u twofactor.User, _ []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Enrollment, error) {
	codes, err := readDraft(c.State)
	if err != nil {
		return twofactor.Enrollment{}, err
	}
	if a[savedField] != "true" {
		return twofactor.Enrollment{}, errWrong()
	}
	s, err := f.hasher.newSet(codes, f.env.Rand)
	if err != nil {
		return twofactor.Enrollment{}, err
	}
	state, err := json.Marshal(s)
	if err != nil {
		return twofactor.Enrollment{}, errState
	}
	return twofactor.Enrollment{Label: f.texts.Say(u.Locale, "label"), State: state, Uses: len(codes)}, nil
}

func readDraft(state twofactor.State) ([]string, error) {
	var d draft
	if json.Unmarshal(state, &d) != nil || len(d.Codes) == 0 || len(d.Codes) > maxCodes {
		return nil, errState
	}
	seen := map[string]bool{}
	for _, code := range d.Codes {
		if plain, ok := normal(code); !ok || plain != code || seen[selector(code)] {
			return nil, errState
		}
		seen[selector(code)] = true
	}
	return d.Codes, nil
}

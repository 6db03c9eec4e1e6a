package factortest_test

import (
	"encoding/json"
	"testing"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

// TestFake runs the suite over the fake in all its kinds: the suite is tested by
// a factor that keeps the contract, and the fake by the suite.
func TestFake(t *testing.T) {
	for name, config := range map[string]factortest.FakeConfig{
		"plain":             {},
		"enrolls":           {Enrolls: true},
		"sends":             {Sends: true, Needs: []twofactor.Attribute{twofactor.NeedsPhone}},
		"enrolls and sends": {Enrolls: true, Sends: true},
	} {
		t.Run(name, func(t *testing.T) {
			fake := factortest.NewFake(config)
			c := factortest.Config{
				Provider: fake.Provider(),
				Env:      factortest.Env(),
				Options:  factortest.FakeOptionsJSON,
				Secrets:  []string{"fake-key-never-seen"},
				User:     twofactor.User{ID: "u1", Name: "Mia", Phone: "+41791234567"},
				Invalid: []factortest.Invalid{
					{Name: "nested out of bounds", Options: `{"Greeting":"x","Key":"y","Nested":{"Depth":10}}`, Fields: []string{"Nested.Depth"}},
					{Name: "no choice", Options: `{"Greeting":"x","Key":"y","Mood":"sad"}`, Fields: []string{"Mood"}},
				},
				Answer: answer,
			}
			if len(config.Needs) > 0 {
				c.Unusable = []twofactor.User{{ID: "u2"}}
			}
			if config.Sends {
				c.Delivery = &factortest.Delivery{
					Delivered: func(t testing.TB, m twofactor.Message) {
						if len(fake.Sent()) == 0 {
							t.Error("nothing sent")
						}
					},
					Hang: func() {
						fake.FailSends(&twofactor.SendError{Class: twofactor.ErrRetry, Code: "timeout"})
					},
					Heal: func() { fake.FailSends(nil) },
					Failures: []factortest.Failure{{
						Name:    "recipient",
						Arrange: func() { fake.FailSends(&twofactor.SendError{Class: twofactor.ErrRecipient, Help: "No."}) },
						Want:    twofactor.ErrRecipient,
					}},
				}
			}
			factortest.Run(t, c)
		})
	}
}

func TestFakeTellsItsCode(t *testing.T) {
	fake := factortest.NewFake(factortest.FakeConfig{})
	f, err := fake.Provider().Open([]byte(factortest.FakeOptionsJSON), factortest.Env())
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Challenge(t.Context(), twofactor.User{ID: "u1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Verify(t.Context(), nil, c, twofactor.Answer{"code": fake.Code("u1")}); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

func answer(t testing.TB, c twofactor.Challenge) twofactor.Answer {
	t.Helper()
	var s struct{ Code string }
	if err := json.Unmarshal(c.State, &s); err != nil {
		t.Fatal(err)
	}
	return twofactor.Answer{"code": s.Code}
}

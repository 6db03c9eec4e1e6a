package ceremony_test

import (
	"context"
	"errors"
	"testing"

	"twofold/internal/problem"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
)

func TestHosts(t *testing.T) {
	each(t, test{"what is bound to a host", boundToHost}, test{"a question is answered where it was asked", answeredElsewhere})
}

// at is acme as it is reached by a host name; empty: at the server's own address.
func at(t *testing.T, host string) context.Context {
	ctx := in(t, acme)
	if host != "" {
		ctx = twofactor.WithOrigin(ctx, "https://"+host)
	}
	return ctx
}

// through runs a ceremony of anna's from begin to end.
func (w *world) through(ctx context.Context, p ceremony.Purpose, factor, answer string) (ceremony.Passed, error) {
	w.t.Helper()
	var got ceremony.Passed
	st := ceremony.Start{Purpose: p, SignInID: "s", TwoFactorID: factor, User: twofactor.User{ID: anna}}
	g := ceremony.Give{Purpose: p, SignInID: "s", UserID: anna, Answer: twofactor.Answer{"code": answer}}
	finish := w.Finish
	if p == ceremony.Identify {
		st.User, g.UserID, finish = twofactor.User{}, "", w.FinishIdentify
	}
	var err error
	if g.ChallengeID, err = w.Begin(ctx, st); err != nil {
		return got, err
	}
	return got, finish(ctx, g, func(_ context.Context, p ceremony.Passed) error { got = p; return nil })
}

func boundToHost(t *testing.T, w *world) {
	const host, other = "login.acme.example", "sso.acme.example"
	w.enrol(steps, "before") // as all that was set up before there were host names
	w.instances[steps].bound = true
	p, err := w.through(at(t, host), ceremony.Enroll, steps, "there")
	must(t, err)
	there := p.Used
	for step, c := range []struct {
		host, name string
		works      bool
	}{{"", "before", true}, {"", "there", false}, {host, "there", true}, {host, "before", false}} {
		answer := c.name + " " + string(rune('1'+step))
		_, err := w.through(at(t, c.host), ceremony.SignIn, steps, answer)
		_, who := w.through(at(t, c.host), ceremony.Identify, steps, c.name+" "+string(rune('6'+step)))
		if c.works != (err == nil) || c.works != (who == nil) {
			t.Errorf("%s at %q: %v, %v", c.name, c.host, err, who)
		}
		w.exec("UPDATE user_failures SET failures = 0, blocked_until_us = 0")
	}
	if _, err := w.through(at(t, other), ceremony.SignIn, steps, "there 9"); !errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("where nothing is set up: %v", err)
	}
	st, err := w.Standing(at(t, host), anna)
	must(t, err)
	if st.Count[steps] != 2 || st.Away("")[steps] != 1 || st.Away(host)[steps] != 1 || st.Away(other)[steps] != 2 {
		t.Errorf("standing %v, away %v %v %v", st.Count, st.Away(""), st.Away(host), st.Away(other))
	}
	list, err := w.Held(in(t, acme), anna)
	must(t, err)
	if len(list) != 2 || list[0].Host != "" || list[1].Host != host {
		t.Errorf("held %+v", list)
	}
	if gone, err := w.Remove(in(t, acme), anna, there.ID); err != nil || gone.Host != host {
		t.Errorf("removed %+v, %v", gone, err)
	}
	// What is bound to none works everywhere, wherever it was set up.
	w.instances[steps].bound = false
	if _, err := w.through(at(t, host), ceremony.Enroll, steps, "free"); err != nil {
		t.Fatal(err)
	}
	for i, host := range []string{"", host, other} {
		if _, err := w.through(at(t, host), ceremony.SignIn, steps, "free "+string(rune('1'+i))); err != nil {
			t.Errorf("at %q: %v", host, err)
		}
	}
}

func answeredElsewhere(t *testing.T, w *world) {
	w.enrol(steps, "one")
	for asked, answered := range map[string]string{"": "login.acme.example", "login.acme.example": "", "sso.acme.example": "login.acme.example"} {
		id, err := w.Begin(at(t, asked), start("s"+asked, anna, steps))
		must(t, err)
		g := ceremony.Give{ChallengeID: id, SignInID: "s" + asked, UserID: anna, Answer: twofactor.Answer{"code": "one 5"}}
		err = w.Finish(at(t, answered), g, func(context.Context, ceremony.Passed) error { return nil })
		if problem.From(err).Code != "wrong_code" {
			t.Errorf("asked at %q, answered at %q: %v", asked, answered, err)
		}
	}
}

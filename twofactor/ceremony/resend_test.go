package ceremony_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"twofold/internal/problem"
	"twofold/twofactor"
)

func TestResend(t *testing.T) {
	each(t,
		test{"the same code thrice", resend},
		test{"never beyond ten minutes", lifeNeverPassesTenMinutes},
		test{"of what is over", resendOfWhatIsOver},
		test{"in parallel", parallelResends},
		test{"of two processes", parallelResendsOfTwoProcesses},
	)
}

// N8, N9, N15: one message and two more, after 30 s and 60 s, with the same code;
// each starts the code's life again.
func resend(t *testing.T, w *world) {
	a := w.begin("s1", "anna", mail)
	resend := func() error { return w.Resend(in(t, acme), a.id, a.signIn) }
	for n, pause := range []time.Duration{30 * time.Second, 60 * time.Second} {
		if v := w.view(a); !v.MayResend || v.ResendIn != pause || v.Sends != n+1 || v.Prompt.Destination == "" {
			t.Errorf("after %d messages: %+v", n+1, v)
		}
		w.clock.Advance(pause - time.Second)
		if got := wantCode(t, resend(), "resend_too_soon").RetryAfter; got != time.Second {
			t.Errorf("wait %v", got)
		}
		w.clock.Advance(time.Second)
		if v := w.view(a); !v.MayResend || v.ResendIn != 0 {
			t.Errorf("when the time has come: %+v", v)
		}
		must(t, resend())
		if v := w.view(a); v.Sends != n+2 || v.ExpiresAt != w.clock.Now().Add(5*time.Minute) {
			t.Errorf("after message %d at %v: %+v", n+2, w.clock.Now(), v)
		}
	}
	if v := w.view(a); v.MayResend || v.ResendIn != 0 {
		t.Errorf("after three messages: %+v", v)
	}
	w.clock.Advance(2 * time.Minute)
	wantCode(t, resend(), "no_more_sends")
	sent := w.deliver()
	if len(sent) != 3 {
		t.Fatalf("%d messages", len(sent))
	}
	ids, lives := map[string]bool{}, map[time.Time]bool{}
	for _, m := range sent {
		if !strings.Contains(m.Text, a.code) || m.To != sent[0].To {
			t.Errorf("another code or address: %+v", m)
		}
		ids[m.ID], lives[m.ExpiresAt] = true, true
	}
	if len(ids) != 3 || len(lives) != 3 {
		t.Errorf("three messages have the ids %v and lives %v", ids, lives)
	}
	must(t, w.answer(a, a.code))
}

// N15: no resend takes a code beyond ten minutes after it was made.
func lifeNeverPassesTenMinutes(t *testing.T, w *world) {
	a, made := w.begin("s1", "anna", mail), w.clock.Now()
	for _, at := range []time.Duration{4*time.Minute + 59*time.Second, 9*time.Minute + 58*time.Second} {
		w.clock.Set(made.Add(at))
		must(t, w.Resend(in(t, acme), a.id, a.signIn))
	}
	if got := w.view(a).ExpiresAt; got != made.Add(10*time.Minute) {
		t.Errorf("lives %v", got.Sub(made))
	}
	w.clock.Set(made.Add(10 * time.Minute))
	wantCode(t, w.answer(a, a.code), "challenge_over")
}

// What can no longer be answered is not sent again, and a page does not offer what
// it cannot do.
func resendOfWhatIsOver(t *testing.T, w *world) {
	short := func(ch twofactor.Challenge) twofactor.Challenge {
		ch.ExpiresAt = w.clock.Now().Add(time.Minute)
		return ch
	}
	for name, c := range map[string]struct {
		factor string
		end    func(a asking)
		want   string
	}{
		"used":                 {mail, func(a asking) { must(t, w.answer(a, a.code)) }, "challenge_over"},
		"closed":               {mail, func(a asking) { must(t, w.Close(in(t, acme), a.signIn)) }, "challenge_over"},
		"expired":              {mail, func(asking) { w.clock.Advance(5 * time.Minute) }, "challenge_over"},
		"delivers nothing":     {ask, func(asking) { w.clock.Advance(time.Minute) }, "challenge_over"},
		"lives only a minute":  {phone, func(a asking) { w.clock.Advance(30 * time.Second); must(t, w.Resend(in(t, acme), a.id, a.signIn)) }, "resend_too_soon"},
		"its instance is gone": {mail, func(asking) { w.clock.Advance(time.Minute); w.instances[mail].gone = true }, "factor_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			w.instances[mail].gone, w.instances[phone].asked = false, short
			a := w.begin("s-"+name, strings.ReplaceAll(name, " ", "-"), c.factor)
			c.end(a)
			sends := w.view(a).Sends
			wantCode(t, w.Resend(in(t, acme), a.id, a.signIn), c.want)
			if v := w.view(a); v.Sends != sends || (v.MayResend && c.want != "factor_failed") {
				t.Errorf("%+v", v)
			}
		})
	}
	w.instances[mail].gone = false
	a := w.begin("s1", "anna", mail)
	w.clock.Advance(time.Minute)
	wantCode(t, w.Resend(in(t, globex), a.id, a.signIn), "challenge_unknown")
	wantCode(t, w.Resend(in(t, acme), a.id, "s2"), "challenge_unknown")
}

// M71: a hundred clicks are one message, and take one from the address's budget.
func parallelResends(t *testing.T, w *world) {
	a := w.begin("s1", "anna", mail)
	w.clock.Advance(30 * time.Second)
	var sent atomic.Int64
	parallel(20, func(int) {
		switch err := w.Resend(in(t, acme), a.id, a.signIn); {
		case err == nil:
			sent.Add(1)
		case !problem.Is(err, problem.TooMany):
			t.Error(err)
		}
	})
	if n := w.number("SELECT count(*) FROM messages"); sent.Load() != 1 || n != 2 {
		t.Errorf("%d resent, %d messages", sent.Load(), n)
	}
	w.clock.Advance(time.Minute)
	must(t, w.Resend(in(t, acme), a.id, a.signIn))
}

// Two processes do not see each other's clicks, but one row does.
func parallelResendsOfTwoProcesses(t *testing.T, w *world) {
	a, other := w.begin("s1", "anna", mail), w.replica()
	w.clock.Advance(30 * time.Second)
	parallel(2, func(i int) {
		c := w.Ceremony
		if i == 1 {
			c = other
		}
		if err := c.Resend(in(t, acme), a.id, a.signIn); err != nil && !problem.Is(err, problem.TooMany) {
			t.Error(err)
		}
	})
	if n := w.number("SELECT count(*) FROM messages"); n != 2 {
		t.Errorf("%d messages", n)
	}
}

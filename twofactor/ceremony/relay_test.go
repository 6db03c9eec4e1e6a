package ceremony_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/audit"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/delivery"
	"twofold/twofactor/factortest"
)

func TestFallThrough(t *testing.T) {
	each(t,
		test{"a chain of three", chainOfThree},
		test{"a chain over two processes", chainOverRestart},
		test{"what the answer proves", carriedTruth},
		test{"resent by the one that worked", resentByCarrier},
		test{"not below what the sign-in demands", notTooWeak},
		test{"past who cannot", pastWhoCannot},
		test{"in a circle", inCircle},
		test{"to nobody", toNobody},
		test{"of a challenge that is over", fallenTooLate},
		test{"within limits", relayLimits},
		test{"after a report", afterReport},
		test{"the carrier is switched off", carrierGone},
	)
}

var (
	retry     = &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "send", Status: 500}
	slowDown  = &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "send", Status: 429, Code: "20429", RetryAfter: 2 * time.Second}
	noAccount = &twofactor.SendError{Class: twofactor.ErrAccount, Stage: "auth", Status: 401}
	noNumber  = &twofactor.SendError{Class: twofactor.ErrRecipient, Stage: "send", Status: 400}
)

func reachable(signIn, user, factor string) ceremony.Start {
	st := start(signIn, user, factor)
	st.User.Email = user + "@example.test"
	return st
}

// beginChain opens a challenge that may go through the whole chain.
func (w *world) beginChain(signIn string) asking {
	w.t.Helper()
	id, err := w.Begin(in(w.t, acme), reachable(signIn, "anna", first))
	must(w.t, err)
	return asking{acme, id, signIn, "anna", first, w.instances[first].fake.Code("anna")}
}

// passed answers right and says what that was worth.
func (w *world) passed(a asking) (p ceremony.Passed) {
	w.t.Helper()
	must(w.t, w.Finish(in(w.t, a.scope), a.give(a.code), func(_ context.Context, got ceremony.Passed) error { p = got; return nil }))
	return p
}

func (w *world) status(a asking) delivery.Status {
	w.t.Helper()
	st, err := w.Outbox.Status(in(w.t, a.scope), a.id)
	must(w.t, err)
	return st
}

// run runs an outbox until the message of a is in a state; it returns how long that
// took. The clock stands still but for the pauses between tries, which are skipped.
func (w *world) run(o *delivery.Outbox, a asking, until func(delivery.Status) bool) time.Duration {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { o.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	begun, skipped := w.clock.Now(), map[string]bool{}
	late := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !until(w.status(a)) {
		select {
		case <-tick.C:
			list, err := w.Outbox.Entries(in(w.t, a.scope), 1)
			must(w.t, err)
			try := fmt.Sprint(list[0].ID, list[0].Attempts)
			if list[0].State == delivery.Queued && list[0].ErrorClass == "retry" && !skipped[try] && !until(w.status(a)) {
				skipped[try] = true
				w.clock.Advance(slowDown.RetryAfter) // the longest pause of these tests
			}
		case <-late:
			w.t.Fatalf("never: %+v", w.status(a))
		}
	}
	return w.clock.Now().Sub(begun)
}

func sent(via string) func(delivery.Status) bool {
	return func(st delivery.Status) bool { return st.Via == via && st.State == delivery.Sent }
}

// trail is all events of a kind, as their details.
func (w *world) trail(kind string) (out []string) {
	w.t.Helper()
	list, err := (&audit.Trail{DB: w.db}).List(in(w.t, acme), 1000)
	must(w.t, err)
	for _, e := range slices.Backward(list) {
		if e.Kind == kind {
			out = append(out, e.Detail)
		}
	}
	return out
}

func (w *world) one(kind, part string) {
	w.t.Helper()
	if got := w.trail(kind); len(got) != 1 || !strings.Contains(got[0], part) {
		w.t.Errorf("%s: %q, want one with %s", kind, got, part)
	}
}

// F20: one gateway is down, the next one asks to slow down and then breaks, the mail
// arrives; all within 25 s. Page, log and claims tell the truth.
func chainOfThree(t *testing.T, w *world) {
	w.instances[first].fake.FailNext(retry, retry)
	w.instances[second].fake.FailNext(slowDown, retry)
	a := w.beginChain("s1")
	if took := w.run(w.Outbox, a, sent(letter)); took > 25*time.Second {
		t.Errorf("took %v", took)
	}
	if st := w.status(a); st != (delivery.Status{State: delivery.Sent, Masked: "f•••", Via: letter, FellFrom: first}) {
		t.Errorf("%+v", st)
	}
	mails := w.instances[letter].fake.Sent()
	if len(mails) != 1 || mails[0].To != "anna@example.test" || mails[0].Text != "Code "+a.code {
		t.Errorf("%+v", mails)
	}
	log, err := w.Outbox.Entries(in(t, acme), 10)
	must(t, err)
	var lines []string
	for n, e := range slices.Backward(log) {
		lines = append(lines, fmt.Sprint(e.TwoFactorID, " ", e.Medium, " ", e.State, " ", e.ErrorClass, " ", e.Attempts))
		if n < len(log)-1 && e.FellFrom != log[n+1].ID {
			t.Errorf("%+v fell from another than %s", e, log[n+1].ID)
		}
	}
	if diff := cmp.Diff([]string{"first sms failed retry 2", "second sms failed retry 2", "letter mail sent  1"}, lines); diff != "" {
		t.Error(diff)
	}
	if v := w.view(a); !v.Open || v.Sends != 1 || v.Prompt.Destination != "f•••" || len(v.Prompt.Fields) != 1 {
		t.Errorf("%+v", v)
	}
	if got := w.trail("factor.fell_through"); len(got) != 2 || !strings.Contains(got[1], `"from":"second"`) || !strings.Contains(got[1], `"to":"letter"`) {
		t.Errorf("%q", got)
	}
	if w.holds(a.code) || w.holds("anna@example.test") {
		t.Error("the code or the address is in the database in clear")
	}
	if p := w.passed(a); p.Strength != twofactor.Strength2FA || !slices.Equal(p.AMR, []string{"email"}) || p.TwoFactorID != first {
		t.Errorf("%+v", p)
	}
	wantCode(t, w.answer(a, a.code), "challenge_over")
}

// A process that ends after the first step leaves the chain to the next one: all it
// needs is in the database.
func chainOverRestart(t *testing.T, w *world) {
	w.instances[first].fake.FailNext(noAccount)
	w.instances[second].fake.FailNext(retry, noAccount)
	a := w.beginChain("s1")
	w.run(w.Outbox, a, func(st delivery.Status) bool {
		return st.Via == second && st.State == delivery.Queued && st.Class == "retry"
	})
	w.Ceremony = w.replica()
	w.run(w.Outbox, a, sent(letter))
	if p := w.passed(a); p.Strength != twofactor.Strength2FA || !slices.Equal(p.AMR, []string{"email"}) {
		t.Errorf("%+v", p)
	}
}

// R34, M53: how it was proven is what the carrier says; what it is worth, what the
// weakest of all that carried it is worth.
func carriedTruth(t *testing.T, w *world) {
	w.factor("weak", factortest.FakeConfig{Type: "weak", Sends: true, OnFailure: second, Strength: twofactor.Strength2FA, AMR: []string{"weak"}})
	for name, c := range map[string]struct {
		factor string
		fail   error
		amr    []string
		worth  twofactor.Strength
	}{
		"did not fall":     {first, nil, []string{"sms", "first"}, twofactor.StrengthAAL2},
		"to one as strong": {first, noAccount, []string{"sms", "second"}, twofactor.StrengthAAL2},
		"to a stronger":    {"weak", noNumber, []string{"sms", "second"}, twofactor.Strength2FA},
	} {
		id, err := w.Begin(in(t, acme), func() ceremony.Start {
			st := reachable(name, name, c.factor)
			st.User.Phone = fmt.Sprintf("+4179123%04d", len(name))
			return st
		}())
		must(t, err)
		if c.fail != nil {
			w.instances[c.factor].fake.FailNext(c.fail)
		}
		w.deliver()
		p := w.passed(asking{acme, id, name, name, c.factor, w.instances[c.factor].fake.Code(name)})
		if p.Strength != c.worth || !slices.Equal(p.AMR, c.amr) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	// Wrong answers are wrong whoever carried the code, and the carrier sees none.
	w.instances[first].fake.FailNext(noAccount)
	a := w.beginChain("wrong")
	w.deliver()
	before := w.instances[second].judged.Load()
	wantCode(t, w.answer(a, wrongCode), "wrong_code")
	if n := w.instances[second].judged.Load(); n != before || w.attempts(a) != 1 {
		t.Errorf("the carrier judged, or %d attempts", w.attempts(a))
	}
}

func resentByCarrier(t *testing.T, w *world) {
	w.instances[first].fake.FailNext(noAccount)
	a := w.beginChain("s1")
	w.deliver()
	w.clock.Advance(30 * time.Second)
	must(t, w.Resend(in(t, acme), a.id, a.signIn))
	w.deliver()
	texts := w.instances[second].fake.Sent()
	if len(texts) != 2 || texts[0].Text != texts[1].Text || len(w.instances[first].fake.Sent()) != 0 {
		t.Errorf("%+v", texts)
	}
	if st := w.status(a); st != (delivery.Status{State: delivery.Sent, Masked: "f•••", Via: second, FellFrom: first}) || w.view(a).Sends != 2 {
		t.Errorf("%+v", st)
	}
	// What is sent again may fall on.
	w.instances[second].fake.FailNext(noAccount)
	w.clock.Advance(200 * time.Second) // N10 counts what failed too
	must(t, w.Resend(in(t, acme), a.id, a.signIn))
	w.deliver()
	if st := w.status(a); st.Via != letter || st.State != delivery.Sent {
		t.Errorf("%+v", st)
	}
}

// M53: nothing falls below what the sign-in demands.
func notTooWeak(t *testing.T, w *world) {
	w.instances[first].fake.FailNext(noAccount)
	w.instances[second].fake.FailNext(noAccount)
	a := w.beginChain("s1")
	w.exec(fmt.Sprintf("UPDATE challenges SET min_strength = %d", twofactor.StrengthAAL2))
	w.deliver()
	if st := w.status(a); st.Via != second || st.State != delivery.Failed || len(w.instances[letter].fake.Sent()) != 0 {
		t.Errorf("%+v", st)
	}
	w.one("factor.not_fallen_through", "weaker than the sign-in demands")
	if p := w.passed(a); p.Strength != twofactor.StrengthAAL2 {
		t.Errorf("%+v", p)
	}
}

// An instance that cannot carry this code is passed over, for the one that it
// names in turn.
func pastWhoCannot(t *testing.T, w *world) {
	w.factor("start", factortest.FakeConfig{Type: "start", Sends: true, OnFailure: second})
	w.instances["start"].fake.FailNext(noNumber)
	st := reachable("s1", "anna", "start")
	st.User.Phone = ""
	id, err := w.Begin(in(t, acme), st)
	must(t, err)
	w.deliver()
	a := asking{acme, id, "s1", "anna", "start", w.instances["start"].fake.Code("anna")}
	if got := w.status(a); got.Via != letter || got.State != delivery.Sent {
		t.Errorf("%+v", got)
	}
	w.one("factor.fell_through", `"to":"letter"`)
	if p := w.passed(a); p.Strength != twofactor.Strength2FA {
		t.Errorf("%+v", p)
	}
}

func inCircle(t *testing.T, w *world) {
	w.factor("one", factortest.FakeConfig{Type: "one", Sends: true, Relays: true, OnFailure: "two"})
	w.factor("two", factortest.FakeConfig{Type: "two", Sends: true, Relays: true, OnFailure: "one"})
	w.factor("self", factortest.FakeConfig{Type: "self", Sends: true, Relays: true, OnFailure: "self"})
	for _, id := range []string{"one", "two", "self"} {
		w.instances[id].fake.FailSends(noAccount)
	}
	a, b := w.begin("s1", "anna", "one"), w.begin("s2", "bruno", "self")
	w.deliver()
	if st := w.status(a); st.Via != "two" || st.State != delivery.Failed {
		t.Errorf("%+v", st)
	}
	if st := w.status(b); st.Via != "" || st.State != delivery.Failed {
		t.Errorf("%+v", st)
	}
	if got := strings.Join(w.trail("factor.not_fallen_through"), "\n"); strings.Count(got, "leads back") != 2 {
		t.Error(got)
	}
}

func toNobody(t *testing.T, w *world) {
	w.factor("missing", factortest.FakeConfig{Type: "missing", Sends: true, OnFailure: "no such"})
	w.factor("silent", factortest.FakeConfig{Type: "silent", Sends: true, OnFailure: ask})
	w.factor("lost", factortest.FakeConfig{Type: "lost", Sends: true, OnFailure: letter})
	for id, why := range map[string]string{"missing": "cannot be used", "silent": "cannot carry", "lost": "cannot be reached"} {
		w.instances[id].fake.FailNext(noNumber)
		a := w.begin(id, id, id) // has no mail address
		w.deliver()
		if st := w.status(a); st.Via != "" || st.State != delivery.Failed || st.Class != "recipient" {
			t.Errorf("%s: %+v", id, st)
		}
		if got := strings.Join(w.trail("factor.not_fallen_through"), "\n"); !strings.Contains(got, why) {
			t.Errorf("%s:\n%s", id, got)
		}
		must(t, w.answer(a, a.code)) // it might have arrived all the same
	}
}

func fallenTooLate(t *testing.T, w *world) {
	for name, end := range map[string]func(a asking){
		"answered": func(a asking) { must(t, w.answer(a, a.code)) },
		"closed":   func(a asking) { must(t, w.Close(in(t, acme), a.signIn)) },
		"dead": func(a asking) {
			w.exec("UPDATE challenges SET attempts = max_attempts WHERE id = '" + a.id + "'")
		},
	} {
		w.instances[first].fake.FailNext(noAccount)
		a := w.beginChain(name)
		end(a)
		w.deliver()
		if st := w.status(a); st.Via != "" || st.State != delivery.Failed {
			t.Errorf("%s: %+v", name, st)
		}
	}
	if n := w.events("factor.fell_through") + w.events("factor.not_fallen_through"); n != 0 {
		t.Errorf("%d events", n)
	}
}

// N10 to N14 hold for what falls through too.
func relayLimits(t *testing.T, w *world) {
	w.instances[first].fake.FailSends(noAccount)
	for n := range 2 { // each takes two of the number's three
		a := w.beginChain(fmt.Sprint("s", n))
		w.deliver()
		want := []string{second, letter}[n]
		if st := w.status(a); st.Via != want || st.State != delivery.Sent {
			t.Errorf("%d: %+v", n, st)
		}
	}
	if n := w.number("SELECT sum(sent) FROM sms_days"); n != 3 {
		t.Errorf("%d text messages counted", n)
	}
}

// What the provider took and could not deliver falls through too, as long as the
// question is open.
func afterReport(t *testing.T, w *world) {
	a, over := w.beginChain("s1"), w.beginChain("s2")
	w.deliver()
	must(t, w.answer(over, w.instances[first].fake.Code("anna")))
	for _, c := range []asking{a, over} {
		id := w.text("SELECT provider_id FROM messages WHERE challenge_id = '%s'", c.id)
		header, form := factortest.ReportForm("https://id.example/hook", id, "undelivered", "recipient")
		for range 2 {
			must(t, w.Outbox.Report(in(t, acme), first, "https://id.example/hook", header, form))
		}
	}
	w.deliver()
	if st := w.status(a); st.Via != second || st.State != delivery.Sent {
		t.Errorf("%+v", st)
	}
	if st := w.status(over); st.Via != "" || st.State != delivery.Failed {
		t.Errorf("%+v", st)
	}
	w.one("factor.fell_through", `"to":"second"`)
}

// R25: an answer counts for nothing when nobody can say any more what it proves.
func carrierGone(t *testing.T, w *world) {
	w.instances[first].fake.FailNext(noAccount)
	a := w.beginChain("s1")
	w.deliver()
	w.instances[second].gone = true
	wantCode(t, w.answer(a, a.code), "factor_failed")
	if w.attempts(a) != 1 || !w.view(a).Open {
		t.Errorf("%d attempts, %+v", w.attempts(a), w.view(a))
	}
	w.instances[second].gone = false
	must(t, w.answer(a, a.code))
}

package ceremony_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/twofactor"
)

func TestBegin(t *testing.T) {
	each(t,
		test{"one live code", oneLiveCode},
		test{"of an unusable factor", unusable},
		test{"rolls back whole", beginRollsBack},
		test{"three in ten minutes to one address", perAddress},
		test{"ten a day by SMS", func(t *testing.T, w *world) { perDay(t, w, phone, 10) }},
		test{"twenty a day by mail", func(t *testing.T, w *world) { perDay(t, w, mail, 20) }},
		test{"close", closes},
		test{"sweep", sweeps},
	)
}

// N15: a new challenge of a sign-in ends the one before, and no other's.
func oneLiveCode(t *testing.T, w *world) {
	first, other := w.begin("s1", "anna", mail), w.begin("s2", "anna", mail)
	second := w.begin("s1", "anna", ask)
	if w.view(first).Open || w.sealed(first) != "" || !w.view(second).Open || !w.view(other).Open {
		t.Errorf("first %+v, second %+v, other %+v", w.view(first), w.view(second), w.view(other))
	}
	wantCode(t, w.answer(first, first.code), "challenge_over")
	wantCode(t, w.answer(second, first.code), "wrong_code")
	must(t, w.answer(second, second.code))
	must(t, w.answer(other, other.code))
}

func unusable(t *testing.T, w *world) {
	st := start("s1", "anna", phone)
	st.User.Phone = ""
	for range 4 { // and takes nothing from any budget
		if id, err := w.Begin(in(t, acme), st); !errors.Is(err, twofactor.ErrUnusable) || id != "" {
			t.Errorf("got %q, %v", id, err)
		}
	}
	w.begin("s1", "anna", phone)
	w.instances[ask].gone = true
	if _, err := w.Begin(in(t, acme), start("s2", "anna", ask)); err == nil {
		t.Error("begun with an instance that is gone")
	}
	if _, err := w.Begin(t.Context(), start("s3", "anna", phone)); err == nil {
		t.Error("begun in no tenant")
	}
	if n := w.number("SELECT count(*) FROM challenges"); n != 1 {
		t.Errorf("%d challenges", n)
	}
}

// The challenge and its message are one act: a tenant that is not there has neither.
func beginRollsBack(t *testing.T, w *world) {
	nowhere := db.Scope{Subscription: acme.Subscription, Tenant: "nowhere"}
	if _, err := w.Begin(in(t, nowhere), start("s1", "anna", mail)); err == nil {
		t.Fatal("no error")
	}
	if n := w.number("SELECT (SELECT count(*) FROM challenges) + (SELECT count(*) FROM messages)"); n != 0 || len(w.deliver()) != 0 {
		t.Errorf("%d rows", n)
	}
}

// N10, M73: over users, sign-ins and tenants, however the address is spelled.
func perAddress(t *testing.T, w *world) {
	for n, c := range []struct {
		scope db.Scope
		user  string
	}{{acme, "anna"}, {globex, "anna"}, {globex, "Anna"}} {
		w.beginIn(c.scope, fmt.Sprint("s", n), c.user, mail)
	}
	for _, s := range []db.Scope{acme, globex} {
		_, err := w.Begin(in(t, s), start("s9", "ANNA", mail))
		if after := wantCode(t, err, "too_many_sends").RetryAfter; after != 200*time.Second {
			t.Errorf("wait %v", after)
		}
	}
	w.begin("s10", "bruno", mail)
	w.clock.Advance(200 * time.Second)
	a := w.begin("s11", "anna", mail)
	// A resend is a send.
	w.clock.Advance(30 * time.Second)
	wantCode(t, w.Resend(in(t, acme), a.id, a.signIn), "too_many_sends")
	if v := w.view(a); v.Sends != 1 || !v.MayResend {
		t.Errorf("what was not sent is counted: %+v", v)
	}
	w.clock.Advance(170 * time.Second)
	must(t, w.Resend(in(t, acme), a.id, a.signIn))
}

func perDay(t *testing.T, w *world, factor string, most int) {
	t.Helper()
	for n := range most {
		w.begin(fmt.Sprint("s", n), "anna", factor)
		w.clock.Advance(200 * time.Second)
	}
	_, err := w.Begin(in(t, acme), start("s-more", "anna", factor))
	if after := wantCode(t, err, "too_many_sends").RetryAfter; after < 200*time.Second || after > 3*time.Hour {
		t.Errorf("wait %v", after)
	}
	w.clock.Advance(24 * time.Hour)
	w.begin("s-next-day", "anna", factor)
}

func closes(t *testing.T, w *world) {
	a, other := w.begin("s1", "anna", ask), w.begin("s2", "anna", ask)
	must(t, w.Close(in(t, acme), "s1"))
	if w.view(a).Open || w.sealed(a) != "" || !w.view(other).Open || w.sealed(other) == "" {
		t.Errorf("closed %+v, other %+v", w.view(a), w.view(other))
	}
	at := w.text("SELECT CAST(closed_at AS text) FROM challenges WHERE id = '%s'", a.id)
	w.clock.Advance(time.Second)
	must(t, w.Close(in(t, acme), "s1"))
	if again := w.text("SELECT CAST(closed_at AS text) FROM challenges WHERE id = '%s'", a.id); again != at {
		t.Errorf("closed at %s, then at %s", at, again)
	}
	wantCode(t, w.answer(a, a.code), "challenge_over")
}

// N16: what nobody may answer any more cannot be read either, and an hour later
// it is gone; in every tenant.
func sweeps(t *testing.T, w *world) {
	old, foreign := w.begin("s1", "anna", ask), w.beginIn(globex, "s1", "anna", ask)
	w.clock.Advance(5*time.Minute - time.Second)
	young := w.begin("s2", "anna", ask)
	must(t, w.Sweep(t.Context()))
	if w.sealed(old) == "" || w.sealed(foreign) == "" {
		t.Error("an open challenge was erased")
	}
	w.clock.Advance(time.Second)
	must(t, w.Sweep(t.Context()))
	if w.sealed(old) != "" || w.sealed(foreign) != "" || w.sealed(young) == "" {
		t.Error("not the expired ones were erased")
	}
	must(t, w.answer(young, young.code))
	w.clock.Advance(65*time.Minute + time.Second)
	must(t, w.Sweep(t.Context()))
	if n := w.number("SELECT count(*) FROM challenges"); n != 1 {
		t.Errorf("%d challenges, want the young one", n)
	}
}

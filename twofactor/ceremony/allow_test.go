package ceremony_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
)

func TestAllowSMS(t *testing.T) {
	each(t,
		test{"countries and kinds", countriesAndKinds},
		test{"no rules", noRules},
		test{"per source", perSource},
		test{"the source is asked first", sourceFirst},
		test{"prefix velocity", prefixVelocity},
		test{"proven numbers", provenNumbers},
		test{"prefix velocity at once", prefixAtOnce},
		test{"budget of a day", dayBudget},
		test{"budget at once", budgetAtOnce},
		test{"where only the service knows the address", byUser},
		test{"told once", refusalTold},
		test{"nothing in clear", smsInClear},
		test{"sweep", sweepsSMS},
	)
}

// textBy begins a challenge that sends to a number.
func (w *world) textBy(s db.Scope, c *ceremony.Ceremony, signIn, number string) error {
	st := start(signIn, signIn, phone)
	st.User.Phone = number
	_, err := c.Begin(in(w.t, s), st)
	return err
}

func (w *world) textTo(signIn, number string) error {
	w.t.Helper()
	return w.textBy(acme, w.Ceremony, signIn, number)
}

// N12, M72: nothing is taken from any budget, and nothing sent.
func countriesAndKinds(t *testing.T, w *world) {
	w.rules.Countries = []string{"CH", "US"}
	for number, code := range map[string]string{
		"+41900123456":  "sms_kind",    // premium
		"+41848123456":  "sms_kind",    // shared cost
		"+41581234567":  "sms_kind",    // company number
		"+41446681800":  "sms_kind",    // landline
		"+447640123456": "sms_kind",    // pager
		"+881612345678": "sms_kind",    // satellite
		"+33612345678":  "sms_country", //
		"+18762101234":  "sms_country", // Jamaica, though +1 is allowed
		"+412020":       "sms_number",  // short code
		"+999123456789": "sms_number",  //
	} {
		err := w.textTo(number, number)
		p := wantCode(t, err, code)
		if p.Kind != problem.Forbidden || !errors.Is(err, twofactor.ErrUnusable) || p.Message == "" {
			t.Errorf("%s: %v", number, err)
		}
	}
	w.rules.Countries = nil
	wantCode(t, w.textTo("s1", "+41791234567"), "sms_country")
	if n := w.number("SELECT (SELECT count(*) FROM rate_counters) + (SELECT count(*) FROM sms_numbers) + (SELECT count(*) FROM sms_days) + (SELECT count(*) FROM messages)"); n != 0 {
		t.Errorf("%d rows", n)
	}
	if n := w.events("sms.refused"); n != 11 {
		t.Errorf("%d events", n)
	}
	// Mail needs none of it.
	w.begin("s2", "anna", mail)
}

// A house that was wired without rules sends no text messages at all.
func noRules(t *testing.T, w *world) {
	broken := errors.New("broken")
	w.SMS = func(context.Context) (ceremony.SMSRules, error) { return ceremony.SMSRules{}, broken }
	if err := w.textTo("s1", "+41791234567"); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	w.SMS = nil
	if err := w.textTo("s1", "+41791234567"); err == nil {
		t.Error("sent")
	}
	if w.number("SELECT count(*) FROM messages") != 0 {
		t.Error("queued")
	}
}

// swiss is a number of a block.
func swiss(block, n int) string { return fmt.Sprintf("+4179%03d%04d", block, n) }

// N11, M37: over numbers, tenants and replicas; by /24 and /64.
func perSource(t *testing.T, w *world) {
	replicas := []*ceremony.Ceremony{w.Ceremony, w.replica()}
	try := func(n int, address string) error {
		st := start(fmt.Sprint("s", n, address), "anna", phone)
		st.User.Phone = swiss(n, n)
		_, err := replicas[n%2].Begin(audit.WithOrigin(in(t, []db.Scope{acme, globex}[n%2]), audit.Origin{Address: address}), st)
		return err
	}
	for n := range 20 {
		must(t, try(n, fmt.Sprintf("192.0.2.%d", n)))
	}
	if p := wantCode(t, try(20, "192.0.2.200"), "too_many_sends_here"); p.Kind != problem.TooMany || p.RetryAfter != 3*time.Minute {
		t.Errorf("%+v", p)
	}
	must(t, try(21, "192.0.3.1"))
	must(t, try(22, "2001:db8:1:1::1"))
	must(t, try(23, "")) // work of our own
	w.clock.Advance(3 * time.Minute)
	must(t, try(24, "192.0.2.201"))
	wantCode(t, try(25, "192.0.2.201"), "too_many_sends_here")
	// 100 a day.
	sent := 21
	for n := 30; n < 200; n++ {
		w.clock.Advance(3 * time.Minute)
		if err := try(n, "192.0.2.1"); err != nil {
			wantCode(t, err, "too_many_sends_here")
			break
		}
		sent++
	}
	// The day's budget refills while it is used: a hundred, and what came back.
	if hours := w.clock.Now().Sub(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)).Hours(); sent < 100 || float64(sent) > 101+hours*100/24 {
		t.Errorf("%d sent in %v hours", sent, hours)
	}
}

// Who is over his own limit takes nothing from his victim's.
func sourceFirst(t *testing.T, w *world) {
	ctx := audit.WithOrigin(in(t, acme), audit.Origin{Address: "192.0.2.1"})
	for n := range 30 {
		st := start(fmt.Sprint("s", n), "anna", phone)
		if st.User.Phone = swiss(n, n); n >= 20 {
			st.User.Phone = "+41791234567"
		}
		if _, err := w.Begin(ctx, st); n >= 20 {
			wantCode(t, err, "too_many_sends_here")
		} else {
			must(t, err)
		}
	}
	for n := range 3 {
		must(t, w.textTo(fmt.Sprint("own", n), "+41791234567"))
	}
}

// N13: the eleventh number of a block of which hardly one was proven.
func prefixVelocity(t *testing.T, w *world) {
	replicas := []*ceremony.Ceremony{w.Ceremony, w.replica()}
	for n := range 10 {
		must(t, w.textBy([]db.Scope{acme, globex}[n%2], replicas[n%2], fmt.Sprint("s", n), swiss(1, n)))
	}
	must(t, w.textTo("again", swiss(1, 3))) // not a new number
	p := wantCode(t, w.textTo("s10", swiss(1, 10)), "sms_blocked")
	if p.Kind != problem.TooMany || p.RetryAfter != 24*time.Hour {
		t.Errorf("%+v", p)
	}
	w.clock.Advance(time.Hour)
	wantCode(t, w.textBy(globex, w.replica(), "s11", swiss(1, 1)), "sms_blocked")
	must(t, w.textTo("s12", swiss(2, 1)))
	w.one("sms.prefix_blocked", `"country":"CH"`)
	w.clock.Advance(23*time.Hour - time.Microsecond)
	wantCode(t, w.textTo("s13", swiss(1, 1)), "sms_blocked")
	w.clock.Advance(time.Microsecond)
	must(t, w.textTo("s14", swiss(1, 1)))
	// Slowly is not suspicious.
	for n := range 20 {
		w.clock.Advance(7 * time.Minute)
		must(t, w.textTo(fmt.Sprint("slow", n), swiss(3, n)))
	}
}

// Whoever answers right stands for his block, for a month.
func provenNumbers(t *testing.T, w *world) {
	prove := func(n int) {
		st := start(fmt.Sprint("proof", n, w.clock.Now()), fmt.Sprint("proof", n), phone)
		st.User.Phone = swiss(1, n)
		id, err := w.Begin(in(t, acme), st)
		must(t, err)
		must(t, w.answer(asking{acme, id, st.SignInID, st.User.ID, phone, ""}, w.instances[phone].fake.Code(st.User.ID)))
	}
	for n := range 4 {
		prove(n)
	}
	for n := 4; n < 13; n++ {
		must(t, w.textTo(fmt.Sprint("s", n), swiss(1, n)))
	}
	// Four of thirteen are over 30 %, four of fourteen are not.
	wantCode(t, w.textTo("s13", swiss(1, 13)), "sms_blocked")
	w.clock.Advance(25 * time.Hour)
	for n := range 12 {
		must(t, w.textTo(fmt.Sprint("next day", n), swiss(1, n)))
	}
	w.clock.Advance(31 * 24 * time.Hour)
	for n := range 10 {
		must(t, w.textTo(fmt.Sprint("next month", n), swiss(1, n)))
	}
	wantCode(t, w.textTo("next month 10", swiss(1, 10)), "sms_blocked")
}

// Of many at once no more than ten go out, over two processes.
func prefixAtOnce(t *testing.T, w *world) {
	replicas := []*ceremony.Ceremony{w.Ceremony, w.replica()}
	var sent atomic.Int64
	parallel(30, func(i int) {
		switch err := w.textBy(acme, replicas[i%2], fmt.Sprint("s", i), swiss(1, i)); {
		case err == nil:
			sent.Add(1)
		case !problem.Is(err, problem.TooMany):
			t.Error(err)
		}
	})
	if n := sent.Load(); n > 10 {
		t.Errorf("%d sent", n)
	}
	if w.number("SELECT count(*) FROM sms_blocks") != 1 {
		t.Error("not blocked")
	}
}

// N14: two warnings and a hard stop, each told once.
func dayBudget(t *testing.T, w *world) {
	w.rules.PerDay = 7
	after := map[int]string{4: "sms.budget_half", 6: "sms.budget_80", 7: "sms.budget_spent"}
	for n := 1; n <= 7; n++ {
		must(t, w.textTo(fmt.Sprint("s", n), swiss(n, n)))
		for at, kind := range after {
			if got := w.events(kind) == 1; got != (n >= at) {
				t.Errorf("after %d: %s %v", n, kind, got)
			}
		}
	}
	for n := range 3 {
		p := wantCode(t, w.textTo(fmt.Sprint("more", n), swiss(8, n)), "sms_budget_spent")
		if p.Kind != problem.TooMany || p.RetryAfter != 12*time.Hour {
			t.Errorf("%+v", p)
		}
	}
	must(t, w.textBy(globex, w.Ceremony, "other", swiss(9, 1))) // a budget of its own
	for at, kind := range after {
		if w.events(kind) != 1 || strings.Count(w.logs.String(), kind) != 1 {
			t.Errorf("%d: %s %d times", at, kind, w.events(kind))
		}
	}
	w.begin("mail", "anna", mail)
	w.clock.Advance(12 * time.Hour)
	must(t, w.textTo("tomorrow", swiss(10, 1)))
	w.rules.PerDay = 0
	wantCode(t, w.textTo("none", swiss(11, 1)), "sms_budget_spent")
}

func budgetAtOnce(t *testing.T, w *world) {
	w.rules.PerDay = 10
	replicas := []*ceremony.Ceremony{w.Ceremony, w.replica()}
	var sent atomic.Int64
	parallel(24, func(i int) {
		switch err := w.textBy(acme, replicas[i%2], fmt.Sprint("s", i), swiss(i, i)); {
		case err == nil:
			sent.Add(1)
		case !problem.Is(err, problem.TooMany):
			t.Error(err)
		}
	})
	if n := sent.Load(); n != 10 {
		t.Errorf("%d sent", n)
	}
	for _, kind := range []string{"sms.budget_half", "sms.budget_80", "sms.budget_spent"} {
		if n := w.events(kind); n != 1 {
			t.Errorf("%s %d times", kind, n)
		}
	}
}

// The tables hold no number, and events and logs no more than a masked one.
func smsInClear(t *testing.T, w *world) {
	for n := range 11 {
		_ = w.textTo(fmt.Sprint("s", n), swiss(1, n))
	}
	_ = w.textTo("premium", "+41900123456")
	for _, q := range []string{"SELECT prefix || number FROM sms_numbers", "SELECT prefix FROM sms_blocks", "SELECT key FROM rate_counters", "SELECT detail FROM audit_events"} {
		rows, err := w.db.SQL().QueryContext(t.Context(), q)
		must(t, err)
		n := 0
		for ; rows.Next(); n++ {
			var text string
			must(t, rows.Scan(&text))
			if strings.Contains(text, "79001") || strings.Contains(text, "900123") {
				t.Errorf("%s: %s", q, text)
			}
		}
		must(t, errors.Join(rows.Err(), rows.Close()))
		if n == 0 {
			t.Errorf("%s: nothing", q)
		}
	}
	if strings.Contains(w.logs.String(), "79001") {
		t.Error(w.logs.String())
	}
}

func sweepsSMS(t *testing.T, w *world) {
	for n := range 11 {
		_ = w.textTo(fmt.Sprint("s", n), swiss(1, n))
	}
	count := func() [3]int64 {
		return [3]int64{w.number("SELECT count(*) FROM sms_numbers"), w.number("SELECT count(*) FROM sms_blocks"), w.number("SELECT count(*) FROM sms_days")}
	}
	for _, step := range []struct {
		after time.Duration
		want  [3]int64
	}{{0, [3]int64{11, 1, 1}}, {24*time.Hour + time.Microsecond, [3]int64{11, 0, 1}}, {7 * 24 * time.Hour, [3]int64{11, 0, 0}}, {30 * 24 * time.Hour, [3]int64{}}} {
		w.clock.Advance(step.after)
		must(t, w.Sweep(t.Context()))
		if got := count(); got != step.want {
			t.Errorf("after %v: %v, want %v", step.after, got, step.want)
		}
	}
}

// N10: what an instance writes where others have an address is no key. Whoever is sent
// codes by a service of the customer's own is counted by himself.
func byUser(t *testing.T, w *world) {
	n := 0
	w.instances[mail].asked = func(c twofactor.Challenge) twofactor.Challenge {
		n++
		c.Outgoing.To = fmt.Sprintf(`{"id":"anna","n":%d}`, n)
		return c
	}
	for i := range 3 {
		w.begin(fmt.Sprint("s", i), "anna", mail)
	}
	_, err := w.Begin(in(t, acme), start("s4", "anna", mail))
	wantCode(t, err, "too_many_sends")
	_, err = w.Begin(in(t, globex), start("s5", "anna", mail))
	wantCode(t, err, "too_many_sends")
	w.begin("s6", "bruno", mail)
}

// That a user was sent nothing is in the trail, without his address, and not more
// often than somebody can read.
func refusalTold(t *testing.T, w *world) {
	const number = "+41791112233"
	for i := range 3 {
		must(t, w.textTo(fmt.Sprint("s", i), number))
	}
	for range 4 {
		wantCode(t, w.textTo("anna", number), "too_many_sends")
	}
	wantCode(t, w.textTo("bruno", number), "too_many_sends")
	told := w.trail("factor.not_sent")
	if len(told) != 2 || !strings.Contains(told[0], `"why":"too_many_sends"`) || !strings.Contains(told[0], `"two_factor":"phone"`) || strings.Contains(told[0], number) {
		t.Errorf("%q", told)
	}
	w.clock.Advance(11 * time.Minute)
	for i := range 3 {
		must(t, w.textTo(fmt.Sprint("again", i), number))
	}
	wantCode(t, w.textTo("anna", number), "too_many_sends")
	if told := w.trail("factor.not_sent"); len(told) != 3 {
		t.Errorf("%q", told)
	}
}

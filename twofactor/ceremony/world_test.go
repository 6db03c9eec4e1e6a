package ceremony_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/limits"
	"twofold/internal/problem"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/delivery"
	"twofold/twofactor/factortest"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// Two customers with one tenant each.
var (
	acme   = db.Scope{Subscription: "sub-a", Tenant: "acme"}
	globex = db.Scope{Subscription: "sub-b", Tenant: "globex"}
)

// Instances of every world. Each customer has the ask of his own; what is shared
// is only the test's way to see the codes.
const (
	ask   = "ask"        // delivers nothing
	mail  = "mail"       // delivers by mail
	phone = "phone"      // delivers by SMS
	steps = "sub-asteps" // must be enrolled, see stepper
	paper = "sub-apaper" // likewise, and stands in for others
	anna  = "sub-aanna"  // a user who is in the database, as who enrols must be
	bruno = "sub-abruno"

	// A chain: first falls through to second, that to letter. All name each other by
	// their IDs.
	first  = "first"  // by SMS
	second = "second" // by SMS too
	letter = "letter" // by mail, and worth less
)

// world is a ceremony on a real database, with factors whose codes the test knows.
type world struct {
	*ceremony.Ceremony
	t         *testing.T
	db        *db.DB
	clock     *testkit.Clock
	logs      *testkit.LogBuffer
	instances shelf
	told      []string          // "user event"
	rules     ceremony.SMSRules // of all tenants
}

// test is what each runs in a world of its own.
type test struct {
	name string
	run  func(t *testing.T, w *world)
}

// each runs tests on both dialects. Those of one call share a database, one after
// the other: making one takes longer than most of them.
func each(t *testing.T, tests ...test) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d, err := db.Open(t.Context(), url, db.Options{MaxConns: 6})
		must(t, err)
		t.Cleanup(func() { _ = d.Close() })
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) { test.run(t, newWorld(t, d)) })
		}
	})
}

// newWorld begins with empty tables, but for two tenants.
func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, db: d, clock: testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), instances: shelf{}}
	w.rules = ceremony.SMSRules{Countries: []string{"CH"}, PerDay: 500}
	for _, table := range []string{
		"enrollments", "challenges", "user_failures", "messages", "rate_counters", "audit_events", "audit_chains", "sms_numbers",
		"sms_blocks", "sms_days", "two_factors", "users", "tenants", "subscriptions",
	} {
		w.exec("DELETE FROM " + table)
	}
	for _, s := range []db.Scope{acme, globex} {
		w.exec(`INSERT INTO subscriptions (id, name, title, enforce_mfa, min_acr, active, created_at, updated_at, version)
VALUES ('` + s.Subscription + `', '` + s.Subscription + `', '', false, '', true, '2026-01-01', '2026-01-01', 1)`)
		w.exec(`INSERT INTO tenants (id, subscription_id, name, title, accent, logo_url, enforce_mfa, min_acr, session_seconds, idle_seconds,
active, created_at, updated_at, version) VALUES ('` + s.Tenant + `', '` + s.Subscription + `', '` + s.Tenant + `', '', '', '', false, '', 1, 1, true, '2026-01-01', '2026-01-01', 1)`)
	}
	w.factor(ask, factortest.FakeConfig{Type: "asking"})
	w.factor(mail, factortest.FakeConfig{Type: "mailing", Sends: true})
	for _, id := range []string{steps, paper, "sub-bsteps", "sub-bpaper"} {
		w.factor(id, factortest.FakeConfig{Type: "stepping", Enrolls: true, Fallback: strings.HasSuffix(id, "paper")})
		w.instances[id].whole = stepper{}
	}
	for _, s := range []db.Scope{acme, globex} {
		for _, user := range []string{"anna", "bruno"} {
			w.exec(`INSERT INTO users (id, subscription_id, name, kind, display_name, given_name, family_name, email, email_verified, phone, phone_verified,
locale, last_two_factor_id, active, created_at, updated_at, version) VALUES ('` + s.Subscription + user + `', '` + s.Subscription + `', '` + user + `', 'person',
'', '', '', '', false, '', false, '', '', true, '2026-01-01', '2026-01-01', 1)`)
		}
		for _, f := range []string{"steps", "paper"} {
			w.exec(`INSERT INTO two_factors (id, subscription_id, name, type, options_sealed, active, last_error, created_at, updated_at, version)
VALUES ('` + s.Subscription + f + `', '` + s.Subscription + `', '` + f + `', '', '', true, '', '2026-01-01', '2026-01-01', 1)`)
		}
	}
	w.factor(phone, factortest.FakeConfig{Type: "texting", Sends: true, Needs: byPhone})
	w.factor(first, factortest.FakeConfig{Type: "carrier-1", Sends: true, Reports: true, OnFailure: second, AMR: []string{"sms", "first"}, Needs: byPhone})
	w.factor(second, factortest.FakeConfig{Type: "carrier-2", Sends: true, Relays: true, OnFailure: letter, AMR: []string{"sms", "second"}, Needs: byPhone})
	w.factor(letter, factortest.FakeConfig{
		Type: "post", Sends: true, Relays: true, AMR: []string{"email"}, Strength: twofactor.Strength2FA, Needs: []twofactor.Attribute{twofactor.NeedsEmail},
	})
	w.Ceremony = w.replica()
	return w
}

var byPhone = []twofactor.Attribute{twofactor.NeedsPhone}

// replica is one more process on the same database.
func (w *world) replica() *ceremony.Ceremony {
	w.t.Helper()
	s, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	must(w.t, err)
	log, buf := testkit.Logs(w.t)
	w.logs = buf
	trail := &audit.Trail{DB: w.db, Seal: s, Now: w.clock.Now}
	outbox := delivery.New(delivery.Config{DB: w.db, Seal: s, Now: w.clock.Now, Log: log, Instances: w.instances, Audit: trail, Poll: 10 * time.Millisecond})
	c := ceremony.New(ceremony.Config{
		DB: w.db, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Instances: w.instances, Outbox: outbox, Audit: trail,
		Notify: func(_ context.Context, userID string, n ceremony.Notice) error {
			w.told = append(w.told, userID+" "+n.Event)
			return nil
		},
		Limits: &limits.Limiter{DB: w.db, Seal: s, Now: w.clock.Now},
		SMS:    func(context.Context) (ceremony.SMSRules, error) { return w.rules, nil },
	})
	outbox.Fallback = c.FallThrough
	return c
}

// shelf holds opened instances by ID.
type shelf map[string]*spied

func (s shelf) Open(_ context.Context, id string) (twofactor.Instance, error) {
	f, ok := s[id]
	if !ok || f.gone {
		return twofactor.Instance{}, errors.New("no such instance")
	}
	info := f.fake.Provider().Info
	info.HostBound = f.bound
	if f.whole != nil {
		return twofactor.Instance{ID: id, Name: id, Info: info, Factor: f.whole}, nil
	}
	var factor twofactor.Factor = f
	sender, sends := f.Factor.(twofactor.Sender)
	relayer, relays := f.Factor.(twofactor.Relayer)
	reporter, reports := f.Factor.(twofactor.Reporter)
	switch {
	case relays:
		factor = struct {
			*spied
			twofactor.Sender
			twofactor.Chained
			twofactor.Relayer
		}{f, sender, f.Factor.(twofactor.Chained), relayer}
	case reports:
		factor = struct {
			*spied
			twofactor.Sender
			twofactor.Chained
			twofactor.Reporter
		}{f, sender, f.Factor.(twofactor.Chained), reporter}
	case sends:
		factor = struct {
			*spied
			twofactor.Sender
			twofactor.Chained
		}{f, sender, f.Factor.(twofactor.Chained)}
	}
	return twofactor.Instance{ID: id, Name: id, Info: info, Factor: factor}, nil
}

func (s shelf) ByName(ctx context.Context, name string) (twofactor.Instance, error) {
	return s.Open(ctx, name)
}

func (shelf) NoteDelivery(context.Context, string, string) error { return nil }

// spied is a factor that counts what it is asked, and can be told to misbehave.
type spied struct {
	twofactor.Factor
	fake   *factortest.Fake
	gone   bool
	bound  bool             // what is set up at one host is of no use at another
	whole  twofactor.Factor // in place of the fake
	judged atomic.Int64
	asked  func(twofactor.Challenge) twofactor.Challenge // changes what Challenge gives
	before func(ctx context.Context) error               // runs in Verify, before the answer is looked at
}

func (s *spied) Challenge(ctx context.Context, u twofactor.User, bound []twofactor.Enrollment) (twofactor.Challenge, error) {
	c, err := s.Factor.Challenge(ctx, u, bound)
	if err == nil && s.asked != nil {
		c = s.asked(c)
	}
	return c, err
}

func (s *spied) Verify(ctx context.Context, bound []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	s.judged.Add(1)
	if s.before != nil {
		if err := s.before(ctx); err != nil {
			return twofactor.Result{}, err
		}
	}
	return s.Factor.Verify(ctx, bound, c, a)
}

func (w *world) factor(id string, c factortest.FakeConfig) {
	w.t.Helper()
	fake := factortest.NewFake(c)
	log, _ := testkit.Logs(w.t)
	f, err := fake.Provider().Open(json.RawMessage(factortest.FakeOptionsJSON), twofactor.Env{Now: w.clock.Now, Rand: rand.Reader, Log: log})
	must(w.t, err)
	w.instances[id] = &spied{Factor: f, fake: fake}
}

func (w *world) judged() (n int64) {
	for _, f := range w.instances {
		n += f.judged.Load()
	}
	return n
}

// in is a context of a tenant.
func in(t testing.TB, s db.Scope) context.Context { return db.WithScope(t.Context(), s) }

// asking is one challenge as a test knows it.
type asking struct {
	scope                          db.Scope
	id, signIn, user, factor, code string
}

// begin opens a challenge of acme and returns what would have to be answered.
func (w *world) begin(signIn, user, factor string) asking {
	w.t.Helper()
	return w.beginIn(acme, signIn, user, factor)
}

func (w *world) beginIn(s db.Scope, signIn, user, factor string) asking {
	w.t.Helper()
	id, err := w.Begin(in(w.t, s), start(signIn, user, factor))
	must(w.t, err)
	return asking{s, id, signIn, user, factor, w.instances[factor].fake.Code(user)}
}

func start(signIn, user, factor string) ceremony.Start {
	return ceremony.Start{SignInID: signIn, TwoFactorID: factor, User: twofactor.User{ID: user, Phone: "+41790000000"}}
}

func (a asking) give(code string) ceremony.Give {
	return ceremony.Give{ChallengeID: a.id, SignInID: a.signIn, UserID: a.user, Answer: twofactor.Answer{"code": code}}
}

const wrongCode = "never"

// answer gives a code, and does nothing if it is right.
func (w *world) answer(a asking, code string) error {
	return w.Finish(in(w.t, a.scope), a.give(code), func(context.Context, ceremony.Passed) error { return nil })
}

// view is what a page would show of the challenge.
func (w *world) view(a asking) ceremony.View {
	w.t.Helper()
	v, err := w.Show(in(w.t, a.scope), a.id, a.signIn)
	must(w.t, err)
	return v
}

func (w *world) exec(q string) {
	w.t.Helper()
	_, err := w.db.SQL().ExecContext(w.t.Context(), q)
	must(w.t, err)
}

// number reads one number, and text one text, past the guard: tests may look
// where code may not.
func (w *world) number(q string, args ...any) (n int64) {
	w.t.Helper()
	must(w.t, w.db.SQL().QueryRowContext(w.t.Context(), fmt.Sprintf(q, args...)).Scan(&n))
	return n
}

func (w *world) text(q string, args ...any) (s string) {
	w.t.Helper()
	must(w.t, w.db.SQL().QueryRowContext(w.t.Context(), fmt.Sprintf(q, args...)).Scan(&s))
	return s
}

func (w *world) attempts(a asking) int64 {
	w.t.Helper()
	return w.number("SELECT attempts FROM challenges WHERE id = '%s'", a.id)
}

func (w *world) failures(user string) int64 {
	w.t.Helper()
	return w.number("SELECT COALESCE(SUM(failures), 0) FROM user_failures WHERE user_id = '%s'", user)
}

func (w *world) sealed(a asking) string {
	w.t.Helper()
	return w.text("SELECT sealed FROM challenges WHERE id = '%s'", a.id)
}

func (w *world) events(kind string) int64 {
	w.t.Helper()
	return w.number("SELECT count(*) FROM audit_events WHERE kind = '%s'", kind)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode checks the kind of refusal. It returns the problem, or an empty one.
func wantCode(t testing.TB, err error, code string) *problem.Error {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != code {
		t.Errorf("got %v, want %s", err, code)
		return &problem.Error{}
	}
	return p
}

func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// deliver runs the outbox until nothing waits any more.
func (w *world) deliver() []twofactor.Message {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { w.Outbox.Run(ctx); close(done) }()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := int64(1); n > 0; {
		select {
		case <-tick.C:
			var err error
			n, err = w.Outbox.Pending(ctx)
			must(w.t, err)
		case <-deadline:
			w.t.Fatal("the outbox does not get empty")
		}
	}
	stop()
	<-done
	return append(w.instances[mail].fake.Sent(), w.instances[phone].fake.Sent()...)
}

// holds reports whether any text the database holds in clear has s in it.
func (w *world) holds(s string) bool {
	w.t.Helper()
	for _, q := range []string{
		"SELECT sealed FROM challenges", "SELECT sealed FROM messages", "SELECT masked || error FROM messages", "SELECT detail FROM audit_events",
	} {
		rows, err := w.db.SQL().QueryContext(w.t.Context(), q)
		must(w.t, err)
		for rows.Next() {
			var text string
			must(w.t, rows.Scan(&text))
			if strings.Contains(text, s) {
				return true
			}
		}
		must(w.t, errors.Join(rows.Err(), rows.Close()))
	}
	return false
}

package delivery

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// Two customers with one tenant each.
var (
	acme   = db.Scope{Subscription: "sub-a", Tenant: "acme"}
	globex = db.Scope{Subscription: "sub-b", Tenant: "globex"}
)

// world is an outbox on a real database, with a factor that the test steers. It
// does not run before it is told to.
type world struct {
	*Outbox
	t     *testing.T
	db    *db.DB
	clock *testkit.Clock
	logs  *testkit.LogBuffer
	shelf *shelf
	seen  seen
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
	w := &world{t: t, db: d, clock: testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	for _, table := range []string{"messages", "audit_events", "audit_chains", "tenants", "subscriptions"} {
		w.exec("DELETE FROM " + table)
	}
	for _, s := range []db.Scope{acme, globex} {
		w.exec(`INSERT INTO subscriptions (id, name, title, enforce_mfa, min_acr, active, created_at, updated_at, version)
VALUES ('` + s.Subscription + `', '` + s.Subscription + `', '', false, '', true, '2026-01-01', '2026-01-01', 1)`)
		w.exec(`INSERT INTO tenants (id, subscription_id, name, title, accent, logo_url, enforce_mfa, min_acr, session_seconds, idle_seconds,
active, created_at, updated_at, version) VALUES ('` + s.Tenant + `', '` + s.Subscription + `', '` + s.Tenant + `', '', '', '', false, '', 1, 1, true, '2026-01-01', '2026-01-01', 1)`)
	}
	w.shelf = newShelf(t, w.clock)
	w.Outbox = w.replica(Config{Instances: w.shelf})
	return w
}

// replica is one more process on the same database.
func (w *world) replica(c Config) *Outbox {
	w.t.Helper()
	s, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	must(w.t, err)
	c.DB, c.Seal, c.Audit = w.db, s, &audit.Trail{DB: w.db, Seal: s, Now: w.clock.Now}
	if c.Log, w.logs = testkit.Logs(w.t); c.Now == nil {
		c.Now = w.clock.Now
	}
	if c.Poll == 0 {
		c.Poll = 10 * time.Millisecond
	}
	c.Observe = w.seen.observe
	return New(c)
}

// seen collects what metrics are told.
type seen struct {
	mu   sync.Mutex
	said []string
}

func (s *seen) observe(factorType, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, factorType+" "+state)
}

func (s *seen) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.said...)
}

// shelf holds one instance, "mail", and notes how its deliveries went. A second one,
// "spare", always sends by the fake.
type shelf struct {
	factor twofactor.Factor
	sender twofactor.Sender
	fake   *factortest.Fake

	mu    sync.Mutex
	gone  bool
	next  string // that mail falls through to
	notes []string
	send  func(ctx context.Context, m twofactor.Message) (twofactor.Receipt, error) // instead of the fake's
	sends int
}

func newShelf(t *testing.T, clock *testkit.Clock) *shelf {
	t.Helper()
	fake := factortest.NewFake(factortest.FakeConfig{Sends: true, Reports: true})
	log, _ := testkit.Logs(t)
	f, err := fake.Provider().Open(json.RawMessage(factortest.FakeOptionsJSON), twofactor.Env{Now: clock.Now, Rand: rand.Reader, Log: log})
	must(t, err)
	return &shelf{factor: f, sender: f.(twofactor.Sender), fake: fake}
}

func (s *shelf) Open(_ context.Context, id string) (twofactor.Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inst := twofactor.Instance{ID: id, Name: id, Info: s.fake.Provider().Info}
	switch {
	case id == "spare":
		inst.Factor = s.factor
	case s.gone || id != "mail":
		return twofactor.Instance{}, errors.New("no such instance")
	case s.factor == nil:
		inst.Factor = nil
	default:
		inst.Factor = struct {
			twofactor.Factor
			twofactor.Sender
			chained
			twofactor.Reporter
		}{s.factor, s, chained(s.next), s.factor.(twofactor.Reporter)}
	}
	return inst, nil
}

type chained string

func (c chained) OnFailure() string { return string(c) }

func (s *shelf) NoteDelivery(_ context.Context, id, failure string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, id+": "+failure)
	return nil
}

// Send makes shelf the Sender of its instance.
func (s *shelf) Send(ctx context.Context, m twofactor.Message) (twofactor.Receipt, error) {
	s.mu.Lock()
	send := s.send
	s.sends++
	s.mu.Unlock()
	if send != nil {
		return send(ctx, m)
	}
	return s.sender.Send(ctx, m)
}

// instead makes all further deliveries go to f; nil: to the fake.
func (s *shelf) instead(f func(context.Context, twofactor.Message) (twofactor.Receipt, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send = f
}

func (s *shelf) fail(err error) {
	s.instead(func(context.Context, twofactor.Message) (twofactor.Receipt, error) { return twofactor.Receipt{}, err })
}

func (s *shelf) remove(gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = gone
}

func (s *shelf) noted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.notes...)
}

func (s *shelf) tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sends
}

func in(t testing.TB, s db.Scope) context.Context { return db.WithScope(t.Context(), s) }

const (
	secretCode = "314159"
	address    = "anna@example.test"
	masked     = "a•••@example.test"
)

// item is a message of a challenge that is worthless in five minutes.
func (w *world) item(challenge string) Item {
	return Item{TwoFactorID: "mail", ChallengeID: challenge, UserID: "anna", Message: twofactor.Message{
		To: address, Masked: masked, Subject: "Your code", Text: "Code " + secretCode, ExpiresAt: w.clock.Now().Add(5 * time.Minute),
	}}
}

func (w *world) enqueue(challenge string) {
	w.t.Helper()
	must(w.t, w.Enqueue(in(w.t, acme), w.item(challenge)))
}

// start runs an outbox until the returned function, or the test's end.
func (w *world) start(o *Outbox) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { o.Run(ctx); close(done) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(stop)
	return stop
}

// eventually waits for the database, or another goroutine, to get there.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}

// until waits until the newest message of a challenge is in a state.
func (w *world) until(challenge, state string) {
	w.t.Helper()
	eventually(w.t, challenge+" is "+state, func() bool { return w.status(challenge).State == state })
}

func (w *world) status(challenge string) Status {
	w.t.Helper()
	st, err := w.Status(in(w.t, acme), challenge)
	must(w.t, err)
	return st
}

// entry is the one line of the log for a challenge.
func (w *world) entry(challenge string) Entry {
	w.t.Helper()
	list, err := w.Entries(in(w.t, acme), 100)
	must(w.t, err)
	for _, e := range list {
		if e.ChallengeID == challenge {
			return e
		}
	}
	w.t.Fatalf("no entry for %s", challenge)
	return Entry{}
}

func (w *world) exec(q string) {
	w.t.Helper()
	_, err := w.db.SQL().ExecContext(w.t.Context(), q)
	must(w.t, err)
}

func (w *world) text(q string, args ...any) (s string) {
	w.t.Helper()
	must(w.t, w.db.SQL().QueryRowContext(w.t.Context(), fmt.Sprintf(q, args...)).Scan(&s))
	return s
}

func (w *world) sealed(challenge string) string {
	w.t.Helper()
	return w.text("SELECT sealed FROM messages WHERE challenge_id = '%s'", challenge)
}

// trail is all events as text.
func (w *world) trail() string {
	w.t.Helper()
	list, err := w.Audit.List(in(w.t, acme), 100)
	must(w.t, err)
	out := ""
	for _, e := range list {
		out += e.Kind + " " + e.Actor + " " + e.User + " " + e.Detail + "\n"
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

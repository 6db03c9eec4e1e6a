package admin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/limits"
	"twofold/internal/problem"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/delivery"
	"twofold/twofactor/factortest"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// world is a help desk on a real database. Customer "one" has the tenants acme and
// globex, customer "two" has other. What package idp does is only noted.
type world struct {
	*admin.HelpDesk
	t      *testing.T
	clock  *testkit.Clock
	token  *factortest.Fake
	post   *factortest.Fake // sends to mail addresses
	realms map[string]tenants.Realm
	ids    map[string]string // of users and instances
	told   []string          // "event user"
	ended  []string          // "everywhere user actor"
	broken error             // what telling the user fails with
	onEnd  func() error      // runs when all of a user is ended; may be nil
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) { f(t, newWorld(t, url)) })
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	w := &world{
		t: t, clock: testkit.NewClock(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)), realms: map[string]tenants.Realm{}, ids: map[string]string{},
		token: factortest.NewFake(factortest.FakeConfig{Type: "token", Enrolls: true}),
		post:  factortest.NewFake(factortest.FakeConfig{Type: "post", Sends: true, Needs: []twofactor.Attribute{twofactor.NeedsEmail}}),
	}
	log, _ := testkit.Logs(t)
	d, err := db.Open(t.Context(), url, db.Options{Now: w.clock.Now, Log: log, MaxConns: 6})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	s, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	must(t, err)
	paper := factortest.NewFake(factortest.FakeConfig{Type: "paper", Enrolls: true, Fallback: true})
	catalog := twofactor.NewCatalog(w.token.Provider(), w.post.Provider(), paper.Provider())
	store := tenants.New(tenants.Config{
		DB: d, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Catalog: catalog, Gate: tenants.NewGate(), Argon2: tenants.Argon2{MemoryKiB: 64, Time: 1},
		Env: twofactor.Env{Origin: "https://id.example.test", Now: w.clock.Now, Rand: rand.Reader, Log: log},
	})
	trail := &audit.Trail{DB: d, Seal: s, Now: w.clock.Now}
	w.HelpDesk = &admin.HelpDesk{
		DB: d, Tenants: store, Audit: trail,
		Ceremony: ceremony.New(ceremony.Config{
			DB: d, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Instances: store, Audit: trail,
			Outbox: delivery.New(delivery.Config{DB: d, Seal: s, Now: w.clock.Now, Log: log, Instances: store, Audit: trail}),
			Limits: &limits.Limiter{DB: d, Seal: s, Now: w.clock.Now},
		}),
		Notify: func(_ context.Context, userID string, n ceremony.Notice) error {
			w.told = append(w.told, n.Event+" "+w.name(userID))
			return w.broken
		},
		Sessions: func(context.Context, string) (int, error) { return 2, nil },
		EndUser: func(ctx context.Context, userID, actor, why string) (int, error) {
			if w.onEnd != nil {
				if err := w.onEnd(); err != nil {
					return 0, err
				}
			}
			if s := db.ScopeOf(ctx); s.Tenant == "" && s.Subscription != "" {
				w.ended = append(w.ended, "everywhere "+w.name(userID)+" "+actor)
			}
			return 2, nil
		},
	}
	w.customer("one", []string{"acme", "globex"}, "anna", "bob")
	w.customer("two", []string{"other"}, "olga")
	return w
}

// customer makes a subscription. Its first user is a member of all its tenants, the
// others of the first alone.
func (w *world) customer(name string, realms []string, users ...string) {
	w.t.Helper()
	sub := tenants.Subscription{Name: name, Title: name, Active: true}
	put(w.t)(w.Tenants.PutSubscription(w.t.Context(), &sub))
	ctx := db.WithScope(w.t.Context(), db.Scope{Subscription: sub.ID})
	idp := tenants.IDP{Name: "staff", Title: "staff", Type: tenants.IDPLocal, Active: true}
	put(w.t)(w.Tenants.PutIDP(ctx, &idp))
	var all []string
	for _, user := range users {
		u := tenants.User{Name: user, DisplayName: user, Kind: tenants.Person, Active: true, Email: user + "@example.test", EmailVerified: true, Phone: "+41791234567", PhoneVerified: true}
		put(w.t)(w.Tenants.PutUser(ctx, &u))
		put(w.t)(w.Tenants.SetIdentities(ctx, u, []string{idp.ID}))
		must(w.t, w.Tenants.SetPassword(ctx, u, "correct horse battery staple", true))
		w.ids[user], all = u.ID, append(all, u.ID)
	}
	for i, realm := range realms {
		v := tenants.Tenant{Name: realm, Title: realm, SessionSeconds: 7200, IdleSeconds: 3600, Active: true}
		put(w.t)(w.Tenants.PutTenant(ctx, &v))
		put(w.t)(w.Tenants.SetTenantIDPs(ctx, v.ID, []string{idp.ID}))
		put(w.t)(w.Tenants.SetTenantMembers(ctx, v.ID, all[:max(1, len(all)*(1-i))]))
		var err error
		w.realms[realm], err = w.Tenants.RealmByName(w.t.Context(), realm)
		must(w.t, err)
	}
	for _, kind := range []string{"token", "paper"} {
		v := tenants.TwoFactor{Name: kind + " of " + name, Type: kind, Active: true}
		put(w.t)(w.Tenants.PutTwoFactor(ctx, &v, tenants.Options{"Greeting": []byte(`"Hello"`), "Key": []byte(`"k"`)}))
		w.ids[kind+" "+name] = v.ID
	}
}

func (w *world) in(tenant string) context.Context {
	return tenants.WithRealm(w.t.Context(), w.realms[tenant])
}

func (w *world) name(userID string) string {
	for name, id := range w.ids {
		if id == userID {
			return name
		}
	}
	return userID
}

// enrol sets a token up for a user.
func (w *world) enrol(tenant, user string) {
	w.t.Helper()
	ctx := w.in(tenant)
	u, err := w.Tenants.User(ctx, w.ids[user])
	must(w.t, err)
	view, err := w.Ceremony.Begin(ctx, ceremony.Start{Purpose: ceremony.Enroll, SignInID: "s", TwoFactorID: w.ids["token one"], User: u.Factor("")})
	must(w.t, err)
	give := ceremony.Give{Purpose: ceremony.Enroll, ChallengeID: view, SignInID: "s", UserID: u.ID, Answer: twofactor.Answer{"code": w.token.Code(u.ID)}}
	must(w.t, w.Ceremony.Finish(ctx, give, func(context.Context, ceremony.Passed) error { return nil }))
}

// events lists what the trail of a tenant says, the newest first.
func (w *world) events(tenant string) (out []string) {
	w.t.Helper()
	list, err := w.Audit.List(w.in(tenant), 50)
	must(w.t, err)
	for _, e := range list {
		out = append(out, fmt.Sprint(e.Kind, " by ", e.Actor, " of ", w.name(e.User), " ", e.Detail))
	}
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T) func(tenants.Difference, error) {
	return func(_ tenants.Difference, err error) { t.Helper(); must(t, err) }
}

// wantCode checks that an error is the problem of this code; empty: none.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var p *problem.Error
	if code == "" && err == nil || errors.As(err, &p) && p.Code == code {
		return
	}
	t.Errorf("got %v, want %s", err, code)
}

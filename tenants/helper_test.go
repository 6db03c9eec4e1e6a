package tenants

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"twofold/internal/db"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/twofactor"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// done is for calls with a result that the test has no use for.
func done[T any](t testing.TB) func(T, error) {
	return func(_ T, err error) { t.Helper(); must(t, err) }
}

// world is a Store on a fresh database, with a clock that stands still and
// passwords that cost nothing.
type world struct {
	*Store
	t      testing.TB
	clock  *testkit.Clock
	logs   *testkit.LogBuffer
	hashes atomic.Int64 // computed so far
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) { f(t, newWorld(t, url)) })
}

var firstOfMay = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	w := &world{t: t, clock: testkit.NewClock(firstOfMay)}
	var log *slog.Logger
	log, w.logs = testkit.Logs(t)
	d, err := db.Open(t.Context(), url, db.Options{Now: w.clock.Now, Log: log})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	s, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	must(t, err)
	w.Store = New(Config{
		DB: d, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Catalog: catalog(), Gate: NewGate(),
		Env: twofactor.Env{Now: w.clock.Now, Rand: rand.Reader, Log: log},
	})
	w.cheap()
	return w
}

// cheap makes the store's hashes cost next to nothing, and counts them.
func (w *world) cheap() {
	w.hasher = hasher{
		params: argonParams{memory: 8, time: 1, threads: 1},
		derive: func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
			w.hashes.Add(1)
			return argon2.IDKey(password, salt, time, memory, threads, size)
		},
	}
	w.decoy = w.hasher.decoy(rand.Reader)
}

// fakeOptions are the options of all factor types in these tests.
type fakeOptions struct {
	Sender string           `json:"Sender" label:"Sender" required:"true"`
	Key    twofactor.Secret `json:"Key" label:"Key"`
	Length int              `json:"Length" label:"Length" min:"4" max:"10"`
}

type fakeFactor struct {
	twofactor.Factor
	options fakeOptions
}

// fakeSender sends, but nobody ever asks it to here.
type fakeSender struct{ fakeFactor }

func (*fakeSender) Send(context.Context, twofactor.Message) (twofactor.Receipt, error) {
	return twofactor.Receipt{}, twofactor.ErrRetry
}

// fakeTeller tells who somebody is.
type fakeTeller struct {
	fakeFactor
}

func (*fakeTeller) Identify(context.Context) (twofactor.Challenge, error) {
	return twofactor.Challenge{}, nil
}

func (*fakeTeller) Whose(twofactor.Challenge, twofactor.Answer) (string, error) { return "", nil }

// catalog has one type of each strength, and one that stands in for others.
func catalog() twofactor.Catalog {
	open := func(o fakeOptions, _ twofactor.Env) (twofactor.Factor, error) { return &fakeFactor{options: o}, nil }
	sending := func(o fakeOptions, _ twofactor.Env) (twofactor.Factor, error) {
		return &fakeSender{fakeFactor{options: o}}, nil
	}
	telling := func(o fakeOptions, _ twofactor.Env) (twofactor.Factor, error) {
		return &fakeTeller{fakeFactor{options: o}}, nil
	}
	usual := fakeOptions{Length: 6}
	return twofactor.NewCatalog(
		twofactor.Define(twofactor.Info{Type: "letter", Name: "Letter", Needs: []twofactor.Attribute{twofactor.NeedsEmail}, Strength: twofactor.Strength2FA}, usual, open),
		twofactor.Define(twofactor.Info{Type: "post", Name: "Post", Needs: []twofactor.Attribute{twofactor.NeedsEmail}, Strength: twofactor.Strength2FA}, usual, sending),
		twofactor.Define(twofactor.Info{Type: "call", Name: "Call", Needs: []twofactor.Attribute{twofactor.NeedsPhone}, Strength: twofactor.StrengthAAL2}, usual, open),
		twofactor.Define(twofactor.Info{Type: "key", Name: "Key", Strength: twofactor.StrengthPHR}, usual, open),
		twofactor.Define(twofactor.Info{Type: "enrolled", Name: "Enrolled", Strength: twofactor.StrengthAAL2, Enrolls: true}, usual, telling),
		twofactor.Define(twofactor.Info{Type: "paper", Name: "Paper", Strength: twofactor.StrengthAAL2, Fallback: true}, usual, open),
	)
}

var goodOptions = Options{"Sender": []byte(`"us"`)}

// customer is a subscription with one of each.
type customer struct {
	sub    Subscription
	tenant Tenant
	idp    IDP
	app    ClientApp
	group  Group
	anna   User // a person, member of the tenant and of the group
	letter TwoFactor
	admin  context.Context // scoped to the subscription
	ctx    context.Context // scoped to the tenant too
}

// customer makes one; its entities are named after it.
func (w *world) customer(name string) *customer {
	t := w.t
	t.Helper()
	c := &customer{
		sub:    Subscription{Name: name, Title: "The " + name + " company", Active: true},
		tenant: Tenant{Name: name, Title: "Staff of " + name, SMSCountries: List{"CH"}, Active: true},
		idp:    IDP{Name: "local", Type: IDPLocal, Active: true},
		app: ClientApp{
			Name: "portal", Type: AppWeb, ClientID: name + "-portal", AuthMethod: AuthBasic, IDTokenAlg: "RS256",
			GrantTypes: List{GrantCode}, RedirectURIs: List{"https://" + name + ".example/cb"}, Active: true,
		},
		group:  Group{Name: "all"},
		anna:   User{Name: "anna", Kind: Person, DisplayName: "Anna", Email: "anna@" + name + ".example", EmailVerified: true, Active: true},
		letter: TwoFactor{Name: "letter", Type: "letter", Active: true},
	}
	done[Difference](t)(w.PutSubscription(t.Context(), &c.sub))
	c.admin = db.WithScope(t.Context(), db.Scope{Subscription: c.sub.ID})
	done[Difference](t)(w.PutTenant(c.admin, &c.tenant))
	done[Difference](t)(w.PutIDP(c.admin, &c.idp))
	done[Difference](t)(w.PutClientApp(c.admin, &c.app))
	done[Difference](t)(w.PutGroup(c.admin, &c.group))
	done[Difference](t)(w.PutUser(c.admin, &c.anna))
	done[Difference](t)(w.PutTwoFactor(c.admin, &c.letter, goodOptions))
	done[Difference](t)(w.SetTenantIDPs(c.admin, c.tenant.ID, []string{c.idp.ID}))
	done[Difference](t)(w.SetTenantClientApps(c.admin, c.tenant.ID, []string{c.app.ID}))
	done[Difference](t)(w.SetTenantMembers(c.admin, c.tenant.ID, []string{c.anna.ID}))
	done[Difference](t)(w.SetGroupMembers(c.admin, c.group.ID, []string{c.anna.ID}))
	done[Difference](t)(w.SetIdentities(c.admin, c.anna, []string{c.idp.ID}))
	c.ctx = WithRealm(t.Context(), Realm{Subscription: c.sub, Tenant: c.tenant})
	return c
}

// user adds a person to the customer's tenant and IDP, with goodPassword.
func (w *world) user(c *customer, u User) User {
	t := w.t
	t.Helper()
	if u.Kind == "" {
		u.Kind = Person
	}
	done[Difference](t)(w.PutUser(c.admin, &u))
	done[Difference](t)(w.SetIdentities(c.admin, u, []string{c.idp.ID}))
	members, err := w.MembersOfTenant(c.admin, c.tenant.ID)
	must(t, err)
	ids := []string{u.ID}
	for _, m := range members {
		ids = append(ids, m.UserID)
	}
	done[Difference](t)(w.SetTenantMembers(c.admin, c.tenant.ID, ids))
	if u.Kind == Person {
		must(t, w.SetPassword(c.admin, u, goodPassword, false))
	}
	return u
}

const goodPassword = "velvet-harbour-59-lantern"

// policyOf asks for the sign-in of the customer's own user to its own app.
func (c *customer) question() Question {
	return Question{ClientAppID: c.app.ID, IDPID: c.idp.ID, UserID: c.anna.ID}
}

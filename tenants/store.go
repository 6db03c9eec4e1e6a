package tenants

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/internal/seal"
	"twofold/twofactor"
)

// CacheFor is how long tenants and client apps may be remembered: what an
// administrator switches off is off on every replica within it. Policy, users
// and sessions are never remembered.
const CacheFor = 10 * time.Second

// Store keeps the domain. Make it with New.
type Store struct {
	Config
	realms    *cache[Realm]
	hosts     *cache[map[string]string]
	apps      *cache[clientEntry]
	idps      *cache[[]IDP]
	templates *cache[[]Template]
	opened    *openedFactors
	hasher    hasher
	decoy     string // what the password of nobody is checked against
}

// Config is what a Store stands on. All fields but Argon2 and OnTenant must be set;
// CheckTemplate only where templates are saved.
type Config struct {
	DB      *db.DB
	Seal    *seal.Sealer
	Now     func() time.Time
	Rand    io.Reader
	Log     *slog.Logger
	Catalog twofactor.Catalog
	Env     twofactor.Env
	Gate    *Gate
	Argon2  Argon2
	// OnTenant runs in the transaction that creates a tenant, with its scope:
	// whatever a tenant needs from its first moment, such as signing keys.
	OnTenant func(ctx context.Context, t Tenant) error
	// CheckTemplate says what is wrong with the parts of a message template.
	CheckTemplate func(t Template) []twofactor.FieldError
}

// Argon2 are the parameters of new password hashes. Zero are those of SECURITY N32; tests
// of other things than passwords take less.
type Argon2 struct{ MemoryKiB, Time uint32 }

// New makes a Store.
func New(c Config) *Store {
	h := newHasher()
	if c.Argon2 != (Argon2{}) {
		h.params.memory, h.params.time = c.Argon2.MemoryKiB, c.Argon2.Time
	}
	return &Store{
		Config: c, realms: newCache[Realm](c.Now), hosts: newCache[map[string]string](c.Now), apps: newCache[clientEntry](c.Now), idps: newCache[[]IDP](c.Now),
		templates: newCache[[]Template](c.Now), opened: &openedFactors{m: map[[2]string]openedFactor{}}, hasher: h, decoy: h.decoy(c.Rand),
	}
}

type realmKey struct{}

// WithRealm puts a tenant into ctx: from here on the guard lets only its rows pass.
func WithRealm(ctx context.Context, r Realm) context.Context {
	ctx = db.WithScope(ctx, db.Scope{Subscription: r.Subscription.ID, Tenant: r.Tenant.ID})
	ctx = twofactor.WithOrigin(ctx, r.Origin)
	return context.WithValue(ctx, realmKey{}, r)
}

// RealmFrom returns the tenant of ctx, zero if there is none.
func RealmFrom(ctx context.Context) Realm {
	r, _ := ctx.Value(realmKey{}).(Realm)
	return r
}

// RealmByName finds an active tenant of an active subscription by the name in its
// issuer. The answer may be CacheFor old.
func (s *Store) RealmByName(ctx context.Context, name string) (Realm, error) {
	if !validName(name) {
		return Realm{}, errNoTenant
	}
	if r, ok := s.realms.get(ctx, name); ok {
		return r, nil
	}
	ctx = db.AllTenants(ctx)
	var t tenantRow
	if err := s.DB.For(ctx).Where("name = ? AND active", name).Take(&t).Error; err != nil {
		return Realm{}, notFound(err, errNoTenant)
	}
	var sub subscriptionRow
	if err := s.DB.For(ctx).Where("id = ? AND active", t.SubscriptionID).Take(&sub).Error; err != nil {
		return Realm{}, notFound(err, errNoTenant)
	}
	r := Realm{Subscription: sub.Subscription, Tenant: t.Tenant}
	s.realms.put(ctx, name, r)
	return r, nil
}

// RealmByID finds a tenant for work that runs without a request, such as the
// outbox. Unlike RealmByName it also finds inactive ones.
func (s *Store) RealmByID(ctx context.Context, id string) (Realm, error) {
	ctx = db.AllTenants(ctx)
	var t tenantRow
	if err := s.DB.For(ctx).Where("id = ?", id).Take(&t).Error; err != nil {
		return Realm{}, notFound(err, errNoTenant)
	}
	var sub subscriptionRow
	if err := s.DB.For(ctx).Where("id = ?", t.SubscriptionID).Take(&sub).Error; err != nil {
		return Realm{}, notFound(err, errNoTenant)
	}
	return Realm{Subscription: sub.Subscription, Tenant: t.Tenant}, nil
}

// IDPs lists the active IDPs of the tenant in ctx, by name.
func (s *Store) IDPs(ctx context.Context) ([]IDP, error) {
	tenant := db.ScopeOf(ctx).Tenant
	if tenant == "" {
		return nil, db.ErrNoScope
	}
	if l, ok := s.idps.get(ctx, tenant); ok {
		return slices.Clone(l), nil
	}
	mine := s.DB.For(ctx).Model(&tenantIDPRow{}).Select("idp_id")
	out, err := list(s.DB.For(ctx).Where("id IN (?) AND active", mine).Order("name"), idpOf)
	if err != nil {
		return nil, err
	}
	s.idps.put(ctx, tenant, out)
	return slices.Clone(out), nil
}

var (
	errNoTenant = problem.New(problem.NotFound, "tenant_unknown", "There is no sign-in page at this address.")
	errNoUser   = problem.New(problem.NotFound, "user_unknown", "There is no such user.")
	errNoApp    = problem.New(problem.NotFound, "client_unknown", "The app that sent you here is not known.")
)

func notFound(err error, otherwise *problem.Error) error {
	if db.IsNotFound(err) {
		return otherwise
	}
	return fmt.Errorf("tenants: %w", err)
}

// validName accepts what may stand in an issuer path: 1–63 of a–z, 0–9 and inner hyphens.
func validName(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}

// cache remembers found values for CacheFor. Misses are not remembered, so what
// is created is there at once; nor is what is read inside a transaction, which may
// be taken back.
type cache[V any] struct {
	now func() time.Time
	mu  sync.Mutex
	m   map[string]cached[V]
}

type cached[V any] struct {
	v  V
	at time.Time
}

const cacheSize = 10_000

func newCache[V any](now func() time.Time) *cache[V] {
	return &cache[V]{now: now, m: map[string]cached[V]{}}
}

func (c *cache[V]) get(ctx context.Context, k string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.m[k]
	if age := c.now().Sub(e.at); !ok || age >= CacheFor || age < 0 || db.InTx(ctx) {
		var zero V
		return zero, false
	}
	return e.v, true
}

func (c *cache[V]) put(ctx context.Context, k string, v V) {
	if db.InTx(ctx) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= cacheSize {
		clear(c.m)
	}
	c.m[k] = cached[V]{v, c.now()}
}

func (c *cache[V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.m)
}

// Forget drops what this process remembers. Changes made through the Store call
// it themselves; other replicas notice within CacheFor.
func (s *Store) Forget() {
	s.realms.clear()
	s.hosts.clear()
	s.apps.clear()
	s.idps.clear()
	s.templates.clear()
}

// changed forgets once what ctx's transaction changed can be read.
func (s *Store) changed(ctx context.Context) { db.AfterCommit(ctx, s.Forget) }

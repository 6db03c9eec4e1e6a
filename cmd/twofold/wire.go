package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/admin/console"
	"twofold/admin/rest"
	"twofold/idp"
	"twofold/idp/op"
	"twofold/idp/upstream"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/limits"
	"twofold/internal/masterkey"
	"twofold/internal/outbound"
	"twofold/internal/problem"
	"twofold/internal/seal"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/catalog"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/delivery"
	"twofold/twofactor/letters"
	"twofold/ui"
)

// house is everything wired: the only place that knows everyone.
type house struct {
	db       *db.DB
	keys     masterkey.House
	log      *slog.Logger
	now      func() time.Time
	audit    *audit.Trail
	limits   *limits.Limiter
	tenants  *tenants.Store
	outbox   *delivery.Outbox
	ceremony *ceremony.Ceremony
	provider *op.Provider
	idp      *idp.IDP
	admin    *admin.Admin
	console  *console.Console
	rest     *rest.API
	root     *mux.Router // all that is served
	ui       *ui.UI
	metrics  *metrics
	purged   time.Time // when the last purge was; sweep's own
}

// parts is what a house is built from; zero values are the production ones.
type parts struct {
	DatabaseURL string
	Seal        *seal.Sealer
	Log         *slog.Logger
	Now         func() time.Time
	Catalog     twofactor.Catalog
	RSABits     int                                     // of new tenants' keys; 0: 3072
	NewRSA      func(bits int) (*rsa.PrivateKey, error) // nil: the usual one
	Argon2      tenants.Argon2
	PerMinute   int // requests of one caller of the REST API; 0: rest.PerMinute
	// Schema brings the database to its schema, or refuses: the house's own keys are read
	// from it. Nil: the schema is there.
	Schema func(ctx context.Context, d *db.DB) error
	providerFlags
}

// build opens the database and wires the house. It starts nothing.
func build(ctx context.Context, p parts) (*house, error) {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Catalog == nil {
		p.Catalog = catalog.Builtin()
	}
	p.PublicURL = strings.TrimRight(p.PublicURL, "/")
	allowed, err := p.allowed()
	if err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, p.DatabaseURL, db.Options{Log: p.Log, Now: p.Now})
	if err != nil {
		return nil, err
	}
	keys, err := unlock(ctx, d, p)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	p.Seal = keys.Seal
	h := &house{db: d, log: p.Log, now: p.Now, metrics: newMetrics(), keys: keys}
	h.audit = &audit.Trail{DB: d, Seal: p.Seal, Now: p.Now}
	h.limits = &limits.Limiter{DB: d, Seal: p.Seal, Now: p.Now}
	h.tenants = tenants.New(tenants.Config{
		DB: d, Seal: p.Seal, Now: p.Now, Rand: rand.Reader, Log: p.Log, Catalog: p.Catalog, Gate: tenants.NewGate(), Argon2: p.Argon2,
		Env: twofactor.Env{
			Origin: p.PublicURL, HTTP: services(), Guarded: outbound.Client(outbound.Config{Allowed: allowed}),
			Now: p.Now, Rand: rand.Reader, Log: p.Log, Endpoints: p.endpoints(),
		},
	})
	h.tenants.CheckTemplate = func(t tenants.Template) []twofactor.FieldError { return letters.Check(t.Kind, partsOf(t)) }
	h.tenants.Env.Compose = h.composer(p.PublicURL).Compose
	h.outbox = delivery.New(delivery.Config{
		DB: d, Seal: p.Seal, Now: p.Now, Log: p.Log, Instances: h.tenants, Audit: h.audit, Observe: h.metrics.message,
		OnBreaker: h.metrics.breaker,
	})
	h.ceremony = ceremony.New(ceremony.Config{
		DB: d, Seal: p.Seal, Now: p.Now, Rand: rand.Reader, Log: p.Log, Instances: h.tenants, Outbox: h.outbox, Limits: h.limits, Audit: h.audit,
		SMS: h.smsRules,
	})
	h.outbox.Fallback = h.ceremony.FallThrough
	if h.provider, err = op.New(op.Config{
		DB: d, Seal: p.Seal, Now: p.Now, Rand: rand.Reader, Log: p.Log, Tenants: h.tenants, Audit: h.audit, PublicURL: p.PublicURL,
		Guarded: h.tenants.Env.Guarded, RSABits: p.RSABits, NewRSA: p.NewRSA, RefreshGrace: p.RefreshGrace, KeyTimes: p.times(),
	}); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	h.tenants.OnTenant = func(ctx context.Context, _ tenants.Tenant) error { return h.provider.CreateKeys(ctx) }
	if h.ui, err = ui.New(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	h.ui.OnFailure = func(r *http.Request, err error) { h.log.ErrorContext(r.Context(), "page not drawn", "error", err) }
	h.idp = idp.New(idp.Config{
		DB: d, Seal: p.Seal, Now: p.Now, Rand: rand.Reader, Log: p.Log, Tenants: h.tenants, Provider: h.provider, Ceremony: h.ceremony,
		Outbox: h.outbox, Limits: h.limits, Audit: h.audit, UI: h.ui, PublicURL: p.PublicURL, Observe: h.metrics.signIn,
		Catalog: p.Catalog, Compose: h.tenants.Env.Compose, Upstream: upstream.New(h.tenants.Env.Guarded, p.Now), Guarded: h.tenants.Env.Guarded,
	})
	h.ceremony.Notify, h.outbox.ReportURL = h.idp.Notify, h.idp.ReportURL
	h.admin = &admin.Admin{
		DB: d, Tenants: h.tenants, Ceremony: h.ceremony, Outbox: h.outbox, Audit: h.audit, Limits: h.limits, HelpDesk: h.helpDesk(),
		Now: p.Now, Log: p.Log, PublicURL: p.PublicURL, Preview: h.previewLetter, Letters: knownLetters(), Sessions: h.sessions(),
		SigningKeys: h.signingKeys(), Consents: h.consents(),
	}
	h.root = mux.NewRouter().SkipClean(true)
	h.idp.Mount(h.root)
	if h.console, err = console.New(console.Config{
		DB: d, Seal: p.Seal, Now: p.Now, Rand: rand.Reader, Log: p.Log, Tenants: h.tenants, Audit: h.audit, Admin: h.admin, UI: h.ui,
		PublicURL: p.PublicURL, HTTP: ownClient(h.root, p.PublicURL), SessionLive: h.idp.SessionLive, Reference: h.reference,
	}); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	h.admin.OnGrant = h.console.OnGrant
	h.rest = rest.New(rest.Config{
		Admin: h.admin, Bearer: h.bearer, DB: d, Seal: p.Seal, Now: p.Now, Log: p.Log, PublicURL: p.PublicURL, PerMinute: p.PerMinute,
	})
	h.rest.Mount(h.root)
	h.console.Mount(h.root)
	return h, nil
}

// unlock has the schema made and reads the keys that the database holds.
func unlock(ctx context.Context, d *db.DB, p parts) (masterkey.House, error) {
	keys := masterkey.House{DB: d, Seal: p.Seal}
	if p.Schema != nil {
		if err := p.Schema(ctx, d); err != nil {
			return keys, err
		}
	}
	var err error
	keys.Seal, err = keys.Load(ctx, rand.Reader)
	return keys, err
}

// sealed are all columns of sealed values. A test finds one that is not among them.
func (h *house) sealed() []masterkey.Column {
	return slices.Concat(
		h.keys.SealedColumns(), h.provider.SealedColumns(), h.tenants.SealedColumns(), h.ceremony.SealedColumns(), h.outbox.SealedColumns(),
		h.rest.SealedColumns(),
	)
}

// bearer tells the REST API whose an access token is.
func (h *house) bearer(ctx context.Context, token string) (admin.Signed, []string, error) {
	b, err := h.provider.Bearer(ctx, token)
	if err != nil {
		return admin.Signed{}, nil, err
	}
	s := admin.Signed{Home: db.Scope{Subscription: b.Realm.Subscription.ID, Tenant: b.Realm.Tenant.ID}, UserID: b.UserID, AuthTime: b.AuthTime, ACR: b.ACR}
	if b.UserID == "" {
		s.ClientAppID = b.ClientApp.ID
	}
	return s, b.Scopes, nil
}

// previewLetter shows a template with sample values.
func (h *house) previewLetter(ctx context.Context, t tenants.Template, medium twofactor.Medium) (twofactor.Message, error) {
	return h.composer(h.admin.PublicURL).Preview(ctx, t.Kind, medium, t.Lang, partsOf(t))
}

// knownLetters is what package letters knows, for the administration.
func knownLetters() admin.Letters {
	return admin.Letters{
		Kinds: letters.Kinds, Languages: letters.Languages, Variables: letters.Variables,
		Default: func(kind, lang string) tenants.Template {
			p := letters.Default(kind, lang)
			return tenants.Template{Kind: kind, Lang: lang, Subject: p.Subject, Text: p.Text, HTML: p.HTML, SMS: p.SMS}
		},
	}
}

// smsRules are those of the tenant in ctx.
func (h *house) smsRules(ctx context.Context) (r ceremony.SMSRules, err error) {
	r.Countries, r.PerDay, err = h.tenants.SMSRules(ctx)
	return r, err
}

// composer puts letters into words, by the templates that tenants keeps.
func (h *house) composer(publicURL string) letters.Composer {
	c := letters.Composer{Log: h.log}
	if u, err := url.Parse(publicURL); err == nil {
		c.Host = u.Hostname()
	}
	c.Overrides = func(ctx context.Context, kind string) ([]letters.Override, error) {
		found, err := h.tenants.TemplatesFor(ctx, kind)
		out := make([]letters.Override, len(found))
		for i, t := range found {
			out[i] = letters.Override{Level: string(t.Level), Lang: t.Lang, Parts: partsOf(t)}
		}
		return out, err
	}
	return c
}

func partsOf(t tenants.Template) letters.Parts {
	return letters.Parts{Subject: t.Subject, Text: t.Text, HTML: t.HTML, SMS: t.SMS}
}

// handler is the public surface.
func (h *house) handler(https bool, proxies []netip.Prefix) http.Handler {
	shell := &web.Shell{
		Log: h.log, Now: h.now, Proxies: proxies, HSTS: https, Observe: h.metrics.request,
		Failed: func(w http.ResponseWriter, r *http.Request) {
			if h.rest.Failed(w, r) {
				return
			}
			h.ui.Render(w, r, http.StatusInternalServerError, ui.Problem{
				Page:    ui.Page{Reference: web.RequestID(r.Context())},
				Heading: "Something went wrong on our side", Text: "Please try again in a moment.",
			})
		},
	}
	return shell.Wrap(h.idp.AtHosts(h.root))
}

// work runs what a replica does beside answering, until ctx ends.
func (h *house) work(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { h.outbox.Run(ctx) })
	wg.Go(func() { h.idp.TellApps(ctx) })
	wg.Go(func() { h.sweep(ctx) })
	wg.Go(func() { h.jobs(ctx) })
	wg.Go(func() { h.tendKeys(ctx) })
	wg.Wait()
}

// sweep removes what has had its time. Every replica may do it: each is one
// statement that finds nothing the second time.
func (h *house) sweep(ctx context.Context) {
	tick := time.NewTicker(5 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.purge(ctx)
		err := errors.Join(h.idp.Sweep(ctx), h.provider.Sweep(ctx), h.ceremony.Sweep(ctx), h.outbox.Sweep(ctx), h.limits.Sweep(ctx), h.console.Sweep(ctx), h.admin.SweepJobs(ctx), h.rest.SweepKeys(ctx))
		if err != nil && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "sweep failed", "error", err)
		}
	}
}

// forget erases what others than the tenants keep of something.
func (h *house) forget(ctx context.Context, kind, id string) error {
	return errors.Join(h.ceremony.Forget(ctx, kind, id), h.provider.Forget(ctx, kind, id))
}

// purge erases what was deleted 30 days ago. It reads all users, so not at each sweep.
func (h *house) purge(ctx context.Context) {
	now := h.now()
	if now.Sub(h.purged) < time.Hour {
		return
	}
	h.purged = now
	n, err := h.tenants.Purge(ctx, h.forget)
	if err != nil && ctx.Err() == nil {
		h.log.ErrorContext(ctx, "purge failed", "error", err)
	}
	if n > 0 {
		h.log.InfoContext(ctx, "erased what was deleted long ago", "things", n)
	}
}

// jobs works on bulk actions. Of any number of replicas one works on each.
func (h *house) jobs(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		some, err := h.admin.WorkJobs(ctx)
		if err != nil && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "bulk action broke off", "error", err)
		}
		if some && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// close waits for what goes on beside the requests, which must have ended.
func (h *house) close() error {
	h.idp.Wait()
	return h.db.Close()
}

// services is the client for foreign HTTP APIs whose addresses the operator has set
// (SECURITY N52): short timeouts, no redirects.
func services() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 3 * time.Second}).DialContext
	t.TLSHandshakeTimeout = 3 * time.Second
	t.MaxIdleConnsPerHost = 8
	return &http.Client{
		Transport: t, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// words turns an error of the house into a line for the terminal.
func words(err error) error {
	var p *problem.Error
	if errors.As(err, &p) {
		return fmt.Errorf("%s", p.Message)
	}
	return err
}

package rest_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/admin/rest"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/limits"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/delivery"
	"twofold/twofactor/factortest"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

const password = "correct horse battery staple"

// world is the API on a real database, over real HTTP. Customer "one" has the tenants
// acme and globex, "two" has other. Tokens are the names of users, with a role each.
type world struct {
	t      *testing.T
	db     *db.DB
	store  *tenants.Store
	admin  *admin.Admin
	api    *rest.API
	clock  *testkit.Clock
	logs   *testkit.LogBuffer
	server *httptest.Server
	ids    map[string]string // of everything, by its name
	fresh  bool              // whether users have signed in just now
	scopes []string
	broken error // what Bearer fails with
	post   *factortest.Fake
	ended  []string // sessions, as Admin.Sessions and HelpDesk.EndUser were asked
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) { f(t, newWorld(t, url)) })
}

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	w := &world{
		clock: testkit.NewClock(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)), ids: map[string]string{}, fresh: true, scopes: []string{"openid", "admin"},
	}
	w.t, _ = t.(*testing.T)
	var log *slog.Logger
	log, w.logs = testkit.Logs(t)
	var err error
	w.db, err = db.Open(t.Context(), url, db.Options{Now: w.clock.Now, Log: log, MaxConns: 6})
	must(t, err)
	t.Cleanup(func() { _ = w.db.Close() })
	s, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	must(t, err)
	token := factortest.NewFake(factortest.FakeConfig{Type: "token", Enrolls: true})
	w.post = factortest.NewFake(factortest.FakeConfig{Type: "post", Sends: true, Needs: []twofactor.Attribute{twofactor.NeedsEmail}})
	w.store = tenants.New(tenants.Config{
		DB: w.db, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Catalog: twofactor.NewCatalog(token.Provider(), w.post.Provider()), Gate: tenants.NewGate(),
		Argon2: tenants.Argon2{MemoryKiB: 64, Time: 1},
		Env:    twofactor.Env{Origin: "https://id.example.test", Now: w.clock.Now, Rand: rand.Reader, Log: log},
	})
	w.store.CheckTemplate = func(tenants.Template) []twofactor.FieldError { return nil }
	trail := &audit.Trail{DB: w.db, Seal: s, Now: w.clock.Now}
	outbox := delivery.New(delivery.Config{DB: w.db, Seal: s, Now: w.clock.Now, Log: log, Instances: w.store, Audit: trail})
	limit := &limits.Limiter{DB: w.db, Seal: s, Now: w.clock.Now}
	cer := ceremony.New(ceremony.Config{
		DB: w.db, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Instances: w.store, Audit: trail, Outbox: outbox,
		Limits: limit,
	})
	w.admin = &admin.Admin{
		DB: w.db, Tenants: w.store, Ceremony: cer, Outbox: outbox, Audit: trail, Now: w.clock.Now, Log: log, PublicURL: "https://id.example.test",
		Limits: limit, Sessions: w.sessions(), SigningKeys: w.signingKeys(), Consents: w.consents(),
		HelpDesk: &admin.HelpDesk{
			DB: w.db, Tenants: w.store, Ceremony: cer, Audit: trail,
			Notify:   func(context.Context, string, ceremony.Notice) error { return nil },
			Sessions: func(context.Context, string) (int, error) { return 0, nil },
			EndUser: func(ctx context.Context, user, _, _ string) (int, error) {
				w.ended = append(w.ended, "user "+w.called(user)+" in "+w.called(cmp.Or(db.ScopeOf(ctx).Tenant, db.ScopeOf(ctx).Subscription)))
				return 2, nil
			},
		},
		OnGrant: func(context.Context, tenants.Grant) error { return nil },
		Preview: func(context.Context, tenants.Template, twofactor.Medium) (twofactor.Message, error) {
			return twofactor.Message{}, nil
		},
	}
	w.api = rest.New(rest.Config{
		Admin: w.admin, Bearer: w.bearer, DB: w.db, Seal: s, Now: w.clock.Now, Log: log, PublicURL: "https://id.example.test",
		PerMinute: 1_000_000, // the clock stands still
	})
	root := mux.NewRouter().SkipClean(true)
	root.NotFoundHandler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		http.Error(rw, "a page of the house", http.StatusNotFound)
	})
	root.HandleFunc("/page", func(http.ResponseWriter, *http.Request) {}).Methods(http.MethodGet)
	w.api.Mount(root)
	shell := &web.Shell{Log: log, Now: w.clock.Now, Failed: func(rw http.ResponseWriter, r *http.Request) {
		if !w.api.Failed(rw, r) {
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}}
	w.server = httptest.NewServer(shell.Wrap(root))
	t.Cleanup(w.server.Close)
	w.customer(t, "one", "acme", "globex")
	w.customer(t, "two", "other")
	for _, g := range []struct {
		user, sub, tenant string
		role              tenants.Role
	}{
		{"root one", "", "", tenants.RoleSystemAdmin},
		{"sub one", "one", "", tenants.RoleSubscriptionAdmin},
		{"ten one", "one", "acme", tenants.RoleTenantAdmin},
		{"help one", "one", "acme", tenants.RoleHelpDesk},
		{"aud one", "one", "", tenants.RoleAuditor},
		{"sub two", "two", "", tenants.RoleSubscriptionAdmin},
	} {
		home := w.ids[strings.Fields(g.user)[1]]
		v := tenants.Grant{SubscriptionID: w.ids[g.sub], TenantID: w.ids[g.tenant], Role: g.role, SubjectKind: tenants.SubjectUser, SubjectID: w.ids[g.user], HomeID: home, CreatedBy: "test"}
		put(t)(w.store.PutGrant(t.Context(), &v))
	}
	return w
}

// sessions are those of a house with one session, of nobody in the first tenant of each
// customer.
func (w *world) sessions() admin.Sessions {
	of := func(ctx context.Context) (string, string) {
		if db.ScopeOf(ctx).Subscription == w.ids["one"] {
			return w.ids["acme"], w.ids["nobody one"]
		}
		return w.ids["other"], w.ids["nobody two"]
	}
	return admin.Sessions{
		List: func(ctx context.Context, q page.Query, in []string) (out page.Page[admin.Session], err error) {
			list := page.List{Seal: w.store.Seal, Name: "sessions", Sorts: []string{"-created"}, Filters: []string{"user", "tenant"}}
			if _, err := list.Ask(q); err != nil {
				return out, err
			}
			tenant, user := of(ctx)
			if in == nil || slices.Contains(in, tenant) {
				out.Items = append(out.Items, admin.Session{ID: w.ids["factor one"], TenantID: tenant, UserID: user, CreatedAt: w.clock.Now(), ACR: "urn:twofold:acr:2fa"})
			}
			return out, nil
		},
		ToldOf: func(ctx context.Context, _ string, in []string, n int) (out []admin.Told, _ error) {
			if tenant, _ := of(ctx); in == nil || slices.Contains(in, tenant) {
				next := w.clock.Now().Add(time.Minute)
				out = append(out, admin.Told{TenantID: tenant, SessionID: "s", State: "queued", Error: "HTTP 503", Attempts: 1, EndedAt: w.clock.Now(), NextAt: &next})
			}
			return out[:min(n, len(out))], nil
		},
		End: func(ctx context.Context, tenant, session, _, _ string) error {
			if at, _ := of(ctx); tenant != at {
				return problem.New(problem.NotFound, "unknown", "There is no such tenant.")
			}
			w.ended = append(w.ended, "session "+w.called(session))
			return nil
		},
		EndTenant: func(ctx context.Context, tenant, _, _ string) (int, error) {
			if at, _ := of(ctx); tenant != at {
				return 0, problem.New(problem.NotFound, "unknown", "There is no such tenant.")
			}
			w.ended = append(w.ended, "tenant "+w.called(tenant))
			return 3, nil
		},
		EndAll: func(ctx context.Context, _, _ string) (int, error) {
			w.ended = append(w.ended, "subscription "+w.called(db.ScopeOf(ctx).Subscription))
			return 7, nil
		},
	}
}

// signingKeys stands in for the provider: each tenant has one, with the tenant's id.
func (w *world) signingKeys() admin.SigningKeys {
	return admin.SigningKeys{
		List: func(ctx context.Context) ([]admin.SigningKey, error) {
			return []admin.SigningKey{{ID: db.ScopeOf(ctx).Tenant, Alg: "ES256", State: "active", CreatedAt: w.clock.Now(), Since: w.clock.Now(), Published: true}}, nil
		},
		Rotate: func(ctx context.Context, actor string) error {
			w.ended = append(w.ended, "rotation of "+w.called(db.ScopeOf(ctx).Tenant)+" by "+w.called(actor))
			return nil
		},
		Revoke: func(ctx context.Context, key, _, reason string) error {
			if key != db.ScopeOf(ctx).Tenant {
				return problem.New(problem.NotFound, "unknown", "There is no such key.")
			}
			w.ended = append(w.ended, "key of "+w.called(key)+" for "+reason)
			return nil
		},
	}
}

// consents are one of every user to the app of his subscription, where he is asked about.
func (w *world) consents() admin.Consents {
	return admin.Consents{
		Of: func(ctx context.Context, _ string, in []string) ([]admin.Consent, error) {
			if in == nil {
				in = []string{w.ids["globex"]}
			}
			app := w.ids["app "+w.called(db.ScopeOf(ctx).Subscription)]
			return []admin.Consent{{TenantID: in[0], ClientAppID: app, Scopes: []string{"email"}, CreatedAt: w.clock.Now(), UpdatedAt: w.clock.Now()}}, nil
		},
		Withdraw: func(ctx context.Context, userID, appID string, in []string, _ string) (int, error) {
			if !strings.HasPrefix(w.called(appID), "app ") {
				return 0, nil
			}
			w.ended = append(w.ended, "consent of "+w.called(userID)+" to "+w.called(appID))
			return 1, nil
		},
	}
}

// called is the name of a thing by its id.
func (w *world) called(id string) string {
	for name, v := range w.ids {
		if v == id {
			return name
		}
	}
	return id
}

// customer makes a subscription with one of each kind of thing.
func (w *world) customer(t testing.TB, name string, realms ...string) {
	t.Helper()
	sub := tenants.Subscription{Name: name, Title: name, Active: true}
	put(t)(w.store.PutSubscription(t.Context(), &sub))
	w.ids[name] = sub.ID
	ctx := db.WithScope(t.Context(), db.Scope{Subscription: sub.ID})
	idp := tenants.IDP{Name: "staff", Title: "staff", Type: tenants.IDPLocal, Active: true}
	put(t)(w.store.PutIDP(ctx, &idp))
	app := tenants.ClientApp{Name: "robot", Title: "robot", ClientID: "robot-" + name, Type: tenants.AppMachine, AuthMethod: tenants.AuthBasic, GrantTypes: tenants.List{tenants.GrantClientCredentials}, IDTokenAlg: "RS256", Active: true}
	put(t)(w.store.PutClientApp(ctx, &app))
	var members []string
	for _, user := range []string{"root", "sub", "ten", "help", "aud", "nobody"} {
		u := tenants.User{Name: user, DisplayName: user, Kind: tenants.Person, Active: true, Email: user + "@" + name + ".test"}
		put(t)(w.store.PutUser(ctx, &u))
		put(t)(w.store.SetIdentities(ctx, u, []string{idp.ID}))
		w.ids[user+" "+name], members = u.ID, append(members, u.ID)
	}
	for _, realm := range realms {
		v := tenants.Tenant{Name: realm, Title: realm, Active: true}
		put(t)(w.store.PutTenant(ctx, &v))
		put(t)(w.store.SetTenantIDPs(ctx, v.ID, []string{idp.ID}))
		put(t)(w.store.SetTenantMembers(ctx, v.ID, members))
		w.ids[realm] = v.ID
	}
	group := tenants.Group{Name: "sales"}
	put(t)(w.store.PutGroup(ctx, &group))
	factor := tenants.TwoFactor{Name: "token", Type: "token", Active: true}
	put(t)(w.store.PutTwoFactor(ctx, &factor, tenants.Options{"Greeting": []byte(`"Hello"`), "Key": []byte(`"the-key-of-` + name + `"`)}))
	assignment := tenants.Assignment{TwoFactorID: factor.ID, Level: tenants.LevelTenant, TargetID: w.ids[realms[0]]}
	put(t)(w.store.PutAssignment(ctx, &assignment))
	exemption := tenants.Exemption{Level: tenants.LevelUser, TargetID: w.ids["nobody "+name], Reason: "test", Until: w.clock.Now().Add(time.Hour), CreatedBy: "test"}
	put(t)(w.store.PutExemption(ctx, &exemption))
	maps.Copy(w.ids, map[string]string{
		"idp " + name: idp.ID, "app " + name: app.ID, "group " + name: group.ID, "factor " + name: factor.ID,
		"assignment " + name: assignment.ID, "exemption " + name: exemption.ID,
	})
}

func (w *world) bearer(_ context.Context, token string) (admin.Signed, []string, error) {
	if token == "panic" {
		panic("secret-words")
	}
	if w.broken != nil {
		return admin.Signed{}, nil, w.broken
	}
	name := strings.ReplaceAll(token, "-", " ")
	id, ok := w.ids[name]
	if !ok {
		return admin.Signed{}, nil, problem.New(problem.Unauthenticated, "token", "no such token")
	}
	sub := name[strings.LastIndexByte(name, ' ')+1:]
	s := admin.Signed{Home: db.Scope{Subscription: w.ids[sub], Tenant: w.ids[map[string]string{"one": "acme", "two": "other"}[sub]]}}
	if strings.HasPrefix(name, "app ") {
		s.ClientAppID = id
		return s, w.scopes, nil
	}
	s.UserID, s.ACR, s.AuthTime = id, "urn:twofold:acr:2fa", w.clock.Now()
	if !w.fresh {
		s.AuthTime = s.AuthTime.Add(-time.Hour)
	}
	return s, w.scopes, nil
}

// reply is an answer that was read.
type reply struct {
	*http.Response
	text string
	body map[string]any
}

// do sends a request. Headers come in pairs; a body is JSON unless a header says otherwise.
func (w *world) do(who, method, path, body string, headers ...string) reply {
	r, err := http.NewRequest(method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+strings.ReplaceAll(who, " ", "-"))
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) reply {
	res, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	out := reply{Response: res, text: string(text)}
	_ = json.Unmarshal(text, &out.body)
	return out
}

// in is a path below a subscription.
func (w *world) in(sub, rest string) string {
	return "/admin/v1/subscriptions/" + w.ids[sub] + rest
}

func (r reply) str(member string) string { s, _ := r.body[member].(string); return s }

// faults are the fields of a problem, in order.
func (r reply) faults() (out []string) {
	list, _ := r.body["errors"].([]any)
	for _, e := range list {
		out = append(out, e.(map[string]any)["field"].(string))
	}
	slices.Sort(out)
	return out
}

func (r reply) names() (out []string) {
	list, _ := r.body["items"].([]any)
	for _, e := range list {
		name, _ := e.(map[string]any)["name"].(string)
		out = append(out, name)
	}
	return out
}

// want checks status, code and fields of an answer.
func want(t *testing.T, r reply, status int, code string, fields ...string) {
	t.Helper()
	if r.StatusCode != status || r.str("code") != code || !slices.Equal(r.faults(), fields) && len(r.faults())+len(fields) > 0 {
		t.Fatalf("%s %s: got %d %s, want %d %s %v", r.Request.Method, r.Request.URL.Path, r.StatusCode, r.text, status, code, fields)
	}
	if status < 400 {
		return
	}
	if ct := r.Header.Get("Content-Type"); ct != "application/problem+json" || r.str("type") != "about:blank" || r.str("title") != http.StatusText(status) ||
		r.body["status"] != float64(status) || r.str("request_id") != r.Header.Get("X-Request-Id") || r.str("detail") == "" {
		t.Fatalf("not a problem: %s %s", ct, r.text)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB) func(tenants.Difference, error) {
	return func(_ tenants.Difference, err error) { t.Helper(); must(t, err) }
}

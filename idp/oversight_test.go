package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/idp/op"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// desk is a world with a trail and a provider, and a second tenant, annex, of acme's
// subscription, in which acme's user is too.
func desk(t *testing.T, w *world) {
	t.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the OIDC library logs its routes there
	w.Audit = &audit.Trail{DB: w.DB, Seal: w.Seal, Now: w.clock.Now}
	var err error
	w.Provider, err = op.New(op.Config{
		DB: w.DB, Seal: w.Seal, Now: w.clock.Now, Rand: w.Rand, Log: w.Log, Tenants: w.Tenants, Audit: w.Audit, PublicURL: "https://id.example.test", Guarded: http.DefaultClient,
	})
	must(t, err)
	annex := tenants.Tenant{Name: "annex", Title: "annex", SessionSeconds: 7200, IdleSeconds: 3600, Active: true}
	put(t)(w.Tenants.PutTenant(w.sub("acme"), &annex))
	put(t)(w.Tenants.SetTenantMembers(w.sub("acme"), annex.ID, []string{w.users["acme"]}))
	w.realms["annex"], err = w.Tenants.RealmByName(t.Context(), "annex")
	must(t, err)
	w.users["annex"] = w.users["acme"]
}

// sub is the subscription that a tenant belongs to.
func (w *world) sub(tenant string) context.Context {
	return db.WithScope(w.t.Context(), db.Scope{Subscription: w.realms[tenant].Subscription.ID})
}

func (w *world) tenantID(tenant string) string { return w.realms[tenant].Tenant.ID }

// open gives a tenant's user a session, and the apps a grant each in it; what begins
// with "offline" outlives it. A minute goes by.
func (w *world) open(tenant string, apps ...string) (sid string) {
	w.t.Helper()
	sid, _ = w.begin(tenant)
	for _, app := range apps {
		w.give(w.users[tenant], sid, app)
	}
	w.clock.Advance(time.Minute)
	return sid
}

func (w *world) give(user, sid, app string) {
	w.t.Helper()
	q := `INSERT INTO grants (tenant_id, id, client_app_id, user_id, session_id, scopes, claims, acr, amr, auth_time, offline, generation, created_at, expires_at, idle_expires_at, revoked_why)
SELECT tenant_id, '%s', '%s', '%s', '%s', '', '', '', '', created_at, %v, 0, created_at, expires_at, expires_at, '' FROM sessions WHERE id = '%s'`
	_, err := w.DB.SQL().ExecContext(w.t.Context(), fmt.Sprintf(q, id.New(), app, user, sid, strings.HasPrefix(app, "offline"), sid))
	must(w.t, err)
	q = `INSERT INTO session_clients (tenant_id, session_id, client_app_id, user_id, state, attempts, next_at, error, created_at)
SELECT tenant_id, id, '%s', '%s', 'held', 0, created_at, '', created_at FROM sessions WHERE id = '%s' ON CONFLICT DO NOTHING`
	_, err = w.DB.SQL().ExecContext(w.t.Context(), fmt.Sprintf(q, app, user, sid))
	must(w.t, err)
}

func (w *world) list(ctx context.Context, q page.Query, tenants []string) []Session {
	w.t.Helper()
	p, err := w.SessionList(ctx, q, tenants)
	must(w.t, err)
	return p.Items
}

// ids of sessions, by the names that a test gives them.
func named(names map[string]string, list []Session) string {
	var out []string
	for _, s := range list {
		for name, sid := range names {
			if sid == s.ID {
				out = append(out, name)
			}
		}
	}
	return strings.Join(out, " ")
}

func TestSessionList(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		resting := w.open("acme")
		w.clock.Advance(time.Hour)
		sid := map[string]string{"a": w.open("acme", "shop", "mail", "shop", "offline"), "b": w.open("annex"), "c": w.open("globex", "shop"), "d": w.open("acme")}
		ended := w.open("annex")
		must(t, w.EndSession(w.sub("acme"), w.tenantID("annex"), ended, "root", "x"))
		acme, annex, globex := w.tenantID("acme"), w.tenantID("annex"), w.tenantID("globex")
		user := func(u string) map[string]string { return map[string]string{FilterSessionUser: w.users[u]} }
		in := func(tenant string) map[string]string { return map[string]string{FilterSessionTenant: tenant} }
		for name, c := range map[string]struct {
			ctx     context.Context
			filter  map[string]string
			tenants []string
			want    string
		}{
			"all":                     {w.sub("acme"), nil, nil, "d b a"},
			"no filter":               {w.sub("acme"), map[string]string{"user": "", "tenant": ""}, nil, "d b a"},
			"tenant":                  {w.sub("acme"), in(annex), nil, "b"},
			"another's tenant":        {w.sub("acme"), in(globex), nil, ""},
			"user":                    {w.sub("acme"), user("acme"), nil, "d b a"},
			"user in a tenant":        {w.sub("acme"), map[string]string{"user": w.users["acme"], "tenant": acme}, nil, "d a"},
			"another's user":          {w.sub("acme"), user("globex"), nil, ""},
			"tenants":                 {w.sub("acme"), nil, []string{annex, globex}, "b"},
			"tenants, user":           {w.sub("acme"), user("acme"), []string{annex}, "b"},
			"no tenants":              {w.sub("acme"), nil, []string{}, ""},
			"no tenants, user":        {w.sub("acme"), user("acme"), []string{}, ""},
			"a tenant not of those":   {w.sub("acme"), in(acme), []string{annex}, ""},
			"in a tenant":             {w.in("annex"), nil, nil, "b"},
			"in a tenant, of another": {w.in("annex"), in(acme), nil, ""},
			"another subscription":    {w.sub("globex"), nil, nil, "c"},
			"with tenants of another": {w.sub("globex"), nil, []string{acme, annex}, ""},
		} {
			got := w.list(c.ctx, page.Query{Filter: c.filter}, c.tenants)
			if named(sid, got) != c.want || len(got) != len(strings.Fields(c.want)) {
				t.Errorf("%s: %q, want %q", name, named(sid, got), c.want)
			}
			back := w.list(c.ctx, page.Query{Filter: c.filter, Sort: "created"}, c.tenants)
			slices.Reverse(back)
			if named(sid, back) != c.want {
				t.Errorf("%s, oldest first: %q", name, named(sid, back))
			}
		}
		all := w.list(w.sub("acme"), page.Query{}, nil)
		a := all[2]
		if !slices.Equal(a.ClientApps, []string{"mail", "offline", "shop"}) || !slices.Equal(a.AMR, []string{"pwd"}) || a.ACR == "" || a.TenantID != acme ||
			a.UserID != w.users["acme"] || !a.ExpiresAt.Equal(a.CreatedAt.Add(2*time.Hour)) || !a.IdleExpiresAt.Equal(a.CreatedAt.Add(time.Hour)) || a.AuthTime.IsZero() {
			t.Errorf("%+v", a)
		}
		text, err := json.Marshal(all)
		if must(t, err); strings.Contains(string(text), resting) || strings.Contains(string(text), "Token") {
			t.Errorf("%s", text)
		}
	})
}

func TestSessionListByPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		for i := range 11 {
			w.begin([]string{"acme", "annex"}[i%2])
			w.clock.Advance(time.Duration(i%3) * time.Second) // some at the same moment
		}
		for _, filter := range []map[string]string{nil, {FilterSessionUser: w.users["acme"]}, {FilterSessionTenant: w.tenantID("acme")}} {
			for _, sort := range []string{"-created", "created"} {
				whole := w.list(w.sub("acme"), page.Query{Filter: filter, Sort: sort}, nil)
				q := page.Query{Limit: 2, Filter: maps.Clone(filter), Sort: sort}
				var got []Session
				for {
					p, err := w.SessionList(w.sub("acme"), q, nil)
					must(t, err)
					if got = append(got, p.Items...); p.Next == "" {
						break
					}
					q.After = p.Next
				}
				same := slices.EqualFunc(got, whole, func(a, b Session) bool { return a.ID == b.ID })
				if !same || len(got) < 6 {
					t.Errorf("%v %s: %d of %d", filter, sort, len(got), len(whole))
				}
				q.After = ""
				p, err := w.SessionList(w.sub("acme"), q, nil)
				must(t, err)
				q.After = p.Next
				if _, err := w.SessionList(w.sub("globex"), q, nil); !problem.Is(err, problem.Invalid) {
					t.Errorf("another's cursor: %v", err)
				}
			}
		}
		for name, v := range map[string]string{"user": "\x00", "tenant": strings.Repeat("x", 201), "token": "x"} {
			if _, err := w.SessionList(w.sub("acme"), page.Query{Filter: map[string]string{name: v}}, nil); !problem.Is(err, problem.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// what is left, as text: live sessions, grants and remembered browsers by tenant.
func (w *world) left() string {
	w.t.Helper()
	var out []string
	for _, name := range []string{"acme", "annex", "globex"} {
		in := " WHERE tenant_id = '" + w.tenantID(name) + "' AND "
		out = append(out, fmt.Sprintf("%s %d %d %d", name, w.count("sessions"+in+"ended_at IS NULL"),
			w.count("grants"+in+"revoked_at IS NULL"), w.count("remembered_browsers"+in+"1 = 1")))
	}
	return strings.Join(out, ", ")
}

// told is the trail of a subscription, oldest first, without ids.
func (w *world) told(tenant string) string {
	w.t.Helper()
	list, err := w.Audit.List(w.sub(tenant), 100)
	must(w.t, err)
	var out []string
	for _, e := range slices.Backward(list) {
		var detail map[string]any
		must(w.t, json.Unmarshal([]byte(e.Detail), &detail))
		line := e.Kind + " by " + e.Actor
		if n, ok := detail["sessions"]; ok {
			line += fmt.Sprintf(" %v", n)
		}
		if e.TenantID != "" {
			for name := range w.realms {
				if w.tenantID(name) == e.TenantID {
					line += " in " + name
				}
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, ", ")
}

func TestEndMany(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		start := "acme 2 4 1, annex 1 2 1, globex 1 1 1"
		var sid string
		for name, c := range map[string]struct {
			do         func() (int, error)
			n          int
			left, told string
		}{
			"a session": {
				func() (int, error) { return 1, w.EndSession(w.sub("acme"), w.tenantID("acme"), sid, "root", "x") }, 1,
				"acme 1 2 1, annex 1 2 1, globex 1 1 1", "session.ended by root in acme",
			},
			"of a tenant": {
				func() (int, error) { return w.EndTenant(w.sub("acme"), w.tenantID("acme"), "root", "x") }, 2,
				"acme 0 0 0, annex 1 2 1, globex 1 1 1", "sessions.ended by root 2 in acme",
			},
			"of the tenant it is in": {
				func() (int, error) { return w.EndTenant(w.in("annex"), w.tenantID("annex"), "root", "x") }, 1,
				"acme 2 4 1, annex 0 0 0, globex 1 1 1", "sessions.ended by root 1 in annex",
			},
			"of a subscription": {
				func() (int, error) { return w.EndSubscription(w.sub("acme"), "root", "x") }, 3,
				"acme 0 0 0, annex 0 0 0, globex 1 1 1", "sessions.ended by root 3",
			},
			"of a user here": {
				func() (int, error) { return w.EndUser(w.in("annex"), w.users["acme"], "root", "x") }, 1,
				"acme 2 4 1, annex 0 0 0, globex 1 1 1", "session.ended by root in annex",
			},
			"of a user": {
				func() (int, error) { return w.EndUser(w.sub("acme"), w.users["acme"], "root", "x") }, 3,
				"acme 0 0 0, annex 0 0 0, globex 1 1 1", "session.ended by root in acme, session.ended by root in acme, session.ended by root in annex",
			},
			"of another's user": {func() (int, error) { return w.EndUser(w.sub("acme"), w.users["globex"], "root", "x") }, 0, start, ""},
			"of nobody":         {func() (int, error) { return w.EndUser(w.sub("acme"), "none", "root", "x") }, 0, start, ""},
		} {
			t.Run(name, func(t *testing.T) {
				for _, table := range []string{"grants", "sessions", "remembered_browsers", "audit_events", "audit_chains"} {
					_, err := w.DB.SQL().ExecContext(t.Context(), "DELETE FROM "+table)
					must(t, err)
				}
				sid = w.open("acme", "shop", "offline")
				w.clock.Advance(time.Hour) // rests, and can be ended all the same
				w.open("acme", "shop", "offline")
				w.open("annex", "shop", "offline")
				w.open("globex", "offline")
				for _, tenant := range []string{"acme", "annex", "globex"} {
					w.mark(tenant, time.Hour)
				}
				if got := w.left(); got != start {
					t.Fatal(got)
				}
				if n, err := c.do(); n != c.n || err != nil {
					t.Errorf("%d, %v", n, err)
				}
				if got := w.left(); got != c.left {
					t.Errorf("left: %s, want %s", got, c.left)
				}
				if got := w.told("acme"); got != c.told {
					t.Errorf("told: %q, want %q", got, c.told)
				}
			})
		}
	})
}

func TestEndRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		sid := w.open("acme", "shop")
		acme, annex := w.tenantID("acme"), w.tenantID("annex")
		over := w.open("acme")
		must(t, w.EndSession(w.sub("acme"), acme, over, "root", "x"))
		before := w.told("acme")
		for name, c := range map[string]struct {
			ctx         context.Context
			tenant, sid string
		}{
			"another subscription": {w.sub("globex"), acme, sid}, "another tenant": {w.in("annex"), acme, sid}, "not there": {w.sub("acme"), annex, sid},
			"over": {w.sub("acme"), acme, over}, "none": {w.sub("acme"), acme, id.New()}, "no tenant": {w.sub("acme"), "none", sid},
		} {
			if err := w.EndSession(c.ctx, c.tenant, c.sid, "root", "x"); !problem.Is(err, problem.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, ctx := range map[string]context.Context{"another subscription": w.sub("globex"), "another tenant": w.in("annex")} {
			if n, err := w.EndTenant(ctx, acme, "root", "x"); n != 0 || !problem.Is(err, problem.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, ctx := range map[string]context.Context{"nowhere": t.Context(), "all": db.AllTenants(t.Context())} {
			_, err1 := w.EndSubscription(ctx, "root", "x")
			_, err2 := w.EndTenant(ctx, acme, "root", "x")
			_, err3 := w.EndUser(ctx, w.users["acme"], "root", "x")
			_, err4 := w.SessionList(ctx, page.Query{}, nil)
			_, err5 := w.ToldOf(ctx, "none", nil, 1)
			for _, err := range []error{err1, err2, err3, err4, err5, w.EndSession(ctx, acme, sid, "root", "x")} {
				if !errors.Is(err, db.ErrNoScope) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if _, err := w.EndSubscription(w.in("acme"), "root", "x"); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("all, from a tenant: %v", err)
		}
		if got := w.left(); got != "acme 1 1 0, annex 0 0 0, globex 0 0 0" || w.told("acme") != before {
			t.Errorf("%s; %s", got, w.told("acme"))
		}
	})
}

// More than one statement ends; a user who has very many has one entry in the trail.
func TestEndVeryMany(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		fill := func(n int) {
			_, err := w.DB.SQL().ExecContext(t.Context(), strings.NewReplacer("N", fmt.Sprint(n), "T", w.tenantID("acme"), "U", w.users["acme"], "S", w.clock.Now().Format("2006-01-02 15:04:05-07:00"),
				"E", w.clock.Now().Add(time.Hour).Format("2006-01-02 15:04:05-07:00")).Replace(
				`insert into sessions (tenant_id, id, token_hash, user_id, idp_id, proofs, auth_time, address, user_agent, created_at, seen_at, idle_expires_at, expires_at)
with recursive n(i) as (select 1 union all select i + 1 from n where i < N) select 'T', 's' || i, 'h' || i, 'U', '', '[]', 'S', '', '', 'S', 'S', 'E', 'E' from n`))
			must(t, err)
			for _, app := range []string{"shop", "offline"} {
				_, err = w.DB.SQL().ExecContext(t.Context(), `INSERT INTO grants (tenant_id, id, client_app_id, user_id, session_id, scopes, claims, acr, amr, auth_time, offline, generation, created_at, expires_at, idle_expires_at, revoked_why)
SELECT tenant_id, '`+app+`' || id, '`+app+`', user_id, id, '', '', '', '', created_at, false, 0, created_at, expires_at, expires_at, '' FROM sessions WHERE ended_at IS NULL`)
				must(t, err)
			}
		}
		fill(2*endAtOnce + 7)
		n, err := w.EndTenant(w.sub("acme"), w.tenantID("acme"), "root", "x")
		if n != 2*endAtOnce+7 || err != nil || w.left() != "acme 0 0 0, annex 0 0 0, globex 0 0 0" || w.told("acme") != "sessions.ended by root 2007 in acme" {
			t.Errorf("%d, %v: %s; %s", n, err, w.left(), w.told("acme"))
		}
		for _, table := range []string{"grants", "sessions"} {
			_, err := w.DB.SQL().ExecContext(t.Context(), "DELETE FROM "+table)
			must(t, err)
		}
		fill(mostTold + 1)
		n, err = w.EndUser(w.sub("acme"), w.users["acme"], "root", "x")
		if n != mostTold+1 || err != nil || !strings.HasSuffix(w.told("acme"), ", sessions.ended by root 51") {
			t.Errorf("%d, %v: %s", n, err, w.told("acme"))
		}
	})
}

// Whoever ends things at once waits for each other, and never each for each. Each in
// turn is an order of locks that once could deadlock.
func TestEndAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		for range 12 {
			for range 6 {
				for _, tenant := range []string{"acme", "annex"} {
					sid, _ := w.begin(tenant)
					w.give(w.users["acme"], sid, "shop")
					w.give(w.users["acme"], sid, "offline")
					w.mark(tenant, time.Hour)
				}
			}
			list := w.list(w.sub("acme"), page.Query{}, nil)
			acme, annex, user := w.tenantID("acme"), w.tenantID("annex"), w.users["acme"]
			calls := []func() error{
				func() error { _, err := w.EndUser(w.sub("acme"), user, "root", "x"); return err },
				func() error { _, err := w.EndUser(w.in("annex"), user, "root", "x"); return err },
				func() error { _, err := w.EndTenant(w.sub("acme"), annex, "root", "x"); return err },
				func() error { _, err := w.EndTenant(w.sub("acme"), acme, "root", "x"); return err },
				func() error { _, err := w.EndSubscription(w.sub("acme"), "root", "x"); return err },
				func() error {
					return w.DB.Tx(w.in("acme"), func(ctx context.Context) error { return w.endAll(ctx, user, list[0].ID, "x") })
				},
				func() error { return w.Sweep(t.Context()) },
			}
			for _, s := range list[:4] {
				row := sessionRow{TenantID: s.TenantID, ID: s.ID, UserID: s.UserID}
				name := map[string]string{acme: "acme", annex: "annex"}[s.TenantID]
				calls = append(calls, func() error { return w.end(w.in(name), &row, "signed out") }, func() error { return w.Provider.RevokeUser(w.in(name), user, "x") })
			}
			var wg sync.WaitGroup
			for _, call := range calls {
				wg.Go(func() {
					if err := call(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if got := w.left(); got != "acme 0 0 0, annex 0 0 0, globex 0 0 0" {
				t.Fatal(got)
			}
		}
		must(t, w.Audit.Verify(t.Context(), w.realms["acme"].Subscription.ID))
	})
}

// Sessions of a server where most rest: of a hundred tenants, of which one is large.
func TestSessionListAtScale(t *testing.T) {
	testkit.Later(t)
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		desk(t, w)
		for i := range 98 {
			tenant := tenants.Tenant{Name: fmt.Sprint("t", i), Title: "t", SessionSeconds: 7200, IdleSeconds: 3600, Active: true}
			put(t)(w.Tenants.PutTenant(w.sub("acme"), &tenant))
		}
		fill := `INSERT INTO sessions (tenant_id, id, token_hash, user_id, idp_id, proofs, auth_time, address, user_agent, created_at, seen_at, idle_expires_at, expires_at, ended_at)
SELECT t.id, 's' || (1000000 + n.i), 'h' || n.i, u.id, '', '[]', n.at, '', '', n.at, n.at, CASE WHEN n.i > 40000 THEN e.at ELSE n.at END, e.at, CASE WHEN n.i % 5 = 1 THEN n.at ELSE NULL END
FROM SERIES(50000, 1) JOIN (SELECT id, row_number() OVER (ORDER BY name) AS k FROM tenants) t ON t.k = CASE WHEN n.i % 3 < 2 THEN 1 ELSE 1 + n.i % 100 END
JOIN (SELECT id, row_number() OVER (ORDER BY name, id) AS k FROM users) u ON u.k = 1 + n.i % 4000 JOIN (SELECT at FROM SERIES(1, 10000000)) e ON 1 = 1`
		people := `INSERT INTO users (id, subscription_id, COLUMNS) SELECT 'p' || (1000000 + n.i), u.subscription_id, VALUES FROM SERIES(4000, 1) JOIN users u ON u.id = 'ANNA'`
		testkit.Bulk(t, url, "users", w.copied(people))
		// The second series of one statement has another step.
		testkit.Bulk(t, url, "sessions", fill)
		testkit.Bulk(t, url, "session_clients", `INSERT INTO session_clients (tenant_id, session_id, client_app_id, user_id, state, attempts, next_at, error, created_at)
SELECT s.tenant_id, s.id, 'app' || (n.i % 3), s.user_id, 'held', 0, s.created_at, '', s.created_at FROM sessions s JOIN SERIES(3, 1) ON 1 = 1`)
		w.clock.Set(time.Date(2026, 1, 1, 14, 0, 0, 0, time.UTC))
		recorder := testkit.Record(t, w.DB.For(t.Context()))
		some := []string{w.tenantID("annex"), w.tenantID("acme"), "none"}
		for _, filter := range []map[string]string{
			nil, {"tenant": w.tenantID("acme")}, {"tenant": w.tenantID("annex")}, {"tenant": w.tenantID("globex")}, {"user": "p1000077"}, {"user": "none"}, {"user": w.users["acme"]},
		} {
			for _, tenants := range [][]string{nil, some} {
				q := page.Query{Filter: filter}
				for range 2 {
					p, err := w.SessionList(w.sub("acme"), q, tenants)
					must(t, err)
					testkit.CheckPlans(t, url, testkit.Bounds{Queries: 3, Rows: 6000}, recorder.Take())
					if t.Failed() {
						t.Fatalf("%v %v: %d sessions", filter, tenants, len(p.Items))
					}
					if q.After = p.Next; q.After == "" {
						break
					}
				}
			}
		}
		if list := w.list(w.sub("acme"), page.Query{}, nil); len(list) != page.DefaultLimit || len(list[0].ClientApps) != 3 {
			t.Errorf("%d sessions", len(list))
		}
	})
}

// copied makes of a statement one that copies acme's user, all columns.
func (w *world) copied(q string) string {
	var names, values []string
	for c := range testkit.Schema(w.t, w.url)["users"].Columns {
		switch c {
		case "id", "subscription_id":
		case "name":
			names, values = append(names, c), append(values, "'p' || n.i")
		case "email", "phone":
			names, values = append(names, c), append(values, "''")
		default:
			names, values = append(names, c), append(values, "u."+c)
		}
	}
	return strings.NewReplacer("COLUMNS", strings.Join(names, ", "), "VALUES", strings.Join(values, ", "), "ANNA", w.users["acme"]).Replace(q)
}

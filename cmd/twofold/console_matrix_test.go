package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/page"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// consoleRoute is a page or an action of the console.
type consoleRoute struct {
	method, path string // the path below the subscription, or of the whole server
	name         string // the operation of the REST API that does the same
	whole        bool   // of the whole server
}

func (r consoleRoute) key() string { return r.method + " " + r.path }

// consoleRoutes walks the console's router. A page without a name has that of the form
// that it shows: what is posted to the same address.
func consoleRoutes(w *world) (out []consoleRoute) {
	w.t.Helper()
	root := mux.NewRouter()
	w.console.Mount(root)
	posts := map[string]string{}
	w.check(root.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil || slices.Contains(notAdministered, path) {
			return nil //nolint:nilerr // a subrouter
		}
		r := consoleRoute{method: methods[0], name: route.GetName()}
		if r.path, r.whole = strings.CutPrefix(path, "/admin/s/{sub}"); r.whole {
			r.whole = false
		} else {
			r.path, r.whole = strings.TrimPrefix(path, "/admin"), true
		}
		if r.method == http.MethodPost {
			posts[path] = r.name
		}
		if !slices.ContainsFunc(out, func(have consoleRoute) bool { return have.key() == r.key() && have.whole == r.whole }) {
			out = append(out, r)
		}
		return nil
	}))
	for i := range out {
		r := &out[i]
		full := "/admin" + r.path
		if !r.whole {
			full = "/admin/s/{sub}" + r.path
		}
		if alone, ok := pagesAlone[r.path]; ok && r.name == "" {
			r.name = alone
		}
		if r.name == "" {
			r.name = posts[full]
		}
	}
	return out
}

// notAdministered are the routes that belong to signing in.
var notAdministered = []string{"/admin", "/admin/", "/admin/signin", "/admin/callback", "/admin/signout", "/admin/setup", "/admin/switch"}

// pagesAlone are pages that only show, and do what no operation does alone.
var pagesAlone = map[string]string{
	"/":           "subscriptions.get",     // where one is
	"/users/bulk": "users.list",            // leads back to the list
	"/settings":   "base_settings.get",     // all types at once
	"/api":        "two_factor_types.list", // the reference, for whoever has a role
}

// TestConsoleRoutesAreOperations: all that the console does, the API does too, by the
// same name (SPEC §8.1).
func TestConsoleRoutesAreOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.SQLite(t))
	ops := operationsOf(t, w)
	for _, r := range consoleRoutes(w) {
		if _, ok := ops[r.name]; !ok {
			t.Errorf("%s has the name %q, which is no operation of the OpenAPI document: name the route after the operation that does the same, or explain it in pagesAlone", r.key(), r.name)
		}
	}
}

// operationsOf are the actions of the operations of the document.
func operationsOf(t *testing.T, w *world) map[string]string {
	t.Helper()
	var d struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Action      string `json:"x-twofold-action"`
		} `json:"paths"`
	}
	w.check(json.Unmarshal(w.rest.OpenAPI("openapi.json"), &d))
	out := map[string]string{}
	for _, methods := range d.Paths {
		for _, op := range methods {
			out[op.OperationID] = op.Action
		}
	}
	return out
}

// TestConsoleMatrix holds every page and every form of the console against every role, in
// its own tenant, in another of its subscription, and in a subscription of somebody else's.
// Who may is by SPEC: see testkit.MayDo. What is refused must change nothing.
func TestConsoleMatrix(t *testing.T) {
	testkit.Later(t)
	t.Parallel()
	// The roles are held to both databases by TestRoleMatrix; here are the pages.
	t.Run("sqlite", func(t *testing.T) {
		databaseURL := testkit.SQLite(t)
		m := newConsoleMatrix(t, databaseURL)
		for _, r := range m.routes {
			t.Run(r.key(), func(t *testing.T) { m.run(t, r) })
		}
		t.Logf("%d routes, %d cases: %d allowed, %d refused with nothing changed; crossings: %d", len(m.routes), m.allowed+m.refused, m.allowed, m.refused, m.crossings)
		if m.crossings > 0 || m.allowed == 0 || m.refused == 0 {
			t.Errorf("%d crossings", m.crossings)
		}
	})
}

type consoleMatrix struct {
	*world
	rival     *world
	ops       map[string]string
	routes    []consoleRoute
	roles     []clerk
	changes   *testkit.Changes
	made      int
	allowed   int
	refused   int
	crossings int
}

// clerk has one role, and is signed in.
type clerk struct {
	name, letter string
	scope        string // "tenant", "subscription", "server", "elsewhere"
	*testkit.Client
}

// stall is a place of the console: a tenant in its subscription.
type stall struct {
	*consoleMatrix
	w            *world
	name, tenant string
	spare        bool // things are used up
}

func newConsoleMatrix(t *testing.T, databaseURL string) *consoleMatrix {
	t.Helper()
	w := newWorld(t, databaseURL)
	w.tenant("acme")
	w.tenant("globex")
	w.factor("mail", "email")
	w.assign("mail", "subscription sample", false)
	rival := *w
	rival.ids = map[string]string{}
	rival.sub = tenants.Subscription{Name: "rival", Title: "Rival Ltd", Active: true}
	rival.must(rival.tenants.PutSubscription(context.Background(), &rival.sub))
	rival.ids["subscription rival"] = rival.sub.ID
	rival.idp_("staff")
	rival.ids["client_app expenses"] = rival.app(tenants.ClientApp{Name: "rival-expenses"})
	rival.tenant("initech")
	rival.factor("mail", "email")
	third := tenants.Subscription{Name: "third", Title: "Third Ltd", Active: true}
	w.must(w.tenants.PutSubscription(context.Background(), &third))
	m := &consoleMatrix{world: w, rival: &rival, ops: operationsOf(t, w), routes: consoleRoutes(w)}
	for _, r := range []struct {
		login, name, letter, scope string
		grant                      tenants.Grant
	}{
		{"root", "SystemAdmin", "S", "server", tenants.Grant{Role: tenants.RoleSystemAdmin}},
		{"suba", "SubscriptionAdmin", "A", "subscription", tenants.Grant{SubscriptionID: w.sub.ID, Role: tenants.RoleSubscriptionAdmin}},
		{"tina", "TenantAdmin", "T", "tenant", tenants.Grant{SubscriptionID: w.sub.ID, TenantID: w.ids["tenant acme"], Role: tenants.RoleTenantAdmin}},
		{"desk", "HelpDesk of the subscription", "H", "subscription", tenants.Grant{SubscriptionID: w.sub.ID, Role: tenants.RoleHelpDesk}},
		{"hela", "HelpDesk of the tenant", "H", "tenant", tenants.Grant{SubscriptionID: w.sub.ID, TenantID: w.ids["tenant acme"], Role: tenants.RoleHelpDesk}},
		{"otto", "Auditor of the subscription", "U", "subscription", tenants.Grant{SubscriptionID: w.sub.ID, Role: tenants.RoleAuditor}},
		{"olaf", "Auditor of the tenant", "U", "tenant", tenants.Grant{SubscriptionID: w.sub.ID, TenantID: w.ids["tenant acme"], Role: tenants.RoleAuditor}},
		{"wanda", "Auditor of the server", "U", "server", tenants.Grant{Role: tenants.RoleAuditor}},
		{"xaver", "SubscriptionAdmin of a third", "", "elsewhere", tenants.Grant{SubscriptionID: third.ID, Role: tenants.RoleSubscriptionAdmin}},
	} {
		user := w.user(tenants.User{Name: r.login})
		w.must(w.tenants.Link(w.ctx(), tenants.LinkTenantMember, w.ids["tenant acme"], user))
		r.grant.SubjectKind, r.grant.SubjectID, r.grant.HomeID = tenants.SubjectUser, user, w.sub.ID
		w.check(w.admin.Grant(w.ctx(), admin.Operator(), &r.grant))
		w.tenants.Forget()
		o := &officer{Client: testkit.NewClient(t), w: w}
		o.signIn(r.login)
		m.roles = append(m.roles, clerk{r.name, r.letter, r.scope, o.Client})
	}
	w.stopWork() // what it does by itself is no answer to a request
	m.changes = testkit.WatchChanges(t, databaseURL, "audit_events", "audit_chains", "rate_counters", "idempotency_keys")
	return m
}

// consoleRule is what is special about an operation at the console.
type consoleRule struct {
	who    string // by the letters of testkit.MayDo, if not as it says
	whole  bool   // of the subscription, and no tenant's matter
	entire bool   // about all of a subscription: a role in a tenant does not count
	strict bool   // its address names a tenant
	list   bool   // its address is the subscription's; what is shown or done is one's own
	other  int    // a status by which it is refused beside 403 and 404
	fine   int    // a status that is fine for who may
}

// consoleRules say what differs from action and path, with the reasons.
var consoleRules = map[string]consoleRule{
	"subscriptions.get": {whole: true}, "subscriptions.update": {whole: true}, "subscriptions.delete": {whole: true},
	// What may be read of it by everybody is on the first page; this one is its configuration.
	"GET /subscription": {who: "SA", whole: true},
	// Who sees but one or some finds them in the switch; this is where they are made.
	"subscriptions.list": {who: "S"},
	// The pages of tenants are about running them; that they are there is on other pages.
	"tenants.list": {who: "SAT", list: true}, "tenants.get": {who: "SAT"},
	"tenants.create": {whole: true}, "idps.create": {whole: true}, "client_apps.create": {whole: true}, "groups.create": {whole: true},
	"users.create": {list: true, other: 422}, // a tenant of the form that is not one's own does not exist
	// A file goes as multipart/form-data, which this test does not send: it is read last.
	"users.import": {list: true, fine: 400}, "tenants.logo.set": {fine: 422}, "client_apps.logo.set": {fine: 422},
	"users.restore":    {who: "SA"}, // what was deleted is a member of no tenant
	"users.idps.add":   {who: "SA"}, // as IDPs are
	"two_factors.list": {whole: true}, "two_factors.get": {whole: true}, "two_factors.create": {whole: true}, "two_factors.update": {whole: true},
	"two_factors.delete": {whole: true}, "two_factors.restore": {whole: true}, "two_factors.test": {whole: true},
	"base_settings.get": {whole: true}, "base_settings.update": {whole: true},
	"audit.verify": {whole: true, entire: true}, "sessions.end_all": {whole: true, entire: true},
	"sessions.end": {list: true}, // one that is not there has ended by itself
	"jobs.create":  {who: "SAT", list: true}, "jobs.get": {who: "SA", whole: true}, "jobs.stop": {who: "SA", whole: true},
	"policy.preview.list": {list: true},
	"templates.set":       {strict: true},
	"roles.create":        {other: 422}, // a tenant of the form that is not one's own is no choice
	"assignments.create":  {other: 422}, // a target of the form that is not one's own does not exist
}

// rule is that of a route, or of its operation.
func (r consoleRoute) rule() consoleRule {
	if rule, ok := consoleRules[r.key()]; ok {
		return rule
	}
	return consoleRules[r.name]
}

// leavesNothing are operations that are allowed and leave no trace in the tables that are
// watched: some are the trail's, and sessions are those of the test's own people.
var leavesNothing = []string{"audit.verify", "platform_audit.verify", "sessions.end", "sessions.end_all", "two_factors.test", "tenants.logo.delete", "client_apps.logo.delete"}

// expected reports whether somebody may, in a place.
func (m *consoleMatrix) expected(r consoleRoute, c clerk, in string) bool {
	action, rule := m.ops[r.name], r.rule()
	letters, known := testkit.MayDo(action)
	if rule.who != "" {
		letters = rule.who
	}
	list := rule.list || r.method == http.MethodGet && !strings.Contains(r.path, "{") && !rule.strict
	switch {
	case action == "": // whoever has a role here
		return r.whole || c.scope == "server" || c.scope != "elsewhere" && in != "foreign"
	case !known:
		m.t.Errorf("testkit.MayDo does not know %q of %s", action, r.name)
		return false
	case c.letter == "" || !strings.Contains(letters, c.letter):
		return false
	case r.whole:
		return c.scope == "server"
	case rule.entire && c.scope == "tenant":
		return false
	case c.scope == "server", in == "own":
		return true
	case in == "beside":
		return c.scope == "subscription" || rule.whole || list
	}
	return false
}

func (m *consoleMatrix) stalls() []*stall {
	return []*stall{{m, m.world, "own", "acme", false}, {m, m.world, "beside", "globex", false}, {m, m.rival, "foreign", "initech", false}}
}

func (m *consoleMatrix) run(t *testing.T, r consoleRoute) {
	if _, ok := m.ops[r.name]; !ok {
		t.Fatalf("%s has the name %q, which is no operation: see TestConsoleRoutesAreOperations", r.key(), r.name)
	}
	places := m.stalls()
	if r.whole {
		places = places[:1]
	}
	for _, in := range places {
		ask := in.ask(t, r)
		m.changes.Since()
		for _, c := range m.roles {
			if !m.expected(r, c, in.name) {
				m.denied(t, r, c, in, ask.do(c))
			}
		}
		for _, c := range m.roles {
			if m.expected(r, c, in.name) {
				spare := *in
				spare.spare = true
				ask := spare.ask(t, r)
				m.changes.Since()
				p := ask.do(c)
				m.permitted(t, r, c, in, p)
				if r.method == http.MethodPost && c.letter == "S" && p.Status < http.StatusBadRequest && len(m.changes.Since()) == 0 && !slices.Contains(leavesNothing, r.name) {
					t.Errorf("the request proves nothing: it changes nothing for a SystemAdmin in %s either: %d %v %s", in.name, p.Status, ask.form, p.Text)
				}
			}
		}
	}
}

func (m *consoleMatrix) permitted(t *testing.T, r consoleRoute, c clerk, in *stall, p *testkit.Page) {
	t.Helper()
	m.allowed++
	if rule := r.rule(); p.Status >= http.StatusBadRequest && p.Status != rule.fine && !(rule.other == p.Status && in.name == "beside") {
		t.Errorf("%s may in %s, but: %d %s", c.name, in.name, p.Status, p.Text)
	}
	if p.IsRedirect() && strings.HasPrefix(p.Location().Path, "/admin/signin") {
		t.Errorf("%s in %s is not signed in", c.name, in.name)
	}
	for _, other := range m.stalls() {
		sees := c.scope == "server" || other.w == m.world && (c.scope == "subscription" || c.scope == "tenant" && other.name == "own")
		if word := "thing-of-" + other.tenant + "-"; !sees && strings.Contains(p.Body, word) && r.name != "users.create" { // his own form is drawn again

			m.crossings++
			t.Errorf("%s in %s reads of %s: %s", c.name, in.name, other.name, p.Text)
		}
	}
}

func (m *consoleMatrix) denied(t *testing.T, r consoleRoute, c clerk, in *stall, p *testkit.Page) {
	t.Helper()
	m.refused++
	there := r.whole || c.scope == "server" || c.scope != "elsewhere" && in.w == m.world
	if ok := p.Status == http.StatusNotFound || there && (p.Status == http.StatusForbidden || p.Status != 0 && p.Status == r.rule().other); !ok {
		if p.Status < http.StatusBadRequest {
			m.crossings++
		}
		t.Errorf("%s may not in %s, but: %d %s", c.name, in.name, p.Status, p.Text)
	}
	if changed := m.changes.Since(); len(changed) > 0 {
		m.crossings++
		t.Errorf("%s may not in %s, and has changed: %s", c.name, in.name, strings.Join(changed, "\n"))
	}
}

// visit is a request of the console.
type visit struct {
	method, url string
	form        url.Values
	from        string
}

func (a visit) do(c clerk) *testkit.Page {
	if a.method == http.MethodGet {
		return c.Get(a.url)
	}
	return c.PostFormFrom(a.from, a.url, a.form)
}

// ask makes what a route is about, and fills in its form as its page has it.
func (s *stall) ask(t *testing.T, r consoleRoute) visit {
	t.Helper()
	vars := s.vars(t, r)
	path := r.path
	for name, v := range vars {
		path = strings.ReplaceAll(path, "{"+name+"}", v)
	}
	base := s.w.url + "/admin"
	if !r.whole {
		base += "/s/" + s.w.sub.ID
		if strings.HasPrefix(r.path, "/subscription/") && vars["sub"] != "" {
			base = s.w.url + "/admin/s/" + vars["sub"]
		}
	}
	if strings.Contains(path, "{") {
		t.Fatalf("%s: add its variables to stall.vars in console_matrix_test.go, and think of who may", r.key())
	}
	a := visit{method: r.method, url: base + path + s.query(r), from: s.w.url}
	if r.method == http.MethodPost {
		a.form = s.form(t, r, a.url, vars)
	}
	return a
}

// query is what the address of a page needs.
func (s *stall) query(r consoleRoute) string {
	switch {
	case r.path == "/templates/edit" && r.whole:
		return "?level=platform&kind=code&lang=de"
	case r.path == "/templates/edit":
		return "?level=tenant&target=" + s.w.ids["tenant "+s.tenant] + "&kind=code&lang=de"
	case r.path == "/preview":
		text, _ := json.Marshal(tenants.Change{Demand: &tenants.Demand{Level: tenants.LevelTenant, TargetID: s.w.ids["tenant "+s.tenant], EnforceMFA: new(true)}})
		return "?effect=cannot_satisfy&change=" + url.QueryEscape(string(text))
	case r.path == "/client-apps/new":
		return "?type=machine"
	}
	return ""
}

// form is what would be posted: as the page of the same address shows it to a
// SystemAdmin, with what a person would fill in.
func (s *stall) form(t *testing.T, r consoleRoute, address string, vars map[string]string) url.Values {
	t.Helper()
	out := url.Values{}
	if slices.ContainsFunc(s.routes, func(have consoleRoute) bool {
		return have.method == http.MethodGet && have.path == r.path && have.whole == r.whole
	}) {
		page := s.roles[0].Get(address)
		path, _, _ := strings.Cut(address, "?")
		for _, f := range page.Forms {
			if f.Method == http.MethodPost && strings.HasPrefix(f.Action.String(), path) {
				maps.Copy(out, f.Values())
			}
		}
	}
	out.Set("confirmed", "true")
	if r.path == "/client-apps/{id}/claims" {
		out.Set("name_0", "roles")
		out.Set("source_0", "groups")
	}
	for name, v := range s.filled(r, vars) {
		out.Set(name, v)
	}
	return out
}

// filled is what a person fills in.
func (s *stall) filled(r consoleRoute, vars map[string]string) map[string]string {
	tenant := s.w.ids["tenant "+s.tenant]
	switch r.name {
	case "users.create":
		return map[string]string{"name": s.next(), "kind": "person", "tenants": tenant}
	case "idps.create":
		return map[string]string{"name": s.next(), "type": tenants.IDPLocal, "whole": "true"}
	case "groups.create", "client_apps.create", "subscriptions.create", "groups.update":
		return map[string]string{"name": s.next(), "client_id": s.next(), "type": "machine", "whole": "true"}
	case "tenants.create":
		return map[string]string{"name": s.next()}
	case "tenants.delete", "subscriptions.delete":
		return map[string]string{"typed": vars["name"]}
	case "sessions.end_all":
		if s.spare { // it would sign everybody out who is at work here: that he may is seen by what it says
			return map[string]string{"typed": "not its name"}
		}
		return map[string]string{"typed": s.w.sub.Name}
	case "two_factors.update":
		return map[string]string{"do": "off", "instance_name": s.common()}
	case "users.update":
		return map[string]string{"display_name": s.next()}
	case "tenants.update", "idps.update", "client_apps.update", "subscriptions.update":
		return map[string]string{"title": s.next()}
	case "assignments.update":
		return map[string]string{"required": "true", "grace_days": "0"}
	case "base_settings.update", "platform_settings.update":
		return map[string]string{"Issuer": s.next()}
	case "idps.delete", "client_apps.delete":
		return map[string]string{"typed": vars["name"]}
	case "signing_keys.revoke":
		return map[string]string{"typed": vars["name"], "reason": "stolen"}
	case "sessions.end":
		return map[string]string{"do": "end", "id": tenant + "." + id.New()}
	case "users.password.set":
		return map[string]string{"password": "a quiet and long sentence", "again": "a quiet and long sentence"}
	case "users.bypass.create", "users.factors.reset", "users.unlock":
		return map[string]string{"reason": "lost the phone"}
	case "tenants.members.add", "tenants.idps.add", "tenants.client_apps.add": // what hangs on its tenant already
		return map[string]string{"do": "remove", "other": vars["other"]}
	case "users.idps.add", "groups.members.add", "client_apps.users.add", "client_apps.groups.add":
		return map[string]string{"do": "add", "other": vars["other"]}
	case "two_factors.create":
		return map[string]string{"instance_name": s.common(), "type": "totp", "active": "true"}
	case "assignments.create":
		return map[string]string{"two_factor": s.factor(), "level": "tenant", "target": tenant, "whole": "true"}
	case "exemptions.create":
		return map[string]string{"level": "user", "target": s.userName(), "reason": "test", "until": s.clock.Now().Add(48 * time.Hour).Format(time.DateOnly), "whole": "true"}
	case "exemptions.update":
		return map[string]string{"reason": s.next()}
	case "roles.create":
		return map[string]string{"role": "auditor", "tenant": tenant, "subject_kind": "user", "subject": s.userName()}
	case "platform_roles.create":
		return map[string]string{"role": "auditor", "subject_kind": "user", "subject": s.userName(), "home": s.w.sub.ID}
	case "templates.set", "platform_templates.set":
		return map[string]string{"text": s.next() + " {{.Code}}"}
	case "jobs.create":
		s.drained()
		return map[string]string{"do": "deactivate", "id": s.user()}
	}
	return nil
}

// vars makes what the variables of a path name.
func (s *stall) vars(t *testing.T, r consoleRoute) map[string]string {
	t.Helper()
	tenant := s.w.ids["tenant "+s.tenant]
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.path, "/"), "/")
	out := map[string]string{"type": "totp", "id": ""}
	restored := strings.HasSuffix(rest, "/restore")
	switch first {
	case "users":
		out["id"] = s.user()
		if strings.Contains(rest, "/consents/") {
			out["client_app"] = s.w.ids["client_app expenses"]
			_, err := s.db.SQL().Exec(fmt.Sprintf("INSERT INTO consents (tenant_id, user_id, client_app_id, scopes, created_at, updated_at) VALUES ('%s', '%s', '%s', '[]', '2026-11-22 12:00:00', '2026-11-22 12:00:00')", tenant, out["id"], out["client_app"]))
			s.check(err)
		}
		if strings.HasSuffix(rest, "/unlock") {
			_, err := s.db.SQL().Exec(fmt.Sprintf("INSERT INTO user_failures (subscription_id, user_id, failures, last_us, blocked_until_us) VALUES ('%s', '%s', 9, 0, 0)", s.w.sub.ID, out["id"]))
			s.check(err)
		}
		if restored {
			s.check(s.w.tenants.Users().Delete(s.w.ctx(), out["id"], 0))
		}
	case "groups":
		out["id"] = s.group()
	case "tenants":
		if out["id"], out["name"] = tenant, s.tenant; s.spare && (restored || strings.HasSuffix(rest, "/delete")) {
			v := tenants.Tenant{Name: s.next(), SessionSeconds: 3600, IdleSeconds: 600, Active: true}
			s.w.must(s.w.tenants.PutTenant(s.w.ctx(), &v))
			if out["id"], out["name"] = v.ID, v.Name; restored {
				s.check(s.w.tenants.Tenants().Delete(s.w.ctx(), v.ID, 0))
			}
		}
		s.signingKey(tenant, out)
	case "idps":
		if out["id"], out["name"] = s.idp(), s.last(); restored {
			s.check(s.w.tenants.KeptIDPs().Delete(s.w.ctx(), out["id"], 0))
		}
	case "client-apps":
		if out["id"], out["name"] = s.appID(), s.last(); restored {
			s.check(s.w.tenants.ClientApps().Delete(s.w.ctx(), out["id"], 0))
		}
		if all, err := s.w.tenants.ClientSecrets(s.w.ctx(), out["id"]); err == nil && len(all) > 0 {
			out["secret"] = all[0].ID
		}
	case "two-factors":
		if out["id"] = s.factor(); restored {
			s.check(s.w.tenants.TwoFactors().Delete(s.w.ctx(), out["id"], 0))
		}
	case "assignments":
		v := tenants.Assignment{TwoFactorID: s.factor(), Level: tenants.LevelTenant, TargetID: tenant}
		s.w.must(s.w.tenants.PutAssignment(s.w.ctx(), &v))
		out["id"] = v.ID
	case "exemptions":
		v := tenants.Exemption{Level: tenants.LevelUser, TargetID: s.user(), Reason: s.next(), Until: s.clock.Now().Add(time.Hour), CreatedBy: "test"}
		s.w.must(s.w.tenants.PutExemption(s.w.ctx(), &v))
		out["id"] = v.ID
	case "roles":
		v := tenants.Grant{SubscriptionID: s.w.sub.ID, TenantID: tenant, Role: tenants.RoleAuditor, SubjectKind: tenants.SubjectUser, SubjectID: s.user(), HomeID: s.w.sub.ID, CreatedBy: "test"}
		if r.whole {
			v.SubscriptionID, v.TenantID = "", ""
		}
		s.w.must(s.w.tenants.PutGrant(context.Background(), &v))
		out["id"] = v.ID
	case "audit":
		out["id"] = s.event(r.whole)
	case "messages":
		out["id"] = s.message()
	case "jobs":
		s.drained()
		j, err := s.admin.StartBulk(context.Background(), admin.Operator(), s.w.sub.ID, admin.BulkUsers{Do: admin.BulkActivate, IDs: []string{s.user()}})
		s.check(err)
		out["id"] = j.ID
	case "subscription", "subscriptions":
		out["id"], out["name"] = s.w.sub.ID, s.w.sub.Name
		if s.spare && (restored || strings.HasSuffix(rest, "delete")) {
			v := tenants.Subscription{Name: s.next(), Active: true}
			s.w.must(s.w.tenants.PutSubscription(context.Background(), &v))
			if out["id"], out["sub"], out["name"] = v.ID, v.ID, v.Name; restored {
				s.check(s.w.tenants.Subscriptions().Delete(context.Background(), v.ID, 0))
			}
		}
	}
	// The other end of a tie.
	switch r.name {
	case "tenants.members.add", "tenants.idps.add", "tenants.client_apps.add":
		if out["other"] = tenant; first == "tenants" {
			out["other"] = map[string]string{"tenants.idps.add": s.idp(), "tenants.client_apps.add": s.appID()}[r.name]
		}
	case "users.idps.add":
		out["other"] = s.idp()
	case "client_apps.users.add":
		out["other"] = s.userName()
	case "client_apps.groups.add":
		out["other"] = s.group()
	case "groups.members.add":
		if out["other"] = s.group(); first == "groups" {
			out["other"] = s.userName()
		}
	}
	return out
}

// signingKey names one that signs, of a tenant that no rotation is under way in.
func (s *stall) signingKey(tenant string, vars map[string]string) {
	ctx := db.WithScope(context.Background(), db.Scope{Subscription: s.w.sub.ID, Tenant: tenant})
	_, err := s.db.SQL().Exec(fmt.Sprintf("UPDATE signing_keys SET due_at = NULL WHERE tenant_id = '%s'", tenant))
	s.check(err)
	all, err := s.provider.SigningKeys(ctx)
	s.check(err)
	for _, k := range all {
		if k.Alg == "ES256" && k.State == "active" {
			vars["key"] = k.ID
		}
	}
}

func (s *stall) next() string {
	s.made++
	return fmt.Sprintf("thing-of-%s-%d", s.tenant, s.made)
}

// last is the name that next gave.
func (s *stall) last() string { return fmt.Sprintf("thing-of-%s-%d", s.tenant, s.made) }

// common is the name of something that all tenants of the subscription know.
func (s *stall) common() string {
	s.made++
	return fmt.Sprintf("common-to-%s-%d", s.w.sub.Name, s.made)
}

func (s *stall) newUser() tenants.User {
	v := tenants.User{Name: s.next(), Kind: tenants.Person, Active: true, Phone: "+41791234567", PhoneVerified: true}
	s.w.must(s.w.tenants.PutUser(s.w.ctx(), &v))
	s.w.must(s.w.tenants.SetIdentities(s.w.ctx(), v, []string{s.w.ids["idp staff"]}))
	s.w.must(s.w.tenants.Link(s.w.ctx(), tenants.LinkTenantMember, s.w.ids["tenant "+s.tenant], v.ID))
	return v
}

func (s *stall) user() string     { return s.newUser().ID }
func (s *stall) userName() string { return s.newUser().Name }

func (s *stall) link(kind tenants.LinkKind, owner, other string) {
	_, err := s.w.tenants.Link(s.w.ctx(), kind, owner, other)
	s.check(err)
}

func (s *stall) group() string {
	v := tenants.Group{Name: s.next()}
	s.w.must(s.w.tenants.PutGroup(s.w.ctx(), &v))
	s.link(tenants.LinkGroupMember, v.ID, s.user())
	return v.ID
}

func (s *stall) idp() string {
	v := tenants.IDP{Name: s.next(), Type: tenants.IDPLocal, Active: true}
	s.w.must(s.w.tenants.PutIDP(s.w.ctx(), &v))
	s.link(tenants.LinkTenantIDP, s.w.ids["tenant "+s.tenant], v.ID)
	return v.ID
}

func (s *stall) appID() string {
	v := tenants.ClientApp{Name: s.next(), Type: tenants.AppMachine, AuthMethod: tenants.AuthBasic, GrantTypes: tenants.List{tenants.GrantClientCredentials}}
	v.ID = s.w.app(v)
	s.link(tenants.LinkTenantClientApp, s.w.ids["tenant "+s.tenant], v.ID)
	return v.ID
}

// factor is one of the subscription: all its tenants know it by name.
func (s *stall) factor() string {
	return s.w.factorWith(s.common(), "totp", true, map[string]any{})
}

func (s *stall) drained() {
	for more := true; more; {
		var err error
		more, err = s.admin.WorkJobs(context.Background())
		s.check(err)
	}
}

func (s *stall) event(whole bool) string {
	ctx := db.WithScope(context.Background(), db.Scope{Subscription: s.w.sub.ID, Tenant: s.w.ids["tenant "+s.tenant]})
	if whole {
		ctx = audit.Platform(context.Background())
	}
	s.check(s.audit.Record(ctx, audit.Event{Kind: "sign_in.done", Actor: "system"}, map[string]any{"mark": s.next()}))
	list, err := s.audit.Search(ctx, page.Query{Limit: 1}, nil)
	s.check(err)
	return list.Items[0].ID
}

func (s *stall) message() string {
	var got []string
	mid, now := id.New(), s.clock.Now()
	s.check(s.db.QueryRaw(s.w.ctx(), &got, `INSERT INTO messages (id, subscription_id, tenant_id, two_factor_id, challenge_id, user_id, kind, medium, state, sealed, masked, fell_from, created_at, next_at, expires_at, attempts, provider_id, provider_status, segments, error_class, error)
VALUES (?, ?, ?, ?, 'c', ?, 'code', 'sms', 'sent', '', '•••67', '', ?, ?, ?, 1, '', '', 0, '', '') RETURNING id`,
		mid, s.w.sub.ID, s.w.ids["tenant "+s.tenant], s.w.ids["two_factor mail"], s.user(), now, now, now))
	return mid
}

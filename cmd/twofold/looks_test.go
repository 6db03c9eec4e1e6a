package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
	"twofold/tenants"
	"twofold/twofactor/catalog"
)

// TestBrowserEveryPage opens every page that there is, in a house where something has
// happened: all GET routes of the console and of the tenants' own pages, what posts lead
// to, lists with nothing in them, and what is shown where there is nothing. Each page is
// light on a desk and dark on a phone: nothing sticks out, nothing complains, and axe-core
// has nothing serious against it. With TWOFOLD_SCREENSHOTS pictures are taken as well.
func TestBrowserEveryPage(t *testing.T) {
	t.Parallel()
	if !browser.HasAxe() && os.Getenv("TWOFOLD_SCREENSHOTS") == "" {
		t.Skip("make test-axe and make screenshots run this test")
	}
	g := newGallery(t)
	g.ownPages()
	g.consolePages()
	g.furtherPages()
	g.postedPages()
	g.emptyPages()
	t.Logf("%d pages", g.seen)
}

// gallery is a house that is looked at, by a system administrator.
type gallery struct {
	*person
	stall *stall
	rich  map[string]string // what is looked at, by the first part of its address
	empty string            // a subscription with nothing in it
	seen  int
}

func newGallery(t *testing.T) *gallery {
	t.Helper()
	w := newWorld(t, testkit.SQLite(t))
	m := &consoleMatrix{world: w, routes: consoleRoutes(w)}
	g := &gallery{
		stall:  &stall{m, w, "own", "acme", false},
		person: &person{Browser: browser.New(t), t: t, w: w, name: "root", shot: "every"},
	}
	w.busy()
	g.fill()
	g.cb = landing(t)
	w.app(tenants.ClientApp{ID: w.ids["client_app expenses"], Name: "expenses", Title: "Expenses and travel", RedirectURIs: tenants.List{g.cb}})
	return g
}

// fill makes what busy has not: more of everything, in all states.
func (g *gallery) fill() {
	w := g.w
	ctx, root := w.ctx(), admin.Operator()
	w.tenant("globex", "gina")
	for _, name := range []string{"nora.neumann-hochstrasser@subsidiary.acme.example", "zoë", "root"} {
		email, _, _ := strings.Cut(strings.ReplaceAll(name, "ë", "e"), "@")
		email += "@example.test"
		w.must(w.tenants.Link(ctx, tenants.LinkTenantMember, w.ids["tenant acme"], w.user(tenants.User{Name: name, Email: email, EmailVerified: true})))
	}
	w.check(w.admin.Grant(ctx, root, &tenants.Grant{Role: tenants.RoleSystemAdmin, SubjectKind: tenants.SubjectUser, SubjectID: w.ids["user root"], HomeID: w.sub.ID}))
	board := tenants.Group{Name: "Board"}
	w.must(w.tenants.PutGroup(ctx, &board))
	g.stall.link(tenants.LinkGroupMember, board.ID, w.ids["user anna"])
	robot := tenants.User{Name: "nightly-report", Kind: tenants.Machine, Active: false}
	w.must(w.tenants.PutUser(ctx, &robot))
	w.ids["user robot"] = robot.ID
	w.factorWith("Authenticator app", "totp", true, map[string]any{"Issuer": "Acme"})
	w.factorWith("SMS by Twilio", "twilio", true, map[string]any{})
	w.factorWith("SMS of old", "ecall", false, map[string]any{})
	w.assign("Authenticator app", "tenant acme", false)
	w.assign("SMS by Twilio", "user bruno", false)
	w.factor("Other mail", "email")
	w.assign("Other mail", "user root", false)
	exemption := tenants.Exemption{Level: tenants.LevelUser, TargetID: w.ids["user bruno"], Reason: "Waits for a new phone", Until: w.clock.Now().Add(50 * time.Hour), CreatedBy: "root"}
	w.must(w.tenants.PutExemption(ctx, &exemption))
	assignments, err := w.tenants.ListAssignments(ctx)
	w.check(err)
	grants, err := w.tenants.GrantsIn(ctx, w.sub.ID)
	w.check(err)
	nothing := tenants.Subscription{Name: "nothing", Title: "Nothing yet Ltd", Active: true}
	w.must(w.tenants.PutSubscription(context.Background(), &nothing))
	gone := tenants.Subscription{Name: "gone", Title: "Gone Ltd", Active: true}
	w.must(w.tenants.PutSubscription(context.Background(), &gone))
	w.check(w.tenants.Subscriptions().Delete(context.Background(), gone.ID, 0))
	w.tenants.Forget()
	g.empty = nothing.ID
	g.rich = map[string]string{
		"users": w.ids["user anna"], "groups": board.ID, "tenants": w.ids["tenant acme"], "idps": w.ids["idp staff"], "client-apps": w.ids["client_app expenses"],
		"two-factors": w.ids["two_factor mail"], "assignments": assignments[0].ID, "exemptions": exemption.ID, "roles": grants[0].ID,
		"audit": w.newest("config.changed"), "messages": w.oldestFailed(), "subscriptions": w.sub.ID,
	}
}

// signsInTo is the administrator's way into the console, page by page.
func (g *gallery) signsInTo() {
	u := g.person
	u.Open(u.w.url + "/admin/signin?tenant=acme&fresh=1")
	u.password()
	u.WaitFor("#f-code")
	u.answer(u.w.code("root@example.test"))
	u.WaitText("System administrator")
}

// notPages are GET routes below a tenant that answer programs, or send on at once.
var notPages = []string{
	"/signin/{id}/status", "/logo/{hash}", "/.well-known/openid-configuration", "/jwks", "/userinfo", "/factors/{type}/{file}",
	"/.well-known/oauth-authorization-server", "/upstream/{idp}/callback",
}

// ownPages are those of people who sign in. All their states are stories; here they are
// real, and each route is looked at.
func (g *gallery) ownPages() {
	u, w := g.person, g.w
	base := w.url + "/t/acme"
	looked := map[string]bool{}
	see := func(route, name string) {
		g.t.Helper()
		looked[route] = true
		g.see("own-"+name, "")
	}
	u.ask()
	u.WaitFor("#password")
	see("/authorize", "signin")
	u.Fill("#username", "root")
	u.Fill("#password", "not this one")
	u.Press("Enter")
	u.WaitText("is not right")
	see("/signin/{id}", "signin-wrong")
	u.Fill("#password", password)
	u.Press("Enter")
	u.WaitFor("#f-code")
	see("/signin/{id}", "code")
	u.answer("000000")
	u.WaitFor("#f-code-error")
	see("/signin/{id}", "code-wrong")
	u.ClickText("Use another method")
	u.WaitText("Which method")
	see("/signin/{id}", "methods")
	u.Open(base + "/reset")
	see("/reset", "reset")
	u.Fill("main input:not([type=hidden])", "gina")
	u.on()
	u.WaitURL(func(at *url.URL) bool { return strings.HasSuffix(at.Path, "/reset/sent") })
	see("/reset/sent", "reset-sent")
	u.Open(base + "/reset")
	u.Fill("main input:not([type=hidden])", "anna")
	u.on()
	u.Open(w.link("anna@example.test"))
	u.WaitFor("#password")
	see("/reset/password", "reset-password")
	u.Open(base + "/device")
	see("/device", "device")
	u.Fill("main input:not([type=hidden])", "BCDF-GHJK")
	u.on()
	u.WaitFor("[aria-invalid]")
	see("/device", "device-wrong")
	g.signsInTo()
	u.Open(base + "/account")
	see("/account", "account")
	for _, do := range []string{"rename", "remove", "prove email"} {
		u.Open(base + "/account")
		sel := fmt.Sprintf(`button[value=%q], input[value=%q] + button`, do, do)
		if u.Has(sel) {
			u.Click(sel)
			see("/account", "account-"+do)
		}
	}
	u.Open(base + "/account/cancelled")
	see("/account/cancelled", "cancelled")
	u.Open(base + "/end_session")
	see("/end_session", "sign-out")
	for name, address := range map[string]string{
		"unknown-tenant": w.url + "/t/nowhere/account", "unknown-app": base + "/authorize?client_id=nobody&response_type=code", "no-page": base + "/nothing",
		"old-sign-in": base + "/signin/AAAAAAAAAAAAAAAAAAAAAA", "old-link": base + "/reset/password?link=AAAA", "refused": w.url + "/admin/callback?error=access_denied&state=x",
	} {
		u.Open(address)
		see("", name)
	}
	w.check(w.root.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		methods, _ := route.GetMethods()
		if err != nil || !slices.Contains(methods, http.MethodGet) {
			return nil //nolint:nilerr // a subrouter
		}
		if rest, ok := strings.CutPrefix(path, "/t/{tenant}"); ok && !looked[rest] && !slices.Contains(notPages, rest) {
			g.t.Errorf("GET %s is not looked at: open it in gallery.ownPages, or say in notPages that it is none", path)
		}
		return nil
	}))
}

// notLooked are routes of the console that lead to another page or to a file.
var notLooked = []string{"/users/bulk", "/audit/export"}

// consolePages are all GET routes of the console. One that needs more than its address
// says so in stall.vars and stall.query.
func (g *gallery) consolePages() {
	if !g.Has(".rail") {
		g.signsInTo()
	}
	for _, r := range g.stall.routes {
		if r.method != http.MethodGet || slices.Contains(notLooked, r.path) || r.whole && r.path == "/api" { // the same page, and long
			continue
		}
		name := strings.Trim(strings.NewReplacer("{", "", "}", "", "/", "-").Replace(r.path), "-")
		switch {
		case r.whole:
			name = "server-" + name
		case name == "":
			name = "start"
		}
		g.see(name, g.place(r))
		if status := g.Status(); status != http.StatusOK {
			g.t.Errorf("%s: status %d: %s", r.key(), status, g.Text("main"))
		}
	}
}

// place is the address of a page: of what has most to show, or of what stall.vars makes.
func (g *gallery) place(r consoleRoute) string {
	g.t.Helper()
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.path, "/"), "/")
	thing, ok := g.rich[first]
	if !ok || r.whole || strings.Contains(rest, "/{") || !strings.HasPrefix(rest, "{id}") {
		return g.stall.ask(g.t, r).url
	}
	return g.w.url + "/admin/s/" + g.w.sub.ID + strings.ReplaceAll(r.path, "{id}", thing) + g.stall.query(r)
}

// page is a page of the subscription.
func (g *gallery) page(path string) string { return g.w.url + "/admin/s/" + g.w.sub.ID + "/" + path }

// furtherPages are pages that look otherwise by what is asked of them.
func (g *gallery) furtherPages() {
	w := g.w
	crowd, err := w.admin.StartBulk(context.Background(), admin.Operator(), w.sub.ID, admin.BulkUsers{Do: admin.BulkActivate, IDs: []string{w.ids["user anna"], "0198f0f0f0f0f0f0f0f0f0f0f0"}})
	w.check(err)
	g.stall.drained()
	further := map[string]string{
		"users-no-match": "users?search=zzzz", "user-machine": "users/" + w.ids["user robot"], "user-long": "users/" + w.ids["user nora.neumann-hochstrasser@subsidiary.acme.example"],
		"client-app-types": "client-apps/new", "client-app-web": "client-apps/new?type=web", "client-app-spa": "client-apps/new?type=spa", "two-factor-types": "two-factors/new",
		"two-factor-inactive": "two-factors/" + w.ids["two_factor SMS of old"], "two-factor-invalid": "two-factors/" + w.ids["two_factor SMS by Twilio"],
		"assign-level": "assignments/new?two_factor=" + w.ids["two_factor mail"], "assign-target": "assignments/new?two_factor=" + w.ids["two_factor mail"] + "&level=tenant",
		"explain-anna": "explain?user=anna&client_app=" + w.ids["client_app expenses"], "explain-nobody": "explain?user=nobody-here", "search-some": "search?q=a", "search-none": "search?q=zzzz",
		"audit-none": "audit?user=nobody-here", "audit-sign-in": "audit/" + w.newest("sign_in.done"), "job-over": "jobs/" + crowd.ID,
		"no-such-user": "users/nothing", "no-page": "nothing-at-all", "text-mail": "templates/edit?level=subscription&kind=code&lang=en",
		"whole-no-page": "../../nothing-at-all", "switch-nowhere": "../../switch?subscription=nowhere", "setup-over": "../../setup?link=AAAA",
	}
	for _, p := range catalog.Builtin().Types() {
		further["settings-"+p] = "settings/" + p
	}
	for _, name := range slices.Sorted(maps.Keys(further)) {
		g.see("more-"+name, g.page(further[name]))
	}
}

// postedPages are what forms lead to: the same form with what is wrong, a question before
// something is done, and what is shown once.
func (g *gallery) postedPages() {
	w := g.w
	press := func(name, path string, fill func(), words string) {
		g.Open(g.page(path))
		if fill != nil {
			fill()
		}
		g.on()
		g.WaitText(words)
		g.see("posted-"+name, "")
	}
	user, app, acme := "users/"+w.ids["user bruno"], "client-apps/"+w.ids["client_app expenses"], "tenants/"+w.ids["tenant acme"]
	press("user-wrong", "users/new", func() { g.form(map[string]string{"#f-name": "new", "#f-email": "no address", "#f-password": "short"}) }, "put right")
	press("tenant-wrong", "tenants/new", func() { g.Fill("#f-name", "Not A Name") }, "put right")
	press("exemption-wrong", "exemptions/new", nil, "put right")
	press("role-wrong", "roles/new", nil, "put right")
	press("bypass", user+"/bypass", func() { g.Fill("#f-reason", "lost the phone on the train") }, "shown once")
	press("secret", app+"/secrets/new", nil, "shown once")
	g.Open(g.page("audit/verify"))
	g.Click("main form button")
	g.WaitText("hold")
	g.see("posted-verified", "")
	press("logo-wrong", acme+"/logo", func() { g.file("#f-logo", "logo.png", "no picture") }, "picture")
	press("import-checked", "users/import", func() {
		g.file("#f-file", "users.csv", "name,display_name,email\nella,Ella Example,ella@example.test\n,No Name,nobody\nanna,Anna,anna@example.test\n")
	}, "File checked")
	press("assignment-preview", "assignments/new?two_factor="+w.ids["two_factor mail"]+"&level=tenant&target="+w.ids["tenant globex"], func() { g.toggle("required") }, "Whom this affects")
	g.Open(g.page("two-factors/" + w.ids["two_factor mail"]))
	g.ClickText("Send test")
	g.WaitFor("#test-result")
	g.see("posted-test", "")
	g.Open(g.page("users?search=crowd"))
	g.Click("[data-pick-all]")
	g.photograph("users-chosen")
	g.Click("#bulk button")
	g.WaitText("crowd1")
	g.see("posted-bulk", "")
	w.stopWork() // so that what follows stays as it is begun
	job, err := w.admin.StartBulk(context.Background(), admin.Operator(), w.sub.ID, admin.BulkUsers{Do: admin.BulkDeactivate, Search: "crowd"})
	w.check(err)
	g.see("posted-job", g.page("jobs/"+job.ID))
}

// file chooses a file of this content.
func (u *person) file(sel, name, content string) {
	u.t.Helper()
	u.WaitFor(sel)
	u.Eval(fmt.Sprintf(`(() => { const t = new DataTransfer(); t.items.add(new File([%q], %q)); document.querySelector(%q).files = t.files; })()`, content, name, sel), nil)
}

// emptyPages are the lists of a subscription in which there is nothing.
func (g *gallery) emptyPages() {
	for _, r := range g.stall.routes {
		if r.method != http.MethodGet || r.whole || strings.Contains(r.path, "{") || slices.Contains(notLooked, r.path) || slices.Contains(alike, r.path) {
			continue
		}
		g.see("empty"+strings.TrimSuffix(strings.ReplaceAll(r.path, "/", "-"), "-"), g.w.url+"/admin/s/"+g.empty+r.path)
	}
}

// alike are pages that look no different where there is nothing.
var alike = []string{"/api", "/audit/verify", "/preview", "/templates", "/templates/edit", "/subscription/edit", "/subscription/delete", "/settings", "/sessions/end", "/idps/new", "/groups/new"}

// see opens a page, or takes the one that there is, and looks at it.
func (g *gallery) see(name, address string) {
	g.t.Helper()
	if address != "" {
		g.Open(address)
	}
	g.seen++
	var about struct {
		Title         string
		H1, Over, Bad int
	}
	g.SetViewport(320, 640)
	g.Eval(`({Title: document.title, H1: document.querySelectorAll("h1").length, Over: document.documentElement.scrollWidth - innerWidth,
		Bad: [...document.querySelectorAll("main :is(h1, h2, h3, label, button, a.button)")].filter((e) => e.checkVisibility() && e.textContent.trim() === "").length})`, &about)
	g.SetViewport(1280, 800)
	if about.Title == "" || about.H1 != 1 || about.Over > 0 || about.Bad > 0 {
		g.t.Errorf("%s, %q at %s: %d h1; %d pixels stick out at 320; %d headings, labels or buttons say nothing", name, about.Title, g.URL().RequestURI(), about.H1, about.Over, about.Bad)
	}
	// The reference has a hundred and fifty operations, drawn alike: axe-core would take a minute.
	g.Eval(`document.querySelectorAll(".operation").forEach((e, i) => { if (i >= 12) e.remove(); })`, nil)
	g.Axe(g.t, name)
	g.RequireClean(g.t)
	g.ClearErrors()
	g.photograph(name)
}

// photograph takes the four pictures; of what is very long, the beginning.
func (g *gallery) photograph(name string) {
	if os.Getenv("TWOFOLD_SCREENSHOTS") == "" {
		return
	}
	for _, width := range []int{390, 1280} {
		var tall int
		g.SetViewport(width, 800)
		g.Eval("document.documentElement.scrollHeight", &tall)
		for _, scheme := range []string{"light", "dark"} {
			g.Screenshot(fmt.Sprintf("%s-%s-%d-%s", g.shot, name, width, scheme), width, min(tall, 3000), scheme == "dark")
		}
	}
	g.SetViewport(1280, 800)
}

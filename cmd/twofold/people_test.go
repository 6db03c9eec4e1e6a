package main

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// officer is somebody with a role, at the console.
type officer struct {
	*testkit.Client
	w    *world
	id   string
	base string
	used []string // codes
}

// customer has the tenants acme and globex, with users of each and of both, and a mailed
// code for everybody.
func (w *world) customer() {
	w.t.Helper()
	w.tenant("acme", "anna", "bert")
	w.tenant("globex", "gina")
	w.factor("mail", "email")
	w.assign("mail", "subscription sample", false)
}

// officer gives a user of acme a role and signs him in to the console.
func (w *world) officer(name string, role tenants.Role, tenant string) *officer {
	w.t.Helper()
	o := &officer{Client: testkit.NewClient(w.t), w: w, base: w.url + "/admin/s/" + w.sub.ID + "/"}
	o.id = w.user(tenants.User{Name: name})
	w.must(w.tenants.Link(w.ctx(), tenants.LinkTenantMember, w.ids["tenant acme"], o.id))
	g := tenants.Grant{SubscriptionID: w.sub.ID, Role: role, SubjectKind: tenants.SubjectUser, SubjectID: o.id}
	if tenant != "" {
		g.TenantID = w.ids["tenant "+tenant]
	}
	if err := w.admin.Grant(w.t.Context(), admin.Operator(), &g); err != nil {
		w.t.Fatal(err)
	}
	w.tenants.Forget()
	o.signIn(name)
	return o
}

func (o *officer) signIn(name string) {
	o.w.t.Helper()
	page := o.Get(o.w.url + "/admin/signin?tenant=acme&fresh=1").Follow()
	page = page.FormWith("username").Set("username", name).Set("password", password).Press("Sign in").Follow()
	code := o.w.newCode(name+"@example.test", o.used...)
	o.used = append(o.used, code)
	page = page.FormWith("code").Set("code", code).Press("Continue").Follow()
	if !strings.HasPrefix(page.URL.Path, "/admin/") {
		o.w.t.Fatalf("%s is not in: %s %s", name, page.URL, page.Text)
	}
}

func (o *officer) open(path string) *testkit.Page {
	o.w.t.Helper()
	return o.Get(o.base + path)
}

// post sends a form that the page may not offer.
func (o *officer) post(path string, values ...string) *testkit.Page {
	o.w.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(values); i += 2 {
		v.Add(values[i], values[i+1])
	}
	return o.PostFormFrom(o.w.url, o.base+path, v)
}

// TestConsoleUsers: an administrator makes a user who can sign in, changes him, finds
// him by filters, and takes him away and back.
func TestConsoleUsers(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		o := w.officer("sue", tenants.RoleSubscriptionAdmin, "")

		page := o.open("users").Require(http.StatusOK).RequireText("anna", "gina", "sue")
		page = page.Link("Create user")
		f := page.FormWith("name").Set("name", "Nora").Set("display_name", "Nora New").Set("email", "no address").Set("password", "short").Set("tenants", w.ids["tenant acme"])
		page = f.Press("Create user").Require(http.StatusUnprocessableEntity)
		f = page.FormWith("name")
		if f.Value("name") != "nora" && f.Value("name") != "Nora" || f.Value("password") != "" || f.Value("tenants") != w.ids["tenant acme"] {
			t.Errorf("typed: %v", f.Values())
		}
		page = f.Set("email", "nora@example.test").Set("password", password).Press("Create user").Follow().Require(http.StatusOK)
		page.RequireText("Nora New", "User created.", "Not proven", "acme", "staff", "nothing can be administered")
		if got := page.Link("Give a role").FormWith("subject").Value("subject"); got != "nora" {
			t.Errorf("a role is given to %q", got)
		}
		for _, l := range []string{"Explain", "Activity"} {
			page.Link(l).Require(http.StatusOK)
		}
		nora := page.URL.Path[strings.LastIndexByte(page.URL.Path, '/')+1:]
		if login, err := w.tenants.CheckPassword(w.in("acme"), "nora", password); err != nil || login.ID != nora {
			t.Errorf("%+v %v", login, err)
		}
		for _, tt := range []struct{ query, sees, not string }{
			{"?search=no", "nora", "anna"},
			{"?tenant=" + w.ids["tenant globex"], "gina", "anna"},
			{"?second_factor=none", "anna", ""},
			{"?method=email", "anna", "nora"},
			{"?kind=machine", "No users match", "anna"},
			{"?active=false", "No users match", "anna"},
		} {
			if text := o.open("users" + tt.query).Require(http.StatusOK).Text; !strings.Contains(text, tt.sees) || tt.not != "" && strings.Contains(text, tt.not) {
				t.Errorf("%s: %s", tt.query, text)
			}
		}

		page = o.open("users/" + nora).Link("Edit")
		stale := o.open("users/"+nora+"/edit").FormWith("name").Set("display_name", "Nora Stale")
		page.FormWith("name").Set("display_name", "Nora Newer").Set("phone", "+41790000000").Press("Save").Follow().RequireText("Nora Newer", "User saved.")
		stale.Press("Save").Require(http.StatusPreconditionFailed).RequireText("Somebody else changed this", "Nora Newer", "Nora Stale")

		// In and out of tenants, groups and IDPs.
		group := tenants.Group{Name: "board"}
		w.must(w.tenants.PutGroup(w.ctx(), &group))
		o.post("users/"+nora+"/groups", "do", "add", "other", group.ID).Follow().RequireText("board", "Added.")
		o.open("groups/" + group.ID).RequireText("nora")
		page = o.post("groups/"+group.ID+"/members", "do", "add", "other", "nobody here").Require(http.StatusUnprocessableEntity).RequireText("There is no such thing here")
		if !strings.Contains(page.Body, `value="nobody here"`) {
			t.Error("what was typed is gone")
		}
		o.post("groups/"+group.ID+"/members", "do", "add", "other", "anna@example.test").Follow().RequireText("anna", "nora")
		o.post("groups/"+group.ID+"/members", "do", "remove", "other", nora).Follow().RequireText("Removed.")
		o.post("users/"+nora+"/tenants", "do", "add", "other", w.ids["tenant globex"]).Follow().RequireText("globex")

		page = o.open("users/"+nora+"/delete").RequireText("What is lost", "All sessions end")
		page = page.FormWith("confirmed").Press("Delete user").Follow().RequireText("nora was deleted.")
		o.open("users/" + nora).Require(http.StatusNotFound)
		page.Press("Undo").Follow().RequireText("is back", "Inactive")

		// A machine has no password.
		page = o.open("users/new").FormWith("name").Set("kind", "machine").Set("name", "robot").Set("password", password).Press("Create user")
		page.Require(http.StatusUnprocessableEntity).RequireText("a machine has none")
		page = page.FormWith("name").Press("Create user").Follow().RequireText("Machine")
		if strings.Contains(page.Text, "Set password") || strings.Contains(page.Text, "Issue bypass") {
			t.Error(page.Text)
		}
		robot := page.URL.Path[strings.LastIndexByte(page.URL.Path, '/')+1:]
		for _, act := range []string{"password", "bypass", "reset", "unlock"} {
			o.open("users/" + robot + "/" + act).Require(http.StatusConflict)
			o.post("users/"+robot+"/"+act, "password", password, "reason", "r", "confirmed", "true").Require(http.StatusConflict)
		}
		if w.logs.Contains(password) || strings.Contains(w.trail(w.ctx()), password) {
			t.Error("a password is in log or trail")
		}
	})
}

var bypassCode = regexp.MustCompile(`<code[^>]*>([^<]+)</code>`)

// TestConsoleHelpDesk: what a help desk does, with the fresh sign-in that it takes and
// the reasons that it leaves; codes are shown once.
func TestConsoleHelpDesk(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		o := w.officer("hela", tenants.RoleHelpDesk, "acme")
		anna := w.ids["user anna"]

		page := o.open("users?search=anna").Require(http.StatusOK).RequireText("anna")
		for _, not := range []string{"Create user", "Deactivate", "gina"} {
			if strings.Contains(page.Text, not) {
				t.Errorf("a help desk is offered %q", not)
			}
		}
		page = o.open("users/"+anna).Require(http.StatusOK).RequireText("Second factors", "Wrong answers", "Issue bypass", "Reset factors")
		for _, not := range []string{"Edit", "Delete user", "Set password", "Give a role", "Activity", "Explain"} {
			if strings.Contains(page.Text, not) {
				t.Errorf("a help desk is offered %q", not)
			}
		}
		w.clock.Advance(6 * time.Minute)
		o.post("users/"+anna+"/bypass", "reason", "lost").Require(http.StatusUnauthorized).RequireText("Please sign in again")
		if page := o.open("users/" + anna + "/bypass"); page.Status != http.StatusSeeOther || !strings.HasPrefix(page.Location().Path, "/admin/signin") {
			t.Errorf("an old sign-in: %d %s", page.Status, page.Text)
		}
		o.signIn("hela")
		page = o.open("users/" + anna).Link("Issue bypass")
		page = page.FormWith("reason").Press("Issue bypass").Require(http.StatusUnprocessableEntity).RequireText("Give the reason")
		page = page.FormWith("reason").Set("reason", "lost the phone").Press("Issue bypass").Require(http.StatusOK).RequireText("shown once")
		m := bypassCode.FindStringSubmatch(page.Body)
		if m == nil || page.Header.Get("Cache-Control") != "no-store" {
			t.Fatal(page.Body)
		}
		code := m[1]
		if page = o.open("users/" + anna).RequireText("One is out"); strings.Contains(page.Body, code) {
			t.Error("a bypass is shown again")
		}
		if w.logs.Contains(code) || strings.Contains(w.trail(w.ctx()), code) || !strings.Contains(w.trail(w.ctx()), "lost the phone") {
			t.Error("log or trail hold the code, or lack the reason")
		}

		page = o.open("users/"+anna).Link("Reset factors").RequireText("What is lost", "All sessions", "Keep the phone number")
		page = page.FormWith("reason").Set("reason", "stolen").Set("keep_phone", "true").Press("Reset factors")
		page.RequireText("nothing to reset")
		page.FormWith("reason").Set("keep_phone", "").Press("Reset factors").Follow().RequireText("has to be proven again")
		o.open("users/"+anna).RequireText("were reset", "Not proven")
		if u, err := w.tenants.User(w.in("acme"), anna); err != nil || !u.ProveFirst || u.PhoneVerified {
			t.Errorf("%+v %v", u, err)
		}
		o.post("users/"+anna+"/unlock", "reason", "").Require(http.StatusUnprocessableEntity)
		o.post("users/"+anna+"/unlock", "reason", "typed it wrong").Follow().RequireText("forgotten")

		// Nobody helps himself, nor those above him.
		boss := w.officer("boss", tenants.RoleTenantAdmin, "acme")
		for _, id := range []string{o.id, boss.id} {
			if text := o.open("users/" + id).Require(http.StatusOK).Text; strings.Contains(text, "Issue bypass") || strings.Contains(text, "Reset factors") {
				t.Error("offered:", text)
			}
			o.open("users/" + id + "/bypass").Require(http.StatusForbidden)
			o.post("users/"+id+"/bypass", "reason", "please").Require(http.StatusForbidden)
			o.post("users/"+id+"/reset", "reason", "please", "confirmed", "true").Require(http.StatusForbidden)
		}
	})
}

// TestConsoleRolesOnPeople: what the narrower roles may do on the pages about people and
// sign-in, and that posts are refused as the pages are.
func TestConsoleRolesOnPeople(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		both := w.user(tenants.User{Name: "both"})
		for _, tenant := range []string{"acme", "globex"} {
			w.must(w.tenants.Link(w.ctx(), tenants.LinkTenantMember, w.ids["tenant "+tenant], both))
		}
		gina, anna, acme, globex, expenses, staff := w.ids["user gina"], w.ids["user anna"], w.ids["tenant acme"], w.ids["tenant globex"], w.ids["client_app expenses"], w.ids["idp staff"]
		group := tenants.Group{Name: "board"}
		w.must(w.tenants.PutGroup(w.ctx(), &group))
		who := map[string]*officer{
			"tenant": w.officer("tina", tenants.RoleTenantAdmin, "acme"), "help": w.officer("hela", tenants.RoleHelpDesk, "acme"),
			"auditor": w.officer("otto", tenants.RoleAuditor, ""),
		}
		const yes, no, gone = http.StatusOK, http.StatusForbidden, http.StatusNotFound
		for _, tt := range []struct {
			path                  string
			tenant, help, auditor int
		}{
			{"users", yes, yes, no},
			{"users/" + anna, yes, yes, no},
			{"users/" + gina, gone, gone, no},
			{"users/" + both, yes, yes, no},
			{"users/new", yes, no, no},
			{"users/" + anna + "/edit", yes, no, no},
			{"users/" + gina + "/edit", gone, gone, no},
			{"users/" + both + "/edit", no, no, no},
			{"users/" + both + "/password", no, no, no},
			{"users/" + anna + "/delete", yes, no, no},
			{"users/" + anna + "/password", yes, no, no},
			{"users/" + anna + "/bypass", yes, yes, no},
			{"users/" + anna + "/reset", yes, yes, no},
			{"users/" + anna + "/unlock", yes, yes, no},
			{"users/" + gina + "/bypass", gone, gone, no},
			{"groups", yes, no, no},
			{"groups/new", no, no, no},
			{"groups/" + group.ID, gone, no, no},
			{"tenants", yes, no, no},
			{"tenants/" + acme, yes, no, no},
			{"tenants/" + globex, gone, no, no},
			{"tenants/new", no, no, no},
			{"tenants/" + acme + "/edit", yes, no, no},
			{"tenants/" + acme + "/delete", no, no, no},
			{"tenants/" + acme + "/logo", yes, no, no},
			{"idps", yes, no, no},
			{"idps/" + staff, yes, no, no},
			{"idps/new", no, no, no},
			{"idps/" + staff + "/edit", no, no, no},
			{"client-apps", yes, no, no},
			{"client-apps/" + expenses, yes, no, no},
			{"client-apps/new", no, no, no},
			{"client-apps/new?type=web", no, no, no},
			{"client-apps/" + expenses + "/edit", no, no, no},
			{"client-apps/" + expenses + "/secrets/new", no, no, no},
			{"client-apps/" + expenses + "/logo", no, no, no},
		} {
			for name, want := range map[string]int{"tenant": tt.tenant, "help": tt.help, "auditor": tt.auditor} {
				if page := who[name].open(tt.path); page.Status != want {
					t.Errorf("%s of %s: %d, want %d: %s", tt.path, name, page.Status, want, page.Text)
				}
			}
		}
		// Posts that no page of theirs offers. What a field says is wrong, is 422.
		for _, tt := range []struct {
			path, values          string
			tenant, help, auditor int
		}{
			{"users/new", "kind=person&name=x&tenants=" + globex, 422, no, no},
			{"users/" + gina + "/edit", "version=1&name=gina", gone, gone, no},
			{"users/" + both + "/edit", "version=1&name=both&display_name=x&active=true", no, no, no},
			{"users/" + both + "/delete", "version=1&confirmed=true", no, no, no},
			{"users/" + both + "/password", "password=correct+horse+battery+staple", no, no, no},
			{"users/" + gina + "/tenants", "do=add&other=" + acme, gone, gone, no},
			{"users/" + anna + "/tenants", "do=add&other=" + globex, 422, no, no},
			{"users/" + anna + "/groups", "do=add&other=" + group.ID, no, no, no},
			{"users/" + anna + "/idps", "do=remove&other=" + staff, no, no, no},
			{"users/bulk", "do=delete&confirmed=true&id=" + gina, 303, no, no},
			{"users/bulk", "do=add_to_group&confirmed=true&to_group=board&id=" + anna, no, no, no},
			{"groups/new", "name=x", no, no, no},
			{"tenants/new", "name=x", no, no, no},
			{"tenants/" + globex + "/edit", "version=1&title=x", gone, gone, no},
			{"tenants/" + acme + "/delete", "version=1&confirmed=true&typed=acme", no, no, no},
			{"tenants/" + globex + "/logo/remove", "", gone, gone, no},
			{"tenants/" + acme + "/idps", "do=remove&other=" + staff, no, no, no},
			{"tenants/" + acme + "/client-apps", "do=remove&other=" + expenses, no, no, no},
			{"idps/new", "name=x", no, no, no},
			{"idps/" + staff + "/tenants", "do=add&other=" + acme, no, no, no},
			{"client-apps/" + expenses + "/secrets/new", "", no, no, no},
			{"client-apps/" + expenses + "/logo/remove", "", no, no, no},
			{"client-apps/" + expenses + "/edit", "version=1&name=x&redirect_uris=https%3A%2F%2Fevil.example", no, no, no},
		} {
			for name, want := range map[string]int{"tenant": tt.tenant, "help": tt.help, "auditor": tt.auditor} {
				v, err := url.ParseQuery(tt.values)
				if err != nil {
					t.Fatal(err)
				}
				page := who[name].PostFormFrom(w.url, who[name].base+tt.path, v)
				if page.Status != want {
					t.Errorf("POST %s %s of %s: %d, want %d: %s", tt.path, tt.values, name, page.Status, want, page.Text)
				}
			}
		}
		if _, err := w.tenants.Users().Get(w.ctx(), gina); err != nil {
			t.Error("a user of another tenant is deleted:", err)
		}
	})
}

// TestConsoleTenant: a tenant from nothing to its sign-in page, its rules in words, and
// what who runs it may not loosen.
func TestConsoleTenant(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		o := w.officer("sue", tenants.RoleSubscriptionAdmin, "")
		f := o.open("tenants/new").Require(http.StatusOK).FormWith("name")
		page := f.Set("name", "No Good").Set("accent", "red").Set("session_seconds", "soon").Press("Create tenant")
		page.Require(http.StatusUnprocessableEntity).RequireText("Give a length of time")
		if got := page.FormWith("name").Value("session_seconds"); got != "soon" {
			t.Errorf("typed was soon, shown is %q", got)
		}
		f = page.FormWith("name").Set("name", "initech").Set("title", "Initech").Set("accent", "#aa3300").Set("session_seconds", "8 h").Set("idle_seconds", "45 min").Set("sms_countries", "ch, de")
		page = f.Press("Preview").Require(http.StatusOK).RequireText("Initech")
		if _, err := w.tenants.RealmByName(t.Context(), "initech"); err == nil {
			t.Error("a preview creates it")
		}
		page = page.FormWith("name").Press("Create tenant").Follow().Require(http.StatusOK)
		page.RequireText(w.url+"/t/initech", "/.well-known/openid-configuration", "End after 8 hours, or 45 minutes without use", "To CH, DE, 500 a day", "nobody can sign in here yet")
		id := page.URL.Path[strings.LastIndexByte(page.URL.Path, '/')+1:]
		o.post("tenants/"+id+"/idps", "do", "add", "other", "staff").Follow().RequireText("staff")
		o.post("tenants/"+id+"/client-apps", "do", "add", "other", w.ids["client_app expenses"]).Follow().RequireText("expenses")

		// Whom a stricter rule affects is shown first.
		w.must(w.tenants.Link(w.ctx(), tenants.LinkTenantMember, id, w.ids["user anna"]))
		page = o.open("tenants/"+id+"/edit").FormWith("title").Set("enforce_mfa", "true").Press("Save").Require(http.StatusOK).RequireText("Whom this affects")
		page.FormWith("title").Submit().Follow().RequireText("Tenant saved.", "Enforced")

		// Who runs it may make it stricter, not looser.
		boss := w.officer("boss", tenants.RoleTenantAdmin, "acme")
		acme := "tenants/" + w.ids["tenant acme"]
		f = boss.open(acme + "/edit").Require(http.StatusOK).RequireText("You may set less").FormWith("title")
		if f.Has("active") || f.Has("name") || f.Has("passkey_sign_in") {
			t.Error("offered:", f.Names())
		}
		f.Set("session_seconds", "3 days").Press("Save").Require(http.StatusUnprocessableEntity).RequireText("but not looser")
		f = boss.open(acme+"/edit").FormWith("title").Set("title", "Acme at Home").Set("session_seconds", "2 hours").Set("enforce_mfa", "true")
		page = f.Press("Save")
		if page.Status == http.StatusOK {
			page = page.FormWith("title").Submit()
		}
		page.Follow().RequireText("Acme at Home", "End after 2 hours", "Enforced")
		if f = boss.open(acme + "/edit").FormWith("title"); f.Has("enforce_mfa") {
			t.Error("he may switch it off again")
		}
		f.Forge("enforce_mfa", "").Forge("active", "").Press("Save").Follow().RequireText("Enforced", "Active")

		page = o.open("tenants/"+id+"/delete").RequireText("1 user can no longer sign in", "Type the name")
		page = page.FormWith("typed").Set("typed", "acme").Press("Delete tenant").Require(http.StatusUnprocessableEntity).RequireText("not its name")
		page.FormWith("typed").Set("typed", "initech").Press("Delete tenant").Follow().RequireText("initech was deleted.")
	})
}

// TestConsoleClientApp: an app by its type, its secrets shown once, and how to connect;
// the administration itself stays as it is.
func TestConsoleClientApp(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		o := w.officer("sue", tenants.RoleSubscriptionAdmin, "")
		for kind, has := range map[string][2]string{"web": {"auth_method require_pkce redirect_uris", ""}, "spa": {"redirect_uris refresh", "auth_method require_pkce"}, "native": {"redirect_uris", "auth_method"}, "machine": {"auth_method scopes", "redirect_uris require_pkce enforce_mfa"}} {
			f := o.open("client-apps/new?type=" + kind).Require(http.StatusOK).FormWith("name")
			for _, name := range strings.Fields(has[0]) {
				if !f.Has(name) {
					t.Errorf("%s lacks %s", kind, name)
				}
			}
			for _, name := range strings.Fields(has[1]) {
				if f.Has(name) {
					t.Errorf("%s has %s", kind, name)
				}
			}
		}
		page := o.open("client-apps/new").RequireText("Single-page app").Link("Web app")
		f := page.FormWith("name").Set("name", "wiki").Set("title", "Wiki").Set("redirect_uris", "http://wiki.example/cb\nhttps://wiki.example/cb\nwiki")
		page = f.Press("Create client app").Require(http.StatusUnprocessableEntity).RequireText("Line 1: http://wiki.example/cb must use https", "Line 3: wiki is not an absolute address")
		f = page.FormWith("name").Set("redirect_uris", "https://wiki.example/cb").Set("client_id", "wiki").Set("require_pkce", "").Set("backchannel_logout_uri", "http://wiki.example/out")
		page = f.Press("Create client app").Require(http.StatusUnprocessableEntity).RequireText("Must use https")
		f = page.FormWith("name").Set("backchannel_logout_uri", "https://wiki.example/out")
		page = f.Press("Create client app").Follow().RequireText("Client app created.", "Not required", "without PKCE", "It has none yet", "https://wiki.example/out", "No session that the app holds has ended lately.")
		id := page.URL.Path[strings.LastIndexByte(page.URL.Path, '/')+1:]
		page = o.post("client-apps/"+id+"/tenants", "do", "add", "other", w.ids["tenant acme"]).Follow()
		page.RequireText("How to connect at Acme", w.url+"/t/acme", "OIDC_CLIENT_ID=wiki")

		page = page.Link("Add secret")
		page = page.FormWith("ends").Set("ends", "2020-01-01").Press("Add secret").Require(http.StatusUnprocessableEntity).RequireText("not over")
		page = page.FormWith("ends").Set("ends", "").Press("Add secret").Require(http.StatusOK).RequireText("shown once")
		m := bypassCode.FindStringSubmatch(page.Body)
		if m == nil {
			t.Fatal(page.Body)
		}
		if ok, err := w.tenants.CheckClientSecret(w.in("acme"), "wiki", m[1]); err != nil || !ok {
			t.Error("the secret does not work:", err)
		}
		page = o.open("client-apps/" + id)
		if strings.Contains(page.Body, m[1]) || w.logs.Contains(m[1]) || strings.Contains(w.trail(w.ctx()), m[1]) {
			t.Error("the secret is on the page, in log or trail")
		}
		for _, l := range page.Links {
			if strings.HasPrefix(l.Text, "End Secret 1") {
				page = o.Get(l.URL.String())
			}
		}
		page = page.RequireText("the only one")
		page.FormWith("confirmed").Press("End secret").Follow().RequireText("The secret is over.", "It has none yet")
		w.tenants.Forget()
		if ok, _ := w.tenants.CheckClientSecret(w.in("acme"), "wiki", m[1]); ok {
			t.Error("an ended secret works")
		}

		// The administration itself.
		own, err := w.tenants.ClientApp(w.in("acme"), admin.ConsoleID(w.sub.ID))
		if err != nil {
			t.Fatal(err)
		}
		page = o.open("client-apps/" + own.ID).Require(http.StatusOK).RequireText("The administration itself")
		for _, not := range []string{"Edit", "Delete client app", "Add secret"} {
			if strings.Contains(page.Text, not) {
				t.Errorf("offered: %s", not)
			}
		}
		for _, path := range []string{"edit", "delete", "secrets/new"} {
			o.open("client-apps/" + own.ID + "/" + path).Require(http.StatusConflict)
		}
		o.post("client-apps/"+own.ID+"/edit", "version", "1", "name", "x", "redirect_uris", "https://evil.example/").Require(http.StatusConflict)
		o.post("client-apps/"+own.ID+"/delete", "version", "1", "confirmed", "true", "typed", own.Name).Require(http.StatusConflict)
		o.post("client-apps/"+own.ID+"/secrets/new", "ends", "").Require(http.StatusConflict)
	})
}

// picture is a square of one colour with more in the file than its pixels.
func picture(t *testing.T, form string, side int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		m.Set(i%side, i/side, color.RGBA{200, 60, 20, 255})
	}
	var b bytes.Buffer
	var err error
	if form == "jpeg" {
		err = jpeg.Encode(&b, m, nil)
	} else {
		err = png.Encode(&b, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), "<script>hidden</script>"...)
}

// upload sends a file as a browser does.
func (o *officer) upload(path string, file []byte) *testkit.Page {
	o.w.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("logo", "logo.png")
	if err == nil {
		_, err = part.Write(file)
	}
	if err == nil {
		err = m.Close()
	}
	r, err2 := http.NewRequestWithContext(o.w.t.Context(), http.MethodPost, o.base+path, &b)
	if err != nil || err2 != nil {
		o.w.t.Fatal(err, err2)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Origin", o.w.url)
	return o.Do(r)
}

// TestConsoleLogo: a picture is drawn anew, served by its tenant for ever under the name
// of its content, and shown to those who sign in; what is no picture is refused.
func TestConsoleLogo(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		o := w.officer("sue", tenants.RoleSubscriptionAdmin, "")
		acme, expenses := "tenants/"+w.ids["tenant acme"], "client-apps/"+w.ids["client_app expenses"]
		logo := func() string {
			w.tenants.Forget()
			realm, err := w.tenants.RealmByName(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			return realm.Tenant.LogoURL
		}
		for name, file := range map[string][]byte{
			"none": nil, "text": []byte("no picture"), "svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "half a picture": picture(t, "png", 64)[:60],
			"too many pixels": picture(t, "png", 1025), "too many bytes": append(picture(t, "png", 16), make([]byte, admin.MaxLogo)...), "far too many": make([]byte, 1<<20),
		} {
			if page := o.upload(acme+"/logo", file); page.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", name, page.Status, page.Text)
			}
		}
		if logo() != "" {
			t.Error(logo())
		}
		o.upload(acme+"/logo", picture(t, "png", 64)).Follow().RequireText("The logo is saved.", "Change logo")
		first := logo()
		page := testkit.NewClient(t).Get(w.url + first).Require(http.StatusOK)
		if h := page.Header; h.Get("Content-Type") != "image/png" || !strings.Contains(h.Get("Cache-Control"), "immutable") || h.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || strings.Contains(page.Body, "hidden") {
			t.Errorf("%v", h)
		}
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		if page := c.Get(p.authorizeURL()).Follow(); !strings.Contains(page.Body, first) {
			t.Error("the sign-in page lacks the logo:", page.Body)
		}
		// Globex is of the same subscription, and serves the app's; other hashes nobody serves.
		o.upload(expenses+"/logo", picture(t, "jpeg", 32)).Follow().RequireText("The logo is saved.")
		w.tenants.Forget()
		page = testkit.NewClient(t).Get(w.rp("globex", "expenses").authorizeURL()).Follow()
		m := regexp.MustCompile(`/t/globex/logo/[0-9a-f]{64}`).FindString(page.Body)
		if m == "" || strings.Contains(page.Body, first) {
			t.Fatal("the app's logo is not on the sign-in page of globex:", page.Body)
		}
		if page := testkit.NewClient(t).Get(w.url + m).Require(http.StatusOK); page.Header.Get("Content-Type") != "image/jpeg" || strings.Contains(page.Body, "hidden") {
			t.Error(page.Header)
		}
		testkit.NewClient(t).Get(w.url + "/t/acme/logo/" + strings.Repeat("0", 64)).Require(http.StatusNotFound)

		o.post(acme + "/logo/remove").Follow().RequireText("The logo is gone.")
		if logo() != "" {
			t.Error(logo())
		}
		testkit.NewClient(t).Get(w.url + first).Require(http.StatusNotFound)
	})
}

// settled follows a bulk action until it is over.
func (o *officer) settled(page *testkit.Page) *testkit.Page {
	o.w.t.Helper()
	page = page.Follow().Require(http.StatusOK)
	for range 200 {
		if !strings.Contains(page.Body, "data-refresh") {
			return page
		}
		time.Sleep(50 * time.Millisecond) // as the page itself asks again
		page = o.Get(page.URL.String())
	}
	o.w.t.Fatal("a bulk action does not end:", page.Text)
	return nil
}

// TestConsoleBulk: many users at once, after a question; and what failed and why.
func TestConsoleBulk(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		o := w.officer("sue", tenants.RoleSubscriptionAdmin, "")
		anna, bert, gina := w.ids["user anna"], w.ids["user bert"], w.ids["user gina"]
		active := func(id string, want bool) {
			t.Helper()
			if u, err := w.tenants.Users().Get(w.ctx(), id); err != nil || u.Active != want {
				t.Errorf("active: %v, want %v: %v", u.Active, want, err)
			}
		}
		o.post("users/bulk", "do", "deactivate").Follow().RequireText("Choose users first.")
		page := o.post("users/bulk", "do", "deactivate", "id", anna, "id", bert).Require(http.StatusOK).RequireText("Deactivate 2 users?", "anna, bert", "their sessions end")
		active(anna, true)
		o.settled(page.FormWith("confirmed").Press("Deactivate")).RequireText("Users deactivated", "2 of 2 done")
		active(anna, false)
		active(bert, false)

		// All that match, on every page.
		page = o.open("users?active=false").RequireText("All that match")
		page = page.FormWith("all").Set("all", "true").Set("do", "activate").Press("Go on").RequireText("Activate 2 users?", "State: Inactive")
		o.settled(page.FormWith("confirmed").Press("Activate")).RequireText("2 of 2 done")
		active(anna, true)
		active(bert, true)

		group := tenants.Group{Name: "board"}
		w.must(w.tenants.PutGroup(w.ctx(), &group))
		page = o.post("users/bulk", "do", "add_to_group", "id", anna, "id", gina)
		page = page.FormWith("to_group").Press("Add to a group").Require(http.StatusUnprocessableEntity).RequireText("Choose a group.")
		o.settled(page.FormWith("to_group").Set("to_group", group.ID).Press("Add to a group")).RequireText("2 of 2 done", "board")
		if members, err := w.tenants.MembersOfGroup(w.ctx(), group.ID); err != nil || len(members) != 2 {
			t.Error(members, err)
		}
		o.settled(o.post("users/bulk", "do", "remove_from_group", "confirmed", "true", "to_group", group.ID, "id", anna)).RequireText("1 of 1 done")

		// It takes a fresh sign-in; one fails, the others do not.
		w.clock.Advance(6 * time.Minute)
		o.post("users/bulk", "do", "delete", "id", bert).Require(http.StatusUnauthorized)
		o.signIn("sue")
		page = o.post("users/bulk", "do", "delete", "all", "true").RequireText("Delete 4 users?", "All users of the list")
		page = page.FormWith("typed").Press("Delete").Require(http.StatusUnprocessableEntity).RequireText("not the name")
		o.settled(page.FormWith("typed").Set("typed", "sample").Press("Delete")).RequireText("1 failed", "Sue", "This is yourself")
		if _, err := w.tenants.Users().Get(w.ctx(), bert); err == nil {
			t.Error("bert is still there")
		}
		o.open("users").RequireText("sue")
	})
}

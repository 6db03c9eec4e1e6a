package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/testkit"
	"twofold/tenants"
)

const goodPassword = "a long and quiet sentence"

// form is what the page of a link posts.
func form(link string, more ...string) url.Values {
	u, _ := url.Parse(link)
	v := url.Values{"link": {u.Query().Get("link")}, "name": {"Root"}, "display_name": {"Rita Root"}, "email": {""}, "password": {goodPassword}}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// post sends the form as its page does.
func (w *world) post(v url.Values) *testkit.Page {
	w.t.Helper()
	return testkit.NewClient(w.t).PostFormFrom(w.url, w.url+"/admin/setup", v)
}

func (w *world) newLink(login string) First {
	w.t.Helper()
	first, err := w.FirstRun(w.t.Context(), login)
	must(w.t, err)
	return first
}

// TestSetup: the link's page makes a person with a password and the role, who can sign
// in to the tenant, and nobody is signed in by it.
func TestSetup(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.newLink(" Rita ")
		if first.Until != w.clock.Now().Add(time.Hour) || len(first.Admins) != 0 || !strings.HasPrefix(first.Link, w.url+"/admin/setup?link=") {
			t.Errorf("%+v", first)
		}
		c := testkit.NewClient(t)
		page := c.Get(first.Link).Require(http.StatusOK)
		f := page.FormWith("password")
		if f.Value("name") != "rita" || f.Attr("password", "autocomplete") != "new-password" || f.Attr("name", "autocomplete") != "username" || page.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("form: %v", f.Values())
		}
		c.Get(first.Link) // opening it uses nothing up
		page = f.Set("name", "Root").Set("display_name", " Rita  Root ").Set("password", goodPassword).Press("Create the account")
		if page.Status != http.StatusSeeOther || page.Location().String() != w.url+"/admin/signin?tenant=system" || c.Cookie(w.url+"/admin/", "twofold-console") != "" {
			t.Fatalf("%d %s %s", page.Status, page.Header.Get("Location"), page.Text)
		}
		var err error
		w.realm, err = w.Tenants.RealmByName(t.Context(), "system")
		must(t, err)
		login, err := w.Tenants.CheckPassword(w.in(), "root", goodPassword)
		must(t, err)
		if login.DisplayName != "Rita Root" || login.EmailVerified || login.Kind != tenants.Person {
			t.Errorf("%+v", login.User)
		}
		grants, err := w.Tenants.GrantsIn(t.Context(), "")
		must(t, err)
		if len(grants) != 1 || grants[0].Role != tenants.RoleSystemAdmin || grants[0].SubjectID != login.ID || grants[0].HomeID != w.realm.Subscription.ID || grants[0].TenantID != "" {
			t.Errorf("%+v", grants)
		}
		if got := w.events(); got[0] != "admin.created" || !slices.Contains(got, "admin.link_made") {
			t.Error(got)
		}
		token := form(first.Link).Get("link")
		for _, table := range []string{"setup_links", "audit_events"} {
			if w.dumped(table, token) || w.dumped(table, goodPassword) {
				t.Error(table, "holds the token or the password")
			}
		}
		if w.logs.Contains(token) || w.logs.Contains(goodPassword) {
			t.Error("the log holds the token or the password")
		}
		// Once.
		for _, page := range []*testkit.Page{c.Get(first.Link), w.post(form(first.Link, "name", "second"))} {
			if page.Status != http.StatusGone || !strings.Contains(page.Text, "twofold admin create") {
				t.Errorf("again: %d %s", page.Status, page.Text)
			}
		}
		if n := w.count("users"); n != 1 {
			t.Error("users:", n)
		}
		if again := w.newLink(""); !slices.Equal(again.Admins, []string{"root"}) || len(again.Made) != 0 {
			t.Errorf("a further link: %+v", again)
		}
	})
}

// dumped looks for a text in all columns of a table.
func (w *world) dumped(table, text string) bool {
	w.t.Helper()
	rows, err := w.DB.SQL().QueryContext(w.t.Context(), "SELECT * FROM "+table)
	must(w.t, err)
	defer rows.Close()
	cols, err := rows.Columns()
	must(w.t, err)
	for rows.Next() {
		cells := make([]any, len(cols))
		for i := range cells {
			cells[i] = new(any)
		}
		must(w.t, rows.Scan(cells...))
		for _, c := range cells {
			if s, ok := (*c.(*any)).(string); ok && strings.Contains(s, text) {
				return true
			}
		}
	}
	must(w.t, rows.Err())
	return false
}

// TestSetupRefused: what is wrong is said at its field, and uses nothing up.
func TestSetupRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		first := w.newLink("")
		for _, c := range []struct{ name, field, value, at, says string }{
			{"no login name", "name", " ", "name", "characters"},
			{"a name that is taken", "name", "SUE", "name", "taken already"},
			{"a name of control characters", "name", "a\x00b", "name", "control"},
			{"no display name", "display_name", " ", "display_name", "Enter the name"},
			{"a display name of control characters", "display_name", "a\x00b", "display_name", "control"},
			{"a display name that is no text", "display_name", "a\xff", "display_name", "Must be text"},
			{"no address", "email", "rita", "email", "mail address"},
			{"an address with a line break", "email", "a@b.example\r\nBcc: x", "email", "control"},
			{"a short password", "password", "short", "password", "at least 12"},
			{"a common password", "password", "password1234", "password", "first that anybody"},
			{"a password of what is known", "password", "rita root root", "password", "name that everybody"},
			{"no password", "password", "", "password", "at least"},
			{"a password too long", "password", strings.Repeat("aB3 ", 100), "password", "longer"},
		} {
			t.Run(c.name, func(t *testing.T) {
				page := w.post(form(first.Link, c.field, c.value))
				if page.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Body, `id="f-`+c.at+`-error"`) || !strings.Contains(page.Text, c.says) ||
					!strings.Contains(page.Body, "<title>Error: ") {
					t.Errorf("%d %s", page.Status, page.Text)
				}
				if c.value != "" && c.field == "password" && strings.Contains(page.Body, c.value) {
					t.Error("the page repeats the password")
				}
				if n := w.count("users") + w.count("role_grants"); n != 1 {
					t.Error("something was kept:", n)
				}
			})
		}
		for _, token := range []string{"", "x", strings.Repeat("x", 43), strings.Repeat("x", 5000)} {
			if page := w.post(form(first.Link, "link", token)); page.Status != http.StatusGone {
				t.Errorf("token %.10q: %d", token, page.Status)
			}
		}
		two := form(first.Link)
		two.Add("link", two.Get("link"))
		if page := w.post(two); page.Status != http.StatusGone {
			t.Error("a token twice:", page.Status)
		}
		if page := testkit.NewClient(t).PostFormFrom("https://evil.example", w.url+"/admin/setup", form(first.Link)); page.Status != http.StatusForbidden {
			t.Error("from another site:", page.Status)
		}
		if page := w.post(form(first.Link)); page.Status != http.StatusSeeOther {
			t.Error("and then right:", page.Status, page.Text)
		}
	})
}

// TestSetupLinkEnds: by its time, and by a newer one.
func TestSetupLinkEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old := w.newLink("")
		fresh := w.newLink("")
		if page := w.post(form(old.Link)); page.Status != http.StatusGone {
			t.Error("an older link:", page.Status)
		}
		w.clock.Advance(setupLife)
		if page := w.post(form(fresh.Link)); page.Status != http.StatusGone {
			t.Error("after an hour:", page.Status)
		}
		must(t, w.Sweep(t.Context()))
		if n := w.count("setup_links"); n != 0 || w.count("users") != 0 {
			t.Error("links left:", n)
		}
	})
}

// TestSetupOnce: of many who use a link at once one becomes an administrator.
func TestSetupOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.newLink("")
		var won, over atomic.Int64
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				switch page := w.post(form(first.Link, "name", "root"+string(rune('a'+i)))); page.Status {
				case http.StatusSeeOther:
					won.Add(1)
				case http.StatusGone:
					over.Add(1)
				default:
					t.Error(page.Status, page.Text)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || over.Load() != 5 || w.count("users") != 1 || w.count("role_grants") != 1 {
			t.Error(won.Load(), over.Load(), w.count("users"))
		}
	})
}

// TestFirstRun: what is made, and that a second run changes nothing.
func TestFirstRun(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.newLink("")
		want := []string{
			"created subscription system", "created tenant system", "created IDP local", "created TwoFactor The app",
			"created assignment of The app to tenant system", "created TwoFactor The paper", "created assignment of The paper to tenant system",
		}
		if !slices.Equal(first.Made, want) {
			t.Errorf("made %q", first.Made)
		}
		var err error
		w.realm, err = w.Tenants.RealmByName(t.Context(), "system")
		must(t, err)
		if !w.realm.Tenant.EnforceMFA || w.realm.Tenant.SessionSeconds != 12*3600 {
			t.Errorf("%+v", w.realm.Tenant)
		}
		if again := w.newLink(""); len(again.Made) != 0 {
			t.Errorf("again: %q", again.Made)
		}
	})
}

// TestFirstRunRepairs: what keeps administrators from signing in is put right; all else
// that somebody has changed stays.
func TestFirstRunRepairs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		put := func(_ tenants.Difference, err error) { t.Helper(); must(t, err) }
		sub := db.WithScope(t.Context(), db.Scope{Subscription: w.realm.Subscription.ID})
		v := w.realm.Tenant
		v.Stamp, v.Title, v.EnforceMFA, v.Active, v.Accent = tenants.Stamp{}, "Ours", false, false, "#112233"
		put(w.Tenants.PutTenant(sub, &v))
		put(w.Tenants.SetTenantIDPs(sub, v.ID, nil))
		put(w.Tenants.SetTenantClientApps(sub, v.ID, nil))
		factors, err := w.Tenants.ListTwoFactors(sub)
		must(t, err)
		for _, f := range factors {
			if f.Type == "app" {
				f.Stamp, f.Active = tenants.Stamp{}, false
				put(w.Tenants.PutTwoFactor(sub, &f, nil))
			} else {
				must(t, w.Tenants.TwoFactors().Delete(sub, f.ID, 0))
			}
		}
		got := w.newLink("").Made
		want := []string{
			"changed tenant system", "changed TwoFactor The app", "created TwoFactor The paper", "created assignment of The paper to tenant system",
		}
		if !slices.Equal(got, want) {
			t.Errorf("made %q", got)
		}
		w.Tenants.Forget()
		realm, err := w.Tenants.RealmByName(t.Context(), "system")
		must(t, err)
		if realm.Tenant.Title != "Ours" || realm.Tenant.Accent != "#112233" || !realm.Tenant.EnforceMFA {
			t.Errorf("%+v", realm.Tenant)
		}
		if idps, err := w.Tenants.IDPs(w.in()); err != nil || len(idps) != 1 {
			t.Errorf("IDPs: %+v %v", idps, err)
		}
		w.browser()
	})
}

// TestFirstRunTaken: a tenant of somebody else by the name of ours is left alone.
func TestFirstRunTaken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sub := tenants.Subscription{Name: "other", Title: "Other", Active: true}
		_, err := w.Tenants.PutSubscription(t.Context(), &sub)
		must(t, err)
		_, err = w.Tenants.PutTenant(db.WithScope(t.Context(), db.Scope{Subscription: sub.ID}), &tenants.Tenant{Name: "system", Title: "Theirs", Active: true})
		must(t, err)
		_, err = w.FirstRun(t.Context(), "")
		wantCode(t, err, "taken")
		if n := w.count("subscriptions") + w.count("setup_links"); n != 1 {
			t.Error("something is left:", n)
		}
	})
}

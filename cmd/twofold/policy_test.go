package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// events lists the kinds of the newest audit events of a tenant.
func (w *world) events(tenant string) string {
	w.t.Helper()
	list, err := w.audit.List(w.in(tenant), 50)
	if err != nil {
		w.t.Fatal(err)
	}
	var kinds []string
	for _, e := range list {
		kinds = append(kinds, e.Kind+" "+e.Detail)
	}
	return strings.Join(kinds, "\n")
}

// TestAssignmentAtEachLevel: an assignment to a tenant, an IDP, an app, a group
// or a user reaches exactly the sign-ins of SPEC §4.
func TestAssignmentAtEachLevel(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		for _, level := range []string{"subscription sample", "tenant acme", "idp staff", "client_app expenses", "group managers", "user anna"} {
			t.Run(level, func(t *testing.T) {
				w := newWorld(t, freshCopy(t, url))
				w.tenant("acme", "anna", "bruno")
				g := tenants.Group{Name: "managers"}
				w.must(w.tenants.PutGroup(w.ctx(), &g))
				w.ids["group managers"] = g.ID
				w.must(w.tenants.SetGroupMembers(w.ctx(), g.ID, []string{w.ids["user anna"]}))
				w.factor("mail", "email")
				w.assign("mail", level, true)

				p := w.rp("acme", "expenses")
				if page := p.signIn(testkit.NewClient(t), "anna").Follow(); !strings.Contains(page.Text, "mail") || len(page.Forms) == 0 {
					t.Errorf("anna was not asked: %s", page.Text)
				}
				page := p.signIn(testkit.NewClient(t), "bruno")
				asked := !strings.HasPrefix(page.Header.Get("Location"), redirectURI)
				onlyAnna := strings.HasPrefix(level, "user") || strings.HasPrefix(level, "group")
				if asked == onlyAnna {
					t.Errorf("bruno asked = %v", asked)
				}
			})
		}
	})
}

// freshCopy is the database itself for the first subtest of a kind: SQLite and
// PostgreSQL both hand out a new one by name.
func freshCopy(t *testing.T, url string) string {
	if strings.HasPrefix(url, "sqlite:") {
		return testkit.SQLite(t)
	}
	return testkit.Postgres(t)
}

// TestLevelsTogether: the sets of the levels are united, the strictest wins, and
// the strongest is offered first.
func TestLevelsTogether(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.factor("sms", "twilio")
		w.factor("sms2", "ecall")
		w.assign("mail", "tenant acme", true)
		w.assign("sms", "client_app expenses", false)
		w.assign("sms2", "user anna", false)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := p.signIn(c, "anna").Follow()
		if !strings.Contains(page.H1, "sms") {
			t.Fatalf("the strongest does not come first: %s", page.Text)
		}
		page = page.Press("Use another method").Follow()
		for _, name := range []string{"mail", "sms", "sms2"} {
			if !strings.Contains(page.Text, name) {
				t.Errorf("%s is not offered: %s", name, page.Text)
			}
		}
		page = page.Press(w.ids["two_factor mail"]).Follow()
		page = page.Forms[0].Set("code", w.code("anna@example.test")).Submit()
		cl := claims(t, p.exchange(p.callback(page).Get("code")).IDToken)
		if cl["acr"] != "urn:twofold:acr:2fa" || strings.Contains(str(cl["amr"]), "mfa") {
			t.Errorf("acr %v amr %v", cl["acr"], cl["amr"])
		}
		// Next time the mail instance was used last, but SMS is stronger.
		page = p.signIn(testkit.NewClient(t), "anna").Follow()
		if !strings.Contains(page.H1, "sms") {
			t.Errorf("the weaker one used last comes before a stronger one: %s", page.Text)
		}
	})
}

// TestStepUp: single sign-on from a lax app to a strict one asks for the missing
// factor only, and the session keeps its sid.
func TestStepUp(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		w.app(tenants.ClientApp{Name: "vault", MinACR: "urn:twofold:acr:aal2"})
		w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app expenses"], w.ids["client_app vault"]}))
		w.factor("sms", "twilio")
		w.assign("sms", "tenant acme", false)
		lax, strict, c := w.rp("acme", "expenses"), w.rp("acme", "vault"), testkit.NewClient(t)

		first := claims(t, lax.exchange(lax.callback(lax.signIn(c, "anna")).Get("code")).IDToken)
		if first["acr"] != "urn:twofold:acr:1fa" {
			t.Fatalf("acr %v", first["acr"])
		}
		// A silent request cannot be satisfied: the missing factor needs the user.
		quiet := w.rp("acme", "vault").with("prompt", "none")
		if got := quiet.callback(c.Get(quiet.authorizeURL())).Get("error"); got != "interaction_required" {
			t.Errorf("prompt=none: %q", got)
		}
		page := c.Get(strict.authorizeURL()).Follow()
		if len(page.Forms) == 0 || page.Forms[0].Has("password") {
			t.Fatalf("step-up asks for more than the missing factor: %s", page.Text)
		}
		phone := w.phone("anna")
		page = page.Forms[0].Set("code", w.code(phone)).Submit()
		second := claims(t, strict.exchange(strict.callback(page).Get("code")).IDToken)
		if second["acr"] != "urn:twofold:acr:aal2" || second["sid"] != first["sid"] || !strings.Contains(str(second["amr"]), "mfa") {
			t.Errorf("acr %v, sid %v (was %v), amr %v", second["acr"], second["sid"], first["sid"], second["amr"])
		}
		// And now the strict app is silent.
		if got := quiet.callback(c.Get(quiet.authorizeURL())).Get("code"); got == "" {
			t.Error("no code for a session that satisfies the app")
		}
	})
}

func (w *world) phone(name string) string {
	u, err := w.tenants.User(w.in("acme"), w.ids["user "+name])
	if err != nil {
		w.t.Fatal(err)
	}
	return u.Phone
}

func str(v any) string {
	s := ""
	if l, ok := v.([]any); ok {
		for _, x := range l {
			s += " " + x.(string)
		}
	}
	return s
}

// TestExempt: an exemption lifts the requirement, is audited, and ends on its day.
func TestExempt(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", true)
		w.must(w.tenants.PutExemption(w.ctx(), &tenants.Exemption{
			Level: tenants.LevelUser, TargetID: w.ids["user anna"], Reason: "broken phone", Until: w.clock.Now().Add(time.Hour), CreatedBy: "operator",
		}))
		p := w.rp("acme", "expenses")
		answer := p.callback(p.signIn(testkit.NewClient(t), "anna"))
		if cl := claims(t, p.exchange(answer.Get("code")).IDToken); cl["acr"] != "urn:twofold:acr:1fa" {
			t.Errorf("acr %v", cl["acr"])
		}
		if ev := w.events("acme"); !strings.Contains(ev, "sign_in.done") || !strings.Contains(ev, "broken phone") {
			t.Errorf("the exemption is not in the trail:\n%s", ev)
		}
		// It never lifts what is demanded in strength.
		strict := w.rp("acme", "expenses").with("acr_values", "urn:twofold:acr:2fa")
		if page := strict.signIn(testkit.NewClient(t), "anna"); strings.HasPrefix(page.Header.Get("Location"), redirectURI) {
			t.Error("an exemption lifted rule 3")
		}
		w.clock.Advance(2 * time.Hour)
		if page := p.signIn(testkit.NewClient(t), "anna"); strings.HasPrefix(page.Header.Get("Location"), redirectURI) {
			t.Error("an exemption outlived its end")
		}
	})
}

// TestFailsClosed: a required factor that cannot be used lets nobody in, says so
// to the user and tells the administrator why.
func TestFailsClosed(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		for name, prepare := range map[string]func(w *world){
			"invalid": func(w *world) {
				w.factorWith("sms", "twilio", true, map[string]any{"TwilioSmsFromNumber": "+15005550006"})
			},
			"inactive": func(w *world) { w.factor("sms", "twilio"); w.inactive("sms") },
			"no phone, and no country to prove one in": func(w *world) {
				w.factor("sms", "twilio")
				w.textingTo("acme")
				u, _ := w.tenants.User(w.in("acme"), w.ids["user anna"])
				u.Phone, u.PhoneVerified = "", false
				w.must(w.tenants.PutUser(w.ctx(), &u))
			},
			"a phone in a country that is not texted to": func(w *world) {
				w.factor("sms", "twilio")
				w.textingTo("acme")
			},
		} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, freshCopy(t, url))
				w.tenant("acme", "anna")
				prepare(w)
				w.assign("sms", "tenant acme", true)
				page := w.rp("acme", "expenses").signIn(testkit.NewClient(t), "anna").Follow()
				if page.Status != http.StatusForbidden || !strings.Contains(page.Text, "administrator") {
					t.Errorf("%d %s", page.Status, page.Text)
				}
				if ev := w.events("acme"); !strings.Contains(ev, "sign_in.no_factor") || strings.Contains(ev, "sign_in.done") {
					t.Errorf("trail:\n%s", ev)
				}
				if len(w.inbox.Messages()) != 0 {
					t.Error("something was sent")
				}
			})
		}
	})
}

// textingTo sets the countries that text messages of a tenant may go to.
func (w *world) textingTo(tenant string, countries ...string) {
	w.t.Helper()
	list, err := w.tenants.ListTenants(w.ctx())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range list {
		if v.Name == tenant {
			v.SMSCountries = countries
			w.must(w.tenants.PutTenant(w.ctx(), &v))
		}
	}
}

func (w *world) inactive(name string) {
	w.factorWith(name, "twilio", false, map[string]any{
		"TwilioAccountSid": w.twilio.AccountSid, "TwilioAuthToken": w.twilio.AuthToken, "TwilioSmsFromNumber": "+15005550006",
	})
}

// TestRaisedWhileOpen: a rule that an administrator adds between password and code
// counts for the sign-in that is open (SECURITY M56).
func TestRaisedWhileOpen(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.factor("sms", "twilio")
		w.assign("mail", "tenant acme", true)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := p.signIn(c, "anna").Follow()
		code := w.code("anna@example.test")
		w.assign("sms", "tenant acme", false)
		w.app(tenants.ClientApp{Name: "expenses", Title: "Expenses", MinACR: "urn:twofold:acr:aal2"})
		page = page.Forms[0].Set("code", code).Submit()
		if strings.HasPrefix(page.Header.Get("Location"), redirectURI) {
			t.Fatal("a mail code satisfied aal2")
		}
		if page = page.Follow(); !strings.Contains(page.Text, "sms") {
			t.Errorf("the stronger factor is not asked for: %s", page.Text)
		}
	})
}

// TestTrailHolds: after sign-ins of all kinds the audit chain verifies.
func TestTrailHolds(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		p := w.rp("acme", "expenses")
		p.callback(p.signIn(testkit.NewClient(t), "anna"))
		if err := w.audit.Verify(context.Background(), w.sub.ID); err != nil {
			t.Error(err)
		}
	})
}

package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestClaimRules: an app is told what its rules say, in the ID token, at userinfo, in the
// access token and by introspection; and what is so of itself no rule touches.
func TestClaimRules(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		hr := tenants.IDP{Name: "hr", Type: tenants.IDPOIDC, Issuer: "https://hr.example", ClientID: "us", Active: true}
		w.must(w.tenants.PutIDP(w.ctx(), &hr))
		if err := w.tenants.LinkUpstream(w.in("acme"), w.ids["user anna"], hr.ID, "4711"); err != nil {
			t.Fatal(err)
		}
		group := tenants.Group{Name: "managers"}
		w.must(w.tenants.PutGroup(w.ctx(), &group))
		w.must(w.tenants.SetGroupMembers(w.ctx(), group.ID, []string{w.ids["user anna"]}))
		app := tenants.ClientApp{Name: "expenses", Title: "Expenses", GrantTypes: tenants.List{tenants.GrantCode, tenants.GrantRefresh, tenants.GrantClientCredentials}}
		everywhere := tenants.ClaimPlaces()
		app.ClaimRules = tenants.ClaimRules{
			{Name: "roles", Source: tenants.ClaimGroups, Map: []string{"managers = approver"}, In: everywhere},
			{Name: "employee_number", Source: tenants.ClaimAttribute, Attribute: tenants.AttributeSubject, IDP: "hr"},
			{Name: "https://acme.example/level", Source: tenants.ClaimConstant, Value: json.RawMessage("2"), In: everywhere},
			{Name: "realm", Source: tenants.ClaimTenant, Attribute: tenants.TenantTitle},
			{Name: "phone_number", Source: tenants.ClaimOmit},
			{Name: "reports", Source: tenants.ClaimConstant, Value: json.RawMessage("true"), Scope: "groups"},
		}
		w.app(app)

		p := w.rp("acme", "expenses").with("scope", "openid profile email phone offline_access")
		got := p.exchange(p.callback(p.signIn(testkit.NewClient(t), "anna")).Get("code"))
		info := w.told(p, "/userinfo", "Bearer "+got.AccessToken, nil)
		expect := func(where string, c map[string]any, want map[string]any) {
			t.Helper()
			for name, v := range want {
				if text, _ := json.Marshal(c[name]); string(text) != v {
					t.Errorf("%s: %s is %s, want %v", where, name, text, v)
				}
			}
		}
		roles := map[string]any{"roles": `["approver"]`, "https://acme.example/level": "2", "sub": `"` + w.ids["user anna"] + `"`}
		expect("userinfo", info, roles)
		expect("userinfo", info, map[string]any{"employee_number": `"4711"`, "realm": `"Acme"`, "phone_number": "null", "phone_number_verified": "null", "reports": "null", "email": `"anna@example.test"`})
		for where, token := range map[string]string{"ID token": got.IDToken, "access token": got.AccessToken} {
			expect(where, claims(t, token), roles)
			expect(where, claims(t, token), map[string]any{"employee_number": "null", "realm": "null"})
		}
		asked := w.told(p, "/introspect", "", url.Values{"token": {got.AccessToken}})
		expect("introspection", asked, roles)
		expect("introspection", asked, map[string]any{"active": "true", "username": `"anna"`, "client_id": `"expenses"`, "realm": "null"})

		// What changes counts at once, and with the next tokens.
		w.must(w.tenants.SetGroupMembers(w.ctx(), group.ID, nil))
		app.ClaimRules = append(app.ClaimRules[:1:1], tenants.ClaimRule{Name: "reports", Source: tenants.ClaimConstant, Value: json.RawMessage(`"all"`)})
		app.IDTokenProfile = true
		w.app(app)
		next := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}})
		expect("refreshed", claims(t, next.IDToken), map[string]any{"roles": "null", "reports": `"all"`, "https://acme.example/level": "null"})
		expect("userinfo later", w.told(p, "/userinfo", "Bearer "+next.AccessToken, nil), map[string]any{"roles": "null", "reports": `"all"`, "employee_number": "null"})

		// An app for itself has no user; and rules that make its token too long are left out.
		app.ClaimRules = tenants.ClaimRules{{Name: "level", Source: tenants.ClaimConstant, Value: json.RawMessage("2"), In: everywhere}, {Name: "who", Source: tenants.ClaimAttribute, Attribute: tenants.AttributeName, In: everywhere}}
		w.app(app)
		machine := p.token(url.Values{"grant_type": {"client_credentials"}})
		expect("a machine", claims(t, machine.AccessToken), map[string]any{"level": "2", "who": "null", "sub": `"expenses"`})
		for i := range 20 {
			long, _ := json.Marshal(strings.Repeat("x", 900))
			app.ClaimRules = append(app.ClaimRules, tenants.ClaimRule{Name: "long" + string(rune('a'+i)), Source: tenants.ClaimConstant, Value: long, In: everywhere})
		}
		w.app(app)
		machine = p.token(url.Values{"grant_type": {"client_credentials"}})
		expect("too long", claims(t, machine.AccessToken), map[string]any{"level": "null"})
		if !w.active(p, machine.AccessToken) {
			t.Error("a token that we do not take ourselves")
		}
	})
}

// told is what an endpoint answers: to a bearer, or to the app itself.
func (w *world) told(p *rp, path, bearer string, form url.Values) map[string]any {
	w.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, p.base()+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.SetBasicAuth(p.app, secret)
	if bearer != "" {
		req.Header.Set("Authorization", bearer)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	page := testkit.NewClient(w.t).Do(req)
	var out map[string]any
	if err := json.Unmarshal([]byte(page.Body), &out); err != nil || page.Status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", path, page.Status, page.Text)
	}
	return out
}

// TestConsoleApps: whom an app is for and what it is told is set on its page.
func TestConsoleApps(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		o := w.officer("sue", tenants.RoleSubscriptionAdmin, "")
		path := "client-apps/" + w.ids["client_app expenses"]

		o.open(path).RequireText("All members of its tenants", "Users with access", "Groups with access", "None: the app is told what its scopes say.")
		page := o.post(path+"/users", "do", "add", "other", "anna").Follow().Require(http.StatusOK).RequireText("Added.", "anna")
		o.post(path+"/users", "do", "add", "other", "nobody").Require(http.StatusUnprocessableEntity).RequireText("There is no such thing here")
		f := page.Link("Edit").FormWith("redirect_uris").Set("restricted", "true")
		page = f.Press("Save").Require(http.StatusOK).RequireText("They could not use the app any more: 3", "bert", "gina", "sue", "Save it, and lock them out")
		page.FormWith("restricted").Press("Save it, and lock them out").Follow().Require(http.StatusOK).RequireText("Its users and groups only")
		o.open("explain?user=bert&client_app="+w.ids["client_app expenses"]).RequireText("No access", "Is restricted to some users and groups")
		page = o.post(path+"/users", "do", "remove", "other", w.ids["user anna"]).Require(http.StatusOK).RequireText("They could not use the app any more: 1")
		page.FormWith("other").Press("Save it, and lock them out").Follow().Require(http.StatusOK).RequireText("Removed.")
		if n := w.count("audit_events", "kind IN ('config.linked', 'config.unlinked') AND detail LIKE '%client_app_user%'"); n != 2 {
			t.Errorf("%d entries", n)
		}

		page = o.open(path + "/claims").Require(http.StatusOK).RequireText("A new rule")
		f = page.FormWith("name_0").Set("name_0", "roles").Set("source_0", "groups").Set("map_0", "managers = approver\ncrew = user")
		page = f.Press("One more rule").Require(http.StatusOK).RequireText("Rule 1: roles", "A new rule")
		f = page.FormWith("name_1").Set("name_1", "level").Set("source_1", "constant").Set("value_1", "\"2\"")
		page = f.Press("Save").Follow().Require(http.StatusOK).RequireText("Claim rules saved.", "called managers = approver, crew = user", `Always "2"`)
		old := page.Link("Edit claim rules")
		bad := old.FormWith("name_2").Set("name_2", "sub").Set("source_2", "tenant").Press("Save").Require(http.StatusUnprocessableEntity).RequireText("only Twofold itself may make")
		if v := bad.FormWith("name_2"); v.Value("name_2") != "sub" || v.Value("value_1") != `"2"` || v.Value("map_0") != "managers = approver\ncrew = user" {
			t.Errorf("typed: %v", v.Values())
		}
		bad.FormWith("name_2").Set("name_2", "realm").Set("name_0", "").Press("Save").Follow().Require(http.StatusOK).RequireText("Claim rules saved.")
		old.FormWith("name_0").Set("name_0", "later").Press("Save").Require(http.StatusPreconditionFailed).RequireText("Somebody else has changed this app meanwhile", "Rule 1: later")
		app, err := w.tenants.ClientAppByID(w.ctx(), w.ids["client_app expenses"])
		if err != nil || len(app.ClaimRules) != 2 || app.ClaimRules[0].Name != "level" || string(app.ClaimRules[0].Value) != `"2"` || app.ClaimRules[1].Source != tenants.ClaimTenant || !app.Restricted {
			t.Errorf("%+v, %v", app, err)
		}
	})
}

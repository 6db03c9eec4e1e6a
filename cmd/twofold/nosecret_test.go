package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/admin/apply"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestNoSecretAnywhere fills a house with secrets of every kind, and looks for each of them
// in all that the house says: every GET of the REST API, every page of the console, errors
// about bodies that carry secrets, the export, the trail, the log, metrics, the doctor, and
// the OpenAPI document. What is shown once (a client secret, a bypass, a link) is not
// looked at where it is shown, and everywhere afterwards.
func TestNoSecretAnywhere(t *testing.T) {
	testkit.Later(t)
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, databaseURL string) {
		m := &mole{world: newWorld(t, databaseURL), seen: map[string]bool{}}
		m.fill()
		m.posts() // their errors are in log and trail too
		m.reads()
		m.pages()
		m.tells(databaseURL)
		t.Logf("%d secrets looked for in %d texts, %d of REST, %d pages", m.secrets, m.texts, m.calls, len(m.seen))
	})
}

// mole looks for secrets.
type mole struct {
	*world
	register testkit.SecretRegister
	secrets  int
	texts    int
	calls    int
	root     *testkit.Client // a SystemAdmin at the console
	token    string          // of a machine that is a SystemAdmin
	seen     map[string]bool // pages
}

// keep registers a secret.
func (m *mole) keep(name, value string) string {
	m.secrets++
	return m.register.Add(name, value)
}

// fresh makes one up, with characters that encodings write differently.
func (m *mole) fresh(name string) string {
	return m.keep(name, fmt.Sprintf("hush-%d-<&\"'>+/= of %s", m.secrets, strings.ReplaceAll(name, " ", "-")))
}

// look searches a text for all secrets.
func (m *mole) look(where, text string) {
	m.t.Helper()
	m.texts++
	m.register.Forbid(m.t, where, text)
}

// fill makes a house with everything in it.
func (m *mole) fill() {
	w := m.world
	m.keep("the users' password", password)
	m.keep("the apps' secret", secret)
	m.keep("the password of an administrator", adminPassword)
	m.keep("the Twilio token of the fake", m.twilio.AuthToken)
	m.keep("the eCall password of the fake", m.ecall.Password)
	m.keep("the master key", string(testKey))
	w.tenant("acme", "anna", "bruno")
	w.factor("mail", "email")
	w.factor("sms", "twilio")
	w.factor("sms2", "ecall")
	w.factorWith("app", "totp", true, map[string]any{})
	w.factorWith("spare", "recovery", true, map[string]any{})
	w.assign("mail", "user bruno", true)
	w.assign("app", "user anna", true)
	w.assign("spare", "user anna", false)
	m.applied()
	m.signedIn()

	// A SystemAdmin, by the link of the first run.
	link, _ := w.firstLink("sue")
	m.keep("the token of the first link", link[strings.Index(link, "link=")+5:])
	m.root = testkit.NewClient(w.t)
	page := m.root.Get(link).Require(http.StatusOK)
	page = page.FormWith("password").Set("name", "sue").Set("display_name", "Sue Root").Set("email", "sue@example.test").
		Set("password", adminPassword).Press("Create the account").Follow()
	page = page.FormWith("username").Set("username", "sue").Set("password", adminPassword).Press("Sign in").Follow()
	if !totpKey.MatchString(page.Text) {
		page = page.Press("Authenticator app").Follow()
	}
	a := w.readKey(page)
	m.keep("the key of an administrator's app", a.secret)
	m.keep("a code of an administrator's app", a.code())
	page = page.FormWith("code").Set("code", a.code()).Press("Continue").Follow()
	m.recovery("an administrator", page)
	page.FormWith("saved").Set("saved", "true").Press("Continue").Follow().Require(http.StatusOK)
	m.cookies("an administrator", m.root)

	// A machine with the same role, and a token.
	m.token = w.robot()
	m.keep("the token of a machine", m.token)
	w.check(w.admin.Grant(context.Background(), admin.Operator(), &tenants.Grant{
		Role: tenants.RoleSystemAdmin, SubjectKind: tenants.SubjectClientApp, SubjectID: w.ids["client_app robot"], HomeID: w.sub.ID,
	}))
	m.shownOnce()
	m.furnish()
}

// furnish adds what has no secret, so that no page and no list is empty.
func (m *mole) furnish() {
	w, ctx := m.world, context.Background()
	group := tenants.Group{Name: "staff"}
	w.must(w.tenants.PutGroup(w.ctx(), &group))
	w.check(w.admin.Grant(ctx, admin.Operator(), &tenants.Grant{SubscriptionID: w.sub.ID, Role: tenants.RoleAuditor, SubjectKind: tenants.SubjectGroup, SubjectID: group.ID}))
	exemption := tenants.Exemption{Level: tenants.LevelUser, TargetID: w.ids["user bruno"], Reason: "test", Until: w.clock.Now().Add(time.Hour), CreatedBy: "test"}
	w.must(w.tenants.PutExemption(w.ctx(), &exemption))
	_, err := w.admin.StartBulk(ctx, admin.Operator(), w.sub.ID, admin.BulkUsers{Do: admin.BulkActivate, IDs: []string{w.ids["user bruno"]}})
	w.check(err)
	_, err = w.db.SQL().Exec("UPDATE user_failures SET failures = 9 WHERE user_id = '" + w.ids["user bruno"] + "'")
	w.check(err)
	_, err = w.db.SQL().Exec("INSERT INTO consents (tenant_id, user_id, client_app_id, scopes, created_at, updated_at) SELECT '" + w.ids["tenant acme"] +
		"', id, '" + w.ids["client_app expenses"] + "', '[\"email\"]', created_at, created_at FROM users WHERE id = '" + w.ids["user bruno"] + "'")
	w.check(err)
}

// recovery registers the recovery codes of a page.
func (m *mole) recovery(whose string, page *testkit.Page) {
	m.t.Helper()
	codes := recoveryCode.FindAllString(page.Text, -1)
	if len(codes) == 0 {
		m.t.Fatalf("no recovery codes: %s", page.Text)
	}
	for _, c := range codes {
		m.keep("a recovery code of "+whose, c)
	}
}

func (m *mole) cookies(whose string, c *testkit.Client) {
	for _, path := range []string{"/", "/admin/", "/t/acme/", "/t/system/"} {
		for _, k := range c.Cookies(m.url + path) {
			if len(k.Value) > 16 {
				m.keep("cookie "+k.Name+" of "+whose, k.Value)
			}
		}
	}
}

// applied applies a file with secrets at every level, and of every type of factor.
func (m *mole) applied() {
	m.t.Helper()
	q := func(name string) string { return fmt.Sprintf("%q", m.fresh(name)) }
	file := `
settings:
  email: {MailServerConfig: {MailType: SMTP, Host: mail.example.org, Port: 465, EnableSSL: true, UserName: x, Password: ` + q("platform mail password") + `}}
  twilio: {TwilioAuthToken: ` + q("platform Twilio token") + `}
  webhook: {SigningSecret: ` + q("platform signing secret of a hook") + `}
subscriptions:
  - name: sample
    settings:
      ecall: {ECallAccountPassword: ` + q("subscription eCall password") + `}
    idps: [{name: staff}]
    client_apps:
      - {name: shop, type: web, client_secret: ` + q("client secret of a file") + `, redirect_uris: ["https://shop.example.org/cb"]}
    users:
      - {name: clara, email: clara@example.org, password: ` + q("password of a file") + `, idps: [staff], tenants: [acme]}
    two_factors:
      - name: smtp
        type: email
        options:
          EMailSenderAddress: noreply@example.org
          MailServerConfig: {MailType: SMTP, Host: mail.example.org, Port: 465, EnableSSL: true, UserName: noreply, Password: ` + q("mail password") + `}
      - name: m365
        type: email
        options:
          EMailSenderAddress: noreply@example.org
          MailServerConfig: {MailType: M365, ClientId: c, TenantId: t, UserId: u, ClientSecret: ` + q("client secret of M365") + `}
      - {name: twilio, type: twilio, options: {TwilioAccountSid: AC00000000000000000000000000000000, TwilioAuthToken: ` + q("Twilio token") + `, TwilioSmsFromNumber: "+41790000000"}}
      - {name: ecall, type: ecall, options: {ECallAccountName: a, ECallAccountPassword: ` + q("eCall password") + `, ECallAccountFromNumber: Acme}}
      - {name: hook, type: webhook, options: {Url: "https://hook.example.org/x", SigningSecret: ` + q("signing secret of a hook") + `, Mode: deliver}}
`
	parsed, err := apply.Parse("secrets.yaml", []byte(file))
	m.check(err)
	for _, dry := range []bool{true, false} {
		report, err := m.apply(context.Background(), parsed, dry)
		m.check(err)
		m.look("the difference of apply", report.Text(false))
	}
	// One that is wrong says so without its secrets.
	wrong := strings.Replace(strings.ReplaceAll(file, "type: ecall", "type: nothing"), "Port: 465", "Port: "+q("a secret at a wrong place"), 1)
	if parsed, err = apply.Parse("wrong.yaml", []byte(wrong)); err == nil {
		_, err = m.apply(context.Background(), parsed, true)
	}
	if err == nil {
		m.t.Fatal("a wrong file is applied")
	}
	m.look("what is wrong with a file", err.Error())
}

// signedIn signs people in, so that there are sessions, tokens, codes and keys.
func (m *mole) signedIn() {
	w := m.world
	p, c := w.rp("acme", "expenses"), testkit.NewClient(w.t)
	page := p.signIn(c, "bruno").Follow()
	code := m.keep("a code by mail", w.code("bruno@example.test"))
	back := p.callback(page.FormWith("code").Set("code", code).Press("Continue"))
	m.keep("an authorization code", back.Get("code"))
	got := p.exchange(back.Get("code"))
	m.keep("an access token", got.AccessToken)
	m.keep("a refresh token", got.Refresh)
	m.keep("an ID token", got.IDToken)
	m.cookies("bruno", c)

	c = testkit.NewClient(w.t)
	a, page := w.enrol(p.signIn(c, "anna").Follow())
	m.keep("the key of an app", a.secret)
	if page = page.Follow(); recoveryCode.MatchString(page.Text) {
		m.recovery("anna", page)
	}
	m.cookies("anna", c)
	if status, _ := m.try("the token endpoint", "", http.MethodPost, w.url+"/t/acme/token", url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "client_id": {"expenses"}, "client_secret": {m.fresh("a wrong client secret")}}.Encode(), "application/x-www-form-urlencoded"); status < 400 {
		w.t.Error("a wrong secret is good")
	}
}

// shownOnce takes what is shown once, by name: the exceptions of this test.
func (m *mole) shownOnce() {
	w := m.world
	sub := w.url + "/admin/v1/subscriptions/" + w.sub.ID
	take := func(name, path, body, member string) {
		m.t.Helper()
		req, err := http.NewRequest(http.MethodPost, sub+path, strings.NewReader(body))
		w.check(err)
		req.Header = http.Header{"Authorization": {"Bearer " + m.token}, "Content-Type": {"application/json"}, "Idempotency-Key": {strings.ReplaceAll(name, " ", "-")}}
		res, err := http.DefaultClient.Do(req)
		w.check(err)
		defer res.Body.Close()
		var out map[string]any
		w.check(json.NewDecoder(res.Body).Decode(&out))
		v, _ := out[member].(string)
		if res.StatusCode != http.StatusCreated || v == "" {
			m.t.Fatalf("%s: %d %v", name, res.StatusCode, out)
		}
		m.keep(name, v)
	}
	take("a new client secret by REST", "/client-apps/"+w.ids["client_app expenses"]+"/secrets", `{"days":1}`, "secret")
	take("a bypass by REST", "/users/"+w.ids["user anna"]+"/bypass", `{"reason":"lost"}`, "bypass_code")

	base := w.url + "/admin/s/" + w.sub.ID
	page := m.root.Get(base + "/client-apps/" + w.ids["client_app expenses"] + "/secrets/new")
	page = m.root.PostFormFrom(w.url, page.URL.String(), page.Forms[len(page.Forms)-1].Values()).Require(http.StatusOK)
	shown := bypassCode.FindAllStringSubmatch(page.Body, -1)
	if len(shown) == 0 {
		m.t.Fatalf("no client secret: %s", page.Text)
	}
	for _, s := range shown {
		if strings.HasPrefix(s[1], "tfs_") {
			m.keep("a new client secret by the console", s[1])
		}
	}
	if len(m.register.Find(page.Body)) == 0 {
		m.t.Error("the register does not find what is on the page that shows it")
	}
	page = m.root.PostFormFrom(w.url, base+"/users/"+w.ids["user bruno"]+"/bypass", url.Values{"reason": {"lost"}}).Require(http.StatusOK)
	if s := bypassCode.FindStringSubmatch(page.Body); s != nil {
		m.keep("a bypass by the console", s[1])
	} else {
		m.t.Fatalf("no bypass: %s", page.Text)
	}
	link, _ := w.firstLink("other")
	m.keep("the token of another link", link[strings.Index(link, "link=")+5:])
}

// try sends a request with a token, and looks at the answer.
func (m *mole) try(where, token, method, address, body, media string) (status int, text string) {
	m.t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	m.check(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", media)
	}
	req.Header.Set("If-Match", "*")
	res, err := http.DefaultClient.Do(req)
	m.check(err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	m.check(err)
	var head strings.Builder
	m.check(res.Header.Write(&head))
	m.calls++
	m.look(where, head.String()+"\n"+string(got))
	return res.StatusCode, string(got)
}

// apiOperation is what this test needs of the document.
type apiOperation struct {
	ID          string `json:"operationId"`
	RequestBody struct {
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			} `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Parameters []struct {
		Name, In string
		Required bool
	} `json:"parameters"`
}

type apiDocument struct {
	Paths      map[string]map[string]apiOperation `json:"paths"`
	Components struct {
		Schemas map[string]struct {
			Properties map[string]struct {
				Type      any      `json:"type"`
				WriteOnly bool     `json:"writeOnly"`
				Enum      []string `json:"enum"`
			} `json:"properties"`
		} `json:"schemas"`
	} `json:"components"`
}

func (m *mole) document() (d apiDocument) {
	text := m.rest.OpenAPI("openapi.json")
	m.look("the OpenAPI document", string(text))
	m.check(json.Unmarshal(text, &d))
	return d
}

// reads calls every GET of the API for everything that there is.
func (m *mole) reads() {
	m.t.Helper()
	d := m.document()
	known := map[string][]string{} // ids by the path of their list
	uuid := regexp.MustCompile(`"id":"([0-9a-f-]{36})"`)
	var call func(op apiOperation, path string) bool
	call = func(op apiOperation, path string) (good bool) {
		i := strings.IndexByte(path, '{')
		if i < 0 {
			if query := m.query(op); query != "" {
				path += "?" + query
			}
			status, text := m.try("GET "+op.ID, m.token, http.MethodGet, m.url+path, "", "")
			for _, id := range uuid.FindAllStringSubmatch(text, -1) {
				known[path] = append(known[path], id[1])
			}
			return status == http.StatusOK
		}
		name, rest, _ := strings.Cut(path[i+1:], "}")
		values := known[strings.TrimSuffix(path[:i], "/")]
		if name == "type" {
			values = m.tenants.Catalog.Types()
		}
		for _, v := range values[:min(len(values), 25)] {
			good = call(op, path[:i]+v+rest) || good
		}
		return good
	}
	// Lists first: they tell what there is to read.
	paths := slices.SortedFunc(maps.Keys(d.Paths), func(a, b string) int {
		if n := strings.Count(a, "/") - strings.Count(b, "/"); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	for _, path := range paths {
		op, ok := d.Paths[path]["get"]
		if ok && !call(op, path) {
			m.t.Errorf("GET %s was never answered: the test looks at nothing there", op.ID)
		}
	}
}

// query is what an operation must be asked with.
func (m *mole) query(op apiOperation) string {
	q := url.Values{}
	for _, p := range op.Parameters {
		switch {
		case p.In != "query" || !p.Required:
		case p.Name == "user":
			q.Set("user", m.ids["user anna"])
		default:
			q.Set(p.Name, "a")
		}
	}
	return q.Encode()
}

// posts sends bodies that carry secrets and are wrong elsewhere.
func (m *mole) posts() {
	m.t.Helper()
	d := m.document()
	sub := "/admin/v1/subscriptions/" + m.sub.ID
	replace := strings.NewReplacer("{subscription}", m.sub.ID, "{id}", m.ids["user anna"], "{type}", "email")
	for path, methods := range d.Paths {
		for method, op := range methods {
			body, ok := op.RequestBody.Content["application/json"]
			if method == "get" || !ok {
				continue
			}
			// Each text is a secret, and everything else is wrong.
			object := map[string]any{"nobody_knows_this": m.fresh("an unknown member of " + op.ID)}
			for name, p := range d.Components.Schemas[strings.TrimPrefix(body.Schema.Ref, "#/components/schemas/")].Properties {
				if object[name] = true; p.Type == "string" {
					object[name] = m.fresh(name + " of " + op.ID)
				} else if p.Type == "boolean" {
					object[name] = m.fresh("a text for a bool of " + op.ID)
				}
			}
			text, err := json.Marshal(object)
			m.check(err)
			at := m.url + replace.Replace(path)
			for what, body := range map[string]string{"wrong": string(text), "cut": string(text[:len(text)-2]), "twice": string(text) + string(text)} {
				if status, _ := m.try(op.ID+", "+what, m.token, strings.ToUpper(method), at, body, "application/json"); status < 400 {
					m.t.Errorf("%s takes %s", op.ID, text)
				}
			}
			m.try(op.ID+" as text", m.token, strings.ToUpper(method), at, string(text), "text/plain")
		}
	}
	// Each secret option of each type, with another one wrong.
	for _, typ := range m.tenants.Catalog.Types() {
		options := map[string]any{"NobodyKnowsThis": true}
		for _, f := range m.tenants.Catalog[typ].Fields {
			switch {
			case f.Secret:
				options[f.Name] = m.fresh("option " + f.Name)
			case len(f.Fields) > 0:
				inner := map[string]any{"Port": "none", "NobodyKnowsThis": 1}
				for _, i := range f.Fields {
					if i.Secret {
						inner[i.Name] = m.fresh("option " + i.Name)
					}
				}
				options[f.Name] = inner
			}
		}
		text, err := json.Marshal(map[string]any{"name": "wrong " + typ, "type": typ, "options": options})
		m.check(err)
		m.try("two_factors.create of "+typ, m.token, http.MethodPost, m.url+sub+"/two-factors", string(text), "application/json")
		text, err = json.Marshal(map[string]any{"options": options})
		m.check(err)
		for _, at := range []string{sub + "/base-settings/" + typ, "/admin/v1/base-settings/" + typ} {
			m.try("settings of "+typ, m.token, http.MethodPatch, m.url+at, string(text), "application/json")
		}
		// And saved, where it may be: an instance may be incomplete.
		delete(options, "NobodyKnowsThis")
		if inner, ok := options["MailServerConfig"].(map[string]any); ok {
			delete(inner, "NobodyKnowsThis")
			inner["Port"] = 25
		}
		text, err = json.Marshal(map[string]any{"name": "incomplete " + typ, "type": typ, "options": options})
		m.check(err)
		if status, got := m.try("two_factors.create of "+typ, m.token, http.MethodPost, m.url+sub+"/two-factors", string(text), "application/json"); status != http.StatusCreated {
			m.t.Errorf("an incomplete %s: %d %s", typ, status, got)
		}
	}
	// Users with passwords, by REST, by a file, and by the console.
	for _, c := range []struct{ path, body, media string }{
		{"/users", fmt.Sprintf(`{"name":"x","email":"no address","password":%q}`, m.fresh("password of a wrong user")), "application/json"},
		{"/users", fmt.Sprintf(`{"name":"anna","password":%q}`, m.fresh("password of a taken name")), "application/json"},
		{"/users/import", fmt.Sprintf(`{"name":"dora","password":%q,"email":"no address"}`+"\n"+`{"name":"emil","password":%q,"tenants":["acme"]}`+"\n{\"password\": %q", m.fresh("password of a wrong line"), m.fresh("password of a good line"), m.fresh("password of a broken line")), "application/jsonl"},
		{"/users/import", "name,password,email\nfred," + strings.NewReplacer(`"`, `""`).Replace(m.fresh("password in a table")) + ",none\n", "text/csv"},
	} {
		m.try(c.path, m.token, http.MethodPost, m.url+sub+c.path, c.body, c.media)
	}
	m.try("users.password.set", m.token, http.MethodPut, m.url+sub+"/users/"+m.ids["user anna"]+"/password", `{"password":"`+m.keep("too short a password", "Zq7#x")+`"}`, "application/json")
	base := m.url + "/admin/s/" + m.sub.ID
	for path, form := range map[string]url.Values{
		"/users/new": {"kind": {"person"}, "name": {"x"}, "email": {"no address"}, "password": {m.fresh("a password at the console")}},
		"/users/" + m.ids["user anna"] + "/password": {"password": {m.keep("too short a password at the console", "Yq8#x")}},
		"/two-factors/new":                           {"type": {"twilio"}, "whole": {"true"}, "instance_name": {""}, "TwilioAuthToken": {m.fresh("a token at the console")}, "CodeLength": {"many"}},
		"/settings/twilio":                           {"TwilioAuthToken": {m.fresh("a token in settings at the console")}, "CodeLength": {"many"}, "version": {"0"}},
	} {
		m.page("POST "+path, m.root.PostFormFrom(m.url, base+path, form))
	}
}

// page looks at a page and its headers, but not at the cookies that it sets.
func (m *mole) page(where string, p *testkit.Page) {
	m.t.Helper()
	head := p.Header.Clone()
	head.Del("Set-Cookie")
	var b strings.Builder
	m.check(head.Write(&b))
	m.look(where, b.String()+"\n"+p.URL.String()+"\n"+p.Body)
}

// pages opens every page of the console that can be reached by its links.
func (m *mole) pages() {
	m.t.Helper()
	routes := mux.NewRouter()
	m.console.Mount(routes)
	reached := map[string]bool{}
	queue := []string{m.url + "/admin/"}
	for _, s := range []string{m.sub.ID} {
		for _, path := range []string{"settings", "templates", "roles", "explain?user=anna", "search?q=a", "subscription", "jobs"} {
			queue = append(queue, m.url+"/admin/s/"+s+"/"+path)
		}
	}
	perRoute := map[string]int{}
	for len(queue) > 0 {
		address := queue[0]
		queue = queue[1:]
		u, err := url.Parse(address)
		m.check(err)
		u.Fragment = ""
		if m.seen[u.String()] || !strings.HasPrefix(u.Path, "/admin/") || strings.HasPrefix(u.Path, "/admin/v1") || u.Path == "/admin/signin" || u.Path == "/admin/setup" {
			continue
		}
		var match mux.RouteMatch
		req := httptest.NewRequest(http.MethodGet, u.String(), http.NoBody)
		if !routes.Match(req, &match) || match.Route == nil {
			continue
		}
		template, err := match.Route.GetPathTemplate()
		m.check(err)
		if perRoute[template]++; perRoute[template] > 60 {
			continue // more of the same
		}
		m.seen[u.String()] = true
		p := m.root.Get(u.String())
		m.page("GET "+template, p)
		if p.Status >= 500 {
			m.t.Errorf("GET %s: %d %s", u.Path, p.Status, p.Text)
		}
		reached[template] = reached[template] || p.Status == http.StatusOK || p.IsRedirect()
		if p.IsRedirect() {
			queue = append(queue, p.Location().String())
		}
		for _, l := range p.Links {
			queue = append(queue, l.URL.String())
		}
	}
	// What no link leads to has a reason.
	alone := []string{"/admin/switch", "/admin/signin", "/admin/callback", "/admin/setup", "/admin/s/{sub}/users/bulk", "/admin/s/{sub}/preview"}
	m.check(routes.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		methods, noMethods := route.GetMethods()
		if err == nil && noMethods == nil && methods[0] == http.MethodGet && template != "/admin" && !reached[template] && !slices.Contains(alone, template) {
			m.t.Errorf("no link leads to %s, or it was refused: the test looks at nothing there", template)
		}
		return nil
	}))
}

// tells looks at what the house says of itself.
func (m *mole) tells(databaseURL string) {
	m.t.Helper()
	for name, o := range map[string]apply.ExportOptions{"all": {}, "of a subscription": {Subscription: "sample"}, "without users": {NoUsers: true}} {
		var out bytes.Buffer
		warnings, err := apply.Export(context.Background(), m.tenants, &out, o)
		m.check(err)
		m.look("the export "+name, out.String()+strings.Join(warnings, "\n"))
	}
	w := httptest.NewRecorder()
	m.metrics.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	m.look("metrics", w.Body.String())
	file := filepath.Join(m.t.(*testing.T).TempDir(), "key")
	m.check(os.WriteFile(file, []byte(hex.EncodeToString(testKey)), 0o600))
	for _, args := range [][]string{{"doctor"}, {"user", "show", "--tenant=acme", "anna"}, {"user", "show", "--tenant=acme", "bruno"}} {
		var out, errOut bytes.Buffer
		run(append(args, "--database="+databaseURL, "--master-key-file="+file), &out, &errOut)
		if out.Len() == 0 {
			m.t.Errorf("%v says nothing: %s", args, &errOut)
		}
		m.look(strings.Join(args, " "), out.String()+errOut.String())
	}
	m.look("the log", m.logs.String())
	// And the trail itself, not only what is shown of it.
	rows, err := m.db.SQL().Query("SELECT detail FROM audit_events")
	m.check(err)
	defer rows.Close()
	for rows.Next() {
		var detail string
		m.check(rows.Scan(&detail))
		m.look("the trail", detail)
	}
	m.check(rows.Err())
}

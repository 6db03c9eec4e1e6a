package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"twofold/admin"
	"twofold/internal/outbound"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/ui"
)

// hearing are apps of tenant acme that hear of sessions that have ended, with a client
// library that nobody here wrote.
type hearing struct {
	w     *world
	heard chan string // client_id, sid and sub of each
}

// hearing makes the apps "expenses" and "reports" hear.
func (w *world) hearing() *hearing {
	w.t.Helper()
	provider, err := oidc.NewProvider(w.t.Context(), w.url+"/t/acme")
	if err != nil {
		w.t.Fatal(err)
	}
	return w.hearingAt(provider)
}

// hearingAt makes them hear from one of the tenant's issuers.
func (w *world) hearingAt(provider *oidc.Provider) *hearing {
	w.t.Helper()
	h := &hearing{w: w, heard: make(chan string, 100)}
	w.idp.Guarded = outbound.Client(outbound.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	var says struct {
		Supported bool `json:"backchannel_logout_supported"`
		Session   bool `json:"backchannel_logout_session_supported"`
	}
	if err := provider.Claims(&says); err != nil || !says.Supported || !says.Session {
		w.t.Errorf("discovery says %+v, %v", says, err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		app := strings.TrimPrefix(r.URL.Path, "/")
		v := provider.Verifier(&oidc.Config{ClientID: app, SupportedSigningAlgs: []string{"RS256", "ES256"}, Now: w.clock.Now})
		token, err := v.VerifyLogout(r.Context(), r.PostFormValue("logout_token"))
		if err != nil {
			w.t.Errorf("%s: %v", app, err)
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		h.heard <- app + " " + token.SessionID + " " + token.Subject
	}))
	w.t.Cleanup(server.Close)
	old, err := w.tenants.ClientApp(w.in("acme"), "expenses")
	if err != nil {
		w.t.Fatal(err)
	}
	old.LogoutURI = server.URL + "/expenses"
	w.must(w.tenants.PutClientApp(w.ctx(), &old))
	w.app(tenants.ClientApp{Name: "reports", Title: "Reports", IDTokenAlg: "ES256", LogoutURI: server.URL + "/reports", LogoutSession: true})
	w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app expenses"], w.ids["client_app reports"]}))
	w.tenants.Forget()
	return h
}

// require waits until all of these were heard, in any order.
func (h *hearing) require(want ...string) {
	h.w.t.Helper()
	left := map[string]bool{}
	for _, s := range want {
		left[s] = true
	}
	for range want {
		select {
		case s := <-h.heard:
			if !left[s] {
				h.w.t.Errorf("heard %q, want one of %v", s, left)
			}
			delete(left, s)
		case <-time.After(20 * time.Second):
			h.w.t.Fatalf("not heard: %v", left)
		}
	}
}

// TestAppsHearOfSignOut: whoever ends a session, the apps that hold it hear of it, and
// the account page says which those are.
func TestAppsHearOfSignOut(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		h := w.hearing()
		anna := w.ids["user anna"]
		expenses, reports := w.rp("acme", "expenses"), w.rp("acme", "reports")
		home, work := testkit.NewClient(t), testkit.NewClient(t)
		tok := expenses.exchange(expenses.callback(expenses.signIn(home, "anna")).Get("code"))
		reports.exchange(reports.callback(home.Get(reports.authorizeURL())).Get("code")) // single sign-on
		there := expenses.exchange(expenses.callback(expenses.signIn(work, "anna")).Get("code"))
		atHome, atWork := claims(t, tok.IDToken)["sid"].(string), claims(t, there.IDToken)["sid"].(string)

		page := home.Get(w.account("acme")).Follow().RequireText("127.0.0.1, signed in to Expenses, Reports", "127.0.0.1, signed in to Expenses")

		// By the account page, in another browser.
		home.PostForm(page.URL.String(), url.Values{"do": {ui.DoEnd}, "id": {atWork}}).Require(http.StatusSeeOther)
		h.require("expenses " + atWork + " " + anna)

		// By an app.
		home.Get(expenses.base() + "/end_session?" + url.Values{"id_token_hint": {tok.IDToken}}.Encode()).Require(http.StatusOK)
		h.require("expenses "+atHome+" "+anna, "reports "+atHome+" "+anna)

		// A session that rests is over for its user, and his apps hear of it all the same.
		c := testkit.NewClient(t)
		tok = reports.exchange(reports.callback(reports.signIn(c, "anna")).Get("code"))
		w.clock.Advance(2 * time.Hour)
		c.Get(reports.base() + "/end_session").Require(http.StatusOK)
		if n := w.count("sessions", "ended_at IS NULL"); n != 1 {
			t.Errorf("%d sessions: any site can end one that rests", n)
		}
		c.Get(reports.base() + "/end_session?" + url.Values{"id_token_hint": {tok.IDToken}}.Encode()).Require(http.StatusOK)
		h.require("reports " + claims(t, tok.IDToken)["sid"].(string) + " " + anna)

		// By who disables the user.
		tok = expenses.exchange(expenses.callback(expenses.signIn(testkit.NewClient(t), "anna")).Get("code"))
		root := admin.Who{Kind: tenants.SubjectUser, ID: "root", Grants: []tenants.Grant{{SubscriptionID: w.sub.ID, Role: tenants.RoleSubscriptionAdmin}}, ProvenAt: w.clock.Now()}
		_, err := w.admin.Users().Update(w.ctx(), root, w.sub.ID, anna, 0, func(u *tenants.User) error { u.Active = false; return nil })
		if err != nil {
			t.Fatal(err)
		}
		h.require("expenses " + claims(t, tok.IDToken)["sid"].(string) + " " + anna)
		if list, err := w.idp.ToldOf(w.ctx(), w.ids["client_app expenses"], nil, 10); err != nil || len(list) != 3 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// TestSignOutRequests holds the endpoint to RP-Initiated Logout §2 and §3.
func TestSignOutRequests(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna", "bruno")
		p := w.rp("acme", "expenses")
		c := testkit.NewClient(t)
		mine := p.exchange(p.callback(p.signIn(c, "anna")).Get("code"))
		theirs := p.exchange(p.callback(p.signIn(testkit.NewClient(t), "bruno")).Get("code"))
		second := p.exchange(p.callback(p.signIn(testkit.NewClient(t), "anna")).Get("code"))
		ask := func(post bool, kv ...string) *testkit.Page {
			q := url.Values{}
			for i := 0; i < len(kv); i += 2 {
				q.Set(kv[i], kv[i+1])
			}
			if post {
				page := c.PostFormFrom("http://app.example/", p.base()+"/end_session", q)
				if strings.HasPrefix(page.Header.Get("Location"), "/t/acme/") {
					page = page.FollowOnce() // the same by GET, for the sake of the cookies
				}
				return page
			}
			return c.Get(p.base() + "/end_session?" + q.Encode())
		}
		live := func() int { return w.count("sessions", "ended_at IS NULL") }
		const bye = "http://127.0.0.1:1/bye"
		for name, kv := range map[string][]string{
			"no hint":                   {"post_logout_redirect_uri", bye, "client_id", "expenses"},
			"a logout hint":             {"logout_hint", "anna", "client_id", "expenses"},
			"another user's hint":       {"id_token_hint", theirs.IDToken, "post_logout_redirect_uri", bye},
			"a hint of another session": {"id_token_hint", second.IDToken, "post_logout_redirect_uri", bye},
			"nothing":                   {},
			"only a state":              {"state", "s"},
		} {
			for _, post := range []bool{false, true} {
				if page := ask(post, kv...); page.Status != http.StatusOK || len(page.Forms) == 0 || !strings.Contains(page.Text, "Anna") || live() != 3 {
					t.Errorf("%s: not asked: %d, %d live: %s", name, page.Status, live(), page.Text)
				}
			}
		}
		for name, kv := range map[string][]string{
			"an address with a query added": {"id_token_hint", mine.IDToken, "post_logout_redirect_uri", bye + "?a=b"},
			"another address":               {"id_token_hint", mine.IDToken, "post_logout_redirect_uri", "https://evil.example/"},
			"another client":                {"id_token_hint", mine.IDToken, "client_id", "reports", "post_logout_redirect_uri", bye},
			"an altered hint":               {"id_token_hint", mine.IDToken + "x", "post_logout_redirect_uri", bye},
			"an address alone":              {"post_logout_redirect_uri", bye},
		} {
			for _, post := range []bool{false, true} {
				if page := ask(post, kv...); page.Status != http.StatusBadRequest && page.Status != http.StatusUnprocessableEntity || page.Header.Get("Location") != "" || live() != 3 {
					t.Errorf("%s: %d to %q, %d live", name, page.Status, page.Header.Get("Location"), live())
				}
			}
		}
		if page := ask(false, "client_id", "expenses", "ui_locales", "xx de"); !strings.Contains(page.Body, `lang="de"`) {
			t.Errorf("another language: %s", page.Text)
		}
		w.clock.Advance(30 * time.Minute) // the hint has expired long since
		page := ask(true, "id_token_hint", mine.IDToken, "client_id", "expenses", "post_logout_redirect_uri", bye, "state", "a b&c", "logout_hint", "x", "ui_locales", "de")
		if got := page.Header.Get("Location"); got != bye+"?state=a+b%26c" || live() != 2 {
			t.Errorf("%d to %q, %d live", page.Status, got, live())
		}
	})
}

// TestSignOutWithoutTheWorker: who signs out does not wait for apps, and what is left by
// a replica that was stopped in between is delivered by the next.
func TestSignOutWithoutTheWorker(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		h := w.hearing()
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		tok := p.exchange(p.callback(p.signIn(c, "anna")).Get("code"))
		w.stopWork()
		c.Get(p.base() + "/end_session?" + url.Values{"id_token_hint": {tok.IDToken}}.Encode()).Require(http.StatusOK)
		if n := w.count("session_clients", "state = 'queued'"); n != 1 {
			t.Fatalf("%d are queued", n)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go w.idp.TellApps(ctx)
		h.require("expenses " + claims(t, tok.IDToken)["sid"].(string) + " " + w.ids["user anna"])
	})
}

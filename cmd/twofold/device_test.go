package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// screen is a device without a browser, on its way through RFC 8628.
type screen struct {
	*rp
	Code     string `json:"device_code"`
	UserCode string `json:"user_code"`
	URI      string `json:"verification_uri"`
	Complete string `json:"verification_uri_complete"`
	Expires  int    `json:"expires_in"`
	Interval int    `json:"interval"`
	Error    string `json:"error"`
}

func (w *world) device(app, scope string) *screen {
	w.t.Helper()
	d := &screen{rp: w.rp("acme", app)}
	page := postForm(w.t, d.base()+"/device_authorization", url.Values{"client_id": {app}, "scope": {scope}})
	if err := json.Unmarshal([]byte(page.Body), d); err != nil {
		w.t.Fatalf("%d %s: %v", page.Status, page.Text, err)
	}
	return d
}

// poll asks for the tokens.
func (d *screen) poll() tokens {
	d.w.t.Helper()
	page := postForm(d.w.t, d.base()+"/token", url.Values{
		"grant_type": {tenants.GrantDevice}, "device_code": {d.Code}, "client_id": {d.app},
	})
	out := tokens{Status: page.Status}
	if err := json.Unmarshal([]byte(page.Body), &out); err != nil {
		d.w.t.Fatalf("%s: %v", page.Text, err)
	}
	return out
}

func postForm(t testing.TB, to string, form url.Values) *testkit.Page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return testkit.NewClient(t).Do(req)
}

func deviceWorld(t *testing.T, databaseURL string) *world {
	w := newWorld(t, databaseURL)
	w.tenant("acme", "anna", "bruno")
	w.app(tenants.ClientApp{Name: "cinema", Title: "Cinema", Type: tenants.AppNative, AuthMethod: tenants.AuthNone, GrantTypes: tenants.List{tenants.GrantDevice, tenants.GrantRefresh}})
	w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app expenses"], w.ids["client_app cinema"]}))
	return w
}

// connect types the code in and signs in; it returns the question whether the device may.
func (d *screen) connect(c *testkit.Client, user string) *testkit.Page {
	d.w.t.Helper()
	page := c.Get(d.URI).Forms[0].Set("user_code", strings.ToLower(strings.ReplaceAll(d.UserCode, "-", " "))).Press("Continue").Follow()
	if len(page.Forms) > 0 && page.Forms[0].Has("password") {
		page = page.Forms[0].Set("username", user).Set("password", password).Press("Sign in").Follow()
	}
	return page
}

// TestDevice: a device without a browser gets its tokens once, when its user has let it.
func TestDevice(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := deviceWorld(t, db)
		d := w.device("cinema", "openid profile offline_access")
		if len(d.Code) != 43 || len(d.UserCode) != 9 || d.URI != w.url+"/t/acme/device" || d.Complete != d.URI+"?user_code="+d.UserCode || d.Expires != 600 || d.Interval != 5 {
			t.Fatalf("%+v", d)
		}
		if got := d.poll(); got.Error != "authorization_pending" {
			t.Errorf("before: %+v", got)
		}
		if got := d.poll(); got.Error != "slow_down" {
			t.Errorf("too soon: %+v", got)
		}
		w.clock.Advance(6 * time.Second)
		if got := d.poll(); got.Error != "slow_down" {
			t.Errorf("it was told to wait longer: %+v", got)
		}
		w.clock.Advance(20 * time.Second)
		if got := d.poll(); got.Error != "authorization_pending" {
			t.Errorf("after long enough: %+v", got)
		}

		c := testkit.NewClient(t)
		filled := c.Get(d.Complete)
		if v := filled.Forms[0].Value("user_code"); v != d.UserCode {
			t.Errorf("the link fills in %q", v)
		}
		page := d.connect(c, "anna")
		for _, say := range []string{"Allow Cinema?", d.UserCode, "127.0.0.1", "your name"} {
			if !strings.Contains(page.Text, say) {
				t.Errorf("the page does not say %q: %s", say, page.Text)
			}
		}
		if other := testkit.NewClient(t).Get(page.URL.String()); other.Status != http.StatusForbidden {
			t.Errorf("another browser sees the question: %d", other.Status)
		}
		if done := page.Press("Allow"); !strings.Contains(done.Text, "Your device is connected") {
			t.Fatalf("%d %s", done.Status, done.Text)
		}
		var wg sync.WaitGroup
		results := make(chan tokens, 20)
		for range 20 {
			wg.Go(func() { results <- d.poll() })
		}
		wg.Wait()
		close(results)
		var got tokens
		won := 0
		for r := range results {
			if r.AccessToken != "" {
				got, won = r, won+1
			}
		}
		if won != 1 {
			t.Fatalf("%d of 20 got tokens", won)
		}
		if cl := claims(t, got.IDToken); cl["sub"] != w.ids["user anna"] || cl["aud"] != "cinema" {
			t.Errorf("%v", cl)
		}
		// Somebody asked again with a spent code: thief and owner cannot be told apart.
		again := postForm(t, d.base()+"/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}, "client_id": {"cinema"}})
		if !strings.Contains(again.Body, "invalid_grant") {
			t.Errorf("refresh after a replay: %s", again.Text)
		}
		if page := c.Get(w.url + "/t/acme/account"); !strings.Contains(page.Text, "Cinema") {
			t.Error("the account page does not list the device's app")
		}
	})
}

// TestDeviceRefused: what is no code, is over, or was refused gives nothing.
func TestDeviceRefused(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := deviceWorld(t, db)
		c := testkit.NewClient(t)

		no := w.device("cinema", "openid")
		if page := no.connect(c, "anna").Press("Cancel"); !strings.Contains(page.Text, "cancelled") {
			t.Errorf("%s", page.Text)
		}
		if got := no.poll(); got.Error != "access_denied" {
			t.Errorf("refused: %+v", got)
		}

		late := w.device("cinema", "openid")
		question := late.connect(c, "anna")
		w.clock.Advance(10 * time.Minute)
		if page := question.Press("Allow"); strings.Contains(page.Text, "is connected") {
			t.Error("allowed after its time")
		}
		if got := late.poll(); got.Error != "expired_token" {
			t.Errorf("after its time: %+v", got)
		}

		approved := w.device("cinema", "openid")
		approved.connect(c, "anna").Press("Allow")
		if page := c.Get(approved.URI).Forms[0].Set("user_code", approved.UserCode).Press("Continue"); page.Status != http.StatusUnprocessableEntity {
			t.Errorf("a code that was used: %d", page.Status)
		}
		w.clock.Advance(10 * time.Minute)
		if got := approved.poll(); got.AccessToken != "" || got.Error != "expired_token" {
			t.Errorf("approved, and fetched too late: %+v", got)
		}

		live := w.device("cinema", "openid")
		for name, form := range map[string]url.Values{
			"another app":   {"grant_type": {tenants.GrantDevice}, "device_code": {live.Code}, "client_id": {"expenses"}},
			"no code":       {"grant_type": {tenants.GrantDevice}, "client_id": {"cinema"}},
			"the user code": {"grant_type": {tenants.GrantDevice}, "device_code": {live.UserCode}, "client_id": {"cinema"}},
		} {
			if page := postForm(t, live.base()+"/token", form); page.Status < 400 || page.Status >= 500 {
				t.Errorf("%s: %d %s", name, page.Status, page.Text)
			}
		}
		if page := postForm(t, live.base()+"/device_authorization", url.Values{"client_id": {"cinema"}, "scope": {"nonsense"}}); !strings.Contains(page.Body, "invalid_scope") {
			t.Errorf("no scope: %s", page.Text)
		}
		if page := postForm(t, live.base()+"/device_authorization", url.Values{"client_id": {"expenses"}, "client_secret": {secret}}); page.Status != http.StatusUnauthorized {
			t.Errorf("a secret in the wrong place: %d %s", page.Status, page.Text)
		}

		w.clock.Advance(time.Hour)
		bad := 0
		for range 7 {
			page := c.Get(live.URI).Forms[0].Set("user_code", "BCDF-GHJK").Press("Continue")
			if page.Status == http.StatusTooManyRequests {
				break
			}
			bad++
		}
		if bad != 5 {
			t.Errorf("%d codes could be tried in a minute", bad)
		}
	})
}

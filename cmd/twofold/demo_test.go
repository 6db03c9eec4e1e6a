package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"twofold/cmd/twofold/demo"
	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
)

// startDemo runs "twofold demo" as a process and returns its facts.
func startDemo(t *testing.T, dir string) demo.Facts {
	t.Helper()
	testkit.Later(t)
	log := &syncBuffer{}
	cmd := exec.Command(os.Args[0], "demo", "--listen", "localhost:0", "--data", dir)
	cmd.Env = append(os.Environ(), "TWOFOLD_TEST_EXEC=1")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the demo ended with %v:\n%s", err, log)
		}
	})
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		f, err := demo.LoadFacts(dir)
		if err == nil && f.ProviderURL != "" && strings.Contains(log.String(), f.AppURL) {
			if resp, err := http.Get(f.Tenants[0].Issuer + "/.well-known/openid-configuration"); err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return f
				}
			}
		}
		time.Sleep(50 * time.Millisecond) // another process has no event to wait for
	}
	t.Fatalf("the demo did not start:\n%s", log)
	return demo.Facts{}
}

func userOf(t *testing.T, f demo.Facts, name string) demo.User {
	t.Helper()
	for _, u := range f.Users {
		if u.Name == name {
			return u
		}
	}
	t.Fatalf("no user %s in the demo", name)
	return demo.User{}
}

// shots takes a page at both widths in both schemes.
func shots(b *browser.Browser, name string) {
	for _, width := range []int{390, 1280} {
		for _, dark := range []bool{false, true} {
			scheme := "light"
			if dark {
				scheme = "dark"
			}
			b.Screenshot(name+"-"+scheme+"-"+map[int]string{390: "phone", 1280: "desktop"}[width], width, 900, dark)
		}
	}
}

// mailboxCode reads the newest code from the mailbox page, as a person would, in
// a second tab of the same user.
func mailboxCode(t *testing.T, f demo.Facts, to string) string {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for time.Now().Before(deadline) {
		resp, err := http.Get(f.MailboxJSON + "?to=" + url.QueryEscape(to))
		if err != nil {
			t.Fatal(err)
		}
		var list []struct{ Code, To string }
		err = json.NewDecoder(resp.Body).Decode(&list)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if m.To == to && m.Code != "" {
				return m.Code
			}
		}
		time.Sleep(50 * time.Millisecond) // another process has no event to wait for
	}
	t.Fatalf("no code for %s in the mailbox", to)
	return ""
}

// TestDemoScreenshots is the main job as a person does it: the demo, its app, a
// password, a code out of the mailbox page, and the ID token shown.
func TestDemoScreenshots(t *testing.T) {
	t.Parallel()
	f := startDemo(t, filepath.Join(t.TempDir(), "data"))
	anna := userOf(t, f, "anna")
	b := browser.New(t)
	b.Open(f.AppURL)
	b.WaitText("Sign in with a second factor")
	shots(b, "demo-home")
	b.ClickText("Sign in to Expenses at Acme")
	b.WaitFor(`input[name="password"]`)
	shots(b, "signin")
	b.Fill(`input[name="username"]`, "anna")
	b.Fill(`input[name="password"]`, "not the password")
	b.Press("Enter")
	b.WaitText("not right")
	shots(b, "signin-wrong")
	b.Fill(`input[name="password"]`, anna.Password)
	b.Press("Enter")
	b.WaitFor(`input[name="code"]`)
	code := mailboxCode(t, f, anna.Email)
	b.WaitFor(`[data-state="sent"]`)
	shots(b, "code")
	wrong := "000000"
	if code == wrong {
		wrong = "111111"
	}
	b.Fill(`input[name="code"]`, wrong)
	b.Press("Enter")
	b.WaitText("not the right code")
	shots(b, "code-wrong")
	b.Fill(`input[name="code"]`, code[:3]+" "+code[3:]) // as a person copies it
	b.Press("Enter")
	b.WaitText("Signed in as")
	shots(b, "demo-account")
	for _, claim := range []string{"acr", "amr", "sid", "urn:twofold:acr:2fa"} {
		if !strings.Contains(b.Text("main"), claim) {
			t.Errorf("the app does not show %s", claim)
		}
	}
	mail := b.NewContext()
	mail.Open(f.MailboxURL)
	mail.WaitText(code)
	shots(mail, "demo-mailbox")
	b.RequireClean(t)

	b.Open(f.Tenants[0].AccountURL)
	b.WaitText("Authenticator app")
	shots(b, "account")
	b.RequireClean(t)

	globex := b.NewContext()
	signInAt(t, globex, f, "Sign in to Expenses at Globex", "bruno")
	globex.WaitFor(`input[name="code"]`)
	globex.ClickText("Use another method")
	globex.WaitText("Which method")
	shots(globex, "choose")
	globex.Click(`button[name="method"]`)
	globex.WaitFor(`input[name="code"]`)
	shots(globex, "code-sms")
	globex.Fill(`input[name="code"]`, mailboxCode(t, f, userOf(t, f, "bruno").Phone))
	globex.Press("Enter")
	globex.WaitText("Signed in as")
	if !strings.Contains(globex.Text("main"), "aal2") {
		t.Error("SMS does not reach aal2")
	}
	globex.ClickText("Sign out")
	globex.WaitText("Sign")
	shots(globex, "signed-out")

	lost := b.NewContext()
	lost.Open(f.ProviderURL + "/t/nobody/authorize")
	lost.WaitText("no way to sign in here")
	shots(lost, "unknown-tenant")
	lost.Open(f.Tenants[0].Issuer + "/authorize?client_id=nobody&redirect_uri=x&response_type=code")
	lost.WaitText("not known")
	shots(lost, "unknown-app")
	lost.Open(f.Tenants[0].Issuer + "/end_session")
	shots(lost, "signed-out-alone")
}

func signInAt(t *testing.T, b *browser.Browser, f demo.Facts, door, name string) {
	t.Helper()
	b.Open(f.AppURL)
	b.ClickText(door)
	b.WaitFor(`input[name="password"]`)
	b.Fill(`input[name="username"]`, name)
	b.Fill(`input[name="password"]`, userOf(t, f, name).Password)
	b.Press("Enter")
}

// TestDemoAdmin: who tries the demo is in the administration after a password and a code,
// and its pages have something to show.
func TestDemoAdmin(t *testing.T) {
	t.Parallel()
	f := startDemo(t, filepath.Join(t.TempDir(), "data"))
	chromium := browser.New(t)
	enter := func(t *testing.T, name string) *browser.Browser {
		b := chromium.NewContext().For(t)
		u := userOf(t, f, name)
		b.Open(f.AdminURL)
		b.WaitFor(`input[name="password"]`)
		b.Fill(`input[name="username"]`, name)
		b.Fill(`input[name="password"]`, u.Password)
		b.Press("Enter")
		b.WaitFor(`input[name="code"]`)
		b.Fill(`input[name="code"]`, mailboxCode(t, f, u.Email))
		b.Press("Enter")
		b.WaitText(u.GivenName + " " + u.FamilyName)
		return b
	}
	t.Run("of the server", func(t *testing.T) {
		b := enter(t, "sina")
		shots(b, "demo-admin")
		for page, says := range map[string][]string{
			"users":       {"Anna Keller", "Inactive", "Many users at once"},
			"two-factors": {"Ready", "Untested", "Invalid", "Code by Microsoft 365"},
			"exemptions":  {"trade fairs"},
			"tenants":     {"Acme", "Globex"},
			"audit":       {"Sina Roth"},
		} {
			b.Open(f.ProviderURL + subscriptionPath(b) + "/" + page)
			b.WaitText(says[0])
			for _, text := range says {
				if !strings.Contains(b.Text("main"), text) {
					t.Errorf("%s does not say %q: %s", page, text, b.Text("main"))
				}
			}
			shots(b, "demo-admin-"+page)
		}
		b.RequireClean(t)
	})
	for _, name := range []string{"sven", "tina"} {
		t.Run(name, func(t *testing.T) {
			b := enter(t, name)
			b.WaitText("Users")
			b.RequireClean(t)
		})
	}
}

// subscriptionPath is the part of the address that names the subscription.
func subscriptionPath(b *browser.Browser) string {
	parts := strings.SplitN(b.URL().Path, "/", 5)
	return strings.Join(parts[:min(4, len(parts))], "/")
}

// TestDemoWithoutScript: everything but passkeys works with script switched off.
func TestDemoWithoutScript(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	f := startDemo(t, dir)
	b := browser.New(t)
	b.DisableScript()
	signInAt(t, b, f, "Sign in to Expenses at Acme", "carla")
	b.WaitFor(`input[name="code"]`)
	b.Fill(`input[name="code"]`, mailboxCode(t, f, userOf(t, f, "carla").Email))
	b.Press("Enter")
	b.WaitText("Signed in as")
	if got := b.Text("main"); !regexp.MustCompile(`sid`).MatchString(got) {
		t.Errorf("no sid: %s", got)
	}
}

// TestDemoStartsTwice: the same data directory gives the same passwords again.
func TestDemoStartsTwice(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	var first demo.Facts
	t.Run("first", func(t *testing.T) { first = startDemo(t, dir) })
	t.Run("again", func(t *testing.T) {
		if again := startDemo(t, dir); again.Users[0].Password != first.Users[0].Password {
			t.Error("another password")
		}
	})
}

// TestDemoFallsThrough: a number that eCall refuses is reached by Twilio, and one that
// both refuse by mail. Page and claims say so.
func TestDemoFallsThrough(t *testing.T) {
	t.Parallel()
	f := startDemo(t, filepath.Join(t.TempDir(), "data"))
	chromium := browser.New(t)
	for _, c := range []struct{ user, by, to, acr string }{
		{"gina", "SMS by Twilio", userOf(t, f, "gina").Phone, "urn:twofold:acr:aal2"},
		{"hugo", "Code by e-mail", userOf(t, f, "hugo").Email, "urn:twofold:acr:2fa"},
	} {
		t.Run(c.user, func(t *testing.T) {
			b := chromium.NewContext().For(t)
			signInAt(t, b, f, "Sign in to Expenses at Globex", c.user)
			b.WaitFor(`input[name="code"]`)
			b.WaitText("We could not reach you by SMS by eCall, so the code went out by " + c.by)
			shots(b, "fell-through-"+c.user)
			b.Fill(`input[name="code"]`, mailboxCode(t, f, c.to))
			b.Press("Enter")
			b.WaitText("Signed in as")
			if got := b.Text("main"); !strings.Contains(got, c.acr) {
				t.Errorf("not %s: %s", c.acr, got)
			}
			b.RequireClean(t)
		})
	}
}

// TestDemoSetsUp: who has nothing is made to set something up, in the sign-in.
func TestDemoSetsUp(t *testing.T) {
	t.Parallel()
	f := startDemo(t, filepath.Join(t.TempDir(), "data"))
	chromium := browser.New(t)
	t.Run("a phone number", func(t *testing.T) {
		b := chromium.NewContext().For(t)
		signInAt(t, b, f, "Sign in to Expenses at Globex", "eva")
		b.WaitText("Your phone number")
		shots(b, "prove-phone")
		b.Fill(`input[name="address"]`, "(212) 555-0199")
		b.Press("Enter")
		b.WaitFor(`input[name="code"]`)
		b.Fill(`input[name="code"]`, mailboxCode(t, f, "+12125550199"))
		b.Press("Enter")
		b.WaitText("Signed in as")
		b.RequireClean(t)
	})
	t.Run("an authenticator app, then recovery codes", func(t *testing.T) {
		b := chromium.NewContext().For(t)
		signInAt(t, b, f, "Sign in to Expenses at Acme", "frida")
		b.WaitText("Set up a method")
		shots(b, "set-up")
		b.ClickText("Authenticator app")
		b.WaitFor(`input[name="code"]`)
		shots(b, "set-up-app")
		b.Fill(`input[name="code"]`, appCode(t, b.Text("main")))
		b.Press("Enter")
		b.WaitText("Recovery codes")
		shots(b, "recovery-codes")
		b.ClickText("Later")
		b.WaitText("Signed in as")
		if got := b.Text("main"); !strings.Contains(got, "urn:twofold:acr:aal2") {
			t.Errorf("not aal2: %s", got)
		}
		b.RequireClean(t)
	})
	t.Run("a passkey, from the account page", func(t *testing.T) {
		b := chromium.NewContext().For(t)
		device := b.AddAuthenticator()
		anna := userOf(t, f, "anna")
		b.Open(f.Tenants[0].AccountURL)
		b.WaitFor(`input[name="password"]`)
		b.Fill(`input[name="username"]`, "anna")
		b.Fill(`input[name="password"]`, anna.Password)
		b.Press("Enter")
		b.WaitFor(`input[name="code"]`)
		b.Fill(`input[name="code"]`, mailboxCode(t, f, anna.Email))
		b.Press("Enter")
		b.WaitText("Add Passkey")
		b.ClickText("Add Passkey")
		if b.URL().Hostname() != "localhost" {
			t.Errorf("passkeys need a name, and the demo is at %s", b.URL().Host)
		}
		b.WaitURL(func(u *url.URL) bool { return strings.Contains(u.Path, "/signin/") })
		if b.Has(`button[name="method"]`) { // the only one there is
			b.Click(`button[name="method"]`)
		}
		b.WaitFor(`#answer button[value="answer"]`)
		if !strings.Contains(b.Text("main"), "Recovery codes") {
			b.Click(`#answer button[value="answer"]`)
		}
		b.WaitText("Recovery codes")
		if n := len(device.Passkeys()); n != 1 {
			t.Errorf("%d passkeys on the device", n)
		}
		b.RequireClean(t)
	})
	t.Run("a webhook instead of a mail", func(t *testing.T) {
		b := chromium.NewContext().For(t)
		signInAt(t, b, f, "Sign in to Expenses at Acme", "carla")
		b.WaitFor(`input[name="code"]`)
		first := mailboxCode(t, f, userOf(t, f, "carla").Email)
		b.ClickText("Use another method")
		b.ClickText("Message by webhook")
		b.WaitText("Message by webhook")
		b.WaitFor(`[data-state="sent"]`)
		code := mailboxCode(t, f, userOf(t, f, "carla").Email)
		if code == first {
			t.Error("the webhook was not called")
		}
		b.Fill(`input[name="code"]`, code)
		b.Press("Enter")
		b.WaitText("Signed in as")
		b.RequireClean(t)
	})
}

var appKey = regexp.MustCompile(`\b(?:[A-Z2-7]{4} ){3,}[A-Z2-7]{4}\b`)

// appCode is what an authenticator app shows for the key on a page (RFC 6238).
func appCode(t *testing.T, page string) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(appKey.FindString(page), " ", ""))
	if err != nil || len(key) < 16 {
		t.Fatalf("no key on the page: %v\n%s", err, page)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Unix()/30)
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

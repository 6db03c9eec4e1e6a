package main

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what authenticator apps use
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/descope/virtualwebauthn"

	"twofold/internal/testkit"
)

// kept is what a page shows to be kept, this once.
func (m *matrix) kept(page *testkit.Page) []string {
	m.t.Helper()
	list := regexp.MustCompile(`(?s)<ul id="keep"[^>]*>(.*?)</ul>`).FindStringSubmatch(page.Body)
	if list == nil {
		m.t.Fatalf("nothing to keep: %d %s", page.Status, page.Text)
	}
	var out []string
	for _, li := range regexp.MustCompile(`<li>([^<]*)</li>`).FindAllStringSubmatch(list[1], -1) {
		out = append(out, html.UnescapeString(li[1]))
	}
	return out
}

// authenticator is an app that shows codes.
type authenticator struct {
	m   *matrix
	key []byte
}

// at is the code of a step from now; the code is known to be secret from here on.
func (a authenticator) at(steps int) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(a.m.clock.Now().Unix()/30+int64(steps)))
	mac := hmac.New(sha1.New, a.key)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	code := fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
	return a.m.secret.Add("a code of the app", code)
}

// pairApp sets up an authenticator app from the page that shows its key. It returns
// what follows.
func (m *matrix) pairApp(page *testkit.Page) (authenticator, *testkit.Page) {
	m.t.Helper()
	text := strings.ReplaceAll(m.kept(page)[0], " ", "")
	m.book.clear() // the page is meant to show the key; no other is
	a := appOf(m, text)
	return a, give(page, "code", a.at(0))
}

// appOf is the app that has a key; the key is known to be secret from here on.
func appOf(m *matrix, text string) authenticator {
	m.t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(m.secret.Add("the app's key", text))
	if err != nil {
		m.t.Fatal(err)
	}
	return authenticator{m, key}
}

// withApp signs somebody in who has to set up an app first, and lets its first code's
// step pass.
func (m *matrix) withApp(c *testkit.Client, name string) authenticator {
	m.t.Helper()
	a, page := m.pairApp(m.enter(c, "expenses", name))
	if !toApp(page) && !page.IsRedirect() {
		m.t.Fatalf("the app is not set up: %d %s", page.Status, page.Text)
	}
	m.clock.Advance(90 * time.Second)
	return a
}

// withSpares signs somebody in who sets up an app and then recovery codes.
func (m *matrix) withSpares(c *testkit.Client, name string) (authenticator, []string) {
	m.t.Helper()
	a, page := m.pairApp(m.enter(c, "expenses", name))
	page = page.Follow()
	codes := m.spares(page)
	m.clock.Advance(90 * time.Second)
	return a, codes
}

// spares keeps the recovery codes that a page shows, and says so.
func (m *matrix) spares(page *testkit.Page) []string {
	m.t.Helper()
	codes := m.kept(page)
	if done := give(page, "saved", "true"); !done.IsRedirect() {
		m.t.Fatalf("the codes are not set up: %d %s", done.Status, done.Text)
	}
	m.book.clear() // as above
	for _, c := range codes {
		m.secret.Add("a recovery code", c)
	}
	return codes
}

// device is a virtual authenticator for passkeys.
type device struct {
	m    *matrix
	rp   virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
}

func (m *matrix) device() *device {
	return &device{m: m, rp: virtualwebauthn.RelyingParty{ID: "localhost", Origin: m.url}, auth: virtualwebauthn.NewAuthenticator()}
}

// question is what a page asks the browser's authenticators.
type question struct {
	Mode      string
	PublicKey json.RawMessage
}

func (m *matrix) question(page *testkit.Page) question {
	m.t.Helper()
	found := regexp.MustCompile(`data-prompt="([^"]*)"`).FindStringSubmatch(page.Body)
	if found == nil {
		m.t.Fatalf("no question for a passkey: %d %s", page.Status, page.Text)
	}
	var q question
	if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), &q); err != nil {
		m.t.Fatal(err)
	}
	return q
}

// create makes a passkey as a page asks for, and returns the answer.
func (d *device) create(page *testkit.Page) string {
	d.m.t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(d.m.question(page).PublicKey))
	if err != nil {
		d.m.t.Fatal(err)
	}
	made := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	made.Counter = 10
	d.auth.AddCredential(made)
	d.auth.Options.UserHandle = []byte(o.UserID)
	return virtualwebauthn.CreateAttestationResponse(d.rp, d.auth, made, *o)
}

// use answers a page with the device's passkey, whoever is asked for.
func (d *device) use(page *testkit.Page) string {
	d.m.t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(d.m.question(page).PublicKey))
	if err != nil {
		d.m.t.Fatal(err)
	}
	key := &d.auth.Credentials[0]
	key.Counter++
	return virtualwebauthn.CreateAssertionResponse(d.rp, d.auth, *key, *o)
}

// withPasskey signs somebody in who has to set up a passkey first.
func (m *matrix) withPasskey(c *testkit.Client, name string) *device {
	m.t.Helper()
	d := m.device()
	page := m.enter(c, "expenses", name)
	if done := give(page, "credential", d.create(page)); !done.IsRedirect() {
		m.t.Fatalf("the passkey is not set up: %d %s", done.Status, done.Text)
	}
	m.clock.Advance(time.Second)
	return d
}

// edited changes an assertion without signing it again.
func (m *matrix) edited(raw string, change func(body, response map[string]any)) string {
	m.t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(raw), &body); err != nil {
		m.t.Fatal(err)
	}
	change(body, body["response"].(map[string]any))
	text, err := json.Marshal(body)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// do posts an action to where a page's form goes.
func do(c *testkit.Client, page *testkit.Page, action string, more ...string) *testkit.Page {
	v := url.Values{"do": {action}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	address := *page.URL
	address.RawQuery = ""
	return c.PostForm(address.String(), v)
}

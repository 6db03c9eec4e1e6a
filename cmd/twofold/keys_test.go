package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/masterkey"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/migrations"
	"twofold/tenants"
)

var nextKey = []byte("another key, for the same secret")

// beside is one more replica of w, with these master keys.
func (w *world) beside(keys ...[]byte) *world {
	w.t.Helper()
	other := &world{
		t: w.t, clock: w.clock, inbox: w.inbox, ids: w.ids, smtp: w.smtp, twilio: w.twilio, ecall: w.ecall, sub: w.sub, masterKeys: keys,
	}
	other.replica(w.databaseURL)
	return other
}

func keyID(t *testing.T, key []byte) string {
	t.Helper()
	id, err := seal.KeyID(key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// byMail signs somebody in to globex by a code that is mailed to him.
func (w *world) byMail(name string) tokens {
	w.t.Helper()
	p, c := w.rp("globex", "expenses"), testkit.NewClient(w.t)
	page := p.signIn(c, name).Follow()
	return p.exchange(p.callback(page.FormWith("code").Set("code", w.code(name+"@example.test")).Press("Continue")).Get("code"))
}

// byApp signs somebody in to acme by the next code of his app.
func (w *world) byApp(name string, a app) tokens {
	w.t.Helper()
	p, c := w.rp("acme", "expenses"), testkit.NewClient(w.t)
	page := p.signIn(c, name).Follow()
	return p.exchange(p.callback(page.FormWith("code").Set("code", a.next()).Press("Continue")).Get("code"))
}

// TestMasterKeyRotation: F35. While a replica with the old key in front and one with the
// new key in front sign people in, everything is sealed anew. Afterwards the old key is
// gone, and all that was there before still works.
func TestMasterKeyRotation(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, databaseURL string) {
		w := newWorld(t, databaseURL)
		w.tenant("acme", "anna", "app-0-0", "app-0-1", "app-1-0", "app-1-1")
		w.tenant("globex", "bruno", "mail-0-0", "mail-0-1", "mail-1-0", "mail-1-1", "carla")
		w.factor("mail", "email")
		w.factorWith("app", "totp", true, map[string]any{})
		w.assign("mail", "tenant globex", true)
		w.assign("app", "tenant acme", true)
		w.must(w.tenants.PutSettings(context.Background(), "twilio", tenants.Options{"TwilioAuthToken": json.RawMessage(`"of the platform"`)}))
		w.must(w.tenants.PutSettings(w.ctx(), "ecall", tenants.Options{"ECallAccountPassword": json.RawMessage(`"of the subscription"`)}))
		w.must(w.tenants.PutIDP(w.ctx(), &tenants.IDP{Name: "corp", Type: tenants.IDPOIDC, Issuer: "https://corp.example", ClientID: "us", ClientSecret: "of the provider", Active: true}))

		token := w.robot()
		w.empower()
		if status, out := w.callREST(token, http.MethodPost, "/subscriptions/"+w.sub.ID+"/groups", `{"name":"sales"}`); status != http.StatusCreated {
			t.Fatalf("%d %v", status, out)
		}

		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		anna, page := w.enrol(p.signIn(c, "anna").Follow())
		before := p.exchange(p.callback(page).Get("code"))
		w.stopWork() // what is sent from here on waits for another replica
		waiting, b := w.rp("globex", "expenses"), testkit.NewClient(t)
		half := waiting.signIn(b, "bruno").Follow()
		if n := w.count("messages", "state = 'queued'"); n != 1 {
			t.Fatalf("%d messages wait", n)
		}

		w.app(tenants.ClientApp{Name: "cinema", Type: tenants.AppNative, AuthMethod: tenants.AuthNone, GrantTypes: tenants.List{tenants.GrantDevice}})
		if _, err := w.tenants.Link(w.ctx(), tenants.LinkTenantClientApp, w.ids["tenant acme"], w.ids["client_app cinema"]); err != nil {
			t.Fatal(err)
		}
		if d := w.device("cinema", "openid"); d.UserCode == "" {
			t.Fatalf("%+v", d)
		}

		front, behind := w.beside(nextKey, testKey), w.beside(testKey, nextKey)
		var wg sync.WaitGroup
		for i, r := range []*world{front, behind} {
			wg.Go(func() { signInAround(t, r, i) })
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		out := streams{io.Discard, io.Discard}
		for working := true; working; {
			select {
			case <-done:
				working = false
			default:
			}
			if r, err := front.reseal(t.Context(), out); err != nil || r.Closed > 0 {
				t.Errorf("%+v, %v", r, err)
			}
		}
		if t.Failed() {
			return
		}

		use, err := front.keyUse(t.Context())
		if err != nil || len(use) != 1 || use[keyID(t, nextKey)].total() < 10 {
			t.Errorf("after the rotation: %v, %v", use, err)
		}
		for _, c := range front.sealed() {
			if c.Name() != "messages.sealed" && use[keyID(t, nextKey)][c.Name()] == 0 { // the message has been sent
				t.Errorf("%s holds nothing here: the test does not show that it is sealed anew", c.Name())
			}
		}
		checkNothingForgotten(t, front, keyID(t, testKey))

		last := w.beside(nextKey)
		for name, tok := range map[string]tokens{
			"a refresh token of before": last.rp("acme", "expenses").token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {before.Refresh}}),
			"an app of before":          last.byApp("anna", anna),
			"a code by mail":            last.byMail("carla"),
		} {
			if tok.Status != http.StatusOK || tok.IDToken == "" {
				t.Errorf("%s: %+v", name, tok)
			}
		}
		waiting.w = last
		half = b.PostForm(strings.Replace(half.Forms[0].Action.String(), w.url, last.url, 1), answer(half, w.code("bruno@example.test")))
		if tok := waiting.exchange(waiting.callback(half).Get("code")); tok.Status != http.StatusOK {
			t.Errorf("a sign-in of before: %+v", tok)
		}
		verifies(t, last, before.IDToken)
		for _, chain := range []string{w.sub.ID, "platform"} {
			if err := last.audit.Verify(t.Context(), chain); err != nil {
				t.Error(err)
			}
		}
		list, err := last.tenants.ListTwoFactors(w.ctx())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			if st, err := last.tenants.StateOf(w.ctx(), f.ID); err != nil || strings.Contains(st.Reason, "unsealed") {
				t.Errorf("%s: %s, %v", f.Name, st.Reason, err)
			}
		}
		sealer, err := seal.New(testKey)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := build(t.Context(), parts{DatabaseURL: databaseURL, Seal: sealer, Log: w.log}); err == nil {
			_ = h.close()
			t.Error("the old key alone still opens the house")
		}
	})
}

// TestMACsOfBefore: what replicas of the version before made still fits when the
// database has its own key of MACs, and when the master key of that time has gone. While
// both versions run, each takes what the other made.
func TestMACsOfBefore(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, databaseURL string) {
		w := newWorld(t, databaseURL)
		before, err := seal.New(testKey)
		if err != nil {
			t.Fatal(err)
		}
		w.tenants.Seal, w.provider.Seal, w.audit.Seal = before, before, before // as in that version
		execute(t, databaseURL, sides12(t, w, "Down")...)
		w.tenant("acme", "anna")
		p := w.rp("acme", "expenses")
		old := p.exchange(p.callback(p.signIn(testkit.NewClient(t), "anna")).Get("code"))
		if old.Refresh == "" {
			t.Fatalf("%+v", old)
		}
		execute(t, databaseURL, sides12(t, w, "Up")...)

		next := w.beside(testKey, nextKey)
		q := next.rp("acme", "expenses")
		young := q.exchange(q.callback(q.signIn(testkit.NewClient(t), "anna")).Get("code"))
		if tok := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {young.Refresh}}); tok.Status != http.StatusOK {
			t.Errorf("a new token at the version before: %+v", tok)
		}
		if r, err := w.beside(nextKey, testKey).reseal(t.Context(), streams{io.Discard, io.Discard}); err != nil || r.Closed > 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		last := w.beside(nextKey)
		if tok := last.rp("acme", "expenses").token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.Refresh}}); tok.Status != http.StatusOK {
			t.Errorf("an old token without the old key: %+v", tok)
		}
		for _, chain := range []string{w.sub.ID, "platform"} {
			if err := last.audit.Verify(t.Context(), chain); err != nil {
				t.Error(err)
			}
		}
		if origin, err := last.keys.Origin(t.Context()); err != nil || origin != masterkey.Adopted {
			t.Errorf("origin %q, %v", origin, err)
		}
	})
}

// sides12 are the statements of one side of the migration that brought the key of MACs.
func sides12(t *testing.T, w *world, side string) []string {
	t.Helper()
	files, err := migrations.Files(w.db.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(files, "0012_masterkey_house_keys.sql")
	if err != nil {
		t.Fatal(err)
	}
	up, down, _ := strings.Cut(string(text), "-- +goose Down\n")
	if side == "Down" {
		up = down
	}
	return strings.Split(strings.TrimSpace(up), ";\n")
}

// TestRotationAlone: one step is for a single server that is stopped. With one that runs
// it would seal what that cannot open.
func TestRotationAlone(t *testing.T) {
	t.Parallel() // it waits for processes more than it works
	testkit.EachDatabase(t, func(t *testing.T, databaseURL string) {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(hex.EncodeToString(testKey)), 0o600); err != nil {
			t.Fatal(err)
		}
		rotate := func() (string, error) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "keys", "rotate", "--single", "--database", databaseURL, "--master-key-file", file)
			cmd.Env = append(os.Environ(), "TWOFOLD_TEST_EXEC=1")
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		p := start(t, databaseURL, file, "http://127.0.0.1:1")
		out, err := rotate()
		keys, errKeys := seal.ReadKeyFile(file, false, nil)
		if err == nil || !strings.Contains(out, "stop the server first") || errKeys != nil || len(keys) != 1 {
			t.Errorf("beside a server: %v, %v, %d keys\n%s", err, errKeys, len(keys), out)
		}
		p.kill()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) { // until its connections have gone
			if out, err = rotate(); err == nil || time.Now().After(deadline) {
				break
			}
		}
		if err != nil {
			t.Fatalf("after it was stopped: %v\n%s", err, out)
		}
		start(t, databaseURL, file, "http://127.0.0.1:1") // with the new key in front
	})
}

// signInAround has a replica write all kinds of sealed values.
func signInAround(t *testing.T, w *world, i int) {
	for n := range 2 {
		name := fmt.Sprintf("app-%d-%d", i, n)
		a := w.rp("acme", "expenses").holder(testkit.NewClient(t), name)
		for who, tok := range map[string]tokens{name: w.byApp(name, a), "mail": w.byMail(fmt.Sprintf("mail-%d-%d", i, n))} {
			if tok.Status != http.StatusOK {
				t.Errorf("%s at replica %d: %+v", who, i, tok)
			}
		}
		v := tenants.TwoFactor{Name: fmt.Sprintf("letters %d %d", i, n), Type: "email", Active: true}
		w.must(w.tenants.PutTwoFactor(w.ctx(), &v, tenants.Options{"EMailSenderAddress": json.RawMessage(`"x@example.test"`)}))
	}
}

var sealedText = regexp.MustCompile(`v1\.([0-9a-f]{8})\.`)

// checkNothingForgotten reads every text of the database. A sealed value that no owner
// shows would be lost with the old key.
func checkNothingForgotten(t *testing.T, w *world, oldKey string) {
	t.Helper()
	var known []string
	for _, c := range w.sealed() {
		known = append(known, c.Name())
	}
	tables := testkit.Schema(t, w.databaseURL)
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		for column, c := range tables[name].Columns {
			full := name + "." + column
			if tables[name].View || c.Class != "text" && c.Class != "bytes" {
				continue
			}
			// By its name, too: a column may be empty here and yet be forgotten.
			if (column == "sealed" || strings.HasSuffix(column, "_sealed")) && !slices.Contains(known, full) {
				t.Errorf("%s is sealed, by its name, and not among the columns of house.sealed", full)
			}
			for _, text := range texts(t, w.db.SQL(), `SELECT "`+column+`" FROM "`+name+`"`) {
				for _, m := range sealedText.FindAllStringSubmatch(text, -1) {
					if m[1] == oldKey {
						t.Errorf("%s is still sealed under the old key", full)
					}
					if !slices.Contains(known, full) {
						t.Errorf("%s holds a sealed value and is not among the columns of house.sealed", full)
					}
				}
			}
		}
	}
}

func texts(t *testing.T, d *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v sql.NullString
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// verifies checks the signature of an ID token by the keys that a replica publishes.
func verifies(t *testing.T, w *world, idToken string) {
	t.Helper()
	resp, err := http.Get(w.rp("acme", "expenses").base() + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	tok, err := jose.ParseSignedCompact(idToken, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	keys := set.Key(tok.Signatures[0].Header.KeyID)
	if len(keys) != 1 {
		t.Fatalf("%d keys named %s", len(keys), tok.Signatures[0].Header.KeyID)
	}
	if body, err := tok.Verify(keys[0]); err != nil || !bytes.Contains(body, []byte(`"sub"`)) {
		t.Errorf("the ID token of before: %v", err)
	}
}

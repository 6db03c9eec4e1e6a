package main

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/testkit"
	"twofold/internal/testkit/need"
)

// TestRestore copies a database in use as docs/guides/operations.md says, puts the copy
// in an empty place, and signs in there, at the program itself (F38, F39).
func TestRestore(t *testing.T) {
	t.Parallel() // it waits for processes more than it works
	testkit.EachDatabase(t, func(t *testing.T, databaseURL string) {
		w := newWorld(t, databaseURL)
		w.clock.Set(time.Now()) // the process has the real one
		w.tenant("acme", "anna", "bruno")
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", true)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := p.signIn(c, "anna").Follow()
		code := w.code("anna@example.test")
		before := p.exchange(p.callback(page.FormWith("code").Set("code", code).Press("Continue")).Get("code"))
		b := testkit.NewClient(t)
		half := p.signIn(b, "bruno").Follow()
		begun := answer(half, w.code("bruno@example.test"))

		key := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(key, []byte(hex.EncodeToString(testKey)), 0o600); err != nil {
			t.Fatal(err)
		}
		balancer := newBalancer(t)
		r := &world{t: t, clock: w.clock, inbox: w.inbox, ids: w.ids, url: balancer.URL, databaseURL: restore(t, databaseURL, key)}
		afterRestore(t, r.databaseURL)
		balancer.backends = []string{start(t, r.databaseURL, key, r.url).addr}

		// What was begun or given out before the copy is over, as the page says.
		p = r.rp("acme", "expenses")
		if tok := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {before.Refresh}}); tok.Status != http.StatusBadRequest {
			t.Errorf("a refresh token of before: %+v", tok)
		}
		if got := c.Get(p.authorizeURL()).Follow(); toApp(got) || len(got.Forms) == 0 {
			t.Errorf("a session of before: %d %s", got.Status, got.Text)
		}
		if got := b.PostForm(strings.Replace(half.Forms[0].Action.String(), w.url, r.url, 1), begun); toApp(got) || got.Status >= 500 {
			t.Errorf("a code of before: %d %s", got.Status, got.Text)
		}

		// And everybody signs in anew.
		page = p.signIn(testkit.NewClient(t), "anna").Follow()
		page = page.FormWith("code").Set("code", w.newCode("anna@example.test", code)).Press("Continue")
		if tok := p.exchange(p.callback(page).Get("code")); tok.Status != http.StatusOK {
			t.Errorf("a new sign-in: %+v", tok)
		}
		command(t, os.Args[0], "doctor", "--database", r.databaseURL, "--master-key-file", key)
	})
}

// afterRestore does to the copy what the page says.
func afterRestore(t *testing.T, databaseURL string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Restore\n")
	_, block, _ := strings.Cut(section, "```sql\n")
	block, _, ok := strings.Cut(block, "```")
	if !ok {
		t.Fatal("the page has no statements for after a restore")
	}
	execute(t, databaseURL, strings.Split(strings.TrimSpace(block), ";\n")...)
}

func execute(t *testing.T, databaseURL string, statements ...string) {
	t.Helper()
	d, _, err := db.OpenSQL(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, s := range statements {
		if _, err := d.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// restore copies a database and puts the copy in an empty place.
func restore(t *testing.T, databaseURL, key string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "copy")
	if !strings.HasPrefix(databaseURL, "sqlite:") {
		to := testkit.Postgres(t)
		execute(t, to, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public") // as in an empty database
		command(t, need.Command(t, "pg_dump", "apt-get install postgresql-client"), "--format=custom", "--no-owner", "--file="+file, databaseURL)
		command(t, need.Command(t, "pg_restore", "apt-get install postgresql-client"), "--no-owner", "--exit-on-error", "--dbname="+to, file)
		return to
	}
	command(t, os.Args[0], "backup", "--database", databaseURL, "--master-key-file", key, file)
	return "sqlite:" + file
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "TWOFOLD_TEST_EXEC=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
}

package main

import (
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
)

// sentences are what notices say, by language and event.
func sentences(t testing.TB, lang string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "twofactor", "letters", "texts", "events", lang+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]string
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEventsHaveWords: each event that the house tells a user of is one that letters
// has words for, in every language.
func TestEventsHaveWords(t *testing.T) {
	t.Parallel()
	known := eventConstants(t)
	told := map[string]bool{}
	for _, dir := range []string{"idp", "twofactor/ceremony"} {
		for _, event := range eventsOf(t, filepath.Join("..", "..", dir)) {
			told[event] = true
		}
	}
	if len(told) < 10 {
		t.Errorf("found only %d events: %v", len(told), told)
	}
	for event := range told {
		if !slices.Contains(known, event) {
			t.Errorf("letters does not know %q", event)
		}
	}
	for _, lang := range []string{"en", "de", "fr", "it"} {
		have := sentences(t, lang)
		for _, event := range append(known, "other") {
			if have[event] == "" {
				t.Errorf("%s has no words for %q", lang, event)
			}
		}
		if len(have) != len(known)+1 {
			t.Errorf("%s has words for %d events, want %d", lang, len(have), len(known)+1)
		}
	}
}

// eventConstants are the Event… of package letters.
func eventConstants(t testing.TB) (out []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "twofactor", "letters", "events.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for n := range ast.Preorder(file) {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Event") {
			out = append(out, literals(v.Values[0])...)
		}
	}
	return out
}

// eventsOf are the events in the notices that a package makes.
func eventsOf(t testing.TB, dir string) (out []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			for n := range ast.Preorder(f.Body) {
				events, is := noticeIn(f, n)
				if is && len(events) == 0 {
					t.Errorf("%s: %s makes a notice whose event this test cannot read", path, f.Name.Name)
				}
				out = append(out, events...)
			}
		}
	}
	return out
}

// noticeIn reads the event of a Notice{Event: …}, or of an assignment to x.Event.
func noticeIn(f *ast.FuncDecl, n ast.Node) (events []string, is bool) {
	switch n := n.(type) {
	case *ast.CompositeLit:
		if sel, ok := n.Type.(*ast.SelectorExpr); ok && lastName(sel.X) == "ui" {
			return nil, false // what a page says is no letter
		}
		if name := lastName(n.Type); name != "Notice" {
			return nil, false
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && lastName(kv.Key) == "Event" {
				return eventIn(f, kv.Value), true
			}
		}
		return nil, true
	case *ast.AssignStmt:
		if s, ok := n.Lhs[0].(*ast.SelectorExpr); ok && s.Sel.Name == "Event" {
			return eventIn(f, n.Rhs[0]), true
		}
	}
	return nil, false
}

// eventIn reads an expression: a literal, a variable of the function, or a kind of
// address with a suffix.
func eventIn(f *ast.FuncDecl, e ast.Expr) (out []string) {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		for _, kind := range []twofactor.Attribute{twofactor.NeedsEmail, twofactor.NeedsPhone} {
			for _, suffix := range literals(e.Y) {
				out = append(out, string(kind)+suffix)
			}
		}
	case *ast.Ident:
		for n := range ast.Preorder(f.Body) {
			if a, ok := n.(*ast.AssignStmt); ok && lastName(a.Lhs[0]) == e.Name {
				out = append(out, literals(a.Rhs[0])...)
			}
		}
	default:
		out = literals(e)
	}
	return out
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func literals(e ast.Expr) []string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		if text, err := strconv.Unquote(l.Value); err == nil {
			return []string{text}
		}
	}
	return nil
}

// notice waits for a mail to an address that says so.
func (w *chainWorld) notice(to, sentence string) fakes.Message {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 15*time.Second)
	defer cancel()
	m, err := w.inbox.Wait(ctx, func(m fakes.Message) bool { return m.To == to && strings.Contains(m.Text, sentence) })
	if err != nil {
		w.t.Errorf("%s was not told: %s", to, sentence)
	}
	return m
}

// TestEachNotice: each event arrives as a mail in the user's language, with when and
// where; what is not known has a general sentence.
func TestEachNotice(t *testing.T) {
	t.Parallel()
	w := newChainWorld(t, testkit.SQLite(t), 1)
	w.tenant("acme")
	w.factor("Mail", "email")
	w.assign("Mail", "tenant acme", false)
	when := map[string]string{"en": "When: 2026-11-22 at 12:00 UTC", "de": "Wann: 22.11.2026 um 12:00 UTC", "fr": "Quand : 22.11.2026 à 12:00 UTC", "it": "Quando: 22.11.2026 alle 12:00 UTC"}
	var members []string
	for lang := range when {
		members = append(members, w.user(tenants.User{Name: "u" + lang, Locale: lang}))
	}
	w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant acme"], members))
	for lang, at := range when {
		words := sentences(t, lang)
		for _, event := range append(eventConstants(t), "something_new") {
			sentence := words[event]
			if sentence == "" {
				sentence = words["other"]
			}
			if err := w.idp.Notify(w.in("acme"), w.ids["user u"+lang], ceremony.Notice{Event: event, Detail: "detail of " + event}); err != nil {
				t.Fatal(err)
			}
			m := w.notice("u"+lang+"@example.test", "detail of "+event)
			if !strings.Contains(m.Text, sentence) || !strings.Contains(m.Text, at) || !strings.HasSuffix(m.Subject, sentence) || !strings.Contains(m.HTML, "detail of "+event) {
				t.Errorf("%s, %s: %q\n%s", lang, event, m.Subject, m.Text)
			}
		}
	}
	for _, e := range w.log() {
		if e.Kind != twofactor.LetterNotice || strings.Contains(e.Masked, "uen@") {
			t.Errorf("%+v", e)
		}
	}
}

var keyOnPage = regexp.MustCompile(`<li>([A-Z2-7 ]{20,})</li>`)

// TestChangesAreTold: who changes what he proves himself with is told, at the old
// address and the new one where that changes, and no notice holds a secret.
func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	w := newChainWorld(t, testkit.Postgres(t), 1)
	w.tenant("acme")
	w.factor("Mail", "email")
	w.factorWith("App", "totp", true, map[string]any{})
	w.factorWith("Codes", "recovery", true, map[string]any{})
	w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant acme"], []string{w.user(tenants.User{Name: "ursula", Locale: "de"})}))
	w.assign("Mail", "tenant acme", true)
	w.assign("App", "tenant acme", false)
	w.assign("Codes", "tenant acme", false)
	const old, now = "ursula@example.test", "ursula.neu@example.test"
	says := sentences(t, "de")
	account := w.url + "/t/acme/account"
	c := testkit.NewClient(t)
	page := c.Get(account).Follow().FormWith("username").Set("username", "ursula").Set("password", password).Submit().Follow()
	first := w.code(old)
	c.Get(page.URL.String()).FormWith("code").Set("code", first).Submit().Follow().Require(http.StatusOK)

	// An authenticator app, and the codes that stand in for it.
	page = c.PostForm(account, url.Values{"do": {"add"}, "id": {"enroll " + w.ids["two_factor App"]}}).Follow().Require(http.StatusOK)
	key := keyOnPage.FindStringSubmatch(page.Body)
	if key == nil {
		t.Fatalf("no key at %s: %s", page.URL, page.Text)
	}
	form := page.FormWith("code").Set("code", onceTOTP(t, key[1], w.clock.Now()))
	page = form.Submit().Follow().Require(http.StatusOK)
	page.FormWith("saved").Set("saved", "true").Submit().Follow().Require(http.StatusOK)
	w.notice(old, says["factor_added"])
	w.notice(old, says["recovery_renewed"])

	// Another address.
	page = c.PostForm(account, url.Values{"do": {"add"}, "id": {"prove email"}}).Follow().Require(http.StatusOK)
	page = page.FormWith("address").Set("address", now).Submit().Follow().Require(http.StatusOK)
	second := w.code(now)
	page.FormWith("code").Set("code", second).Submit().Follow().Require(http.StatusOK)
	for _, to := range []string{old, now} {
		if m := w.notice(to, says["email_changed"]); !strings.Contains(m.Text, "Guten Tag Ursula") || strings.Contains(m.Text, "@") {
			t.Errorf("to %s:\n%s", to, m.Text)
		}
	}

	// A new password, by a mailed link.
	testkit.NewClient(t).Get(w.url+"/t/acme/reset").FormWith("username").Set("username", "ursula").Submit()
	reset := testkit.NewClient(t).Get(w.mailedLink(now)).Require(http.StatusOK)
	reset.FormWith("password").Set("password", "a brand new phrase nobody knows").Submit().Require(http.StatusOK)
	w.notice(now, says["password_changed"])

	// And somebody who has that password guesses.
	c = testkit.NewClient(t)
	page = w.rp("acme", "expenses").withPassword(c, "ursula", "a brand new phrase nobody knows")
	for range 5 {
		page.FormWith("code").Set("code", "000000").Submit()
	}
	w.notice(now, says["wrong_codes"])
	if n := len(w.trail("factor.wrong")); n != 5 {
		t.Errorf("%d wrong codes", n)
	}
	w.noSecretsInNotices(t, first, second, key[1], strings.ReplaceAll(key[1], " ", ""), "brand new phrase", "link=")
}

// withPassword is signIn with another password than the test's.
func (p *rp) withPassword(c *testkit.Client, name, secret string) *testkit.Page {
	p.w.t.Helper()
	return c.Get(p.authorizeURL()).Follow().FormWith("username").Set("username", name).Set("password", secret).Submit().Follow().Require(http.StatusOK)
}

func (w *chainWorld) noSecretsInNotices(t *testing.T, secrets ...string) {
	t.Helper()
	notices := 0
	for _, m := range w.inbox.Messages() {
		if !strings.Contains(m.Text, "Wann: ") {
			continue
		}
		notices++
		for _, s := range secrets {
			if strings.Contains(m.Text+m.HTML+m.Subject, s) {
				t.Errorf("a notice tells %q:\n%s", s, m.Text)
			}
		}
	}
	if notices < 6 {
		t.Errorf("only %d notices", notices)
	}
}

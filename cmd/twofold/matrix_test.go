package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/id"
	"twofold/internal/testkit"
)

// row is a hostile move of SECURITY §5.2.
type row struct {
	id   string
	want string // the outcome
	does string // what the test does, for the page
	run  func(m *matrix)
}

// matrixRows are all rows that run, in their order.
func matrixRows() []row {
	return slices.Concat(skipRows(), replayRows(), raceRows(), bruteRows(), confuseRows(), downgradeRows(), recoveryRows(), leakRows(), sessionRows(), floodRows())
}

// matrixMissing are the rows that cannot run yet, and why.
func matrixMissing() map[string]string {
	return map[string]string{
		"M37": "There is no alarm by source or tenant yet. What one source may send is bounded, see M71.",
		"M57": "There is no provider of another house here: TestUpstreamTrust and the forgeries of idp/upstream show it.",
		"M76": "There is no administrator here: TestTestSend shows it.",
	}
}

const (
	matrixSize  = 76
	matrixLeast = 60
)

// TestMatrix makes every hostile move of SECURITY §5.2 on both databases. After each
// the same is asked: does a session stand without its sign-in in the audit trail, is
// anything half-written, has a code or a key got into an answer, a log or the trail.
func TestMatrix(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		t.Parallel()
		a := newArena(t, url)
		for _, r := range matrixRows() {
			t.Run(r.id, func(t *testing.T) { a.row(t, r) })
		}
		if err := a.audit.Verify(context.Background(), a.sub.ID); err != nil {
			t.Errorf("audit trail: %v", err)
		}
	})
}

// row runs one, and asks what is asked after each.
func (a *arena) row(t *testing.T, r row) {
	// Budgets are full again, and what was open is over.
	a.clock.Advance(3 * time.Hour)
	w := *a.world
	w.t = t
	rival := *a.rival
	rival.t = t
	own := *a
	own.world, own.rival = &w, &rival
	m := &matrix{arena: &own, world: &w, t: t, id: r.id}
	a.book.clear()
	m.secret.Add("the password", password)
	m.secret.Add("the hook's secret", hookSecret)
	m.secret.Add("Twilio's token", a.twilio.AuthToken)
	m.secret.Add("eCall's password", a.ecall.Password)
	m.logged = len(a.logs.String())
	m.since, m.mark = m.lastEvent(), id.New()
	t.Cleanup(func() { m.after() })
	r.run(m)
}

func (m *matrix) lastEvent() (seq int64) {
	m.t.Helper()
	if err := m.db.SQL().QueryRow("SELECT coalesce(max(seq), 0) FROM audit_events WHERE chain = '" + m.sub.ID + "'").Scan(&seq); err != nil {
		m.t.Fatal(err)
	}
	return seq
}

// after is asked after each row.
func (m *matrix) after() {
	m.t.Helper()
	for what, where := range map[string]string{
		"a challenge that is over and still holds its code": "challenges r|closed_at IS NOT NULL AND sealed <> ''",
		"a challenge with more tries than it has":           "challenges r|attempts > max_attempts",
		"an open challenge of a sign-in that is over":       "challenges r|closed_at IS NULL AND EXISTS (SELECT 1 FROM sign_ins s WHERE s.tenant_id = r.tenant_id AND s.id = r.sign_in_id AND s.state <> 'open')",
		"a sign-in with more than one open challenge":       "sign_ins r|1 < (SELECT count(*) FROM challenges c WHERE c.tenant_id = r.tenant_id AND c.id > '" + m.mark + "' AND c.sign_in_id = r.id AND c.closed_at IS NULL)",
		"a session without an entry of its sign-in":         "sessions r|NOT EXISTS (SELECT 1 FROM audit_events e WHERE e.tenant_id = r.tenant_id AND e.user_id = r.user_id AND e.kind = 'sign_in.done' AND e.detail LIKE '%' || r.id || '%')",
		"a grant without its session":                       "grants r|session_id <> '' AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.tenant_id = r.tenant_id AND s.id = r.session_id)",
		"a grant that stands in a session that has ended":   "grants r|revoked_at IS NULL AND EXISTS (SELECT 1 FROM sessions s WHERE s.tenant_id = r.tenant_id AND s.id = r.session_id AND s.ended_at IS NOT NULL)",
		"a sign-in of nobody that is done":                  "sign_ins r|state = 'done' AND user_id = ''",
	} {
		table, cond, _ := strings.Cut(where, "|")
		if n := m.count(table, "r.id > '"+m.mark+"' AND "+cond); n != 0 {
			m.t.Errorf("%d × %s", n, what)
		}
	}
	m.secret.Forbid(m.t, "the audit trail", m.detailsSince(m.since))
	for _, e := range m.book.all() {
		head, _, _ := strings.Cut(e, "\n")
		head, _, _ = strings.Cut(head, "?")
		m.secret.Forbid(m.t, "the answer to "+head, e)
	}
	for line := range strings.Lines(m.logs.String()[m.logged:]) {
		m.secret.Forbid(m.t, "the log", textsIn(line))
		if !m.errors && strings.Contains(line, `"level":"ERROR"`) {
			m.t.Errorf("the house logged an error: %s", line)
		}
	}
	for _, mail := range m.inbox.Messages() {
		m.secret.Forbid(m.t, "a subject", mail.Subject)
	}
}

// Outcomes of SECURITY §5.1.
const (
	refused  = 'A' // generic, no session, in the trail, counted once
	again    = 'B' // start again; not counted
	wait     = 'C' // 429 with Retry-After; not counted
	nothing  = 'D' // as if it did not exist; not counted
	success  = 'E' // exactly one success
	stepUp   = 'F' // stronger proof first; not counted
	anything = '?' // no session and no count, whatever is said
)

// expect makes a move in somebody's name and holds what it did against an outcome.
func (m *matrix) expect(want rune, name string, move func() *testkit.Page) *testkit.Page {
	m.t.Helper()
	type state struct{ Sessions, Codes, Failures, Wrong, Enrolled int }
	look := func() state {
		s := state{Sessions: m.count("sessions", "ended_at IS NULL"), Codes: m.count("auth_codes", "1=1"), Enrolled: m.count("enrollments", "1=1")}
		if name != "" {
			s.Failures, s.Wrong = m.failures(name), m.heard(name, "factor.wrong")
		}
		return s
	}
	before := look()
	page := move()
	after, expected := look(), before
	switch want {
	case refused:
		expected.Failures++
		expected.Wrong++
	case success:
		expected.Sessions++
		expected.Codes++
		expected.Failures = 0
	}
	if diff := cmp.Diff(expected, after); diff != "" {
		m.t.Errorf("outcome %c: not as expected (-want +got):\n%s", want, diff)
	}
	if page == nil {
		return nil
	}
	ok := map[rune]bool{
		refused: page.Status == http.StatusUnprocessableEntity || page.Status == http.StatusSeeOther,
		again:   page.Status == http.StatusSeeOther || page.Status == http.StatusGone,
		wait:    page.Status == http.StatusTooManyRequests && page.Header.Get("Retry-After") != "",
		nothing: slices.Contains([]int{http.StatusNotFound, http.StatusForbidden, http.StatusGone, http.StatusSeeOther}, page.Status),
		success: page.Status == http.StatusSeeOther,
		stepUp:  page.Status == http.StatusForbidden || page.Status == http.StatusSeeOther,
	}
	if good, judged := ok[want]; (judged && !good) || page.Status >= 500 || toApp(page) != (want == success) {
		m.t.Errorf("outcome %c: status %d to %q, Retry-After %q: %s", want, page.Status, page.Header.Get("Location"), page.Header.Get("Retry-After"), page.Text)
	}
	return page
}

// TestReferenceMatrix holds the guide against the rows: it is drawn from them, and
// tells of all 76 whether they run, or why not.
func TestReferenceMatrix(t *testing.T) {
	t.Parallel()
	rows, missing := matrixRows(), matrixMissing()
	byID := map[string]row{}
	for _, r := range rows {
		if _, twice := byID[r.id]; twice || missing[r.id] != "" || r.does == "" || r.run == nil {
			t.Errorf("%s is there twice, or says nothing", r.id)
		}
		byID[r.id] = r
	}
	var b strings.Builder
	fmt.Fprintf(&b, matrixHead, len(rows), matrixSize)
	for i := 1; i <= matrixSize; i++ {
		id := fmt.Sprintf("M%d", i)
		if r, ok := byID[id]; ok {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", id, r.does, r.want)
			continue
		}
		if missing[id] == "" {
			t.Errorf("%s neither runs nor is missing for a reason", id)
		}
		fmt.Fprintf(&b, "| %s | Does not run. %s | – |\n", id, missing[id])
	}
	if len(rows) < matrixLeast || len(rows)+len(missing) != matrixSize {
		t.Errorf("%d rows run and %d are missing; there are %d", len(rows), len(missing), matrixSize)
	}
	file := filepath.Join("..", "..", "docs", "guides", "matrix.md")
	if *updateReference {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil { // a page for everybody
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), b.String()); diff != "" {
		t.Errorf("the page is out of date, run make generate (-page +test):\n%s", diff)
	}
}

const matrixHead = `# What an attacker may try

Every row is a hostile move against a sign-in, made over HTTP against a whole server on
SQLite and on PostgreSQL: ` + "`go test -run TestMatrix ./cmd/twofold`" + `, one row by
` + "`-run 'TestMatrix/postgres/M23$'`" + `. %d of %d rows run. This page is drawn from the
rows themselves: after a change run ` + "`make generate`" + `.

After each row the same is asked again: every session has its sign-in in the audit
trail, nothing is half-written, and no code, key or password of the row is in an answer,
a log line, the trail or the subject of a mail.

Outcomes: **A** refused in general words, no session, in the trail, counted once · **B**
start again, not counted · **C** 429 with Retry-After · **D** as if it did not exist ·
**E** exactly one success · **F** a stronger proof first.

| row | what the test does | outcome |
| --- | --- | --- |
`

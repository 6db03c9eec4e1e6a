package apply_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/admin/apply"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/catalog"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// world is a database with a store and a trail over it.
type world struct {
	*testing.T
	url     string
	clock   *testkit.Clock
	db      *db.DB
	store   *tenants.Store
	trail   *audit.Trail
	env     map[string]string
	files   map[string]string
	secrets *testkit.SecretRegister
	log     *bytes.Buffer
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	w := &world{
		T: t, url: url, clock: testkit.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)),
		env: map[string]string{}, files: map[string]string{}, secrets: &testkit.SecretRegister{}, log: &bytes.Buffer{},
	}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	if w.db, err = db.Open(t.Context(), url, db.Options{Log: log, Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	sealer, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	w.trail = &audit.Trail{DB: w.db, Seal: sealer, Now: w.clock.Now}
	w.store = tenants.New(tenants.Config{
		DB: w.db, Seal: sealer, Now: w.clock.Now, Rand: rand.Reader, Log: log, Catalog: catalog.Builtin(), Gate: tenants.NewGate(),
		CheckTemplate: func(v tenants.Template) []twofactor.FieldError {
			if strings.Contains(v.Text, "{{range") {
				return []twofactor.FieldError{{Field: "text", Message: "must not have {{range}}"}}
			}
			return nil
		},
		Env: twofactor.Env{Origin: "https://id.example.org", Now: w.clock.Now, Rand: rand.Reader, Log: log},
	})
	return w
}

// secret makes a secret that must be seen nowhere, and puts it into the environment.
func (w *world) secret(name, value string) {
	w.env[name] = w.secrets.Add(name, value)
}

func (w *world) options() apply.Options {
	return apply.Options{
		Actor: "tester",
		Env:   func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			v, ok := w.files[path]
			if !ok {
				return nil, errors.New("no such file: the reason is not shown")
			}
			return []byte(v), nil
		},
	}
}

// try applies text, and checks that neither report nor error says a secret.
func (w *world) try(text string, o apply.Options) (apply.Report, error) {
	w.Helper()
	f, err := apply.Parse("conf/f.yaml", []byte(text))
	if err != nil {
		w.Fatalf("parse: %v", err)
	}
	rep, err := apply.Run(w.Context(), w.store, w.trail, f, o)
	w.secrets.Forbid(w, "report", rep.String())
	w.secrets.Forbid(w, "log", w.log.String())
	if err != nil {
		w.secrets.Forbid(w, "error", err.Error())
	}
	return rep, err
}

// apply applies text and returns the lines of the report.
func (w *world) apply(text string) []string {
	w.Helper()
	w.clock.Advance(time.Second)
	rep, err := w.try(text, w.options())
	if err != nil {
		w.Fatal(err)
	}
	return rep.Lines()
}

// refused applies text, which must fail and change nothing, and returns what is wrong.
func (w *world) refused(text string) []string {
	w.Helper()
	before := w.dump()
	_, err := w.try(text, w.options())
	if err == nil {
		w.Fatal("accepted")
	}
	w.same(before)
	return problemLines(w.T, err)
}

// dump reads every row of every table.
func (w *world) dump() map[string]string {
	w.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if w.db.Dialect() == db.Postgres {
		query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	}
	out := map[string]string{}
	for _, table := range w.rows(query) {
		name := strings.Trim(table, "[]")
		rows := w.rows("SELECT * FROM " + name)
		slices.Sort(rows)
		out[name] = strings.Join(rows, "\n")
	}
	return out
}

func (w *world) rows(query string) []string {
	w.Helper()
	rows, err := w.db.SQL().QueryContext(w.Context(), query)
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			w.Fatal(err)
		}
		for i, v := range values {
			values[i] = *v.(*any)
		}
		out = append(out, fmt.Sprint(values))
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	return out
}

// same fails the test for each table that is not as it was.
func (w *world) same(before map[string]string) {
	w.Helper()
	after := w.dump()
	for _, table := range slices.Sorted(maps.Keys(after)) {
		if before[table] != after[table] {
			w.Errorf("%s changed:\n%s\nbefore:\n%s", table, after[table], before[table])
		}
	}
}

// in returns a context of the subscription.
func (w *world) in(name string) context.Context {
	w.Helper()
	sub, err := w.store.SubscriptionByName(w.Context(), name)
	if err != nil {
		w.Fatal(err)
	}
	return db.WithScope(w.Context(), db.Scope{Subscription: sub.ID})
}

// events are the audit events of the subscription, oldest first, as kind and detail.
func (w *world) events(name string) []string {
	w.Helper()
	list, err := w.trail.List(w.in(name), 1000)
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, e := range slices.Backward(list) {
		out = append(out, e.Kind+" "+e.Detail)
	}
	return out
}

func must[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) sub(name string) tenants.Subscription {
	w.Helper()
	return must[tenants.Subscription](w.T)(w.store.SubscriptionByName(w.Context(), name))
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// mask replaces ids, which differ from run to run.
func mask(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = uuids.ReplaceAllString(l, "ID")
	}
	return out
}

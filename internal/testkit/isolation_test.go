package testkit

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
)

// leaky is a store that keeps nobody apart.
type leaky struct {
	t  *testing.T
	db *sql.DB
}

func (s *leaky) Good(ctx context.Context, key string) error {
	if ctx.Value(leaky{}) != "b" {
		return errors.New("there is no " + key)
	}
	return s.Writes(ctx, key)
}

func (s *leaky) Reads(context.Context) *struct{ Name string } {
	return &struct{ Name string }{"globex"}
}

func (s *leaky) Writes(ctx context.Context, key string) error {
	_, err := s.db.ExecContext(ctx, "UPDATE rate_counters SET tat_us = tat_us + 1 WHERE key = $1", key)
	return err
}

func (s *leaky) Makes(ctx context.Context, key string) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO audit_chains (id, seq, head) VALUES ($1, 1, '') ON CONFLICT DO NOTHING", "of "+key)
	return err
}

func (*leaky) Idle(context.Context) {}
func (*leaky) Server()              {}
func (*leaky) Forgotten()           {}

func TestIsolationFindsLeaks(t *testing.T) {
	EachDatabase(t, func(t *testing.T, url string) {
		driver, dsn, _ := driverOf(url)
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if _, err := db.ExecContext(t.Context(), "INSERT INTO rate_counters (key, tat_us) VALUES ('id-of-b', 1), ('id-of-a', 1)"); err != nil {
			t.Fatal(err)
		}
		s := &leaky{t, db}
		found, err := Isolation{
			URL: url, Store: s, A: t.Context(), B: context.WithValue(t.Context(), leaky{}, "b"), IDs: []string{"id-of-b"}, Marks: []string{"globex"},
			Exempt: map[string]string{"Server": "has no tenant", "Gone": "is no more"},
			Cases: []IsolationCase{
				{"Good", func(ctx context.Context, see func(...any)) { see(s.Good(ctx, "id-of-b")) }},
				{"Reads", func(ctx context.Context, see func(...any)) { see(s.Reads(ctx)) }},
				{"Writes", func(ctx context.Context, see func(...any)) { see(s.Writes(ctx, "id-of-b")) }},
				{"Makes", func(ctx context.Context, see func(...any)) { see(s.Makes(ctx, "id-of-b")) }},
				{"Idle", func(ctx context.Context, _ func(...any)) { s.Idle(ctx) }},
				{"Unheard", func(context.Context, func(...any)) {}},
			},
		}.findings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"method Forgotten must have a case", "there is a case for Unheard", "Gone is exempt", "Reads shows A", "Writes lets A change what is B's: - rate",
			"Writes lets A change what is B's: + rate", "Makes lets A change what is B's: + audit", "Makes: the case proves nothing", "Idle: the case proves nothing",
			"Unheard: the case proves nothing",
		}
		if !slices.EqualFunc(found, want, strings.HasPrefix) {
			t.Errorf("found\n%s", strings.Join(found, "\n"))
		}
	})
}

package db_test

import (
	"errors"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/testkit"
)

func TestAlone(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		for range 2 { // and what it asks leaves everything as it was
			d := opened(t, url)
			var n int // a connection of SQLite is seen once it has read
			if err := d.SQL().QueryRowContext(t.Context(), "SELECT count(*) FROM users").Scan(&n); err != nil {
				t.Fatal(err)
			}
			if err := db.Alone(t.Context(), url); !errors.Is(err, db.ErrInUse) {
				t.Errorf("with another one: %v", err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			err := db.Alone(t.Context(), url)
			for deadline := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(deadline); err = db.Alone(t.Context(), url) {
				time.Sleep(10 * time.Millisecond) // PostgreSQL takes a moment to see that a connection has gone
			}
			if err != nil {
				t.Errorf("after it has gone: %v", err)
			}
		}
	})
}

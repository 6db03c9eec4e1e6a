package testkit_test

import (
	"strings"
	"testing"

	"twofold/internal/testkit"
)

func TestChanges(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		db := open(t, url)
		run := func(query string) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		run("CREATE TABLE zoo (id text, n bigint)")
		run("CREATE TABLE noise (id text)")
		c := testkit.WatchChanges(t, url, "noise")
		if got := c.Since(); len(got) != 0 {
			t.Errorf("nothing happened: %v", got)
		}
		run("INSERT INTO noise VALUES ('x')")
		if got := c.Since(); len(got) != 0 {
			t.Errorf("what nobody watches: %v", got)
		}
		run("INSERT INTO zoo VALUES ('ape', 1)")
		if got := c.Since(); len(got) != 1 || !strings.HasPrefix(got[0], "zoo + ") {
			t.Errorf("a new row: %v", got)
		}
		run("UPDATE zoo SET n = 2")
		if got := c.Since(); len(got) != 2 {
			t.Errorf("another row: %v", got)
		}
		run("DELETE FROM zoo")
		if got := c.Since(); len(got) != 1 || !strings.HasPrefix(got[0], "zoo - ") {
			t.Errorf("a row that is gone: %v", got)
		}
	})
}

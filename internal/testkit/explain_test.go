package testkit

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"twofold/migrations"
)

func TestExplain(t *testing.T) {
	EachDatabase(t, func(t *testing.T, url string) {
		name, dsn, dialect := driverOf(url)
		db, err := sql.Open(name, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, q := range []string{
			`INSERT INTO rate_counters (key, tat_us) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
SELECT 'k' || i, i FROM n`, "INSERT INTO audit_chains (id, seq, head) VALUES ('a', 1, ''), ('b', 1, '')", "ANALYZE",
		} {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		mark := map[string]string{migrations.SQLite: "?", migrations.Postgres: "$1"}[dialect]
		for q, c := range map[string]struct {
			args  []any
			wrong bool
		}{
			"SELECT * FROM rate_counters WHERE key = " + mark:                    {[]any{"k'7"}, false},
			"SELECT * FROM rate_counters WHERE tat_us > " + mark:                 {[]any{int64(9)}, true},
			"SELECT * FROM rate_counters ORDER BY key LIMIT 10":                  {nil, dialect == migrations.SQLite}, // by an index, and yet not bounded
			"SELECT * FROM rate_counters ORDER BY tat_us LIMIT 10":               {nil, true},
			"SELECT * FROM audit_chains WHERE seq = 1 ORDER BY head":             {nil, false}, // so small
			"SELECT * FROM audit_events WHERE at < " + mark + " ORDER BY detail": {[]any{time.Now()}, false},
			"SELECT * FROM (SELECT * FROM rate_counters WHERE key > 'k' ORDER BY key LIMIT 5) a UNION ALL SELECT * FROM (SELECT * FROM rate_counters WHERE key > 'k9' ORDER BY key LIMIT 5) b ORDER BY tat_us LIMIT 5": {nil, false},
		} {
			for _, p := range Explain(t, url, Bounds{Queries: 1, Rows: 1000}, Statement{q, c.args}) {
				if (len(p.Wrong) > 0) != c.wrong {
					t.Errorf("%s: found %q in\n%s", q, strings.Join(p.Wrong, "; "), p.Text)
				}
			}
		}
	})
}

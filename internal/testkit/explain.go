package testkit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"twofold/migrations"
)

// Statement is what was sent to a database, with its real values.
type Statement struct {
	SQL  string
	Args []any
}

// Recorder notes the statements that a GORM database runs.
type Recorder struct {
	mu   sync.Mutex
	said []Statement
}

// Record notes from now on what runs on the database of g, for any context.
func Record(t testing.TB, g *gorm.DB) *Recorder {
	t.Helper()
	r := &Recorder{}
	note := func(tx *gorm.DB) {
		st := tx.Statement
		if tx.DryRun || st.SQL.Len() == 0 { // parts of another one
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.said = append(r.said, Statement{st.SQL.String(), append([]any{}, st.Vars...)})
	}
	cb, name := g.Callback(), "testkit:record"
	err := errors.Join(
		cb.Create().After("gorm:create").Register(name, note), cb.Query().After("gorm:query").Register(name, note),
		cb.Row().After("gorm:row").Register(name, note), cb.Update().After("gorm:update").Register(name, note),
		cb.Delete().After("gorm:delete").Register(name, note), cb.Raw().After("gorm:raw").Register(name, note),
	)
	if err != nil {
		t.Fatalf("testkit: record: %v", err)
	}
	return r
}

// Take returns what was noted since the last call.
func (r *Recorder) Take() []Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := r.said
	r.said = nil
	return said
}

// Plan is how a database runs a statement.
type Plan struct {
	Text  string
	Wrong []string // what costs more as the tables grow
	Rows  int64    // read from tables and indexes, also those not wanted; PostgreSQL alone tells
}

// Bounds are what a list may cost.
type Bounds struct {
	Queries int
	// Rows is how many rows of tables a statement may read or sort to find those that
	// it returns. Smaller tables may be read whole.
	Rows int64
}

// CheckPlans fails the test if the statements are more than allowed, or one of them
// reads or sorts a table instead of going by an index. On PostgreSQL they are run, and
// rolled back: planned for their values, and planned for any, as the server may do
// with a statement that it has seen a few times.
func CheckPlans(t testing.TB, url string, b Bounds, said []Statement) {
	t.Helper()
	if len(said) > b.Queries {
		t.Errorf("testkit: %d statements, at most %d may be", len(said), b.Queries)
	}
	for _, s := range said {
		for _, p := range Explain(t, url, b, s) {
			if len(p.Wrong) > 0 {
				t.Errorf("testkit: %s\n%s\n%v\n%s", strings.Join(p.Wrong, "; "), s.SQL, s.Args, p.Text)
			}
		}
	}
}

// Explain asks the database at url how it runs a statement.
func Explain(t testing.TB, url string, b Bounds, s Statement) []Plan {
	t.Helper()
	name, dsn, dialect := driverOf(url)
	db, err := sql.Open(name, dsn)
	if err != nil {
		t.Fatalf("testkit: explain: %v", err)
	}
	defer db.Close()
	explain := explainSQLite
	if dialect == migrations.Postgres {
		explain = explainPostgres
	}
	plans, err := explain(t.Context(), db, b, s)
	if err != nil {
		t.Fatalf("testkit: explain: %v\n%s\n%v", err, s.SQL, s.Args)
	}
	return plans
}

// explainSQLite reads a plan of lines such as "SEARCH events USING INDEX …", "SCAN
// events" and "USE TEMP B-TREE FOR ORDER BY", of which each has a parent.
func explainSQLite(ctx context.Context, db *sql.DB, b Bounds, s Statement) ([]Plan, error) {
	args := make([]any, len(s.Args))
	for i, a := range s.Args {
		if args[i] = a; reflect.TypeOf(a) == reflect.TypeFor[time.Time]() {
			args[i] = a.(time.Time).UTC().Truncate(time.Microsecond)
		}
	}
	rows, err := db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+s.SQL, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var p Plan
	lines, parents := []string{}, []int{}
	for rows.Next() {
		var id, parent, unused int
		var line string
		if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
			return nil, err
		}
		lines, parents = append(lines, line), append(parents, parent)
		p.Text += fmt.Sprintf("%d in %d: %s\n", id, parent, line)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	reads := map[int]bool{} // what reads a large table itself, and not the outcome of a part
	for i, line := range lines {
		big, err := isLarge(ctx, db, tableIn(line), b.Rows)
		if err != nil {
			return nil, err
		}
		reads[parents[i]] = reads[parents[i]] || big
		// "SCAN t USING INDEX …" without a bound goes through all of the index.
		if big && strings.HasPrefix(line, "SCAN ") {
			p.Wrong = append(p.Wrong, line)
		}
	}
	for i, line := range lines {
		// What is made distinct may well be little, which SQLite does not tell.
		if strings.HasPrefix(line, "USE TEMP B-TREE FOR") && !strings.HasSuffix(line, " DISTINCT") && reads[parents[i]] {
			p.Wrong = append(p.Wrong, line)
		}
	}
	return []Plan{p}, nil
}

// tableIn finds the table in a line of a plan.
func tableIn(line string) string {
	words := strings.Fields(line)
	if len(words) > 1 && (words[0] == "SCAN" || words[0] == "SEARCH") {
		return words[1]
	}
	return ""
}

// isLarge reports whether name is a table of more than that many rows.
func isLarge(ctx context.Context, db *sql.DB, name string, rows int64) (large bool, err error) {
	var known bool
	if err := db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?", name).Scan(&known); err != nil || !known {
		return false, err
	}
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM "`+name+`" LIMIT 1 OFFSET ?)`, rows).Scan(&large)
	return large, err
}

// node is a part of a plan of PostgreSQL, after it was run.
type node struct {
	Type     string  `json:"Node Type"`
	Table    string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Filtered float64 `json:"Rows Removed by Filter"`
	Checked  float64 `json:"Rows Removed by Index Recheck"`
	Joined   float64 `json:"Rows Removed by Join Filter"`
	Parts    []node  `json:"Plans"`
}

// read adds what a node and its parts read, and finds fault with them.
func (n node) read(p *Plan, b Bounds) {
	rows := int64((n.Rows + n.Filtered + n.Checked + n.Joined) * n.Loops)
	if strings.HasSuffix(n.Type, "Scan") && (n.Table != "" || n.Index != "") {
		p.Rows += rows
		if n.Type == "Seq Scan" && rows > b.Rows {
			p.Wrong = append(p.Wrong, "reads all of "+n.Table)
		}
	}
	if n.Type == "Sort" && len(n.Parts) == 1 && int64(n.Parts[0].Rows*n.Parts[0].Loops) > b.Rows {
		p.Wrong = append(p.Wrong, fmt.Sprintf("sorts %.0f rows", n.Parts[0].Rows))
	}
	for _, part := range n.Parts {
		part.read(p, b)
	}
}

func explainPostgres(ctx context.Context, db *sql.DB, b Bounds, s Statement) (plans []Plan, err error) {
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		text, err := runPlan(ctx, db, mode, s)
		if err != nil {
			return nil, err
		}
		var outer []struct{ Plan node }
		if err := json.Unmarshal([]byte(text), &outer); err != nil || len(outer) != 1 {
			return nil, fmt.Errorf("not a plan: %w", err)
		}
		p := Plan{Text: mode + "\n" + text}
		outer[0].Plan.read(&p, b)
		if p.Rows > b.Rows {
			p.Wrong = append(p.Wrong, fmt.Sprintf("reads %d rows", p.Rows))
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func runPlan(ctx context.Context, db *sql.DB, mode string, s Statement) (text string, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }()
	values, err := literals(s.Args)
	if err != nil {
		return "", err
	}
	for _, q := range []string{"SET LOCAL plan_cache_mode = " + mode, "PREPARE explained AS " + s.SQL} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return "", err
		}
	}
	err = tx.QueryRowContext(ctx, "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE explained"+values).Scan(&text)
	if _, e := tx.ExecContext(ctx, "DEALLOCATE explained"); err == nil { // it would outlive the transaction
		err = e
	}
	return text, err
}

// literals writes values as PostgreSQL reads them: EXECUTE takes no parameters.
func literals(args []any) (string, error) {
	if len(args) == 0 {
		return "", nil
	}
	words := make([]string, len(args))
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return "", err
		}
		switch v := v.(type) {
		case nil:
			words[i] = "NULL"
		case int64:
			words[i] = strconv.FormatInt(v, 10)
		case bool:
			words[i] = strconv.FormatBool(v)
		case time.Time:
			words[i] = "'" + v.UTC().Format("2006-01-02 15:04:05.999999Z07:00") + "'"
		case string:
			words[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
		default:
			return "", fmt.Errorf("no literal for a %T", v)
		}
	}
	return " (" + strings.Join(words, ", ") + ")", nil
}

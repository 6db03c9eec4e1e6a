package testkit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Isolation is the two-tenant test of a store: it calls every exported method as
// A with all that is B's, and finds what is seen or changed of B.
//
// A method without a case fails the test, so whoever adds one thinks of it. Each
// case runs a second time as B, and must see or change something then: a case
// that proves nothing is found too. The cases run in their order, B's after A's.
type Isolation struct {
	URL   string          // of the database
	Store any             // a pointer: its method set is gone through
	A, B  context.Context //nolint:containedctx // two callers, not the one of a call
	IDs   []string        // of B's rows: no row that holds one may change or come to be
	Marks []string        // words that stand in B's rows alone: no result may hold one
	Cases []IsolationCase
	// Exempt are methods that need no case, each with the reason.
	Exempt map[string]string
}

// IsolationCase calls one method in every way that could reach B, and shows what
// it got. An error may name the ids that it was asked with, a value may not.
type IsolationCase struct {
	Method string
	Do     func(ctx context.Context, see func(got ...any))
}

// Run is the test.
func (i Isolation) Run(t *testing.T) {
	t.Helper()
	found, err := i.findings(t.Context())
	if err != nil {
		t.Fatalf("testkit: isolation: %v", err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

func (i Isolation) findings(ctx context.Context) ([]string, error) {
	driver, dsn, dialect := driverOf(i.URL)
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	snapshot := func() ([]string, error) { return rowsWith(ctx, db, columnsOf[dialect], i.IDs) }
	found := i.uncovered()
	for _, c := range i.Cases {
		before, err := snapshot()
		if err != nil {
			return nil, err
		}
		seen := i.seen(i.A, c)
		after, err := snapshot()
		if err != nil {
			return nil, err
		}
		for _, s := range seen {
			found = append(found, fmt.Sprintf("%s shows A what is B's: %s", c.Method, s))
		}
		for _, row := range difference(before, after) {
			found = append(found, fmt.Sprintf("%s lets A change what is B's: %s", c.Method, row))
		}
	}
	for _, c := range i.Cases {
		before, err := snapshot()
		if err != nil {
			return nil, err
		}
		seen := i.seen(i.B, c)
		after, err := snapshot()
		if err != nil {
			return nil, err
		}
		if len(seen) == 0 && len(difference(before, after)) == 0 {
			found = append(found, fmt.Sprintf("%s: the case proves nothing, B too sees and changes nothing", c.Method))
		}
	}
	return found, nil
}

// uncovered compares the method set with the cases.
func (i Isolation) uncovered() []string {
	var found []string
	methods := reflect.TypeOf(i.Store)
	known := map[string]bool{}
	for n := range methods.NumMethod() {
		name := methods.Method(n).Name
		known[name] = true
		cased := slices.ContainsFunc(i.Cases, func(c IsolationCase) bool { return c.Method == name })
		if cased == (i.Exempt[name] != "") {
			found = append(found, fmt.Sprintf("method %s must have a case or a reason to be exempt, and not both", name))
		}
	}
	for _, c := range i.Cases {
		if !known[c.Method] {
			found = append(found, fmt.Sprintf("there is a case for %s, but no such method", c.Method))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.Exempt)) {
		if !known[name] {
			found = append(found, fmt.Sprintf("%s is exempt, but there is no such method", name))
		}
	}
	return found
}

// seen are the parts of what a case got that are B's.
func (i Isolation) seen(ctx context.Context, c IsolationCase) (parts []string) {
	c.Do(ctx, func(got ...any) {
		for _, v := range got {
			marks := slices.Concat(i.Marks, i.IDs)
			if _, ok := v.(error); ok {
				marks = i.Marks
			}
			text := fmt.Sprintf("%+v", v)
			if b, err := json.Marshal(v); err == nil { // also what pointers lead to
				text += " " + string(b)
			}
			if slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(text, m) }) {
				parts = append(parts, text)
			}
		}
	})
	return parts
}

// rowsWith are all rows of all tables that hold one of the ids anywhere.
func rowsWith(ctx context.Context, db *sql.DB, schema string, ids []string) ([]string, error) {
	tables, err := readSchema(ctx, db, schema)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if tables[name].View {
			continue
		}
		columns := slices.Sorted(maps.Keys(tables[name].Columns))
		lines, err := readLines(ctx, db, `SELECT "`+strings.Join(columns, `", "`)+`" FROM "`+name+`"`, columns)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(line, id) }) {
				out = append(out, name+line)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

func readLines(ctx context.Context, db *sql.DB, query string, columns []string) (lines []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		var line strings.Builder
		for i, c := range columns {
			fmt.Fprintf(&line, " %s=%v", c, values[i])
		}
		lines = append(lines, line.String())
	}
	return lines, rows.Err()
}

// difference lists what is in one of two sorted lists alone, with a sign.
func difference(before, after []string) []string {
	var out []string
	for _, b := range before {
		if _, ok := slices.BinarySearch(after, b); !ok {
			out = append(out, "- "+b)
		}
	}
	for _, a := range after {
		if _, ok := slices.BinarySearch(before, a); !ok {
			out = append(out, "+ "+a)
		}
	}
	return out
}

package db

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// Strip is a stretch of an index: the rows that hold Values in its first columns, in the
// order of the keys that follow. A long list is read along strips, so that a page costs
// what it shows, whatever statistics a planner has or lacks: the order that is asked for
// is that of one index alone, and bounds are compared as rows of its columns.
type Strip struct {
	Columns []string // the first columns of an index, at least one
	Values  []any    // what they hold
	Keys    []string // the columns of the index that follow; together they tell rows apart
	From    any      // the first key is this or more; nil: whatever it is
	To      any      // the first key is less than this; nil: whatever it is
	After   []any    // keys of the row that the page before ended with; nil: at the beginning
	Down    bool     // the last comes first
}

// Of is the rows of the strip among those of q, at most n of them.
func (s Strip) Of(q *gorm.DB, n int) *gorm.DB {
	low, lows := s.bound(">=", s.From)
	high, highs := s.bound("<", s.To)
	switch {
	case s.After != nil && s.Down:
		high, highs = s.row("<", s.After...)
	case s.After != nil:
		low, lows = s.row(">", s.After...)
	}
	way := ""
	if s.Down {
		way = " DESC"
	}
	order := make([]string, 0, len(s.Columns)+len(s.Keys))
	for _, c := range append(append(order, s.Columns...), s.Keys...) {
		order = append(order, c+way)
	}
	return q.Where(low, lows...).Where(high, highs...).Order(strings.Join(order, ", ")).Limit(n)
}

// bound is that of the first key, or of the strip where there is none.
func (s Strip) bound(op string, key any) (string, []any) {
	if key != nil {
		return s.row(op, key)
	}
	return s.row(op[:1] + "=")
}

// row compares the first columns of the index, as many as there are keys, as one value.
func (s Strip) row(op string, keys ...any) (string, []any) {
	columns := append(append([]string{}, s.Columns...), s.Keys[:len(keys)]...)
	marks := strings.Repeat(", ?", len(columns))[2:]
	return "(" + strings.Join(columns, ", ") + ") " + op + " (" + marks + ")", append(append([]any{}, s.Values...), keys...)
}

// Sieve makes a condition that is looked at row by row, on the way along a strip: no
// planner takes it for a reason to leave the strip's index for another, and to sort.
func Sieve(condition string) string { return "CASE WHEN " + condition + " THEN 1 END IS NOT NULL" }

// MostParts is how many parts Merge takes.
const MostParts = 200

// Merge reads several queries on one model as one list, in one round trip: at most n rows
// in that order. Each part is guarded as it would be alone, and must be limited to n.
func (d *DB) Merge(ctx context.Context, dest any, order string, n int, parts []*gorm.DB) error {
	if len(parts) == 0 || len(parts) > MostParts {
		return fmt.Errorf("db: merge of %d parts", len(parts))
	}
	if len(parts) == 1 {
		return parts[0].Find(dest).Error
	}
	vars := make([]any, len(parts), len(parts)+1)
	var q strings.Builder
	for i, p := range parts {
		if i > 0 {
			q.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&q, "SELECT * FROM (?) AS part%d", i)
		vars[i] = p
	}
	if err := checkSubqueries(ctx, vars); err != nil {
		return err
	}
	return d.QueryRaw(ctx, dest, q.String()+" ORDER BY "+order+" LIMIT ?", append(vars, n)...)
}

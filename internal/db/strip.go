package db

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// Strip is a stretch of an index: the rows that hold Values in its first columns, in the
// order of the keys that follow. A long list is read along strips, so that a page costs
// what it shows: of all indexes that begin with the same column, none gives that order
// for less, whatever a planner believes of the values. Indexes that strips go by must
// begin with the column of the owner, so that there is no other one to mistake for it.
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
	for i, c := range s.Columns {
		q = q.Where(c+" = ?", s.Values[i])
	}
	if s.From != nil && (s.After == nil || s.Down) {
		q = s.compare(q, ">=", s.From)
	}
	if s.To != nil && (s.After == nil || !s.Down) {
		q = s.compare(q, "<", s.To)
	}
	way := ""
	if s.Down {
		way = " DESC"
	}
	if s.After != nil {
		q = s.compare(q, map[bool]string{false: ">", true: "<"}[s.Down], s.After...)
	}
	return q.Order(strings.Join(s.Keys, way+", ") + way).Limit(n)
}

// compare bounds q by the first keys, as one value.
func (s Strip) compare(q *gorm.DB, op string, keys ...any) *gorm.DB {
	marks := strings.Repeat(", ?", len(keys))[2:]
	return q.Where("("+strings.Join(s.Keys[:len(keys)], ", ")+") "+op+" ("+marks+")", keys...)
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

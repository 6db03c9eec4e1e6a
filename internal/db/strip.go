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
//
// Only the last of several columns is compared, and ordered, together with the keys: for
// the order of all of them PostgreSQL would take any index that begins with the first
// one, and sort what has the same there.
func (s Strip) Of(q *gorm.DB, n int) *gorm.DB {
	last := len(s.Columns) - 1
	if last == 0 {
		last = 1 // nothing to mistake: the keys alone
	}
	for i, c := range s.Columns[:last] {
		q = q.Where(c+" = ?", s.Values[i])
	}
	rows := rows{append(append([]string{}, s.Columns[last:]...), s.Keys...), s.Values[last:]}
	switch {
	case s.From != nil && (s.After == nil || s.Down):
		q = rows.compare(q, ">=", s.From)
	case s.After == nil || s.Down:
		q = rows.compare(q, ">=")
	default:
		q = rows.compare(q, ">", s.After...)
	}
	switch {
	case s.After != nil && s.Down:
		q = rows.compare(q, "<", s.After...)
	case s.To != nil:
		q = rows.compare(q, "<", s.To)
	default:
		q = rows.compare(q, "<=")
	}
	way := ""
	if s.Down {
		way = " DESC"
	}
	return q.Order(strings.Join(rows.columns, way+", ") + way).Limit(n)
}

// rows are compared by these columns, of which the first ones have the same values in all.
type rows struct {
	columns []string
	values  []any
}

// compare bounds q by these keys.
func (r rows) compare(q *gorm.DB, op string, keys ...any) *gorm.DB {
	n := len(r.values) + len(keys)
	if n == 0 {
		return q
	}
	marks := strings.Repeat(", ?", n)[2:]
	return q.Where("("+strings.Join(r.columns[:n], ", ")+") "+op+" ("+marks+")", append(append([]any{}, r.values...), keys...)...)
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

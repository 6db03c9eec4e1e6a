package masterkey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"twofold/internal/db"
	"twofold/internal/seal"
)

// Column is a column of sealed values, of all tenants.
type Column interface {
	// Name is table.column.
	Name() string
	// Count tells how many values are sealed under each key, by its id; what is no
	// sealed value counts under "".
	Count(ctx context.Context) (map[string]int64, error)
	// Reseal seals anew, under the sealer's first key, what is under another one. It must
	// never undo a change that others make meanwhile, and may be stopped, repeated and
	// run by several at once. progress hears how many were sealed so far.
	Reseal(ctx context.Context, progress func(n int64)) (Report, error)
}

// Report is what a Reseal did.
type Report struct {
	Resealed int64
	Closed   int64 // did not open: sealed under a key that is not there, or damaged
}

// Table is a Column: one of a table whose rows are R.
type Table[R any] struct {
	DB     *db.DB
	Seal   *seal.Sealer
	Table  string
	Column string
	Key    []string // the columns of the primary key
	Read   func(R) Value
}

// Value is one sealed value and where it stands.
type Value struct {
	Key    []any // of its row
	Sealed string
	Place  []string // that it was sealed for
}

const (
	pageSize = 200
	// passes bounds how often what others changed meanwhile is looked at again. What they
	// seal under another key after that is left to the next run.
	passes = 5
)

// Name is table.column.
func (t Table[R]) Name() string { return t.Table + "." + t.Column }

// Count counts by key.
func (t Table[R]) Count(ctx context.Context) (map[string]int64, error) {
	var rows []struct {
		Start string
		N     int64
	}
	start := fmt.Sprintf("substr(%s, 1, %d)", t.Column, seal.PrefixLen)
	err := t.DB.For(db.AllTenants(ctx)).Model(new(R)).Select(start + " AS start, count(*) AS n").
		Where(t.Column + " <> ''").Group(start).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("masterkey: count %s: %w", t.Name(), err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		out[seal.KeyOf(r.Start)] += r.N
	}
	return out, nil
}

// Reseal goes through the table by its primary key.
func (t Table[R]) Reseal(ctx context.Context, progress func(n int64)) (r Report, err error) {
	ctx = db.AllTenants(ctx)
	for range passes {
		r.Closed = 0
		lost, err := t.pass(ctx, &r, progress)
		if err != nil {
			return r, fmt.Errorf("masterkey: reseal %s: %w", t.Name(), err)
		}
		if lost == 0 {
			break
		}
	}
	return r, nil
}

// pass looks at each value once. lost are those that somebody else changed meanwhile.
func (t Table[R]) pass(ctx context.Context, r *Report, progress func(n int64)) (lost int, err error) {
	var after []any
	for {
		rows, err := t.page(ctx, after)
		if err != nil || len(rows) == 0 {
			return lost, err
		}
		for _, row := range rows {
			v := t.Read(row)
			after = v.Key
			plain, err := t.Seal.Open(v.Sealed, v.Place...)
			if err != nil {
				r.Closed++
				continue
			}
			switch err := t.swap(ctx, v, t.Seal.Seal(plain, v.Place...)); {
			case errors.Is(err, db.ErrStale):
				lost++
			case err != nil:
				return lost, err
			default:
				r.Resealed++
			}
		}
		progress(r.Resealed)
	}
}

// page reads the next rows whose value is under another key than the first.
func (t Table[R]) page(ctx context.Context, after []any) (rows []R, err error) {
	key := strings.Join(t.Key, ", ")
	q := t.DB.For(ctx).Where(fmt.Sprintf("%s <> '' AND substr(%s, 1, %d) <> ?", t.Column, t.Column, seal.PrefixLen), t.Seal.Prefix())
	if after != nil {
		q = q.Where(fmt.Sprintf("(%s) > (%s)", key, strings.Join(strings.Split(strings.Repeat("?", len(t.Key)), ""), ", ")), after...)
	}
	err = q.Order(key).Limit(pageSize).Find(&rows).Error
	return rows, err
}

// swap puts the value sealed anew in the place of the old one, if that is still there.
func (t Table[R]) swap(ctx context.Context, v Value, sealed string) error {
	q := t.DB.For(ctx).Model(new(R)).Where(t.Column+" = ?", v.Sealed)
	for i, k := range t.Key {
		q = q.Where(k+" = ?", v.Key[i])
	}
	return db.One(q.UpdateColumn(t.Column, sealed))
}

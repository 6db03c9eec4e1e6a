package db

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

// Counter counts the round trips to the database made under one context.
type Counter struct{ n atomic.Int64 }

// Count is the number so far.
func (c *Counter) Count() int64 { return c.n.Load() }

type counterKey struct{}

// WithCounter returns a context whose statements are counted.
func WithCounter(ctx context.Context) (context.Context, *Counter) {
	c := new(Counter)
	return context.WithValue(ctx, counterKey{}, c), c
}

func count(ctx context.Context) {
	if c, ok := ctx.Value(counterKey{}).(*Counter); ok {
		c.n.Add(1)
	}
}

// pool stands between GORM and database/sql. It counts round trips and brings
// every time to UTC and microseconds: PostgreSQL would truncate what SQLite keeps,
// and SQLite compares times as text, so a bound in another zone compares wrongly.
type pool struct{ *sql.DB }

func (p pool) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	count(ctx)
	return p.DB.ExecContext(ctx, q, utc(args)...)
}

func (p pool) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	count(ctx)
	return p.DB.QueryContext(ctx, q, utc(args)...)
}

func (p pool) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	count(ctx)
	return p.DB.QueryRowContext(ctx, q, utc(args)...)
}

// BeginTx makes pool a gorm.ConnPoolBeginner.
func (p pool) BeginTx(ctx context.Context, o *sql.TxOptions) (gorm.ConnPool, error) {
	count(ctx)
	tx, err := p.DB.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &txPool{Tx: tx, ctx: ctx}, nil
}

// GetDBConn lets gorm.DB.DB find the connection pool.
func (p pool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

type txPool struct {
	*sql.Tx
	ctx context.Context //nolint:containedctx // Commit takes none, and its round trip counts too
}

func (t *txPool) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	count(ctx)
	return t.Tx.ExecContext(ctx, q, utc(args)...)
}

func (t *txPool) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	count(ctx)
	return t.Tx.QueryContext(ctx, q, utc(args)...)
}

func (t *txPool) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	count(ctx)
	return t.Tx.QueryRowContext(ctx, q, utc(args)...)
}

func (t *txPool) Commit() error   { count(t.ctx); return t.Tx.Commit() }
func (t *txPool) Rollback() error { count(t.ctx); return t.Tx.Rollback() }

func utc(args []any) []any {
	for i, a := range args {
		switch v := a.(type) {
		case time.Time:
			args[i] = Micros(v)
		case *time.Time:
			if v != nil {
				args[i] = Micros(*v)
			}
		case sql.Null[time.Time]:
			if v.Valid {
				args[i] = Micros(v.V)
			}
		case sql.NullTime:
			if v.Valid {
				args[i] = Micros(v.Time)
			}
		}
	}
	return args
}

package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Dialects.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Options for Open; zero values work.
type Options struct {
	Log      *slog.Logger
	Now      func() time.Time // stamps created_at and updated_at; nil: time.Now
	MaxConns int              // 0: 2 × cores on SQLite, 20 on PostgreSQL
}

// DB is an open database behind the guard.
type DB struct {
	gorm    *gorm.DB
	sql     *sql.DB
	dialect string
}

// OpenSQL opens the plain connection pool for url, "sqlite:PATH" or
// "postgres://…", and names its dialect. Migrations use it; everyone else Open.
func OpenSQL(rawURL string) (*sql.DB, string, error) {
	switch {
	case strings.HasPrefix(rawURL, "sqlite:"):
		s, err := sql.Open(sqlite.DriverName, sqliteDSN(strings.TrimPrefix(rawURL, "sqlite:")))
		return s, SQLite, err
	case strings.HasPrefix(rawURL, "postgres://"), strings.HasPrefix(rawURL, "postgresql://"):
		cfg, err := pgx.ParseConfig(rawURL)
		if err != nil {
			// pgx repeats the URL, password and all, in its message.
			return nil, "", errors.New("db: the PostgreSQL URL cannot be parsed")
		}
		return stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(readTimesInUTC)), Postgres, nil
	}
	return nil, "", errors.New("db: the database must be sqlite:PATH or postgres://…")
}

// sqliteDSN sets the pragmas in the DSN because they are per connection.
// Transactions begin IMMEDIATE: a deferred one that reads, then writes, fails at
// once with SQLITE_BUSY_SNAPSHOT, busy_timeout or not.
func sqliteDSN(path string) string {
	q := url.Values{}
	for _, p := range []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"} {
		q.Add("_pragma", p)
	}
	q.Set("_txlock", "immediate")
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func readTimesInUTC(_ context.Context, c *pgx.Conn) error {
	c.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// Open connects to url and checks that the database answers.
func Open(ctx context.Context, rawURL string, o Options) (*DB, error) {
	s, dialect, err := OpenSQL(rawURL)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxConns == 0 {
		o.MaxConns = 20
		if dialect == SQLite {
			o.MaxConns = 2 * runtime.NumCPU()
		}
	}
	s.SetMaxOpenConns(o.MaxConns)
	s.SetMaxIdleConns(o.MaxConns)
	s.SetConnMaxIdleTime(5 * time.Minute)
	var d gorm.Dialector = postgresDialector{&postgres.Dialector{Config: &postgres.Config{Conn: pool{s}}}}
	if dialect == SQLite {
		d = sqliteDialector{&sqlite.Dialector{Conn: pool{s}}}
	}
	g, err := gorm.Open(d, &gorm.Config{
		Logger:                 newLogger(o.Log),
		NowFunc:                func() time.Time { return Micros(o.Now()) },
		SkipDefaultTransaction: true,
		TranslateError:         true,
		DisableAutomaticPing:   true,
	})
	if err == nil {
		err = guardCallbacks(g)
	}
	if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("db: open: %w", err)
	}
	db := &DB{gorm: g, sql: s, dialect: dialect}
	if err := db.Ping(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return db, nil
}

// Dialect is SQLite or Postgres.
func (d *DB) Dialect() string { return d.dialect }

// SQL is the plain pool, for migrations and health checks.
func (d *DB) SQL() *sql.DB { return d.sql }

// Micros brings t to what both databases keep: UTC, whole microseconds.
func Micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.sql.PingContext(ctx); err != nil {
		return fmt.Errorf("db: ping: %w", err)
	}
	return nil
}

// Close closes the pool.
func (d *DB) Close() error { return d.sql.Close() }

// For returns a session for ctx: inside Tx the transaction's, else the pool's.
func (d *DB) For(ctx context.Context) *gorm.DB {
	if tx, ok := ctx.Value(txKey{}).(*gorm.DB); ok {
		return tx.WithContext(ctx)
	}
	return d.gorm.WithContext(ctx)
}

// Tx runs f in one transaction that all stores called with f's context share. A
// call inside a transaction joins it.
func (d *DB) Tx(ctx context.Context, f func(ctx context.Context) error) error {
	if InTx(ctx) {
		return f(ctx)
	}
	var hooks afterHooks
	err := d.gorm.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return f(context.WithValue(context.WithValue(ctx, txKey{}, tx), hooksKey{}, &hooks))
	})
	if err == nil {
		hooks.run()
	}
	return err
}

// InTx reports whether ctx carries a transaction.
func InTx(ctx context.Context) bool {
	_, ok := ctx.Value(txKey{}).(*gorm.DB)
	return ok
}

type hooksKey struct{}

type afterHooks struct{ fs []func() }

func (h *afterHooks) run() {
	for _, f := range h.fs {
		f()
	}
}

// AfterCommit runs f once the transaction of ctx has committed; at once if there
// is none. f must not block.
func AfterCommit(ctx context.Context, f func()) {
	if h, ok := ctx.Value(hooksKey{}).(*afterHooks); ok {
		h.fs = append(h.fs, f)
		return
	}
	f()
}

// Outside returns a context whose statements are committed on their own, even
// inside Tx: what counts a try must survive a rollback of the rest. SQLite has a
// single writer, which is Tx: there a write outside would wait for it in vain, so
// such a write must come before Tx or after it.
func Outside(ctx context.Context) context.Context {
	return context.WithValue(context.WithValue(ctx, txKey{}, nil), hooksKey{}, nil)
}

// ErrStale reports that a compare-and-set found the row changed or gone.
var ErrStale = errors.New("db: row changed meanwhile")

// One turns the result of a compare-and-set into nil, ErrStale or its error.
func One(res *gorm.DB) error {
	if res.Error != nil {
		return res.Error
	}
	if res.RowsAffected != 1 {
		return ErrStale
	}
	return nil
}

// IsNotFound reports whether err says that there is no such row.
func IsNotFound(err error) bool { return errors.Is(err, gorm.ErrRecordNotFound) }

// IsDuplicate reports whether err says that a unique key exists already.
func IsDuplicate(err error) bool { return errors.Is(err, gorm.ErrDuplicatedKey) }

// IsForeignKey reports whether err says that a row refers to one that is not
// there, or is still referred to.
func IsForeignKey(err error) bool { return errors.Is(err, gorm.ErrForeignKeyViolated) }

// Returning asks an UPDATE to read the changed row back.
func Returning() clause.Returning { return clause.Returning{} }

// QueryRaw runs SQL that both dialects take, outside the guard, and scans into
// dest. For packages whose tables have no tenant.
func (d *DB) QueryRaw(ctx context.Context, dest any, q string, args ...any) error {
	return d.For(context.WithValue(ctx, rawKey{}, true)).Raw(q, args...).Scan(dest).Error
}

package db_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"twofold/internal/db"
	"twofold/internal/testkit"
)

func TestCounter(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		for _, c := range []struct {
			name string
			do   func(ctx context.Context) error
			want int64
		}{
			{"nothing", func(context.Context) error { return nil }, 0},
			{"query", func(ctx context.Context) error { return d.For(ctx).Find(&[]thing{}).Error }, 1},
			{"create", func(ctx context.Context) error { return create(ctx, d, "1") }, 1},
			{"update", func(ctx context.Context) error { return d.For(ctx).Model(&thing{}).Where("n = 0").Update("n", 0).Error }, 1},
			{"delete", func(ctx context.Context) error { return d.For(ctx).Where("n = 7").Delete(&thing{}).Error }, 1},
			{"row", func(ctx context.Context) error {
				var n int
				return d.For(ctx).Model(&thing{}).Select("count(*)").Row().Scan(&n)
			}, 1},
			{"raw", func(ctx context.Context) error { return d.QueryRaw(ctx, &[]int{}, "SELECT 1") }, 1},
			{"refused by the guard", func(ctx context.Context) error { _ = d.For(ctx).Exec("SELECT 1").Error; return nil }, 0},
			{"transaction", func(ctx context.Context) error {
				return d.Tx(ctx, func(ctx context.Context) error {
					return errors.Join(create(ctx, d, "2"), d.For(ctx).Find(&[]thing{}).Error)
				})
			}, 4},
			{"joined transaction", func(ctx context.Context) error {
				return d.Tx(ctx, func(ctx context.Context) error {
					return d.Tx(ctx, func(ctx context.Context) error { return create(ctx, d, "3") })
				})
			}, 3},
			{"rollback", func(ctx context.Context) error {
				_ = d.Tx(ctx, func(ctx context.Context) error { return errors.Join(create(ctx, d, "4"), errUndo) })
				return nil
			}, 3},
		} {
			ctx, n := db.WithCounter(asA(t))
			must(t, c.do(ctx))
			if n.Count() != c.want {
				t.Errorf("%s: %d round trips, want %d", c.name, n.Count(), c.want)
			}
		}
	})
}

func TestNoValueIsLogged(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		log, written := testkit.Logs(t)
		d := open(t, url, db.Options{Log: log})
		secrets := &testkit.SecretRegister{}
		code := secrets.Add("code", "493-172-hunter2")
		ctx := asA(t)
		must(t, d.For(ctx).Create(&thing{ID: code, Name: code}).Error)
		for name, err := range map[string]error{
			"no such column":    d.For(ctx).Where("nothing = ?", code).Take(&thing{}).Error,
			"wrong type":        d.For(ctx).Model(&thing{}).Where("n = CAST(? AS bigint) AND nothing = 1", code).Find(&[]thing{}).Error,
			"refused":           d.For(ctx).Where("id = ?", code).Table("notes").Find(&[]thing{}).Error,
			"duplicate":         d.For(ctx).Create(&thing{ID: code}).Error,
			"foreign key":       d.For(ctx).Create(&part{ID: code, ThingID: code + "?"}).Error,
			"scan":              d.For(ctx).Model(&thing{}).Select("name AS n, id").Take(&thing{}).Error,
			"raw scan":          d.QueryRaw(ctx, &[]int{}, "SELECT name FROM things WHERE id = ?", code),
			"raw, syntax":       d.QueryRaw(ctx, &[]int{}, "SELECT name FRM things WHERE id = ?", code),
			"raw, wrong type":   d.QueryRaw(ctx, &[]int{}, "SELECT n FROM things WHERE n = ? AND nothing", code),
			"cancelled":         d.For(cancelled(ctx)).Where("id = ?", code).Take(&thing{}).Error,
			"update, no column": d.For(ctx).Model(&thing{}).Where("id = ?", code).Update("nothing", code).Error,
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
				continue
			}
			secrets.Forbid(t, "error "+name, err.Error())
		}
		secrets.Forbid(t, "log", written.String())
		if !written.Contains("database statement failed") {
			t.Error("failures are not logged")
		}
		written.Reset()
		_ = d.For(ctx).Where("id = ?", "nobody").Take(&thing{}).Error
		_ = d.For(ctx).Create(&thing{ID: code}).Error
		if written.String() != "" {
			t.Errorf("what is no failure is logged: %s", written)
		}
	})
}

func cancelled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// PostgreSQL and database/sql quote values in these.
func TestErrorsHoldNoValue(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		if d.Dialect() == db.SQLite {
			return // takes any value for any type
		}
		for name, q := range map[string]string{
			"number":   "SELECT n FROM things WHERE n = CAST(? AS bigint)",
			"cast":     "SELECT n FROM things WHERE n = CAST(CAST(? AS text) AS bigint)",
			"time":     "SELECT n FROM things WHERE at = CAST(CAST(? AS text) AS timestamptz)",
			"argument": "SELECT n FROM things WHERE n = ?",
		} {
			must(t, d.For(asA(t)).Where("id = 'x'").Delete(&thing{}).Error)
			must(t, create(asA(t), d, "x"))
			err := d.QueryRaw(t.Context(), &[]int{}, q, "hunter2")
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestOpenRefusesBadURLs(t *testing.T) {
	for name, url := range map[string]string{
		"empty":          "",
		"other database": "mysql://root:hunter2@localhost/x",
		"no scheme":      "hunter2",
		"not parsable":   "postgres://user:hunter2@%zz/x",
		"bad port":       "postgres://user:hunter2@localhost:port/x",
		"bad option":     "postgres://user:hunter2@localhost/x?sslmode=perhaps",
		"nobody there":   "postgres://user:hunter2@127.0.0.1:1/x?connect_timeout=1",
		"no directory":   "sqlite:" + filepath.Join(t.TempDir(), "none", "x.db"),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := db.Open(t.Context(), url, db.Options{})
			if err == nil {
				_ = d.Close()
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), "db: ") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOpenSQLiteWithAnyFileName(t *testing.T) {
	for _, name := range []string{"plain.db", "with space.db", "per%20cent.db", "what?.db", "a#b.db", "a&b=c.db", "dübendorf.db", "a:b.db"} {
		path := filepath.Join(t.TempDir(), name)
		d, err := db.Open(t.Context(), "sqlite:"+path, db.Options{})
		must(t, err)
		_, err = d.SQL().ExecContext(t.Context(), "CREATE TABLE x (y text)")
		must(t, err)
		must(t, d.Close())
		if found, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(found) != 1 || found[0] != path {
			t.Errorf("%s: made %v", name, found)
		}
	}
}

func TestOpenSetsSQLiteUp(t *testing.T) {
	d, err := db.Open(t.Context(), testkit.SQLite(t), db.Options{MaxConns: 3})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "1", "busy_timeout": "10000"} {
		var got []string
		must(t, d.QueryRaw(t.Context(), &got, "PRAGMA "+pragma))
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s = %v, want %s", pragma, got, want)
		}
	}
	if n := d.SQL().Stats().MaxOpenConnections; n != 3 {
		t.Errorf("MaxOpenConnections = %d", n)
	}
}

func TestGORMFindsThePool(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		if s, err := d.For(t.Context()).DB(); err != nil || s != d.SQL() {
			t.Errorf("got %p, %v; want %p", s, err, d.SQL())
		}
	})
}

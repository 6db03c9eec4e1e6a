package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/db"
)

var errUndo = errors.New("undo")

func names(t *testing.T, d *db.DB) []string {
	t.Helper()
	got, err := ids(d.For(db.AllTenants(t.Context())).Model(&thing{}))
	must(t, err)
	return got
}

func create(ctx context.Context, d *db.DB, id string) error {
	return d.For(ctx).Create(&thing{ID: id}).Error
}

func TestTx(t *testing.T) {
	for _, c := range []struct {
		name    string
		do      func(ctx context.Context, d *db.DB) error
		want    []string
		wantErr error
	}{
		{"commits", func(ctx context.Context, d *db.DB) error { return create(ctx, d, "1") }, []string{"1"}, nil},
		{"rolls back", func(ctx context.Context, d *db.DB) error { return errors.Join(create(ctx, d, "1"), errUndo) }, nil, errUndo},
		{"joined, all or nothing", func(ctx context.Context, d *db.DB) error {
			err := d.Tx(ctx, func(ctx context.Context) error { return create(ctx, d, "1") })
			return errors.Join(err, create(ctx, d, "2"), errUndo)
		}, nil, errUndo},
		{"joined, both", func(ctx context.Context, d *db.DB) error {
			err := d.Tx(ctx, func(ctx context.Context) error { return create(ctx, d, "1") })
			return errors.Join(err, create(ctx, d, "2"))
		}, []string{"1", "2"}, nil},
		{"sees its own writes", func(ctx context.Context, d *db.DB) error {
			return errors.Join(create(ctx, d, "1"), d.For(ctx).Take(&thing{ID: "1"}).Error)
		}, []string{"1"}, nil},
		{"the guard stands inside too", func(ctx context.Context, d *db.DB) error {
			return d.For(db.WithScope(ctx, db.Scope{})).Take(&thing{}).Error
		}, nil, db.ErrNoScope},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, d *db.DB) {
				err := d.Tx(asA(t), func(ctx context.Context) error {
					if !db.InTx(ctx) {
						t.Error("InTx is false inside Tx")
					}
					return c.do(ctx, d)
				})
				if !errors.Is(err, c.wantErr) {
					t.Errorf("got %v, want %v", err, c.wantErr)
				}
				if got := names(t, d); !slices.Equal(got, c.want) {
					t.Errorf("left %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestTxSurvivesAPanic(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		func() {
			defer func() { _ = recover() }()
			_ = d.Tx(asA(t), func(ctx context.Context) error {
				must(t, create(ctx, d, "1"))
				panic("of the caller")
			})
		}()
		// Neither a row nor, on SQLite, the lock is left.
		must(t, create(asA(t), d, "2"))
		if got := names(t, d); !slices.Equal(got, []string{"2"}) {
			t.Errorf("left %v", got)
		}
	})
}

func TestAfterCommit(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		var ran []string
		note := func(ctx context.Context, s string) {
			db.AfterCommit(ctx, func() { ran = append(ran, s, fmt.Sprint(len(names(t, d)))) })
		}
		must(t, d.Tx(asA(t), func(ctx context.Context) error {
			note(ctx, "outer")
			must(t, create(ctx, d, "1"))
			err := d.Tx(ctx, func(ctx context.Context) error { note(ctx, "joined"); return nil })
			if len(ran) != 0 {
				t.Errorf("ran before the commit: %v", ran)
			}
			return err
		}))
		_ = d.Tx(asA(t), func(ctx context.Context) error { note(ctx, "rolled back"); return errUndo })
		note(asA(t), "no transaction")
		if want := []string{"outer", "1", "joined", "1", "no transaction", "1"}; !slices.Equal(ran, want) {
			t.Errorf("ran %v, want %v", ran, want)
		}
	})
}

// What is counted outside survives the rollback. SQLite has one writer, so there
// the write comes before the transaction.
func TestOutside(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		if d.Dialect() == db.SQLite {
			must(t, create(db.Outside(asA(t)), d, "outside"))
		}
		err := d.Tx(asA(t), func(ctx context.Context) error {
			must(t, create(ctx, d, "inside"))
			out := db.Outside(ctx)
			if db.InTx(out) {
				t.Error("InTx is true outside")
			}
			ran := false
			db.AfterCommit(out, func() { ran = true })
			if !ran {
				t.Error("AfterCommit outside waits for the transaction")
			}
			if d.Dialect() == db.Postgres {
				must(t, create(out, d, "outside"))
			}
			if got, err := ids(d.For(out).Model(&thing{})); err != nil || !slices.Equal(got, []string{"outside"}) {
				t.Errorf("outside sees %v, %v", got, err)
			}
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			t.Fatal(err)
		}
		if got := names(t, d); !slices.Equal(got, []string{"outside"}) {
			t.Errorf("left %v", got)
		}
	})
}

func TestOne(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		must(t, create(asA(t), d, "1"))
		cas := func(from, to int64) error {
			return db.One(d.For(asA(t)).Model(&thing{}).Where("id = ? AND n = ?", "1", from).Update("n", to))
		}
		if err := cas(0, 1); err != nil {
			t.Errorf("first: %v", err)
		}
		if err := cas(0, 2); !errors.Is(err, db.ErrStale) {
			t.Errorf("second: %v, want ErrStale", err)
		}
		if err := db.One(d.For(t.Context()).Model(&thing{}).Where("id = ?", "1").Update("n", 2)); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("no scope: %v", err)
		}
	})
}

func TestOneWinnerAmongParallelCompareAndSets(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		must(t, create(asA(t), d, "1"))
		var won, lost atomic.Int64
		parallel(16, func(i int) {
			err := db.One(d.For(asA(t)).Model(&thing{}).Where("id = ? AND n = 0", "1").Update("n", i+1))
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, db.ErrStale):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
		if won.Load() != 1 || lost.Load() != 15 {
			t.Errorf("%d won, %d lost", won.Load(), lost.Load())
		}
	})
}

func TestParallelReadModifyWrite(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		const writers, times = 8, 50
		must(t, create(asA(t), d, "1"))
		parallel(writers, func(int) {
			for range times {
				err := d.Tx(asA(t), func(ctx context.Context) error {
					var x thing
					// SQLite's transactions are one after the other anyway.
					if err := d.For(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", "1").Take(&x).Error; err != nil {
						return err
					}
					return db.One(d.For(ctx).Model(&thing{}).Where("id = ? AND n = ?", "1", x.N).Update("n", x.N+1))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
		var x thing
		must(t, d.For(asA(t)).Take(&x).Error)
		if x.N != writers*times {
			t.Errorf("n = %d, want %d", x.N, writers*times)
		}
	})
}

func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func TestErrorsAreTranslated(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		must(t, create(asA(t), d, "1"))
		must(t, d.For(asA(t)).Create(&part{ID: "1", ThingID: "1"}).Error)
		for _, c := range []struct {
			name string
			err  error
			is   func(error) bool
		}{
			{"duplicate key", create(asA(t), d, "1"), db.IsDuplicate},
			{"duplicate key of two columns", d.For(asA(t)).Create(&part{ID: "1", ThingID: "1"}).Error, db.IsDuplicate},
			{"duplicate key by update", twice(t, d), db.IsDuplicate},
			{"reference to nothing", d.For(asA(t)).Create(&part{ID: "2", ThingID: "?"}).Error, db.IsForeignKey},
			{"still referred to", d.For(asA(t)).Where("id = ?", "1").Delete(&thing{}).Error, db.IsForeignKey},
			{"no such row", d.For(asA(t)).Where("id = ?", "?").Take(&thing{}).Error, db.IsNotFound},
			{"raw duplicate", d.QueryRaw(t.Context(), &[]string{}, "INSERT INTO things (id, tenant_id, name, n) VALUES ('1', '', '', 0) RETURNING id"), db.IsDuplicate},
		} {
			if !c.is(c.err) {
				t.Errorf("%s: %v", c.name, c.err)
			}
			for _, other := range []func(error) bool{db.IsDuplicate, db.IsForeignKey, db.IsNotFound} {
				if fmt.Sprintf("%p", other) != fmt.Sprintf("%p", c.is) && other(c.err) {
					t.Errorf("%s: is something else too: %v", c.name, c.err)
				}
			}
		}
	})
}

func twice(t *testing.T, d *db.DB) error {
	must(t, create(asA(t), d, "2"))
	return d.For(asA(t)).Session(&gorm.Session{}).Model(&thing{}).Where("id = ?", "2").Update("id", "1").Error
}

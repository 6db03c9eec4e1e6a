package db_test

import (
	"context"
	"testing"

	"twofold/internal/db"
)

// TestSnapshot: all of it is of one moment, and others can write meanwhile.
func TestSnapshot(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		ctx := asA(t)
		must(t, create(ctx, d, "1"))
		read := func(ctx context.Context) int {
			got, err := ids(d.For(ctx).Model(&thing{}))
			must(t, err)
			return len(got)
		}
		err := d.Snapshot(ctx, func(inside context.Context) error {
			first := read(inside)
			must(t, d.Tx(ctx, func(ctx context.Context) error { return create(ctx, d, "2") }))
			if again := read(inside); first != 1 || again != 1 {
				t.Errorf("%d rows, then %d", first, again)
			}
			if !db.InTx(inside) {
				t.Error("InTx is false inside Snapshot")
			}
			return d.Snapshot(inside, func(context.Context) error { return nil })
		})
		must(t, err)
		if n := read(ctx); n != 2 {
			t.Errorf("%d rows afterwards", n)
		}
	})
}

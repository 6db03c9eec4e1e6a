package db

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
)

// Snapshot runs f, which must only read, in a transaction: all of it sees the database as
// it was at one moment, and it keeps nobody from writing meanwhile. A call inside a
// transaction joins it.
func (d *DB) Snapshot(ctx context.Context, f func(ctx context.Context) error) error {
	if InTx(ctx) {
		return f(ctx)
	}
	return d.gorm.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return f(context.WithValue(ctx, txKey{}, tx))
	}, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

package migrations

import (
	"context"
	"database/sql"
)

// Down takes everything back. Only tests do that.
func Down(ctx context.Context, db *sql.DB, dialect string) error {
	p, err := provider(db, dialect)
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, 0)
	return err
}

package db

import (
	"errors"
	"fmt"
	"strings"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// The dialects, with errors and statements that hold no values: values are
// secrets, codes and addresses, and errors and statements end up in logs.

type sqliteDialector struct{ *sqlite.Dialector }

// Translate makes GORM's errors of the driver's.
func (d sqliteDialector) Translate(err error) error {
	return withoutValues(d.Dialector.Translate(err))
}

// Explain is asked for a statement as a log may show it.
func (sqliteDialector) Explain(sql string, _ ...any) string { return sql }

type postgresDialector struct{ *postgres.Dialector }

// Translate makes GORM's errors of the driver's.
func (d postgresDialector) Translate(err error) error {
	return withoutValues(d.Dialector.Translate(err))
}

// Explain is asked for a statement as a log may show it.
func (postgresDialector) Explain(sql string, _ ...any) string { return sql }

// translateRow does for Row, Rows and Scan what GORM does for all others.
func translateRow(tx *gorm.DB) {
	if t, ok := tx.Dialector.(gorm.ErrorTranslator); ok && tx.Error != nil {
		tx.Error = t.Translate(tx.Error)
	}
}

// withoutValues replaces the errors that quote a value: PostgreSQL's class 22
// (data exception), pgx on an argument that fits no column, and database/sql on a
// column that fits no field.
func withoutValues(err error) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22") {
		return fmt.Errorf("db: a value is refused, SQLSTATE %s", pg.Code)
	}
	for _, quotes := range []string{"failed to encode args", "unable to encode", "converting driver.Value type"} {
		if strings.Contains(err.Error(), quotes) {
			return errors.New("db: a value does not fit its column or field")
		}
	}
	return err
}

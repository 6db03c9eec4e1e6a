package testkit

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm/schema"

	"twofold/migrations"
)

// Table is a table or view as a database has it.
type Table struct {
	View    bool
	Columns map[string]Column
}

// Column is a column in terms that both dialects share. What a view knows of its
// columns differs too much: there Class and Null are empty.
type Column struct {
	Class string // text, integer, bool, time or bytes
	Null  bool
}

// classes brings the type names of both dialects, and of GORM, to one word.
var classes = map[string]string{
	"text": "text", "string": "text", "character varying": "text",
	"bigint": "integer", "integer": "integer", "int": "integer", "uint": "integer",
	"boolean": "bool", "bool": "bool",
	"timestamp with time zone": "time", "datetime": "time", "time": "time",
	"bytea": "bytes", "blob": "bytes", "bytes": "bytes",
}

// columnsOf asks a database of a dialect for its tables and their columns.
var columnsOf = map[string]string{
	migrations.SQLite: `SELECT t.name, t.type = 'view', c.name, lower(c.type), c."notnull" = 0 AND c.pk = 0
FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite_%'`,
	migrations.Postgres: `SELECT t.table_name, t.table_type = 'VIEW', c.column_name, c.data_type, c.is_nullable = 'YES'
FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name) WHERE t.table_schema = 'public'`,
}

// driverOf says how database/sql reaches the database at url.
func driverOf(url string) (driver, dsn, dialect string) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return "sqlite", path, migrations.SQLite
	}
	return "pgx", url, migrations.Postgres
}

// Schema reads the tables and views of the database at url.
func Schema(t testing.TB, url string) map[string]Table {
	t.Helper()
	driver, dsn, dialect := driverOf(url)
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatalf("testkit: schema: %v", err)
	}
	defer db.Close()
	tables, err := readSchema(t.Context(), db, columnsOf[dialect])
	if err != nil {
		t.Fatalf("testkit: schema: %v", err)
	}
	return tables
}

func readSchema(ctx context.Context, db *sql.DB, query string) (map[string]Table, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tables := map[string]Table{}
	for rows.Next() {
		var table, column, typ string
		var view, null bool
		if err := rows.Scan(&table, &view, &column, &typ, &null); err != nil {
			return nil, err
		}
		if tables[table].Columns == nil {
			tables[table] = Table{View: view, Columns: map[string]Column{}}
		}
		c := Column{Class: classes[typ], Null: null}
		if c.Class == "" {
			c.Class = typ
		}
		if view {
			c = Column{}
		}
		tables[table].Columns[column] = c
	}
	return tables, rows.Err()
}

// CheckModels fails the test unless each model fits its table in the database at
// url: every field has a column of its kind, every column a field, and what may
// be null is a pointer. Every package with tables calls it with all its models.
func CheckModels(t testing.TB, url string, models ...any) {
	t.Helper()
	tables := Schema(t, url)
	for _, m := range models {
		s, err := schema.Parse(m, &sync.Map{}, schema.NamingStrategy{})
		if err != nil {
			t.Errorf("testkit: model %T: %v", m, err)
			continue
		}
		table, ok := tables[s.Table]
		if !ok {
			t.Errorf("testkit: model %T: there is no table %s", m, s.Table)
			continue
		}
		for _, wrong := range misfits(s, table) {
			t.Errorf("testkit: model %T: %s.%s", m, s.Table, wrong)
		}
	}
}

func misfits(s *schema.Schema, table Table) []string {
	var wrong []string
	for _, name := range s.DBNames {
		f := s.FieldsByDBName[name]
		column, ok := table.Columns[name]
		got := Column{Class: classes[string(f.DataType)], Null: f.FieldType.Kind().String() == "ptr"}
		switch {
		case !ok:
			wrong = append(wrong, name+": there is no such column")
		case !table.View && column.Class != got.Class:
			wrong = append(wrong, name+" is of kind "+column.Class+", the field "+f.FieldType.String())
		case !table.View && column.Null != got.Null:
			wrong = append(wrong, name+": only what may be null is a pointer, and the other way round")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(table.Columns)) {
		if s.FieldsByDBName[name] == nil {
			wrong = append(wrong, name+" has no field")
		}
	}
	return wrong
}

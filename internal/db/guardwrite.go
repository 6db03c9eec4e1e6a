package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// The part of the guard that looks at what is written.

// setOwner sets the owner of new rows, and refuses those that name another.
func setOwner(tx *gorm.DB) {
	if tx.Error != nil {
		return
	}
	st := tx.Statement
	os, err := owners(st.Context, st.Schema)
	if err == nil {
		err = keepsConflict(st, os)
	}
	if err == nil {
		err = eachRow(st.ReflectValue, func(row reflect.Value) error {
			for i, o := range os {
				if err := o.set(st.Context, row, i == 0); err != nil {
					return fmt.Errorf("%w: create in %s", err, st.Schema.Table)
				}
			}
			return nil
		})
	}
	if err != nil {
		_ = tx.AddError(err)
	}
}

func (o owner) set(ctx context.Context, row reflect.Value, decides bool) error {
	got, zero := o.field.ValueOf(ctx, row)
	switch {
	case zero && seesAll(ctx) && decides:
		return ErrNoScope
	case zero && seesAll(ctx):
		return nil
	case zero:
		return o.field.Set(ctx, row, o.value)
	case fmt.Sprint(got) != o.value && !seesAll(ctx):
		return errOwner
	}
	return nil
}

// keepsConflict refuses an upsert that could find, and overwrite, the row of
// another owner: Save is one.
func keepsConflict(st *gorm.Statement, os []owner) error {
	oc, ok := st.Clauses["ON CONFLICT"].Expression.(clause.OnConflict)
	if !ok || oc.DoNothing || len(os) == 0 {
		return nil
	}
	columns := oc.Columns
	if len(columns) == 0 && oc.OnConstraint == "" {
		for _, f := range st.Schema.PrimaryFields {
			columns = append(columns, clause.Column{Name: f.DBName})
		}
	}
	for _, c := range columns {
		if c.Name == os[0].field.DBName {
			return nil
		}
	}
	return fmt.Errorf("%w: upsert in %s by a key without %s", errOwner, st.Schema.Table, os[0].field.DBName)
}

// keepOwner refuses an update that would hand rows to another owner.
func keepOwner(tx *gorm.DB) {
	st := tx.Statement
	if tx.Error != nil || st.Schema == nil || seesAll(st.Context) {
		return
	}
	os, err := owners(st.Context, st.Schema)
	if err != nil {
		_ = tx.AddError(err)
		return
	}
	if _, ok := st.Clauses["SET"]; ok {
		_ = tx.AddError(errors.New("db: update by a clause of its own"))
		return
	}
	selected, restricted := st.SelectAndOmitColumns(false, true)
	for _, o := range os {
		named, known := selected[o.field.DBName]
		if (known && !named) || (!known && restricted) {
			continue
		}
		if got, written := newOwner(st, o.field, named); written && got != o.value {
			_ = tx.AddError(fmt.Errorf("%w: update of %s", errOwner, st.Schema.Table))
			return
		}
	}
}

// newOwner is what an update would write into an owner column, if it would.
func newOwner(st *gorm.Statement, f *schema.Field, named bool) (value string, written bool) {
	dest := reflect.Indirect(reflect.ValueOf(st.Dest))
	if m, ok := dest.Interface().(map[string]any); ok {
		for name, v := range m {
			if strings.EqualFold(name, f.DBName) || strings.EqualFold(name, f.Name) {
				return fmt.Sprint(v), true
			}
		}
		return "", false
	}
	other := &gorm.Statement{DB: st.DB}
	if err := other.Parse(st.Dest); err != nil {
		return "", true
	}
	if f = other.Schema.LookUpField(f.DBName); f == nil {
		return "", false
	}
	got, zero := f.ValueOf(st.Context, dest)
	return fmt.Sprint(got), named || !zero
}

func eachRow(v reflect.Value, do func(reflect.Value) error) error {
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := eachRow(reflect.Indirect(v.Index(i)), do); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct:
		return do(v)
	}
	return fmt.Errorf("db: create from a %s: only a model can be guarded", v.Kind())
}

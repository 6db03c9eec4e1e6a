package testkit

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm/schema"
)

type fitting struct {
	Key   string `gorm:"primaryKey"`
	TatUS int64  `gorm:"column:tat_us"`
}

func (fitting) TableName() string { return "rate_counters" }

type misfitting struct {
	Name    string
	Count   string
	Active  *bool
	EndedAt time.Time
}

func TestCheckModels(t *testing.T) {
	EachDatabase(t, func(t *testing.T, url string) { CheckModels(t, url, fitting{}, &fitting{}) })
}

func TestMisfits(t *testing.T) {
	s, err := schema.Parse(misfitting{}, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]Column{"count": {Class: "integer"}, "active": {Class: "bool"}, "ended_at": {Class: "time", Null: true}, "extra": {Class: "text"}}
	got := misfits(s, Table{Columns: columns})
	want := []string{"name: there", "count is of kind integer", "active: only what", "ended_at: only what", "extra has no field"}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) })); diff != "" {
		t.Error(diff)
	}
	got = misfits(s, Table{View: true, Columns: map[string]Column{"name": {}, "count": {}, "active": {}, "ended_at": {}}})
	if len(got) > 0 {
		t.Errorf("a view: %q", got)
	}
}

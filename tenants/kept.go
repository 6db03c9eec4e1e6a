package tenants

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/page"
)

// Kept is how one kind of entity is kept, for administration: each by its id, lists a
// page at a time. All work on the subscription in ctx. Deleted things are not there.
type Kept[V any] struct {
	// Kind names it in the field's words: "client_app".
	Kind string
	// Page lists some, of all tenants or of those that are named: nil is all.
	Page func(ctx context.Context, q page.Query, tenants []string) (page.Page[V], error)
	Get  func(ctx context.Context, id string) (V, error)
	// In reports whether it is among what these tenants have.
	In func(ctx context.Context, id string, tenants []string) (bool, error)
	// Put creates what has no id, and else changes it if the version fits.
	Put func(ctx context.Context, v *V) (Difference, error)
	// Delete takes it away if the version fits, with what hangs on it.
	Delete func(ctx context.Context, id string, version int64) error
	// Restore brings back what was deleted, inactive; nil: that cannot be done.
	Restore func(ctx context.Context, id string) (V, error)
	// Mark is where a value keeps its id and its stamps.
	Mark func(*V) (id *string, stamp *Stamp)
}

// kind tells how the rows of an entity are found.
type kind[R, V any] struct {
	s       *Store
	name    string
	value   func(R) V
	mark    func(*R) (id *string, stamp *Stamp, name *string)
	search  []string // columns whose beginning is searched
	sorts   []string // nil: by name and by age
	filters map[string]func(q *gorm.DB, value string) (*gorm.DB, error)
	// within narrows to what the tenants have; nil: the kind belongs to no tenant.
	within func(ctx context.Context, tenants []string) *gorm.DB
	trash  bool
}

func (k kind[R, V]) live(ctx context.Context) *gorm.DB {
	q := k.s.DB.For(ctx)
	if k.trash {
		q = q.Where("deleted_at IS NULL")
	}
	return q
}

// all are the live rows of the subscription in ctx, for lists: with conditions on links,
// which the guard holds to one tenant. Subscriptions have no owner.
func (k kind[R, V]) all(ctx context.Context) *gorm.DB {
	q := k.s.DB.For(ctx)
	if _, free := any(new(R)).(db.PlatformOwned); !free {
		q = k.s.links(ctx, new(R))
	}
	if k.trash {
		q = q.Where("deleted_at IS NULL")
	}
	return q
}

func (k kind[R, V]) get(ctx context.Context, id string) (v V, err error) {
	var row R
	if err := k.live(ctx).Where("id = ?", id).Take(&row).Error; err != nil {
		return v, notFound(err, errGone)
	}
	return k.value(row), nil
}

func (k kind[R, V]) in(ctx context.Context, id string, tenants []string) (bool, error) {
	if k.within == nil || len(tenants) == 0 {
		return false, nil
	}
	var n int64
	if err := k.all(ctx).Where("id = ? AND id IN (?)", id, k.within(ctx, tenants)).Count(&n).Error; err != nil {
		return false, fmt.Errorf("tenants: %s of tenants: %w", k.name, err)
	}
	return n > 0, nil
}

// page asks for one row more than it shows: that there is one tells that there is a
// next page.
func (k kind[R, V]) page(ctx context.Context, q page.Query, tenants []string) (page.Page[V], error) {
	none := page.Page[V]{Items: []V{}}
	owner := db.ScopeOf(ctx).Subscription
	l := page.List{Seal: k.s.Seal, Name: k.name, Owner: owner + "|" + strings.Join(tenants, ","), Sorts: k.sorts}
	if l.Sorts == nil {
		l.Sorts = []string{"name", "created"}
	}
	for f := range k.filters {
		l.Filters = append(l.Filters, f)
	}
	a, err := l.Ask(q)
	if err != nil {
		return none, err
	}
	rows := k.all(ctx)
	if tenants != nil {
		if k.within == nil || len(tenants) == 0 {
			return none, nil
		}
		rows = rows.Where("id IN (?)", k.within(ctx, tenants))
	}
	for name, value := range a.Filter {
		if rows, err = k.filters[name](rows, value); err != nil {
			return none, err
		}
	}
	if a.Search != "" && len(k.search) > 0 {
		rows = rows.Where(k.beginning(ctx, a.Search))
	}
	var found []R
	if err := ordered(rows, a).Limit(a.Limit + 1).Find(&found).Error; err != nil {
		return none, fmt.Errorf("tenants: list %s: %w", k.name, err)
	}
	p := page.Cut(a, found, func(r R) []string {
		id, _, name := k.mark(&r)
		return []string{*name, *id}
	})
	return page.Map(p, k.value), nil
}

// ordered sorts by name or by age, which ids carry, from where the page before ended.
func ordered(q *gorm.DB, a page.Asked) *gorm.DB {
	column, key := "id", 1
	if a.By == "name" {
		column, key = "name", 0
	}
	if len(a.Keys) == 2 {
		op := " > ?"
		if a.Down {
			op = " < ?"
		}
		q = q.Where(column+op, a.Keys[key])
	}
	return q.Order(clause.OrderByColumn{Column: clause.Column{Name: column}, Desc: a.Down})
}

// beginning is a condition that any searched column begins with a text. A range serves
// an index on both databases, where LIKE does not.
func (k kind[R, V]) beginning(ctx context.Context, text string) *gorm.DB {
	text = strings.ToLower(text)
	either := k.s.DB.For(ctx)
	for _, column := range k.search {
		if k.s.DB.Dialect() == "postgres" {
			column += ` COLLATE "C"`
		}
		either = either.Or(column+" >= ? AND "+column+" < ?", text, text+"\U0010FFFF")
	}
	return either
}

// filterBool is a filter on a column that says yes or no.
func filterBool(column string) func(*gorm.DB, string) (*gorm.DB, error) {
	return func(q *gorm.DB, value string) (*gorm.DB, error) {
		yes, err := strconv.ParseBool(value)
		if err != nil {
			return q, invalid(column, "must be true or false")
		}
		return q.Where(map[string]any{column: yes}), nil
	}
}

// filterText is a filter on a column that must be equal.
func filterText(column string) func(*gorm.DB, string) (*gorm.DB, error) {
	return func(q *gorm.DB, value string) (*gorm.DB, error) { return q.Where(map[string]any{column: value}), nil }
}

// KeepDeleted is how long deleted things stay.
const KeepDeleted = 30 * 24 * time.Hour

// bury marks a row as deleted: inactive, and under a name that nobody else takes.
func (k kind[R, V]) bury(ctx context.Context, id string, version int64, more map[string]any) error {
	var row R
	if err := k.live(ctx).Where("id = ?", id).Take(&row).Error; err != nil {
		return notFound(err, errGone)
	}
	_, stamp, name := k.mark(&row)
	if version != 0 && version != stamp.Version {
		return ErrStale
	}
	set := map[string]any{
		"deleted_at": db.Micros(k.s.Now()), "updated_at": db.Micros(k.s.Now()), "active": false, "name": *name + "~" + id, "version": stamp.Version + 1,
	}
	for column, v := range more {
		set[column] = v
	}
	err := db.One(k.s.DB.For(ctx).Model(new(R)).Where("id = ? AND version = ? AND deleted_at IS NULL", id, stamp.Version).UpdateColumns(set))
	if err != nil {
		return taken(err)
	}
	return nil
}

// raise takes a buried row out again. It stays inactive.
func (k kind[R, V]) raise(ctx context.Context, id string) (v V, err error) {
	var row R
	if err := k.s.DB.For(ctx).Where("id = ? AND deleted_at > ?", id, k.s.Now().Add(-KeepDeleted)).Take(&row).Error; err != nil {
		return v, notFound(err, errGone)
	}
	_, stamp, name := k.mark(&row)
	old, ok := strings.CutSuffix(*name, "~"+id)
	if !ok {
		return v, errGone
	}
	set := map[string]any{"deleted_at": nil, "name": old, "updated_at": db.Micros(k.s.Now()), "version": stamp.Version + 1}
	if err := db.One(k.s.DB.For(ctx).Model(new(R)).Where("id = ? AND version = ?", id, stamp.Version).UpdateColumns(set)); err != nil {
		return v, taken(err)
	}
	k.s.changed(ctx)
	return k.get(ctx, id)
}

// remove deletes a row for good.
func (k kind[R, V]) remove(ctx context.Context, id string, version int64) error {
	q := k.s.DB.For(ctx).Where("id = ?", id)
	if version != 0 {
		q = q.Where("version = ?", version)
	}
	res := q.Delete(new(R))
	switch {
	case res.Error != nil:
		return fmt.Errorf("tenants: delete %s: %w", k.name, res.Error)
	case res.RowsAffected == 1:
		return nil
	}
	if _, err := k.get(ctx, id); err != nil {
		return err
	}
	return ErrStale
}

// unhang takes away what hangs on something that goes: assignments, exemptions and
// roles. A required assignment to nothing would shut people out.
func (s *Store) unhang(ctx context.Context, id string) error {
	for _, gone := range []*gorm.DB{
		s.DB.For(ctx).Where("target_id = ? OR two_factor_id = ?", id, id).Delete(&assignmentRow{}),
		s.DB.For(ctx).Where("target_id = ?", id).Delete(&exemptionRow{}),
		s.DB.For(ctx).Where("subject_id = ? OR tenant_id = ?", id, id).Delete(&grantRow{}),
	} {
		if gone.Error != nil {
			return fmt.Errorf("tenants: delete: %w", gone.Error)
		}
	}
	return nil
}

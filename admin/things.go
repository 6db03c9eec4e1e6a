package admin

import (
	"context"
	"errors"

	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
)

// Things are the use cases of one kind of entity of a subscription: who may, in one
// transaction, with its entry in the trail. Those of a kind are made by a method of
// Admin, such as ClientApps.
type Things[V any] struct {
	admin *Admin
	kept  tenants.Kept[V]
	name  func(V) string
	// inTenant says whether who runs only some tenants may make this change; nil: never.
	inTenant func(ctx context.Context, e Edit[V]) error
	// rules hold for everybody; nil: none.
	rules func(ctx context.Context, e Edit[V]) error
	// loosens says that a change asks for a fresh sign-in although its action does not: see
	// sensitive.go; nil: never.
	loosens func(ctx context.Context, e Edit[V]) (bool, error)
	// after runs in the transaction, once the change is made; nil: nothing follows.
	after func(ctx context.Context, e Edit[V]) error
	// shuts says that a change may take the role system_admin from somebody: it must leave
	// one who has it; nil: never.
	shuts func(e Edit[V]) bool
}

// Edit is one change: Old is nil for something new, New for something that goes.
type Edit[V any] struct {
	Who      Who
	Tenants  []string // those in which he may; nil: the whole subscription
	Old, New *V
}

// StaleError reports that somebody else was faster. Theirs is what there is now, Yours
// what was to be: with both, nothing is lost.
type StaleError[V any] struct{ Yours, Theirs V }

func (*StaleError[V]) Error() string { return tenants.ErrStale.Error() }

// Unwrap is tenants.ErrStale.
func (*StaleError[V]) Unwrap() error { return tenants.ErrStale }

// Kind names the kind: "client_app".
func (t Things[V]) Kind() string { return t.kept.Kind }

// Version is that of a value: its ETag.
func (t Things[V]) Version(v *V) int64 { _, stamp := t.kept.Mark(v); return stamp.Version }

// ID is that of a value.
func (t Things[V]) ID(v *V) string { id, _ := t.kept.Mark(v); return *id }

// Restores reports whether what was deleted can be brought back.
func (t Things[V]) Restores() bool { return t.kept.Restore != nil }

func (t Things[V]) action(verb string) Action { return Action(t.kept.Kind + "." + verb) }

// List lists what w may see of a subscription, a page at a time.
func (t Things[V]) List(ctx context.Context, w Who, subscription string, q page.Query) (page.Page[V], error) {
	in := w.Tenants(t.action("read"), subscription)
	if in != nil && len(in) == 0 {
		return page.Page[V]{}, hidden(w, subscription)
	}
	return t.kept.Page(t.admin.scope(ctx, subscription), q, in)
}

// hidden is the answer to who may not read: of a subscription that he has some role in
// he may know that there is such a list.
func hidden(w Who, subscription string) error {
	if w.Top(db.Scope{Subscription: subscription}) != "" {
		return errMayNot
	}
	return errUnknown
}

// Get finds one by its id.
func (t Things[V]) Get(ctx context.Context, w Who, subscription, id string) (v V, err error) {
	in := w.Tenants(t.action("read"), subscription)
	if in != nil && len(in) == 0 {
		return v, hidden(w, subscription)
	}
	ctx = t.admin.scope(ctx, subscription)
	if in != nil {
		if ok, err := t.kept.In(ctx, id, in); err != nil || !ok {
			return v, orUnknown(err)
		}
	}
	return t.kept.Get(ctx, id)
}

func orUnknown(err error) error {
	if err == nil {
		return errUnknown
	}
	return err
}

// Create makes a new one.
func (t Things[V]) Create(ctx context.Context, w Who, subscription string, v *V) error {
	e := Edit[V]{Who: w, New: v}
	if err := t.mayEdit(&e, "create", subscription); err != nil {
		return err
	}
	return t.write(ctx, subscription, e, func(ctx context.Context) (tenants.Difference, error) {
		if id, stamp := t.kept.Mark(v); *id != "" || stamp.Version != 0 {
			return tenants.Difference{}, errors.New("admin: create: the id is given by the house")
		}
		d, err := t.kept.Put(ctx, v)
		if err == nil && !d.Created {
			err = errNameTaken
		}
		return d, err
	})
}

var errNameTaken = &problem.Error{
	Kind: problem.Conflict, Code: "taken", Message: "This name is taken already.",
	Fields: []problem.Field{{Name: "name", Message: "is taken already"}},
}

// Update changes one, if version is the present one; otherwise it returns a *StaleError.
// With version 0 whatever is there is changed. change brings the value, as it is now, to
// what it shall be; it may run without any consequence.
func (t Things[V]) Update(ctx context.Context, w Who, subscription, id string, version int64, change func(*V) error) (v V, err error) {
	old, err := t.Get(ctx, w, subscription, id)
	if err != nil {
		return v, err
	}
	v = old
	if err := change(&v); err != nil {
		return v, err
	}
	theirs, stamp := t.kept.Mark(&old)
	mine, myStamp := t.kept.Mark(&v)
	*mine, *myStamp = *theirs, *stamp
	if version != 0 && version != stamp.Version {
		return v, &StaleError[V]{Yours: v, Theirs: old}
	}
	e := Edit[V]{Who: w, Old: &old, New: &v}
	if err := t.mayEdit(&e, "write", subscription); err != nil {
		return v, err
	}
	err = t.write(ctx, subscription, e, func(ctx context.Context) (tenants.Difference, error) { return t.kept.Put(ctx, &v) })
	if errors.Is(err, tenants.ErrStale) {
		if now, err := t.Get(ctx, w, subscription, id); err == nil {
			return v, &StaleError[V]{Yours: v, Theirs: now}
		}
	}
	return v, err
}

// Delete takes one away, with what hangs on it.
func (t Things[V]) Delete(ctx context.Context, w Who, subscription, id string, version int64) error {
	old, err := t.Get(ctx, w, subscription, id)
	if err != nil {
		return err
	}
	e := Edit[V]{Who: w, Old: &old}
	if err := t.mayEdit(&e, "delete", subscription); err != nil {
		return err
	}
	if now := t.Version(&old); version != 0 && version != now {
		return &StaleError[V]{Yours: old, Theirs: old}
	}
	return t.write(ctx, subscription, e, func(ctx context.Context) (tenants.Difference, error) {
		return tenants.Difference{}, t.kept.Delete(ctx, id, version)
	})
}

// Restore brings back what was deleted in the last 30 days. It is inactive then.
func (t Things[V]) Restore(ctx context.Context, w Who, subscription, id string) (v V, err error) {
	if err := t.admin.may(w, t.action("delete"), t.action("read"), db.Scope{Subscription: subscription}); err != nil {
		return v, err
	}
	if t.kept.Restore == nil {
		return v, errUnknown
	}
	ctx = t.admin.scope(ctx, subscription)
	err = t.admin.DB.Tx(ctx, func(ctx context.Context) error {
		if v, err = t.kept.Restore(ctx, id); err != nil {
			return err
		}
		return t.admin.record(ctx, w, "config.restored", t.about(&v), nil)
	})
	return v, err
}

// mayEdit decides a change. Who runs only some tenants is asked about each.
func (t Things[V]) mayEdit(e *Edit[V], verb, subscription string) error {
	do := t.action(verb)
	e.Tenants = e.Who.Tenants(do, subscription)
	switch {
	case e.Tenants != nil && (len(e.Tenants) == 0 || t.inTenant == nil):
		if r := e.Who.Tenants(t.action("read"), subscription); r != nil && len(r) == 0 {
			return hidden(e.Who, subscription)
		}
		return errMayNot
	case Sensitive(do) && !e.Who.Fresh(t.admin.Now()):
		return ErrAgain
	}
	return nil
}

// write makes a change in one transaction, with all that the rules say and its record.
func (t Things[V]) write(ctx context.Context, subscription string, e Edit[V], do func(context.Context) (tenants.Difference, error)) error {
	ctx = t.admin.scope(ctx, subscription)
	return t.admin.DB.Tx(ctx, func(ctx context.Context) error {
		if t.shuts != nil && t.shuts(e) {
			return t.admin.keepSystemAdmin(ctx, func(ctx context.Context) error { return t.change(ctx, e, do) })
		}
		return t.change(ctx, e, do)
	})
}

func (t Things[V]) change(ctx context.Context, e Edit[V], do func(context.Context) (tenants.Difference, error)) error {
	if e.Tenants != nil {
		if err := t.inTenant(ctx, e); err != nil {
			return err
		}
	}
	if t.rules != nil {
		if err := t.rules(ctx, e); err != nil {
			return err
		}
	}
	if t.loosens != nil && !e.Who.Fresh(t.admin.Now()) {
		looser, err := t.loosens(ctx, e)
		if err != nil {
			return err
		}
		if looser {
			return ErrAgain
		}
	}
	d, err := do(ctx)
	if err != nil {
		return err
	}
	if t.after != nil {
		if err := t.after(ctx, e); err != nil {
			return err
		}
	}
	switch {
	case e.New == nil:
		return t.admin.record(ctx, e.Who, "config.deleted", t.about(e.Old), nil)
	case e.Old == nil:
		return t.admin.record(ctx, e.Who, "config.created", t.about(e.New), tenants.Describe(e.New))
	case d.Changed():
		return t.admin.record(ctx, e.Who, "config.changed", t.about(e.New), d.Fields)
	}
	return nil
}

func (t Things[V]) about(v *V) thing { return thing{t.kept.Kind, t.name(*v), t.ID(v)} }

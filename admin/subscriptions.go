package admin

import (
	"context"
	"errors"
	"slices"

	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
)

// Subscriptions lists those that w has a role in.
func (a *Admin) Subscriptions(ctx context.Context, w Who, q page.Query) (page.Page[tenants.Subscription], error) {
	return a.Tenants.Subscriptions().Page(ctx, q, w.Subscriptions(SubscriptionRead))
}

// Subscription finds one that w has a role in.
func (a *Admin) Subscription(ctx context.Context, w Who, id string) (tenants.Subscription, error) {
	if mine := w.Subscriptions(SubscriptionRead); mine != nil && !slices.Contains(mine, id) {
		return tenants.Subscription{}, errUnknown
	}
	return a.Tenants.Subscriptions().Get(ctx, id)
}

// CreateSubscription makes a customer.
func (a *Admin) CreateSubscription(ctx context.Context, w Who, v *tenants.Subscription) error {
	if err := a.may(w, SubscriptionCreate, SubscriptionCreate, db.Scope{}); err != nil {
		return errMayNot
	}
	return a.DB.Tx(ctx, func(ctx context.Context) error {
		v.ID, v.Version = "", 0
		d, err := a.Tenants.PutSubscription(ctx, v)
		if err != nil {
			return err
		}
		if !d.Created {
			return errNameTaken
		}
		return a.record(a.scope(ctx, v.ID), w, "config.created", thing{"subscription", v.Name, v.ID}, tenants.Describe(v))
	})
}

// UpdateSubscription changes one, if version is the present one. Its name and whether it
// is active are the operators' matter.
func (a *Admin) UpdateSubscription(ctx context.Context, w Who, id string, version int64, change func(*tenants.Subscription) error) (tenants.Subscription, error) {
	old, err := a.Subscription(ctx, w, id)
	if err != nil {
		return old, err
	}
	if err := a.may(w, SubscriptionWrite, SubscriptionRead, db.Scope{Subscription: id}); err != nil {
		return old, err
	}
	v := old
	if err := change(&v); err != nil {
		return old, err
	}
	v.ID, v.Stamp, v.Trash = old.ID, old.Stamp, old.Trash
	if version != 0 && version != old.Version {
		return v, &StaleError[tenants.Subscription]{Yours: v, Theirs: old}
	}
	if (v.Name != old.Name || v.Active != old.Active) && !w.May(SubscriptionCreate, db.Scope{}) {
		return old, errMayNot
	}
	if loosensSubscription(&old, &v) && !w.Fresh(a.Now()) {
		return old, ErrAgain
	}
	err = a.DB.Tx(ctx, func(ctx context.Context) error {
		d, err := a.Tenants.PutSubscription(ctx, &v)
		if err != nil || !d.Changed() {
			return err
		}
		return a.record(a.scope(ctx, id), w, "config.changed", thing{"subscription", v.Name, v.ID}, d.Fields)
	})
	if errors.Is(err, tenants.ErrStale) {
		if now, err := a.Subscription(ctx, w, id); err == nil {
			return v, &StaleError[tenants.Subscription]{Yours: v, Theirs: now}
		}
	}
	return v, err
}

// DeleteSubscription takes a customer away, with all that is his. For 30 days it can be
// brought back.
func (a *Admin) DeleteSubscription(ctx context.Context, w Who, id string, version int64) error {
	old, err := a.Subscription(ctx, w, id)
	if err != nil {
		return err
	}
	if err := a.may(w, SubscriptionDelete, SubscriptionRead, db.Scope{}); err != nil {
		if problem.Is(err, problem.NotFound) {
			err = errMayNot
		}
		return err
	}
	if version != 0 && version != old.Version {
		return &StaleError[tenants.Subscription]{Yours: old, Theirs: old}
	}
	return a.DB.Tx(ctx, func(ctx context.Context) error {
		err := a.keepSystemAdmin(ctx, func(ctx context.Context) error { return a.Tenants.Subscriptions().Delete(ctx, id, version) })
		if err != nil {
			return err
		}
		return a.record(a.scope(ctx, id), w, "config.deleted", thing{"subscription", old.Name, id}, nil)
	})
}

// RestoreSubscription brings one back. It is inactive then.
func (a *Admin) RestoreSubscription(ctx context.Context, w Who, id string) (v tenants.Subscription, err error) {
	if err := a.may(w, SubscriptionDelete, SubscriptionDelete, db.Scope{}); err != nil {
		return v, err
	}
	err = a.DB.Tx(ctx, func(ctx context.Context) error {
		if v, err = a.Tenants.Subscriptions().Restore(ctx, id); err != nil {
			return err
		}
		return a.record(a.scope(ctx, id), w, "config.restored", thing{"subscription", v.Name, v.ID}, nil)
	})
	return v, err
}

package admin

import (
	"context"

	"twofold/internal/page"
	"twofold/tenants"
)

// Foresee tells whom a change would affect, before it is made (SPEC §4). Who runs some
// tenants sees what it means for their own users, and nothing of the others.
func (a *Admin) Foresee(ctx context.Context, w Who, subscription string, c tenants.Change) (tenants.Preview, error) {
	within, err := foresees(w, subscription)
	if err != nil {
		return tenants.Preview{}, err
	}
	return a.Tenants.Preview(a.scope(ctx, subscription), c, a.Ceremony.StandingOf, within...)
}

// ForeseeList lists the persons whom a change would affect in one way, a page at a time.
func (a *Admin) ForeseeList(ctx context.Context, w Who, subscription string, c tenants.Change, e tenants.Effect, q page.Query) (page.Page[tenants.Affected], error) {
	within, err := foresees(w, subscription)
	if err != nil {
		return page.Page[tenants.Affected]{}, err
	}
	return a.Tenants.PreviewList(a.scope(ctx, subscription), c, e, q, a.Ceremony.StandingOf, within...)
}

// foresees says in which tenants w may look ahead; none: in all.
func foresees(w Who, subscription string) ([]string, error) {
	within := w.Tenants(PolicyRead, subscription)
	if within != nil && len(within) == 0 {
		return nil, hidden(w, subscription)
	}
	return within, nil
}

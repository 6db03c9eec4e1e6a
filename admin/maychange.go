package admin

import (
	"context"

	"twofold/tenants"
)

// MayChangeUser says why w may not change a user whom he sees, or nothing: so that no
// page offers what would be refused. The change itself asks again.
func (a *Admin) MayChangeUser(ctx context.Context, w Who, subscription string, u tenants.User) error {
	e := Edit[tenants.User]{Who: w, Old: &u, New: &u}
	if err := a.Users().mayEdit(&e, "write", subscription); err != nil {
		return err
	}
	ctx = a.scope(ctx, subscription)
	if e.Tenants != nil {
		if err := a.wholly(ctx, e.Tenants, u.ID); err != nil {
			return err
		}
	}
	return a.mayTouch(ctx, w, tenants.SubjectUser, u.ID)
}

// MayHelp says why w may not help a user whom he sees, or nothing. A fresh sign-in is
// asked for by the help itself.
func (a *Admin) MayHelp(ctx context.Context, w Who, subscription string, u tenants.User) error {
	if _, err := a.helpIn(ctx, w, subscription, u.ID, false); err != nil {
		return err
	}
	return a.mayHelp(a.scope(ctx, subscription), w, u)
}

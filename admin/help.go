package admin

import (
	"context"
	"time"

	"twofold/internal/db"
	"twofold/tenants"
)

// What a help desk does, for who may: see HelpDesk.

// Help finds what a help desk may know of a user.
func (a *Admin) Help(ctx context.Context, w Who, subscription, userID string) (Sheet, error) {
	in, err := a.helpIn(ctx, w, subscription, userID, false)
	if err != nil {
		return Sheet{}, err
	}
	return a.HelpDesk.Show(in, userID)
}

// Bypass issues a code that a user enters once in place of a second factor. It is
// returned here and never again.
func (a *Admin) Bypass(ctx context.Context, w Who, subscription, userID, reason string) (code string, until time.Time, err error) {
	in, err := a.helpIn(ctx, w, subscription, userID, true)
	if err != nil {
		return "", time.Time{}, err
	}
	return a.HelpDesk.Bypass(in, userID, By{Actor: w.ID, Reason: reason})
}

// Reset takes away what a user has set up.
func (a *Admin) Reset(ctx context.Context, w Who, subscription, userID, reason string, r Reset) (Done, error) {
	in, err := a.helpIn(ctx, w, subscription, userID, true)
	if err != nil {
		return Done{}, err
	}
	return a.HelpDesk.Reset(in, userID, By{Actor: w.ID, Reason: reason}, r)
}

// Unlock forgets a user's wrong answers.
func (a *Admin) Unlock(ctx context.Context, w Who, subscription, userID, reason string) (wrong int64, err error) {
	in, err := a.helpIn(ctx, w, subscription, userID, true)
	if err != nil {
		return 0, err
	}
	return a.HelpDesk.Unlock(in, userID, By{Actor: w.ID, Reason: reason})
}

// helpIn is a tenant of the user in which w may help him. Whoever has a role that w
// could not give is helped by somebody else: a bypass is half of his sign-in.
func (a *Admin) helpIn(ctx context.Context, w Who, subscription, userID string, act bool) (context.Context, error) {
	u, err := a.Users().Get(ctx, w, subscription, userID)
	if err != nil {
		return nil, err
	}
	scoped := a.scope(ctx, subscription)
	of, err := a.Tenants.TenantsOf(scoped, u.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range of {
		if !w.May(UserHelp, db.Scope{Subscription: subscription, Tenant: t}) {
			continue
		}
		if act {
			if !w.Fresh(a.Now()) {
				return nil, ErrAgain
			}
			if err := a.mayHelp(scoped, w, u); err != nil {
				return nil, err
			}
		}
		realm, err := a.Tenants.RealmByID(ctx, t)
		if err != nil {
			return nil, err
		}
		return tenants.WithRealm(ctx, realm), nil
	}
	if len(of) == 0 && w.May(UserHelp, db.Scope{Subscription: subscription}) {
		return nil, errNoTenant
	}
	return nil, errMayNot
}

// mayHelp refuses help to who has a role, unless w could give it, and to oneself.
func (a *Admin) mayHelp(ctx context.Context, w Who, u tenants.User) error {
	if u.ID == w.ID {
		return errSelf
	}
	grants, err := a.Tenants.GrantsOf(ctx, tenants.SubjectUser, u.ID)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if !w.MayGrant(g) {
			return errAbove
		}
	}
	return nil
}

package admin

import (
	"context"
	"slices"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// NewUser is a user with all that lets him sign in.
type NewUser struct {
	tenants.User
	Tenants  []string // ids of the tenants that he is a member of
	IDPs     []string // ids of the local IDPs that know him; nil: those of his tenants
	Password string   // empty: none yet
}

// CreateUser makes a user, a member of tenants at once: all of it or nothing.
func (a *Admin) CreateUser(ctx context.Context, w Who, subscription string, n *NewUser) error {
	mine := w.Tenants(UserCreate, subscription)
	switch {
	case mine == nil:
	case len(mine) == 0:
		return a.Users().Create(ctx, w, subscription, &n.User) // which says why not
	case len(n.Tenants) == 0:
		return fieldError("tenants", "is required: name a tenant of yours")
	}
	for _, t := range n.Tenants {
		if mine != nil && !slices.Contains(mine, t) {
			return fieldError("tenants", "does not exist")
		}
	}
	if n.Kind == tenants.Machine && n.Password != "" {
		return errNoPassword
	}
	set, err := a.hashFor(a.scope(ctx, subscription), n)
	if err != nil {
		return err
	}
	want := *n
	err = a.DB.Tx(a.scope(ctx, subscription), func(ctx context.Context) error {
		want.User = n.User
		if err := a.Users().Create(ctx, w, subscription, &want.User); err != nil {
			return err
		}
		if err := a.place(ctx, &want); err != nil {
			return err
		}
		return set(ctx, want.User.ID)
	})
	if err == nil {
		*n = want
	}
	return err
}

// place makes a new user a member of his tenants, known to his IDPs.
func (a *Admin) place(ctx context.Context, n *NewUser) error {
	idps := n.IDPs
	for _, t := range n.Tenants {
		if _, err := a.Tenants.Link(ctx, tenants.LinkTenantMember, t, n.ID); err != nil {
			return atField(err, "tenants")
		}
		if n.IDPs != nil || n.Kind != tenants.Person {
			continue
		}
		of, err := a.Tenants.LinksOf(ctx, tenants.LinkTenantIDP, t)
		if err != nil {
			return err
		}
		idps = append(idps, of...)
	}
	slices.Sort(idps)
	for _, i := range slices.Compact(idps) {
		v, err := a.Tenants.KeptIDPs().Get(ctx, i)
		if problem.Is(err, problem.NotFound) && n.IDPs == nil {
			continue // deleted: its tenants keep it in mind for 30 days
		}
		if err != nil {
			return atField(err, "idps")
		}
		if v.Type != tenants.IDPLocal {
			continue
		}
		if _, err := a.Tenants.Link(ctx, tenants.LinkUserIDP, n.ID, i); err != nil {
			return atField(err, "idps")
		}
	}
	return nil
}

// hashFor hashes the password of a new user before the transaction, which should not
// wait for it. Rules look at the user's own words, and at his tenant's.
func (a *Admin) hashFor(ctx context.Context, n *NewUser) (func(ctx context.Context, userID string) error, error) {
	if n.Password == "" {
		return func(context.Context, string) error { return nil }, nil
	}
	hash, err := a.Tenants.HashPassword(a.realmOf(ctx, n.Tenants), n.User, n.Password)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, userID string) error { return a.Tenants.KeepHash(ctx, userID, hash) }, nil
}

// realmOf puts the first of some tenants into ctx, for rules that know its name.
func (a *Admin) realmOf(ctx context.Context, ids []string) context.Context {
	if len(ids) == 0 {
		return ctx
	}
	r, err := a.Tenants.RealmByID(ctx, ids[0])
	if err != nil || r.Subscription.ID != db.ScopeOf(ctx).Subscription {
		return ctx
	}
	return tenants.WithRealm(ctx, r)
}

// SetPassword gives a user another password and ends what he has open. He should be told
// to change it.
func (a *Admin) SetPassword(ctx context.Context, w Who, subscription, userID, password string) error {
	u, err := a.Users().Get(ctx, w, subscription, userID)
	if err != nil {
		return err
	}
	e := Edit[tenants.User]{Who: w, Old: &u, New: &u}
	if err := a.Users().mayEdit(&e, "password", subscription); err != nil {
		return err
	}
	if u.Kind == tenants.Machine {
		return errNoPassword
	}
	of, err := a.Tenants.TenantsOf(a.scope(ctx, subscription), userID)
	if err != nil {
		return err
	}
	hash, err := a.Tenants.HashPassword(a.realmOf(a.scope(ctx, subscription), of), u, password)
	if err != nil {
		return err
	}
	return a.DB.Tx(a.scope(ctx, subscription), func(ctx context.Context) error {
		if e.Tenants != nil {
			if err := a.wholly(ctx, e.Tenants, userID); err != nil {
				return err
			}
		}
		if err := a.mayTouch(ctx, w, tenants.SubjectUser, userID); err != nil {
			return err
		}
		if err := a.Tenants.KeepHash(ctx, userID, hash); err != nil {
			return err
		}
		if err := a.endUser(ctx, w, userID); err != nil {
			return err
		}
		return a.record(ctx, w, "config.changed", thing{"user", u.Name, u.ID}, []tenants.FieldChange{{Name: "Password", New: "(changed)"}})
	})
}

// errNoPassword: a machine never signs in by a browser (SPEC §2).
var errNoPassword = fieldError("password", "is for people: a machine has none")

func fieldError(field, message string) error {
	return &problem.Error{
		Kind: problem.Invalid, Code: "invalid", Message: field + " " + message, Fields: []problem.Field{{Name: field, Message: message}},
	}
}

// atField puts an error at another field: that by which the asker gave the value.
func atField(err error, field string) error {
	if problem.Is(err, problem.Invalid) || problem.Is(err, problem.NotFound) {
		return fieldError(field, "does not exist")
	}
	return err
}

package tenants

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
)

// Arrival is a new user with all that is his: he comes from another system, with many.
type Arrival struct {
	User   User
	Hash   string   // of his password; empty: none
	IDPs   []string // ids of the local IDPs that know him by his name
	Groups []string // ids
	In     []string // ids of the tenants that he is a member of
}

// Arrive creates some hundred users of the subscription in ctx by a statement per table,
// and gives each his id. All must be new, and their hashes of a form that CheckHash
// knows; otherwise nobody is created. Tenants, groups and IDPs must be live ones.
func (s *Store) Arrive(ctx context.Context, list []*Arrival) error {
	return s.DB.Tx(ctx, func(ctx context.Context) error { return s.arrive(ctx, list) })
}

func (s *Store) arrive(ctx context.Context, list []*Arrival) error {
	sub, now := db.ScopeOf(ctx).Subscription, db.Micros(s.Now())
	var users []userRow
	var identities []identityRow
	var passwords []passwordRow
	var groups []groupMemberRow
	members := map[string][]membershipRow{} // by tenant: the guard takes those of one at a time
	for _, a := range list {
		if err := CheckUser(&a.User); err != nil {
			return err
		}
		u := &a.User
		u.ID, u.Stamp, u.CredentialEpoch = id.New(), Stamp{CreatedAt: now, UpdatedAt: now, Version: 1}, 0
		if a.Hash != "" {
			if why := CheckHash(a.Hash); why != "" {
				return invalid("password_hash", why)
			}
			u.CredentialEpoch = 1 // as keepPassword leaves it
			passwords = append(passwords, passwordRow{UserID: u.ID, Hash: a.Hash, ChangedAt: now})
		}
		users = append(users, userRow{User: *u})
		for _, i := range a.IDPs {
			identities = append(identities, identityRow{sub, i, u.Name, u.ID})
		}
		for _, g := range a.Groups {
			groups = append(groups, groupMemberRow{sub, g, u.ID})
		}
		for _, t := range a.In {
			members[t] = append(members[t], membershipRow{sub, t, u.ID})
		}
	}
	if err := addRows(s.DB.For(ctx), users, "name"); err != nil {
		return err
	}
	if err := addRows(s.DB.For(ctx), identities, "idps"); err != nil {
		return err
	}
	if err := addRows(s.DB.For(ctx), passwords, "password"); err != nil {
		return err
	}
	if err := addRows(s.DB.For(ctx), groups, "groups"); err != nil {
		return err
	}
	for t, rows := range members {
		in, _ := inTenant(ctx, t)
		if err := addRows(s.DB.For(in), rows, "tenants"); err != nil {
			return err
		}
	}
	s.changed(ctx)
	return nil
}

// addRows inserts new rows, none of which may be there. A duplicate must be no error of
// the database: on PostgreSQL it would end the transaction without a word about whose it is.
func addRows[R any](q *gorm.DB, rows []R, field string) error {
	const piece = 500 // databases bound the number of parameters of a statement
	for len(rows) > 0 {
		n := min(piece, len(rows))
		some := rows[:n]
		res := q.Session(&gorm.Session{}).Clauses(clause.OnConflict{DoNothing: true}).Create(&some)
		switch {
		case db.IsForeignKey(res.Error):
			return invalid(field, "does not exist")
		case res.Error != nil:
			return fmt.Errorf("tenants: arrive: %s: %w", field, res.Error)
		case res.RowsAffected != int64(n):
			return &problem.Error{
				Kind: problem.Conflict, Code: "taken", Message: "This name is taken already.", Fields: []problem.Field{{Name: field, Message: "is taken already"}},
			}
		}
		rows = rows[n:]
	}
	return nil
}

package tenants

import (
	"context"
	"fmt"
	"strings"
)

// Named is what a thing is called, for lists that hold its id.
type Named struct {
	Name  string // its title or display name, else its name
	Login string // its name: of a user what he signs in by
	Gone  bool   // it was deleted
}

// Called tells what the things of a kind are called that these ids are of, deleted ones
// too, in one statement: "user", "client_app", "tenant", "two_factor", "group" or "idp".
// What is not of the subscription in ctx is not there.
func (s *Store) Called(ctx context.Context, kind string, ids []string) (map[string]Named, error) {
	switch kind {
	case "user":
		return called(ctx, s, ids, func(r userRow) (string, string, string, Trash) { return r.ID, r.User.Name, r.DisplayName, r.Trash })
	case "client_app":
		return called(ctx, s, ids, func(r clientAppRow) (string, string, string, Trash) { return r.ID, r.Name, r.Title, r.Trash })
	case "tenant":
		return called(ctx, s, ids, func(r tenantRow) (string, string, string, Trash) { return r.ID, r.Name, r.Title, r.Trash })
	case "two_factor":
		return called(ctx, s, ids, func(r twoFactorRow) (string, string, string, Trash) { return r.ID, r.Name, "", r.Trash })
	case "group":
		return called(ctx, s, ids, func(r groupRow) (string, string, string, Trash) { return r.ID, r.Name, "", Trash{} })
	case "idp":
		return called(ctx, s, ids, func(r idpRow) (string, string, string, Trash) { return r.ID, r.Name, r.Title, r.Trash })
	}
	return nil, fmt.Errorf("tenants: called: %q is no kind", kind)
}

func called[R any](ctx context.Context, s *Store, ids []string, of func(R) (id, name, title string, t Trash)) (map[string]Named, error) {
	rows, err := inPieces(ids, func(some []string) ([]R, error) {
		return list(s.DB.For(ctx).Where("id IN ?", some), func(r R) R { return r })
	})
	out := make(map[string]Named, len(rows))
	for _, r := range rows {
		id, name, title, t := of(r)
		if name == stubName(id) {
			continue // nobody knows any more: see Purge
		}
		n := Named{Name: title, Login: strings.TrimSuffix(name, "~"+id), Gone: t.Deleted()} // see bury
		if n.Name == "" {
			n.Name = n.Login
		}
		out[id] = n
	}
	return out, err
}

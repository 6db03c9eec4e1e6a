package tenants

import (
	"context"
	"fmt"
	"slices"
)

// OwnersOf lists what something of the subscription in ctx is linked from, by id: the
// tenants of an IDP, the groups of a user.
func (s *Store) OwnersOf(ctx context.Context, kind LinkKind, other string) ([]string, error) {
	l, ok := kind.link()
	if !ok {
		return nil, invalid("kind", "is no kind of link")
	}
	ids := []string{}
	if err := s.links(ctx, l.model).Where(map[string]any{l.other: other}).Pluck(l.owner, &ids).Error; err != nil {
		return nil, fmt.Errorf("tenants: owners: %w", err)
	}
	slices.Sort(ids) // here, for no index holds them in this order
	return ids, nil
}

// CountOwners counts what OwnersOf lists, where it can be many.
func (s *Store) CountOwners(ctx context.Context, kind LinkKind, other string) (n int64, err error) {
	l, ok := kind.link()
	if !ok {
		return 0, invalid("kind", "is no kind of link")
	}
	if err := s.links(ctx, l.model).Where(map[string]any{l.other: other}).Count(&n).Error; err != nil {
		return 0, fmt.Errorf("tenants: count owners: %w", err)
	}
	return n, nil
}

// CountLinks counts what LinksOf lists, where it can be many.
func (s *Store) CountLinks(ctx context.Context, kind LinkKind, owner string) (n int64, err error) {
	l, ok := kind.link()
	if !ok {
		return 0, invalid("kind", "is no kind of link")
	}
	if err := s.links(ctx, l.model).Where(map[string]any{l.owner: owner}).Count(&n).Error; err != nil {
		return 0, fmt.Errorf("tenants: count links: %w", err)
	}
	return n, nil
}

// EnrolledOf lists the types of second factors that each of some users has set up, by the
// user's id, each type once.
func (s *Store) EnrolledOf(ctx context.Context, users []string) (map[string][]string, error) {
	var rows []enrolledRow
	err := s.links(ctx, &enrolledRow{}).Distinct("user_id", "type").Where("user_id IN ?", users).Order("type").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("tenants: enrolled: %w", err)
	}
	out := map[string][]string{}
	for _, r := range rows {
		out[r.UserID] = append(out[r.UserID], r.Type)
	}
	return out, nil
}

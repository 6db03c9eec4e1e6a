package tenants

import (
	"context"
	"fmt"
	"slices"

	"twofold/internal/db"
)

// syncLinks brings a link table to what is wanted: rows of one owner column value.
func syncLinks[R any](ctx context.Context, s *Store, column, owner, other string, want []string, row func(id string) R, idOf func(R) string) (d Difference, err error) {
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		d, err = syncInTx(ctx, s, column, owner, other, want, row, idOf)
		return err
	})
	if err != nil {
		return Difference{}, err
	}
	s.changed(ctx)
	return d, nil
}

func syncInTx[R any](ctx context.Context, s *Store, column, owner, other string, want []string, row func(id string) R, idOf func(R) string) (Difference, error) {
	var have []R
	if err := s.DB.For(ctx).Where(map[string]any{column: owner}).Find(&have).Error; err != nil {
		return Difference{}, fmt.Errorf("tenants: links: %w", err)
	}
	wanted := map[string]bool{}
	for _, w := range want {
		wanted[w] = true
	}
	var d Difference
	for _, h := range have {
		if wanted[idOf(h)] {
			delete(wanted, idOf(h))
			continue
		}
		if err := s.DB.For(ctx).Where(map[string]any{column: owner, other: idOf(h)}).Delete(new(R)).Error; err != nil {
			return d, fmt.Errorf("tenants: links: %w", err)
		}
		d.Fields = append(d.Fields, FieldChange{Name: other, Old: idOf(h)})
	}
	for _, w := range want {
		if !wanted[w] {
			continue
		}
		delete(wanted, w)
		r := row(w)
		switch err := s.DB.For(ctx).Create(&r).Error; {
		case db.IsForeignKey(err):
			return d, invalid(other, "does not exist")
		case err != nil:
			return d, fmt.Errorf("tenants: links: %w", err)
		}
		d.Fields = append(d.Fields, FieldChange{Name: other, New: w})
	}
	return d, nil
}

// inTenant scopes the link tables that carry a tenant. The guard holds the
// subscription too, so another's tenant has no links and can get none.
func inTenant(ctx context.Context, tenantID string) (context.Context, string) {
	sub := db.ScopeOf(ctx).Subscription
	return db.WithScope(ctx, db.Scope{Subscription: sub, Tenant: tenantID}), sub
}

// SetTenantIDPs assigns exactly these IDPs to a tenant.
func (s *Store) SetTenantIDPs(ctx context.Context, tenantID string, idps []string) (Difference, error) {
	ctx, sub := inTenant(ctx, tenantID)
	return syncLinks(ctx, s, "tenant_id", tenantID, "idp_id", idps,
		func(id string) tenantIDPRow { return tenantIDPRow{sub, tenantID, id} }, func(r tenantIDPRow) string { return r.IDPID })
}

// SetTenantClientApps assigns exactly these client apps to a tenant.
func (s *Store) SetTenantClientApps(ctx context.Context, tenantID string, apps []string) (Difference, error) {
	ctx, sub := inTenant(ctx, tenantID)
	return syncLinks(ctx, s, "tenant_id", tenantID, "client_app_id", apps,
		func(id string) tenantClientAppRow { return tenantClientAppRow{sub, tenantID, id} }, func(r tenantClientAppRow) string { return r.ClientAppID })
}

// SetTenantMembers makes exactly these users members of a tenant.
func (s *Store) SetTenantMembers(ctx context.Context, tenantID string, users []string) (Difference, error) {
	ctx, sub := inTenant(ctx, tenantID)
	return syncLinks(ctx, s, "tenant_id", tenantID, "user_id", users,
		func(id string) membershipRow { return membershipRow{sub, tenantID, id} }, func(r membershipRow) string { return r.UserID })
}

// SetGroupMembers puts exactly these users into a group.
func (s *Store) SetGroupMembers(ctx context.Context, groupID string, users []string) (Difference, error) {
	sub := db.ScopeOf(ctx).Subscription
	return syncLinks(ctx, s, "group_id", groupID, "user_id", users,
		func(id string) groupMemberRow { return groupMemberRow{sub, groupID, id} }, func(r groupMemberRow) string { return r.UserID })
}

// SetIdentities lets a user prove himself at exactly these local IDPs, by his name. What
// he is linked to at other providers stays.
func (s *Store) SetIdentities(ctx context.Context, u User, idps []string) (Difference, error) {
	sub := db.ScopeOf(ctx).Subscription
	var linked []string
	err := s.DB.For(ctx).Model(&identityRow{}).Where("user_id = ? AND idp_id IN (?)", u.ID, s.idpsOfType(ctx, IDPOIDC)).Pluck("idp_id", &linked).Error
	if err != nil {
		return Difference{}, fmt.Errorf("tenants: links: %w", err)
	}
	foreign := slices.DeleteFunc(slices.Clone(idps), func(id string) bool { return slices.Contains(linked, id) })
	var wrong int64
	err = s.DB.For(ctx).Model(&idpRow{}).Where("id IN ? AND type = ?", foreign, IDPOIDC).Count(&wrong).Error
	if err != nil {
		return Difference{}, fmt.Errorf("tenants: links: %w", err)
	}
	if wrong > 0 {
		return Difference{}, invalid("idps", "must be local: users of others are linked by signing in to them")
	}
	idps = append(slices.Clone(idps), linked...)
	return syncLinks(ctx, s, "user_id", u.ID, "idp_id", idps,
		func(id string) identityRow { return identityRow{sub, id, u.Name, u.ID} }, func(r identityRow) string { return r.IDPID })
}

package tenants

import (
	"context"
	"fmt"

	"twofold/internal/db"
)

// What an export of the configuration needs beside the lists: links and what is
// set, for many entities at a time.

// UserKey is the id of a user and the name that finds him.
type UserKey struct{ ID, Name string }

// UserKeys lists all users, but those who are deleted, of the subscription in ctx, in no order: a few dozen
// bytes each, for those who then read them in pieces.
func (s *Store) UserKeys(ctx context.Context) ([]UserKey, error) {
	return list(s.DB.For(ctx).Select("id", "name").Where("deleted_at IS NULL"), func(r userRow) UserKey { return UserKey{r.ID, r.Name} })
}

// IDPsOfUsers lists the local IDPs that know these users of the subscription in ctx by
// their names.
func (s *Store) IDPsOfUsers(ctx context.Context, users []string) ([]Membership, error) {
	return inPieces(users, func(some []string) ([]Membership, error) {
		return list(s.DB.For(ctx).Where("user_id IN ? AND idp_id IN (?)", some, s.idpsOfType(ctx, IDPLocal)), func(r identityRow) Membership { return Membership{r.UserID, r.IDPID} })
	})
}

// WithPassword lists those of the users of the subscription in ctx who have a password.
func (s *Store) WithPassword(ctx context.Context, users []string) ([]string, error) {
	return inPieces(users, func(some []string) ([]string, error) {
		return list(s.DB.For(ctx).Select("user_id").Where("user_id IN ?", some), func(r passwordRow) string { return r.UserID })
	})
}

// WithClientSecret lists the client apps of the subscription in ctx that have a
// secret which still holds, by id.
func (s *Store) WithClientSecret(ctx context.Context) ([]string, error) {
	q := s.DB.For(ctx).Select("client_app_id").Where("expires_at IS NULL OR expires_at > ?", db.Micros(s.Now())).Group("client_app_id")
	return list(q, func(r clientSecretRow) string { return r.ClientAppID })
}

// TenantLink is a tenant and the IDP or the client app that is assigned to it.
type TenantLink struct{ TenantID, ID string }

// TenantIDPs lists which IDPs are assigned to which tenants of the subscription in ctx.
func (s *Store) TenantIDPs(ctx context.Context) ([]TenantLink, error) {
	return tenantLinks(ctx, s, func(r tenantIDPRow) TenantLink { return TenantLink{r.TenantID, r.IDPID} })
}

// TenantClientApps lists which client apps are assigned to which tenants of the
// subscription in ctx.
func (s *Store) TenantClientApps(ctx context.Context) ([]TenantLink, error) {
	return tenantLinks(ctx, s, func(r tenantClientAppRow) TenantLink { return TenantLink{r.TenantID, r.ClientAppID} })
}

// tenantLinks reads all of a link table that the guard holds to one tenant.
func tenantLinks[R any](ctx context.Context, s *Store, of func(R) TenantLink) ([]TenantLink, error) {
	return list(s.links(ctx, new(R)), of)
}

// BaseSettings are the base settings of the subscription in ctx, or the platform's
// when ctx has none, by factor type; secrets too: for keeping them as they are,
// never for showing them.
func (s *Store) BaseSettings(ctx context.Context) (map[string]Options, error) {
	var rows []settingsRow
	sub := db.ScopeOf(ctx).Subscription
	if err := s.DB.For(db.AllTenants(ctx)).Where("subscription_id = ?", sub).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tenants: settings: %w", err)
	}
	out := map[string]Options{}
	for _, r := range rows {
		var err error
		if out[r.FactorType], err = s.openOptions(r.OptionsSealed, "settings", r.SubscriptionID, r.FactorType); err != nil {
			return nil, err
		}
	}
	return out, nil
}

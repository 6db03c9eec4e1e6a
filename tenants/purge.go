package tenants

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"twofold/internal/db"
)

// purgeBatch is how many things of a kind one call of Purge erases.
const purgeBatch = 200

// Forget erases what another package keeps of a thing of the subscription in ctx that is
// erased in the same transaction: "user", "client_app" or "two_factor".
type Forget = func(ctx context.Context, kind, id string) error

// Purge erases, in all subscriptions, the users, client apps and instances that were
// deleted so long ago that nobody can bring them back: all that they were and all that
// hung on them. A bounded number goes in one call; what is left over waits for the next.
//
// A stub of each stays: its id, and the client_id of an app. So nobody ever gets them
// again, whom the trail of changes and what somebody else keeps of them still mean; and
// nothing that refers to them breaks.
func (s *Store) Purge(ctx context.Context, forget Forget) (erased int, err error) {
	for _, purge := range []func(context.Context, Forget) (int, error){s.purgeUsers, s.purgeClientApps, s.purgeTwoFactors} {
		n, err := purge(ctx, forget)
		if erased += n; err != nil {
			return erased, err
		}
	}
	return erased, nil
}

func (s *Store) purgeUsers(ctx context.Context, forget Forget) (int, error) {
	nothing := map[string]any{
		"display_name": "", "given_name": "", "family_name": "", "email": "", "email_verified": false, "phone": "", "phone_verified": false,
		"locale": "", "last_two_factor_id": "",
	}
	return s.purge(ctx, &userRow{}, nothing, func(ctx context.Context, id string) error {
		for _, row := range []any{&identityRow{}, &passwordRow{}, &membershipRow{}, &groupMemberRow{}, &appUserRow{}} {
			if err := s.links(ctx, row).Where("user_id = ?", id).Delete(row).Error; err != nil {
				return fmt.Errorf("tenants: purge user: %w", err)
			}
		}
		if err := s.unhang(ctx, id); err != nil {
			return err
		}
		return forget(ctx, "user", id)
	})
}

func (s *Store) purgeClientApps(ctx context.Context, forget Forget) (int, error) {
	nothing := map[string]any{
		"title": "", "redirect_uris": List{}, "post_logout_redirect_uris": List{}, "grant_types": List{}, "scopes": List{}, "resources": List{}, "jwks": "", "claim_rules": ClaimRules{}, "accent": "", "logo_url": "",
	}
	return s.purge(ctx, &clientAppRow{}, nothing, func(ctx context.Context, id string) error {
		for _, of := range []*gorm.DB{
			s.links(ctx, &clientSecretRow{}).Where("client_app_id = ?", id),
			s.links(ctx, &tenantClientAppRow{}).Where("client_app_id = ?", id),
			s.links(ctx, &appUserRow{}).Where("client_app_id = ?", id),
			s.links(ctx, &appGroupRow{}).Where("client_app_id = ?", id),
			s.links(ctx, &templateRow{}).Where("level = ? AND target_id = ?", LevelClientApp, id),
			s.links(ctx, &logoRow{}).Where("owner_id = ?", id),
		} {
			if err := of.Delete(of.Statement.Model).Error; err != nil {
				return fmt.Errorf("tenants: purge client app: %w", err)
			}
		}
		if err := s.unhang(ctx, id); err != nil {
			return err
		}
		return forget(ctx, "client_app", id)
	})
}

func (s *Store) purgeTwoFactors(ctx context.Context, forget Forget) (int, error) {
	nothing := map[string]any{"options_sealed": "", "last_error": ""}
	return s.purge(ctx, &twoFactorRow{}, nothing, func(ctx context.Context, id string) error {
		if err := s.unhang(ctx, id); err != nil {
			return err
		}
		return forget(ctx, "two_factor", id)
	})
}

// purge makes stubs of what was deleted of a kind, each with what hangs on it in a
// transaction of its own.
func (s *Store) purge(ctx context.Context, model any, nothing map[string]any, hangs func(ctx context.Context, id string) error) (int, error) {
	var gone []struct{ ID, SubscriptionID string }
	err := s.DB.For(db.AllTenants(ctx)).Model(model).Select("id", "subscription_id").
		Where("deleted_at <= ? AND name <> '~' || id", s.Now().Add(-KeepDeleted)).Order("deleted_at").Limit(purgeBatch).Find(&gone).Error
	if err != nil {
		return 0, fmt.Errorf("tenants: purge: %w", err)
	}
	for i, g := range gone {
		err := s.DB.Tx(db.WithScope(ctx, db.Scope{Subscription: g.SubscriptionID}), func(ctx context.Context) error {
			set := map[string]any{"name": stubName(g.ID), "updated_at": db.Micros(s.Now())}
			for column, v := range nothing {
				set[column] = v
			}
			if err := db.One(s.DB.For(ctx).Model(model).Where("id = ? AND name <> ? AND deleted_at IS NOT NULL", g.ID, stubName(g.ID)).UpdateColumns(set)); err != nil {
				return err
			}
			return hangs(ctx, g.ID)
		})
		// Another replica was faster, or it was brought back in its last moment.
		if err != nil && !errors.Is(err, db.ErrStale) {
			return i, fmt.Errorf("tenants: purge: %w", err)
		}
	}
	return len(gone), nil
}

// stubName is what is left of the name of what was erased: see bury, and raise, which
// takes no such name.
func stubName(id string) string { return "~" + id }

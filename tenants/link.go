package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// LinkKind says what is linked to what: the owner first.
type LinkKind string

// Kinds of links.
const (
	LinkTenantIDP       LinkKind = "tenant_idp"
	LinkTenantClientApp LinkKind = "tenant_client_app"
	LinkTenantMember    LinkKind = "tenant_member"
	LinkGroupMember     LinkKind = "group_member"
	LinkUserIDP         LinkKind = "user_idp" // by the user's name
	LinkAppUser         LinkKind = "client_app_user"
	LinkAppGroup        LinkKind = "client_app_group"
)

// link is the table of a kind of link, and what its columns lead to.
type link struct {
	model         any
	owner, other  string // columns
	ownerOf, kind any    // models that the ids must be of
}

func (k LinkKind) link() (link, bool) {
	l, ok := map[LinkKind]link{
		LinkTenantIDP:       {&tenantIDPRow{}, "tenant_id", "idp_id", &tenantRow{}, &idpRow{}},
		LinkTenantClientApp: {&tenantClientAppRow{}, "tenant_id", "client_app_id", &tenantRow{}, &clientAppRow{}},
		LinkTenantMember:    {&membershipRow{}, "tenant_id", "user_id", &tenantRow{}, &userRow{}},
		LinkGroupMember:     {&groupMemberRow{}, "group_id", "user_id", &groupRow{}, &userRow{}},
		LinkUserIDP:         {&identityRow{}, "user_id", "idp_id", &userRow{}, &idpRow{}},
		LinkAppUser:         {&appUserRow{}, "client_app_id", "user_id", &clientAppRow{}, &userRow{}},
		LinkAppGroup:        {&appGroupRow{}, "client_app_id", "group_id", &clientAppRow{}, &groupRow{}},
	}[k]
	return l, ok
}

// LinksOf lists what an owner of the subscription in ctx is linked to, by id.
func (s *Store) LinksOf(ctx context.Context, kind LinkKind, owner string) ([]string, error) {
	l, ok := kind.link()
	if !ok {
		return nil, invalid("kind", "is no kind of link")
	}
	ids := []string{}
	if err := s.links(ctx, l.model).Where(map[string]any{l.owner: owner}).Order(l.other).Pluck(l.other, &ids).Error; err != nil {
		return nil, fmt.Errorf("tenants: links: %w", err)
	}
	return ids, nil
}

// Link links two things of the subscription in ctx, and leaves all other links alone,
// whoever changes them meanwhile. It changes nothing if they were linked before.
func (s *Store) Link(ctx context.Context, kind LinkKind, owner, other string) (Difference, error) {
	l, ok := kind.link()
	if !ok {
		return Difference{}, invalid("kind", "is no kind of link")
	}
	for _, end := range []struct {
		model     any
		id, field string
	}{{l.ownerOf, owner, l.owner}, {l.kind, other, l.other}} {
		if err := s.mustHaveRow(ctx, end.model, end.id, end.field); err != nil {
			return Difference{}, err
		}
	}
	sub := db.ScopeOf(ctx).Subscription
	in := ctx
	var row any
	switch kind {
	case LinkTenantIDP:
		in, row = db.WithScope(ctx, db.Scope{Subscription: sub, Tenant: owner}), &tenantIDPRow{sub, owner, other}
	case LinkTenantClientApp:
		in, row = db.WithScope(ctx, db.Scope{Subscription: sub, Tenant: owner}), &tenantClientAppRow{sub, owner, other}
	case LinkTenantMember:
		in, row = db.WithScope(ctx, db.Scope{Subscription: sub, Tenant: owner}), &membershipRow{sub, owner, other}
	case LinkGroupMember:
		row = &groupMemberRow{sub, owner, other}
	case LinkAppUser:
		row = &appUserRow{sub, owner, other}
	case LinkAppGroup:
		row = &appGroupRow{sub, owner, other}
	case LinkUserIDP:
		if err := s.mustBeLocal(ctx, other); err != nil {
			return Difference{}, err
		}
		var u userRow
		if err := s.DB.For(ctx).Where("id = ?", owner).Take(&u).Error; err != nil {
			return Difference{}, notFound(err, errNoUser)
		}
		row = &identityRow{sub, other, u.Name, owner}
	}
	// A duplicate must be no error: on PostgreSQL it would end the caller's transaction.
	res := s.DB.For(in).Clauses(clause.OnConflict{DoNothing: true}).Create(row)
	switch {
	case db.IsForeignKey(res.Error):
		return Difference{}, invalid(l.other, "does not exist")
	case res.Error != nil:
		return Difference{}, fmt.Errorf("tenants: link: %w", res.Error)
	case res.RowsAffected == 0:
		return Difference{}, nil
	}
	s.changed(ctx)
	return Difference{Fields: []FieldChange{{Name: l.other, New: other}}}, nil
}

// mustBeLocal refuses to link a user by his name to a provider whose subjects are its own.
func (s *Store) mustBeLocal(ctx context.Context, idpID string) error {
	var v idpRow
	err := s.DB.For(ctx).Select("type").Where("id = ?", idpID).Take(&v).Error
	if err != nil {
		return notFound(err, errNoIDP)
	}
	if v.Type != IDPLocal {
		return invalid("idp_id", "is not local: its users are linked by signing in to it")
	}
	return nil
}

// Unlink takes a link away, if there is one.
func (s *Store) Unlink(ctx context.Context, kind LinkKind, owner, other string) (Difference, error) {
	l, ok := kind.link()
	if !ok {
		return Difference{}, invalid("kind", "is no kind of link")
	}
	res := s.links(ctx, l.model).Where(map[string]any{l.owner: owner, l.other: other}).Delete(l.model)
	if res.Error != nil {
		return Difference{}, fmt.Errorf("tenants: unlink: %w", res.Error)
	}
	if res.RowsAffected == 0 {
		return Difference{}, nil
	}
	s.changed(ctx)
	return Difference{Fields: []FieldChange{{Name: l.other, Old: other}}}, nil
}

// ClientSecret is one of an app's secrets: all but the secret itself.
type ClientSecret struct {
	ID        string
	CreatedAt time.Time
	ExpiresAt *time.Time
}

// ClientSecrets lists the secrets of an app of the subscription in ctx, the oldest first.
func (s *Store) ClientSecrets(ctx context.Context, appID string) ([]ClientSecret, error) {
	q := s.DB.For(ctx).Where("client_app_id = ?", appID).Order("id")
	return list(q, func(r clientSecretRow) ClientSecret { return ClientSecret{r.ID, r.CreatedAt, r.ExpiresAt} })
}

// DeleteClientSecret ends one of an app's secrets at once.
func (s *Store) DeleteClientSecret(ctx context.Context, appID, secretID string) error {
	err := db.One(s.DB.For(ctx).Where("client_app_id = ? AND id = ?", appID, secretID).Delete(&clientSecretRow{}))
	switch {
	case errors.Is(err, db.ErrStale):
		return problem.New(problem.NotFound, "secret_unknown", "There is no such secret.")
	case err != nil:
		return fmt.Errorf("tenants: delete client secret: %w", err)
	}
	s.changed(ctx)
	return nil
}

// Settings are the base settings of a factor type, secrets too: for keeping them as they
// are, never for showing them. Version 0 means that there are none.
type Settings struct {
	Options Options
	Version int64
}

// SettingsOf reads the base settings of a factor type: of the subscription in ctx, or
// of the platform when ctx has none.
func (s *Store) SettingsOf(ctx context.Context, factorType string) (Settings, error) {
	sub := db.ScopeOf(ctx).Subscription
	var row settingsRow
	err := s.DB.For(db.AllTenants(ctx)).Where("subscription_id = ? AND factor_type = ?", sub, factorType).Take(&row).Error
	if db.IsNotFound(err) {
		return Settings{Options: Options{}}, nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("tenants: settings: %w", err)
	}
	o, err := s.openOptions(row.OptionsSealed, "settings", sub, factorType)
	return Settings{o, row.Version}, err
}

// Layers are the options of an instance as each level sets them, the widest first.
// Secrets are among them: they are for merging, never for showing.
func (s *Store) Layers(ctx context.Context, twoFactorID string) (platform, subscription, own Options, err error) {
	var row twoFactorRow
	if err := s.DB.For(ctx).Where("id = ?", twoFactorID).Take(&row).Error; err != nil {
		return nil, nil, nil, notFound(err, errNoTwoFactor)
	}
	if own, err = s.openOptions(row.OptionsSealed, "two_factors", row.SubscriptionID, row.ID); err != nil {
		return nil, nil, nil, err
	}
	platform, subscription, err = s.BaseLayers(ctx, row.Type)
	return platform, subscription, own, err
}

// BaseLayers are the base settings that reach a factor type in the subscription in ctx.
func (s *Store) BaseLayers(ctx context.Context, factorType string) (platform, subscription Options, err error) {
	base, err := s.baseSettings(ctx)
	if err != nil {
		return nil, nil, err
	}
	return base.of(s, factorType, db.ScopeOf(ctx).Subscription)
}

// Check says what lacks or is wrong if an instance of a type had these options of its
// own, with all that it inherits in the subscription in ctx; nothing if it would be valid.
func (s *Store) Check(ctx context.Context, factorType string, own Options) ([]problem.Field, error) {
	if err := s.knownOptions(factorType, own); err != nil {
		return problem.From(err).Fields, nil
	}
	platform, subscription, err := s.BaseLayers(ctx, factorType)
	if err != nil {
		return nil, err
	}
	return s.fieldsOf(factorType, mergeOptions(platform, subscription, own)), nil
}

// TenantsOf lists the tenants of a user, sorted.
func (s *Store) TenantsOf(ctx context.Context, userID string) ([]string, error) {
	of, err := s.TenantsOfUsers(ctx, []string{userID})
	ids := make([]string, len(of))
	for i, m := range of {
		ids[i] = m.In
	}
	slices.Sort(ids)
	return ids, err
}

package op

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/tenants"
)

// consentRow is what a user has let an app have: all that he ever allowed and has not
// taken back. It is kept by tenant, for what is shared may differ between them.
type consentRow struct {
	TenantID    string `gorm:"primaryKey"`
	UserID      string `gorm:"primaryKey"`
	ClientAppID string `gorm:"primaryKey"`
	Scopes      tenants.List
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

func (consentRow) TableName() string { return "consents" }

// Consent is what a user lets an app have.
type Consent struct {
	TenantID             string // where
	ClientAppID          string
	Scopes               []string
	CreatedAt, UpdatedAt time.Time // of the first and the last time he allowed something
}

const whyWithdrawn = "consent withdrawn"

// shares are the scopes that tell what a request is after: those it names, and those
// that the single claims it names belong to.
func (r authRequestRow) shares() []string {
	out := slices.Clone(r.Scopes)
	asked := parseStoredClaims(r.Claims)
	for _, s := range standardScopes() {
		ofScope := func(m map[string]*claimAsked) bool {
			return slices.ContainsFunc(claimsOfScope(s), func(n string) bool { _, ok := m[n]; return ok })
		}
		if !slices.Contains(out, s) && (ofScope(asked.Userinfo) || ofScope(asked.IDToken)) {
			out = append(out, s)
		}
	}
	return out
}

// NeedsConsent reports whether the user must be asked before the app gets what it
// wants: because it wants him to be asked (Core §3.1.2.1, prompt), or because apps of its
// kind must and he has not allowed all of it before. An app of one's own house asks nothing.
func (p *Provider) NeedsConsent(ctx context.Context, a AuthRequest, userID string) (bool, error) {
	if a.Wants("consent") || a.Device {
		return true, nil
	}
	if !a.ClientApp.Consent {
		return false, nil
	}
	var row consentRow
	err := p.DB.For(ctx).Where("user_id = ? AND client_app_id = ?", userID, a.ClientApp.ID).Take(&row).Error
	if db.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return true, wrap("consent", err)
	}
	return slices.ContainsFunc(a.Shares, func(s string) bool { return !slices.Contains(row.Scopes, s) }), nil
}

// keepConsent remembers what a user has just allowed, beside what he had allowed before.
func (p *Provider) keepConsent(ctx context.Context, userID, appID string, shares []string) error {
	row := consentRow{UserID: userID, ClientAppID: appID}
	err := p.DB.For(ctx).Where("user_id = ? AND client_app_id = ?", userID, appID).Take(&row).Error
	if err != nil && !db.IsNotFound(err) {
		return wrap("consent", err)
	}
	now := p.now()
	if row.UpdatedAt = now; row.CreatedAt.IsZero() {
		row.CreatedAt = now
	}
	for _, s := range shares {
		if !slices.Contains(row.Scopes, s) {
			row.Scopes = append(row.Scopes, s)
		}
	}
	err = p.DB.For(ctx).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "tenant_id"}, {Name: "user_id"}, {Name: "client_app_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"scopes", "updated_at"}),
	}).Create(&row).Error
	if err != nil {
		return wrap("keep consent", err)
	}
	return nil
}

// Consents lists what a user lets apps of the tenant in ctx have, by the apps' ids.
func (p *Provider) Consents(ctx context.Context, userID string) ([]Consent, error) {
	return p.consents(p.DB.For(ctx), userID)
}

// ConsentsIn is Consents for these tenants, which must be of one subscription.
func (p *Provider) ConsentsIn(ctx context.Context, userID string, tenants []string) ([]Consent, error) {
	return p.consents(p.DB.For(db.AllTenants(ctx)).Where("tenant_id IN ?", tenants), userID)
}

// mostConsents bounds a list: nobody reads more.
const mostConsents = 200

func (p *Provider) consents(q *gorm.DB, userID string) ([]Consent, error) {
	var rows []consentRow
	if err := q.Where("user_id = ?", userID).Order("tenant_id, client_app_id").Limit(mostConsents).Find(&rows).Error; err != nil {
		return nil, wrap("consents", err)
	}
	out := make([]Consent, len(rows))
	for i, r := range rows {
		out[i] = Consent{TenantID: r.TenantID, ClientAppID: r.ClientAppID, Scopes: r.Scopes, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	}
	return out, nil
}

// WithdrawConsent takes back what a user has let an app have: he is asked again, and
// all that the app holds for him is dead at once, on every replica. It tells whether there
// was anything, and joins the caller's transaction, whose event tells of it.
func (p *Provider) WithdrawConsent(ctx context.Context, userID, appID string) (was bool, err error) {
	err = p.DB.Tx(ctx, func(ctx context.Context) error {
		res := p.DB.For(ctx).Where("user_id = ? AND client_app_id = ?", userID, appID).Delete(&consentRow{})
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error
		}
		was = true
		_, err := p.revoke(ctx, whyWithdrawn, func(q *gorm.DB) *gorm.DB { return q.Where("user_id = ? AND client_app_id = ?", userID, appID) })
		return err
	})
	if err != nil {
		return false, wrap("withdraw consent", err)
	}
	return was, nil
}

// Forget erases what is kept of consents by a user or to an app that is erased, in all
// tenants: see tenants.Forget.
func (p *Provider) Forget(ctx context.Context, kind, id string) error {
	column := map[string]string{"user": "user_id", "client_app": "client_app_id"}[kind]
	if column == "" {
		return nil
	}
	if err := p.DB.For(db.AllTenants(ctx)).Where(column+" = ?", id).Delete(&consentRow{}).Error; err != nil {
		return wrap("forget consents", err)
	}
	return nil
}

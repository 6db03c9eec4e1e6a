package op

import (
	"context"
	"time"

	"twofold/internal/db"
	"twofold/tenants"
)

// subject is a grant with all that decides whether it still stands and all that
// is told about its user: one row of the view grant_subjects.
type subject struct {
	TenantID, ID, ClientAppID, UserID, SessionID string

	Scopes        tenants.List
	Claims        string
	Resources     tenants.List
	ACR           string       `gorm:"column:acr"`
	AMR           tenants.List `gorm:"column:amr"`
	AuthTime      time.Time
	Offline       bool
	Generation    int64
	RotatedAt     *time.Time
	CreatedAt     time.Time
	ExpiresAt     time.Time
	IdleExpiresAt time.Time
	RevokedAt     *time.Time
	RevokedWhy    string

	UserName, DisplayName, GivenName, FamilyName, Email, Phone, Locale string
	EmailVerified, PhoneVerified, UserActive, IsMember, HasSession     bool
	AppActive, RealmActive, HasAccess                                  bool
	UserUpdatedAt                                                      time.Time
	SessionEndedAt, SessionExpiresAt                                   *time.Time
	GroupNames                                                         tenants.List
	UpstreamSubjects                                                   string // JSON: by the name of the IDP
}

func (*subject) TableName() string { return "grant_subjects" }

// subject reads a grant in one round trip; db.IsNotFound tells that there is none.
func (p *Provider) subject(ctx context.Context, grantID string) (subject, error) {
	var g subject
	err := p.DB.For(ctx).Where("id = ?", grantID).Take(&g).Error
	return g, err
}

// subjectOfToken is subject unless the access token itself was revoked.
func (p *Provider) subjectOfToken(ctx context.Context, grantID, tokenID string) (subject, error) {
	var g subject
	err := p.DB.For(ctx).Where("id = ?", grantID).
		Where("NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.tenant_id = grant_subjects.tenant_id AND r.token_id = ?)", tokenID).
		Take(&g).Error
	return g, err
}

// stands reports whether tokens of the grant are good: nobody revoked it, its user
// may still sign in here, its app may be used here and is for him, and its session was not ended. An offline grant outlives
// a session that merely ran out; another one does not (Core §11).
func (g *subject) stands(now time.Time) bool {
	return g.RevokedAt == nil && g.subjectStands(now)
}

// answers reports whether who has just used up a code of the grant gets its answer: it
// stands, or was ended by somebody who tried the code after him.
func (g *subject) answers(now time.Time) bool {
	return g.stands(now) || g.RevokedWhy == whyCodeReplay && g.subjectStands(now)
}

func (g *subject) subjectStands(now time.Time) bool {
	switch {
	case !g.ExpiresAt.After(now), !g.UserActive, !g.IsMember, !g.AppActive, !g.RealmActive, !g.HasAccess, g.SessionEndedAt != nil:
		return false
	case g.Offline || g.SessionID == "":
		return true
	}
	return g.HasSession && g.SessionExpiresAt != nil && g.SessionExpiresAt.After(now)
}

// supportedClaims are those that can be in ID tokens and userinfo.
func supportedClaims() []string {
	return []string{
		"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
		"name", "given_name", "family_name", "preferred_username", "locale", "updated_at",
		"email", "email_verified", "phone_number", "phone_number_verified", "groups", "tenant",
	}
}

// claimsOfScope are the claims that a scope asks for (Core §5.4).
func claimsOfScope(scope string) []string {
	switch scope {
	case scopeProfile:
		return []string{"name", "given_name", "family_name", "preferred_username", "locale", "updated_at", "tenant"}
	case scopeEmail:
		return []string{"email", "email_verified"}
	case scopePhone:
		return []string{"phone_number", "phone_number_verified"}
	case scopeGroups:
		return []string{"groups"}
	}
	return nil
}

// userClaims collects what the scopes and the claims parameter ask for. Absent
// values are left out, not sent empty (Core §5.3.2).
func (g *subject) userClaims(tenant string, scopes []string, asked map[string]*claimAsked) map[string]any {
	names := map[string]bool{}
	for _, s := range scopes {
		for _, n := range claimsOfScope(s) {
			names[n] = true
		}
	}
	for n := range asked {
		names[n] = true
	}
	out := map[string]any{}
	for n := range names {
		if v := g.claim(n, tenant); v != nil {
			out[n] = v
		}
	}
	return out
}

// claim is one claim about the user, nil if there is nothing to tell.
func (g *subject) claim(name, tenant string) any {
	text := map[string]string{
		"name": g.DisplayName, "given_name": g.GivenName, "family_name": g.FamilyName, "preferred_username": g.UserName,
		"locale": g.Locale, "email": g.Email, "phone_number": g.Phone, "tenant": tenant, "acr": g.ACR,
	}
	switch {
	case text[name] != "":
		return text[name]
	case name == "email_verified" && g.Email != "":
		return g.EmailVerified
	case name == "phone_number_verified" && g.Phone != "":
		return g.PhoneVerified
	case name == "updated_at":
		return g.UserUpdatedAt.Unix()
	case name == "groups" && len(g.GroupNames) > 0:
		return []string(g.GroupNames)
	case name == "auth_time":
		return g.AuthTime.Unix()
	case name == "amr" && len(g.AMR) > 0:
		return []string(g.AMR)
	}
	return nil
}

func (p *Provider) tenantName(ctx context.Context) string { return tenants.RealmFrom(ctx).Tenant.Name }

// revokeGrant ends a grant that still stands; n tells whether this call did it.
func (p *Provider) revokeGrant(ctx context.Context, grantID, why string) (n int64, err error) {
	res := p.DB.For(ctx).Model(&grantRow{}).Where("id = ? AND revoked_at IS NULL", grantID).
		UpdateColumns(map[string]any{"revoked_at": p.now(), "revoked_why": why})
	if res.Error != nil {
		return 0, wrap("revoke grant", res.Error)
	}
	return res.RowsAffected, nil
}

func notFound(err error) bool { return db.IsNotFound(err) }

package op

import (
	"context"
	"time"

	"twofold/internal/id"
	"twofold/tenants"
)

// logoutLife is short: a logout token is made for one try to deliver it (SECURITY N45).
const logoutLife = 2 * time.Minute

// logoutEvent makes a token a logout token (Back-Channel Logout §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogoutToken tells an app of the tenant in ctx that a session of a user has ended
// (Back-Channel Logout §2.4). It is signed as the app's ID tokens are, but is of another
// type and has no nonce: neither passes for the other.
func (p *Provider) LogoutToken(ctx context.Context, app tenants.ClientApp, userID, sessionID string) (string, error) {
	set, err := p.keySet(ctx)
	if err != nil {
		return "", err
	}
	now := p.Now()
	return set.sign(idTokenAlg(app, tenants.RealmFrom(ctx).Tenant), typLogout, map[string]any{
		"iss": p.issuer(ctx), "aud": app.ClientID, "sub": userID, "sid": sessionID, "jti": id.New(),
		"iat": now.Unix(), "exp": now.Add(logoutLife).Unix(), "events": map[string]any{logoutEvent: struct{}{}},
	})
}

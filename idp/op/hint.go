package op

import (
	"context"
	"errors"
)

// idClaims are the claims of our own ID tokens that matter when one comes back.
type idClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	SessionID string   `json:"sid"`
}

// idTokenHint verifies an ID token of this tenant. An expired one is good: it tells
// who the app believes to be signed in and grants nothing (Core §3.1.2.1). It is
// errKeyUnknown where the key is gone for good and the token claims to be ours.
func (p *Provider) idTokenHint(ctx context.Context, token string) (idClaims, error) {
	var c idClaims
	err := p.verify(ctx, token, typID, &c)
	if errors.Is(err, errKeyUnknown) && !p.claimsToBeOurs(ctx, token) {
		err = errToken
	}
	if err != nil {
		return idClaims{}, err
	}
	if c.Issuer != p.issuer(ctx) || c.Subject == "" || len(c.Audience) != 1 {
		return idClaims{}, errToken
	}
	return c, nil
}

// claimsToBeOurs reads what a token says of its issuer, without believing it.
func (p *Provider) claimsToBeOurs(ctx context.Context, token string) bool {
	iss, ok := claimedIssuer(token)
	return ok && iss == p.issuer(ctx)
}

package op

import "context"

// idClaims are the claims of our own ID tokens that matter when one comes back.
type idClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	SessionID string   `json:"sid"`
}

// idTokenHint verifies an ID token of this tenant. An expired one is good: it tells
// who the app believes to be signed in and grants nothing (Core §3.1.2.1).
func (p *Provider) idTokenHint(ctx context.Context, token string) (idClaims, error) {
	set, err := p.keySet(ctx)
	if err != nil {
		return idClaims{}, err
	}
	var c idClaims
	if err := set.verify(token, typID, &c); err != nil {
		return idClaims{}, err
	}
	if c.Issuer != p.issuer(ctx) || c.Subject == "" || len(c.Audience) != 1 {
		return idClaims{}, errToken
	}
	return c, nil
}

package upstream

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"twofold/tenants"
)

// Identity is who a provider says has signed in there, and how.
type Identity struct {
	Subject  string
	ACR      string
	AMR      []string
	AuthTime time.Time // zero: it does not say
	Profile  tenants.Profile
}

const (
	skew     = 5 * time.Second // that clocks may differ by where freshness counts
	iatSkew  = 5 * time.Minute // and where it does not
	maxAge   = 24 * time.Hour  // of an ID token that was made for this very answer
	maxValue = 255             // characters of a subject (OpenID Connect Core §2)
)

// Finish takes a provider's answer, changes the code for tokens and checks all that a
// client must (OpenID Connect Core §3.1.3.7 and §5.3.4). What it returns wraps ErrDown,
// ErrRefused, or is a *DeclinedError. The state is for the caller to check.
func (p *Party) Finish(ctx context.Context, idp tenants.IDP, a Ask, answer url.Values) (Identity, error) {
	at, err := p.provider(ctx, idp.Issuer)
	if err != nil {
		return Identity{}, err
	}
	for _, name := range []string{"code", "iss", "error"} {
		if len(answer[name]) > 1 { // RFC 6749 §3.1
			return Identity{}, refused("%s is given twice", name)
		}
	}
	// RFC 9207 §2.4: an error too must come from who was asked.
	if iss := answer.Get("iss"); iss != "" && iss != idp.Issuer || iss == "" && at.AlwaysISS {
		return Identity{}, refused("another issuer has answered")
	}
	if code := answer.Get("error"); code != "" {
		return Identity{}, &DeclinedError{Code: cut(code)}
	}
	if answer.Get("code") == "" {
		return Identity{}, refused("there is no code")
	}
	ctx = oidc.ClientContext(ctx, p.http)
	tokens, err := at.exchange(ctx, idp, a, answer.Get("code"))
	if err != nil {
		return Identity{}, err
	}
	claims, id, err := p.verify(ctx, at, idp, a, tokens)
	if err != nil {
		return Identity{}, err
	}
	if err := at.complete(ctx, p.http, idp, claims, id.Subject, tokens.AccessToken); err != nil {
		return Identity{}, err
	}
	id.Profile = profile(idp, claims)
	return id, nil
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

// exchange changes the code for tokens. Its errors never repeat the provider's answer:
// there may be tokens in it.
func (at *provider) exchange(ctx context.Context, idp tenants.IDP, a Ask, code string) (*oauth2.Token, error) {
	tokens, err := at.oauth(idp, a.RedirectURI).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	var answered *oauth2.RetrieveError
	switch {
	case err == nil:
		return tokens, nil
	case errors.As(err, &answered) && answered.Response.StatusCode < http.StatusInternalServerError:
		return nil, refused("exchange: status %d, error %q", answered.Response.StatusCode, cut(answered.ErrorCode))
	case answered != nil:
		return nil, fmt.Errorf("%w: exchange: status %d", ErrDown, answered.Response.StatusCode)
	}
	return nil, fmt.Errorf("%w: exchange: %w", ErrDown, short(err))
}

// told is what of an ID token the library does not check.
type told struct {
	AZP      string          `json:"azp"`
	ACR      string          `json:"acr"`
	AMR      json.RawMessage `json:"amr"`
	AuthTime *float64        `json:"auth_time"`
}

func (p *Party) verify(ctx context.Context, at *provider, idp tenants.IDP, a Ask, tokens *oauth2.Token) (map[string]any, Identity, error) {
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return nil, Identity{}, refused("there is no ID token")
	}
	var names []string
	for _, alg := range algorithms {
		names = append(names, string(alg))
	}
	// Only a failure to fetch keys is the provider's; whatever else fails is the token's.
	var down error
	keys := keysFunc(func(ctx context.Context, token string) ([]byte, error) {
		payload, err := at.keys.VerifySignature(ctx, token)
		if errors.Is(err, ErrDown) {
			down = err
		}
		return payload, err
	})
	token, err := oidc.NewVerifier(idp.Issuer, keys, &oidc.Config{ClientID: idp.ClientID, SupportedSigningAlgs: names, Now: p.now}).Verify(ctx, raw)
	switch {
	case down != nil:
		return nil, Identity{}, down
	case err != nil:
		return nil, Identity{}, refused("ID token: %w", short(err))
	}
	var t told
	var all json.RawMessage
	if err := errors.Join(token.Claims(&t), token.Claims(&all)); err != nil {
		return nil, Identity{}, refused("claims of the ID token: %w", short(err))
	}
	claims, err := decode(all)
	if err != nil {
		return nil, Identity{}, refused("claims of the ID token: %w", short(err))
	}
	if err := p.check(idp, a, token, t, tokens.AccessToken); err != nil {
		return nil, Identity{}, err
	}
	id := Identity{Subject: token.Subject, ACR: cut(t.ACR), AMR: words(t.AMR)}
	if t.AuthTime != nil {
		id.AuthTime = time.Unix(int64(*t.AuthTime), 0).UTC()
	}
	return claims, id, nil
}

type keysFunc func(ctx context.Context, token string) ([]byte, error)

// VerifySignature implements oidc.KeySet.
func (f keysFunc) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	return f(ctx, token)
}

// check looks at what the library leaves to the client.
func (p *Party) check(idp tenants.IDP, a Ask, token *oidc.IDToken, t told, accessToken string) error {
	now := p.now()
	switch {
	case token.Issuer != idp.Issuer: // the library lets one provider off
		return refused("the ID token is of another issuer")
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1:
		return refused("the nonce is not the one that was sent")
	case token.Subject == "" || len(token.Subject) > maxValue || token.Subject != clean(token.Subject):
		return refused("the ID token has no subject that could be kept")
	case t.AZP != "" && t.AZP != idp.ClientID, t.AZP == "" && len(token.Audience) > 1:
		return refused("the ID token was made for another client")
	case token.IssuedAt.Unix() <= 0 || token.IssuedAt.After(now.Add(iatSkew)) || token.IssuedAt.Before(now.Add(-maxAge)):
		return refused("the ID token was not made now")
	case t.AuthTime != nil && time.Unix(int64(*t.AuthTime), 0).After(now.Add(iatSkew)):
		return refused("auth_time lies ahead")
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(accessToken); err != nil {
			return refused("at_hash: %w", err)
		}
	}
	if a.MaxAge == nil {
		return nil
	}
	// Where max_age was asked for auth_time must be there (OpenID Connect Core §2).
	if t.AuthTime == nil {
		return ErrStale
	}
	at := time.Unix(int64(*t.AuthTime), 0)
	if at.Before(a.At.Add(-skew)) && now.Sub(at) > *a.MaxAge {
		return ErrStale
	}
	return nil
}

// complete adds to the claims of the ID token what userinfo tells, if anything that is
// looked for is not among them. It must speak of the same subject (Core §5.3.2).
func (at *provider) complete(ctx context.Context, client *http.Client, idp tenants.IDP, claims map[string]any, subject, accessToken string) error {
	lacks := slices.ContainsFunc(wanted(idp), func(name string) bool { _, has := claims[name]; return !has })
	if at.UserInfoURL == "" || !lacks {
		return nil
	}
	info, err := at.UserInfo(oidc.ClientContext(ctx, client), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: accessToken}))
	if err != nil {
		return fmt.Errorf("%w: userinfo", ErrDown) // its text repeats the answer
	}
	if info.Subject != subject {
		return refused("userinfo speaks of somebody else")
	}
	var raw json.RawMessage
	if err := info.Claims(&raw); err != nil {
		return refused("claims of userinfo: %w", short(err))
	}
	more, err := decode(raw)
	if err != nil {
		return refused("claims of userinfo: %w", short(err))
	}
	for name, value := range more {
		if _, has := claims[name]; !has {
			claims[name] = value
		}
	}
	return nil
}

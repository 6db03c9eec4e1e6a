package op

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/tenants"
)

const (
	whyCodeReplay = "code_replay"
	badCode       = "the code is not valid, has expired or was used"
	unreserved    = base64URL + ".~" // RFC 7636 §4.1
)

// CodeExchange implements the library's Server. Two round trips: consume the
// code, read its grant.
func (s *server) CodeExchange(ctx context.Context, r *lib.ClientRequest[oidc.AccessTokenRequest]) (*lib.Response, error) {
	app := r.Client.(*client).ClientApp
	code, err := s.p.consumeCode(ctx, app, r.Data.Code)
	if err != nil {
		return nil, err
	}
	return s.redeem(ctx, app, code, r.Data, r.Form)
}

// redeem gives the tokens of a code that was consumed. It is spent, whatever comes
// now: nobody guesses twice.
func (s *server) redeem(ctx context.Context, app tenants.ClientApp, code authCodeRow, r *oidc.AccessTokenRequest, form url.Values) (*lib.Response, error) {
	if code.RedirectURI != r.RedirectURI {
		return nil, invalidGrant("redirect_uri is not the one of the authorization request")
	}
	if !verifierFits(code.CodeChallenge, r.CodeVerifier) {
		return nil, invalidGrant("code_verifier does not fit the code_challenge")
	}
	g, err := s.p.subject(ctx, code.GrantID)
	if notFound(err) {
		return nil, invalidGrant(badCode)
	}
	if err != nil {
		return nil, s.p.unavailable(ctx, "read grant", err)
	}
	// A replay may overtake us between the two round trips and end the grant. Who
	// consumed the code still gets its answer; the tokens in it are dead already.
	if !g.answers(s.p.Now()) {
		return nil, invalidGrant(badCode)
	}
	to, err := targets(g.Resources, g.Resources, form)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, issued{app: app, grant: &g, scopes: g.Scopes, resources: to, nonce: code.Nonce, generation: g.Generation})
}

func (s *server) answer(ctx context.Context, is issued) (*lib.Response, error) {
	out, err := s.p.tokens(ctx, is)
	if err != nil {
		return nil, s.p.unavailable(ctx, "make tokens", err)
	}
	return lib.NewResponse(out), nil
}

// consumeCode takes a code out of circulation in one statement: of any number of
// parallel callers one gets it. It runs after client authentication, so nobody
// else can burn a code.
func (p *Provider) consumeCode(ctx context.Context, app tenants.ClientApp, code string) (authCodeRow, error) {
	now, hash := p.now(), tenants.HashHere(ctx, code)
	var rows []authCodeRow
	err := p.DB.For(ctx).Model(&rows).Clauses(db.Returning()).
		Where("hash = ? AND client_app_id = ? AND used_at IS NULL AND expires_at > ?", hash, app.ID, now).
		UpdateColumn("used_at", now).Error
	if err != nil {
		return authCodeRow{}, p.unavailable(ctx, "consume code", err)
	}
	if len(rows) == 1 {
		return rows[0], nil
	}
	if err := p.codeReplayed(ctx, app, hash); err != nil {
		return authCodeRow{}, p.unavailable(ctx, "code replay", err)
	}
	return authCodeRow{}, invalidGrant(badCode)
}

// codeReplayed revokes what a code gave when the app presents it a second time:
// one of the two had no right to it (RFC 6749 §4.1.2).
func (p *Provider) codeReplayed(ctx context.Context, app tenants.ClientApp, hash string) error {
	var row authCodeRow
	err := p.DB.For(ctx).Where("hash = ? AND client_app_id = ? AND used_at IS NOT NULL", hash, app.ID).Take(&row).Error
	if notFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.endGrant(ctx, row.GrantID, whyCodeReplay, "code.replayed", app)
}

// endGrant revokes a grant because of an attack, or what looks like one, and
// records it once.
func (p *Provider) endGrant(ctx context.Context, grantID, why, event string, app tenants.ClientApp) error {
	return p.DB.Tx(ctx, func(ctx context.Context) error {
		n, err := p.revokeGrant(ctx, grantID, why)
		if err != nil || n == 0 {
			return err
		}
		return p.Audit.Record(ctx, audit.Event{Kind: event, ClientApp: app.ID}, map[string]string{"grant": grantID})
	})
}

// verifierFits checks PKCE (RFC 7636 §4.6). A verifier without a challenge is as
// wrong as a challenge without a verifier: either way the other was stripped off
// (RFC 9700 §4.8.2).
func verifierFits(challenge, verifier string) bool {
	if challenge == "" || verifier == "" {
		return challenge == verifier
	}
	if len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, unreserved) != "" {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

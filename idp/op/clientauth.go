package op

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// credentials are what a client presented, by exactly one method (RFC 6749 §2.3).
type credentials struct{ method, clientID, secret, assertion string }

// VerifyClient implements the library's Server: it authenticates the client.
func (s *server) VerifyClient(ctx context.Context, r *lib.Request[lib.ClientCredentials]) (lib.Client, error) {
	app, err := s.p.verifyClient(ctx, r.Header, r.Form)
	if err != nil {
		return nil, err
	}
	return &client{app}, nil
}

func (p *Provider) verifyClient(ctx context.Context, h http.Header, form url.Values) (tenants.ClientApp, error) {
	c, err := readCredentials(h, form)
	if err != nil {
		return tenants.ClientApp{}, err
	}
	app, err := p.clientApp(ctx, c.clientID)
	if problem.Is(err, problem.NotFound) {
		return app, invalidClient()
	}
	if err != nil {
		return app, p.unavailable(ctx, "find client", err)
	}
	callFrom(ctx).allowOrigin(app)
	ok, err := p.checkCredentials(ctx, app, c)
	if err != nil {
		return app, p.unavailable(ctx, "authenticate client", err)
	}
	if !ok {
		p.noteFailure(ctx, app, c.method)
		return app, invalidClient()
	}
	return app, nil
}

// readCredentials finds the one method used. The form holds the body alone:
// edge.go refuses a query.
func readCredentials(h http.Header, form url.Values) (credentials, error) {
	var found []credentials
	if id, secret, ok := basicCredentials(h); ok {
		found = append(found, credentials{method: tenants.AuthBasic, clientID: id, secret: secret})
	}
	if secret := form.Get("client_secret"); secret != "" {
		found = append(found, credentials{method: tenants.AuthPost, clientID: form.Get("client_id"), secret: secret})
	}
	if a := form.Get("client_assertion"); a != "" {
		if form.Get("client_assertion_type") != assertionType {
			return credentials{}, invalidRequest("client_assertion_type is not supported")
		}
		who := assertedClient(a)
		if who == "" {
			who = form.Get("client_id")
		}
		found = append(found, credentials{method: tenants.AuthPrivateKeyJWT, clientID: who, assertion: a})
	}
	switch len(found) {
	case 0:
		found = append(found, credentials{method: tenants.AuthNone, clientID: form.Get("client_id")})
	case 1:
	default:
		return credentials{}, invalidRequest("client authentication must not use more than one method")
	}
	if named := form.Get("client_id"); named != "" && named != found[0].clientID {
		return credentials{}, invalidRequest("client_id is not the authenticated client")
	}
	return found[0], nil
}

// checkCredentials accepts the registered method only: a secret that belongs into
// the header does not count in the body.
func (p *Provider) checkCredentials(ctx context.Context, app tenants.ClientApp, c credentials) (bool, error) {
	if c.method != app.AuthMethod {
		return false, nil
	}
	switch c.method {
	case tenants.AuthNone:
		return true, nil
	case tenants.AuthPrivateKeyJWT:
		return p.checkAssertion(ctx, app, c.assertion)
	case tenants.AuthBasic, tenants.AuthPost:
		return p.Tenants.CheckClientSecret(ctx, app.ClientID, c.secret)
	}
	return false, errors.New("op: client app with an unknown authentication method")
}

// failureNotes bounds the audit trail: a client that fails again and again is
// noted once a minute by each replica. The zero value works.
type failureNotes struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const (
	failureEvery = time.Minute
	failuresKept = 10_000
)

func (f *failureNotes) due(key string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, ok := f.last[key]; ok && now.Sub(at) < failureEvery {
		return false
	}
	if f.last == nil || len(f.last) >= failuresKept {
		f.last = map[string]time.Time{}
	}
	f.last[key] = now
	return true
}

// noteFailure records a failed authentication of a known app. What outsiders make
// up leaves no trace: anybody could fill the trail.
func (p *Provider) noteFailure(ctx context.Context, app tenants.ClientApp, method string) {
	if !p.failures.due(db.ScopeOf(ctx).Tenant+"|"+app.ID, p.Now()) {
		return
	}
	e := audit.Event{Kind: "client.auth_failed", ClientApp: app.ID}
	if err := p.Audit.Record(ctx, e, map[string]string{"method": method}); err != nil {
		p.Log.ErrorContext(ctx, "audit failed", "kind", e.Kind, "error", err)
	}
}

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// The provider starts at the same moment as the app, so a refused connection is
// tried again for a while before anybody is told.
const (
	connectTries = 20
	connectPause = 250 * time.Millisecond
)

// provider is what discovery said about one issuer.
type provider struct {
	*oidc.Provider
	EndSession string // RP-Initiated Logout 1.0 §2.1; may be empty
	SaysIssuer bool   // RFC 9207 §3: every authorization response names its issuer
}

// providers discovers issuers when they are needed, each once.
type providers struct {
	http *http.Client

	mu       sync.Mutex
	byIssuer map[string]*provider
}

// get returns the provider of an issuer. Two requests at once may discover it
// twice, which does no harm.
func (p *providers) get(ctx context.Context, issuer string) (*provider, error) {
	p.mu.Lock()
	have := p.byIssuer[issuer]
	p.mu.Unlock()
	if have != nil {
		return have, nil
	}
	found, err := p.discover(ctx, issuer)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byIssuer == nil {
		p.byIssuer = map[string]*provider{}
	}
	p.byIssuer[issuer] = found
	return found, nil
}

func (p *providers) discover(ctx context.Context, issuer string) (*provider, error) {
	ctx = p.context(ctx)
	for try := 1; ; try++ {
		found, err := oidc.NewProvider(ctx, issuer)
		var unreachable *url.Error
		switch {
		case err == nil:
			return described(found)
		case !errors.As(err, &unreachable) || try == connectTries:
			return nil, fmt.Errorf("demo: discover %s: %w", issuer, err)
		}
		select {
		case <-time.After(connectPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("demo: discover %s: %w", issuer, ctx.Err())
		}
	}
}

func described(found *oidc.Provider) (*provider, error) {
	var more struct {
		EndSession string `json:"end_session_endpoint"`
		SaysIssuer bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, fmt.Errorf("demo: discovery document: %w", err)
	}
	return &provider{Provider: found, EndSession: more.EndSession, SaysIssuer: more.SaysIssuer}, nil
}

// context makes go-oidc and oauth2 use our HTTP client.
func (p *providers) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.http)
}

// oauth is the client app as the oauth2 package wants it.
func (p *provider) oauth(c Client) *oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // client_secret_basic; guessing would send the secret twice
	return &oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: endpoint, RedirectURL: c.RedirectURI, Scopes: c.Scopes,
	}
}

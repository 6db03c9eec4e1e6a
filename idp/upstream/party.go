package upstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"twofold/internal/jwks"
	"twofold/tenants"
)

var (
	// ErrDown reports a provider that cannot be reached, or that does not work.
	ErrDown = errors.New("upstream: the provider does not answer as it should")
	// ErrRefused reports an answer that must not be believed.
	ErrRefused = errors.New("upstream: the answer is not to be believed")
	// ErrStale reports an answer that does not show how fresh the sign-in there is, or
	// that it is fresh enough.
	ErrStale = fmt.Errorf("%w: the sign-in there is too old", ErrRefused)
)

// DeclinedError is an error that the provider answers with (RFC 6749 §4.1.2.1).
type DeclinedError struct{ Code string }

func (e *DeclinedError) Error() string {
	return "upstream: the provider answered " + strconv.Quote(e.Code)
}

// Party is this server as a client of other providers. Make it with New.
type Party struct {
	http *http.Client
	now  func() time.Time
	mu   sync.Mutex
	by   map[string]*provider // by issuer
}

// New makes a Party. The client must refuse addresses that nobody has vouched for, follow
// no redirect and bound time and size.
func New(client *http.Client, now func() time.Time) *Party {
	return &Party{http: client, now: now, by: map[string]*provider{}}
}

const (
	discoveryLife = time.Hour
	maxProviders  = 1000
)

// provider is what an issuer says about itself.
type provider struct {
	*oidc.Provider
	keys keySet
	at   time.Time
	metadata
}

// metadata is what of a discovery document the library does not use.
type metadata struct {
	AuthURL     string   `json:"authorization_endpoint"`
	TokenURL    string   `json:"token_endpoint"`
	JWKSURL     string   `json:"jwks_uri"`
	UserInfoURL string   `json:"userinfo_endpoint"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	AlwaysISS   bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
}

// provider finds what an issuer says about itself, asked at most an hour ago.
func (p *Party) provider(ctx context.Context, issuer string) (*provider, error) {
	p.mu.Lock()
	have := p.by[issuer]
	p.mu.Unlock()
	if have != nil && p.now().Sub(have.at) < discoveryLife {
		return have, nil
	}
	fresh, err := p.discover(ctx, issuer)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.by) >= maxProviders {
		clear(p.by)
	}
	p.by[issuer] = fresh
	return fresh, nil
}

func (p *Party) discover(ctx context.Context, issuer string) (*provider, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), issuer)
	var mismatch *oidc.IssuerMismatchError
	switch {
	case errors.As(err, &mismatch):
		return nil, fmt.Errorf("%w: its discovery document names another issuer", ErrDown)
	case err != nil:
		return nil, fmt.Errorf("%w: discovery: %w", ErrDown, short(err))
	}
	out := &provider{Provider: found, at: p.now()}
	if err := found.Claims(&out.metadata); err != nil {
		return nil, fmt.Errorf("%w: discovery document: %w", ErrDown, short(err))
	}
	scheme, _, _ := strings.Cut(issuer, "://") // http is for this machine alone: see tenants
	for _, endpoint := range []string{out.AuthURL, out.TokenURL, out.JWKSURL, cmp.Or(out.UserInfoURL, "https://none")} {
		if !strings.HasPrefix(endpoint, "https://") && !strings.HasPrefix(endpoint, scheme+"://") {
			return nil, fmt.Errorf("%w: an endpoint of it lacks, or does not use https", ErrDown)
		}
	}
	out.keys = keySet{jwks.New(p.http, p.now, out.JWKSURL)}
	return out, nil
}

// short cuts an error whose text may repeat a whole page.
func short(err error) error {
	const most = 200
	if text := err.Error(); len(text) > most {
		return errors.New(strings.ToValidUTF8(text[:most], "") + "…")
	}
	return err
}

// Ask is what one sign-in asks of a provider.
type Ask struct {
	RedirectURI string
	State       string
	Nonce       string
	Verifier    string         // PKCE (RFC 7636)
	LoginHint   string         // may be empty
	Prompt      []string       // login, select_account
	MaxAge      *time.Duration // nil: any age
	UILocales   []string
	At          time.Time // when that was
}

// Begin is the address to send the browser to: authorization code with PKCE, state and
// nonce (RFC 9700 §2.1.1, OpenID Connect Core §3.1.2.1).
func (p *Party) Begin(ctx context.Context, idp tenants.IDP, a Ask) (string, error) {
	at, err := p.provider(ctx, idp.Issuer)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	add := func(name, value string) {
		if value != "" {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	add("login_hint", a.LoginHint)
	add("prompt", strings.Join(a.Prompt, " "))
	add("acr_values", strings.Join(idp.ACRValues, " "))
	add("ui_locales", strings.Join(a.UILocales, " "))
	if a.MaxAge != nil {
		add("max_age", strconv.Itoa(int(a.MaxAge.Seconds())))
	}
	return at.oauth(idp, a.RedirectURI).AuthCodeURL(a.State, options...), nil
}

func (at *provider) oauth(idp tenants.IDP, redirectURI string) *oauth2.Config {
	scopes := []string(idp.Scopes)
	if len(scopes) == 0 {
		scopes = []string{"profile", "email"}
	}
	if !slices.Contains(scopes, oidc.ScopeOpenID) {
		scopes = append([]string{oidc.ScopeOpenID}, scopes...)
	}
	return &oauth2.Config{
		ClientID: idp.ClientID, ClientSecret: idp.ClientSecret.Reveal(), RedirectURL: redirectURI, Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: at.AuthURL, TokenURL: at.TokenURL, AuthStyle: at.style(idp)},
	}
}

// style is how the client proves itself: basic, as is usual (OpenID Connect Discovery
// §3), unless only post is offered. A public client names itself in the body.
func (at *provider) style(idp tenants.IDP) oauth2.AuthStyle {
	if idp.ClientSecret == "" || len(at.AuthMethods) > 0 && !slices.Contains(at.AuthMethods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// decode reads claims with numbers as they are written.
func decode(raw json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("upstream: claims: %w", err)
	}
	return m, nil
}

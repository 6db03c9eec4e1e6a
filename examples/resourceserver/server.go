// Package resourceserver is an example of an API that takes access tokens of a Twofold
// tenant (RFC 9068) and asks for a stronger or a fresher sign-in where a call needs one
// (RFC 9470). It knows nothing of Twofold but its issuer; copy it.
package resourceserver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// strengths are the acr values of Twofold, the weakest first: a stronger sign-in serves
// where a weaker one is asked for.
var strengths = []string{"urn:twofold:acr:1fa", "urn:twofold:acr:2fa", "urn:twofold:acr:aal2", "phr"}

// API checks access tokens.
type API struct {
	verifier *oidc.IDTokenVerifier
	now      func() time.Time
}

// New finds the keys of a tenant's issuer, such as https://id.example.org/t/acme, by its
// discovery document. Apps call this API by resource, in the parameter of this name
// (RFC 8707). The context must live as long as the API.
func New(ctx context.Context, issuer, resource string, now func() time.Time) (*API, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	// What it checks of an ID token is what RFC 9068 §4 demands of an access token too:
	// signature, issuer, audience, time.
	verifier := provider.VerifierContext(ctx, &oidc.Config{ClientID: resource, SupportedSigningAlgs: []string{oidc.ES256}, Now: now})
	return &API{verifier: verifier, now: now}, nil
}

// Token is what an access token says.
type Token struct {
	Subject  string `json:"sub"`
	Scope    string `json:"scope"`
	ACR      string `json:"acr"`
	AuthTime int64  `json:"auth_time"`
}

// Needs is what a call asks of the sign-in behind its token.
type Needs struct {
	Scope  string        // empty: any
	ACR    string        // at least this strength; empty: any
	MaxAge time.Duration // since the user proved himself; 0: any
}

// Guard lets calls through to next that have a good token.
func (a *API) Guard(needs Needs, next func(http.ResponseWriter, *http.Request, Token)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			challenge(w, http.StatusUnauthorized) // RFC 6750 §3.1: who shows nothing is told nothing
			return
		}
		t, err := a.check(r.Context(), raw)
		switch {
		case err != nil:
			challenge(w, http.StatusUnauthorized, "error", "invalid_token")
		case needs.Scope != "" && !slices.Contains(strings.Fields(t.Scope), needs.Scope):
			challenge(w, http.StatusForbidden, "error", "insufficient_scope", "scope", needs.Scope)
		case !needs.metBy(t, a.now()):
			challenge(w, http.StatusUnauthorized, needs.stepUp()...)
		default:
			next(w, r, t)
		}
	})
}

func (n Needs) metBy(t Token, now time.Time) bool {
	if n.ACR != "" && slices.Index(strengths, t.ACR) < slices.Index(strengths, n.ACR) {
		return false
	}
	return n.MaxAge == 0 || now.Sub(time.Unix(t.AuthTime, 0)) <= n.MaxAge
}

// stepUp tells the app what to ask for at the authorization endpoint (RFC 9470 §3).
func (n Needs) stepUp() []string {
	out := []string{"error", "insufficient_user_authentication", "error_description", "This needs another sign-in."}
	if n.ACR != "" {
		out = append(out, "acr_values", n.ACR)
	}
	if n.MaxAge > 0 {
		out = append(out, "max_age", fmt.Sprint(int(n.MaxAge.Seconds())))
	}
	return out
}

func challenge(w http.ResponseWriter, status int, pairs ...string) {
	var said []string
	for i := 0; i+1 < len(pairs); i += 2 {
		said = append(said, fmt.Sprintf(`%s="%s"`, pairs[i], pairs[i+1]))
	}
	w.Header().Set("WWW-Authenticate", strings.TrimSpace("Bearer "+strings.Join(said, ", ")))
	w.WriteHeader(status)
}

func (a *API) check(ctx context.Context, raw string) (t Token, err error) {
	if err := isAccessToken(raw); err != nil {
		return t, err
	}
	verified, err := a.verifier.Verify(ctx, raw)
	if err != nil {
		return t, err
	}
	return t, verified.Claims(&t)
}

// isAccessToken reads the typ of the header, which go-oidc leaves to its caller: an ID
// token is no access token (RFC 9068 §4).
func isAccessToken(raw string) error {
	header, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	var h struct {
		Type string `json:"typ"`
	}
	if err := errors.Join(err, json.Unmarshal(text, &h)); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if typ := strings.ToLower(h.Type); typ != "at+jwt" && typ != "application/at+jwt" {
		return errors.New("not an access token")
	}
	return nil
}

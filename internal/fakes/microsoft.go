package fakes

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Microsoft is the token endpoint of Entra and sendMail of Graph, in one
// (CONTRACTS §4, §5). Serve it by TLS at the base URLs of the endpoints "entra"
// and "msgraph": the client library refuses to talk to anything else.
type Microsoft struct {
	TenantID, ClientID, ClientSecret string
	Mailbox                          string           // the one user the app may send as
	Aliases                          []string         // further addresses it may use as from
	Now                              func() time.Time // default time.Now
	Inbox                            *Inbox           // may be nil

	TokenFaults Faults // of the token endpoint
	Faults             // of sendMail

	mu     sync.Mutex
	token  string
	tokens int
	box    box[Mail]
}

// Mails lists what was accepted, oldest first.
func (m *Microsoft) Mails() []Mail { return m.box.all() }

// Wait returns the newest mail that matches, now or as soon as there is one.
func (m *Microsoft) Wait(ctx context.Context, match func(Mail) bool) (Mail, error) {
	return m.box.wait(ctx, match)
}

// Tokens counts the tokens issued.
func (m *Microsoft) Tokens() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tokens
}

// ServeHTTP answers as Entra and Graph would.
func (m *Microsoft) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base := "https://" + r.Host
	switch {
	case r.TLS == nil:
		http.Error(w, "TLS is required", http.StatusForbidden)
	case strings.HasPrefix(r.URL.Path, "/v1.0/"):
		m.sendMail(w, r)
	case strings.HasSuffix(r.URL.Path, "/v2.0/.well-known/openid-configuration"):
		m.configuration(w, r, base)
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		m.issue(w, r, base)
	default:
		http.NotFound(w, r)
	}
}

func (m *Microsoft) configuration(w http.ResponseWriter, r *http.Request, base string) {
	if r.URL.Path != "/"+m.TenantID+"/v2.0/.well-known/openid-configuration" {
		entraError(w, http.StatusBadRequest, "invalid_tenant", 90002, "Tenant not found.")
		return
	}
	tenant := base + "/" + m.TenantID
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                tenant + "/v2.0",
		"authorization_endpoint":                tenant + "/oauth2/v2.0/authorize",
		"token_endpoint":                        tenant + "/oauth2/v2.0/token",
		"jwks_uri":                              tenant + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
	})
}

func entraError(w http.ResponseWriter, status int, code string, number int, text string) {
	writeJSON(w, status, map[string]any{
		"error": code, "error_codes": []int{number},
		"error_description": fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: 00000000-0000-0000-0000-000000000000", number, text),
		"timestamp":         "2026-01-01 00:00:00Z", "trace_id": randomHex(), "correlation_id": randomHex(),
	})
}

func (m *Microsoft) issue(w http.ResponseWriter, r *http.Request, base string) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost ||
		!strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		entraError(w, http.StatusBadRequest, "invalid_request", 900144, "The request body must be a form.")
		return
	}
	// The library adds openid, offline_access and profile to the scope.
	scopes := strings.Fields(r.PostForm.Get("scope"))
	switch {
	case r.URL.Path != "/"+m.TenantID+"/oauth2/v2.0/token":
		entraError(w, http.StatusBadRequest, "invalid_request", 90002, "Tenant not found.")
	case r.PostForm.Get("grant_type") != "client_credentials":
		entraError(w, http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
	case r.PostForm.Get("client_id") != m.ClientID:
		entraError(w, http.StatusBadRequest, "unauthorized_client", 700016, "Application was not found in the directory.")
	case subtle.ConstantTimeCompare([]byte(r.PostForm.Get("client_secret")), []byte(m.ClientSecret)) != 1:
		entraError(w, http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided.")
	case len(scopes) == 0 || scopes[0] != base+"/.default":
		entraError(w, http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope is not valid.")
	default:
		if answered, _ := m.TokenFaults.strike(w, r); answered {
			return
		}
		m.mu.Lock()
		m.token = randomHex()
		m.tokens++
		token := m.token
		m.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})
	}
}

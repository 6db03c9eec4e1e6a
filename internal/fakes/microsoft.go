package fakes

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
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

// graphMail is the body of sendMail, as far as it is known here.
type graphMail struct {
	Message *struct {
		Subject *string `json:"subject"`
		Body    *struct {
			ContentType string `json:"contentType"`
			Content     string `json:"content"`
		} `json:"body"`
		From         *graphRecipient  `json:"from"`
		ToRecipients []graphRecipient `json:"toRecipients"`
		Headers      []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"internetMessageHeaders"`
	} `json:"message"`
	SaveToSentItems *bool `json:"saveToSentItems"`
}

type graphRecipient struct {
	EmailAddress struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	} `json:"emailAddress"`
}

func graphError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"code": code, "message": message, "innerError": map[string]string{"request-id": randomHex()},
	}})
}

func (m *Microsoft) sendMail(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	token := m.token
	m.mu.Unlock()
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
		graphError(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure.")
		return
	}
	user, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.EscapedPath(), "/v1.0/users/"), "/sendMail")
	if name, err := url.PathUnescape(user); !ok || err != nil || name != m.Mailbox {
		graphError(w, http.StatusNotFound, "ErrorInvalidUser", "The requested user is invalid.")
		return
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		graphError(w, http.StatusBadRequest, "RequestBroker--ParseUri", "POST JSON.")
		return
	}
	var body graphMail
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		graphError(w, http.StatusBadRequest, "UnableToDeserializePostBody", "were unable to deserialize")
		return
	}
	if status, code, message := m.check(body); status != 0 {
		graphError(w, status, code, message)
		return
	}
	answered, taken := m.strike(w, r)
	if taken {
		m.take(body)
	}
	if !answered {
		w.WriteHeader(http.StatusAccepted)
	}
}

// check returns Graph's error for a mail it would refuse, and for one that would
// leave its code in the mailbox, which is our own rule.
func (m *Microsoft) check(b graphMail) (status int, code, message string) {
	const bad = http.StatusBadRequest
	switch {
	case b.SaveToSentItems == nil || *b.SaveToSentItems:
		return bad, "ErrorInvalidRequest", "saveToSentItems must be given and false."
	case b.Message == nil || b.Message.Subject == nil || b.Message.Body == nil:
		return bad, "ErrorInvalidRequest", "message, subject and body are required."
	case b.Message.Body.ContentType != "Text" && b.Message.Body.ContentType != "HTML":
		return bad, "ErrorInvalidRequest", "contentType must be Text or HTML."
	case len(b.Message.ToRecipients) != 1:
		return bad, "ErrorInvalidRecipients", "At least one recipient isn't valid."
	}
	if a, err := mail.ParseAddress(b.Message.ToRecipients[0].EmailAddress.Address); err != nil || a.Name != "" {
		return bad, "ErrorInvalidRecipients", "At least one recipient isn't valid."
	}
	for _, h := range b.Message.Headers {
		if !strings.HasPrefix(strings.ToLower(h.Name), "x-") {
			return bad, "InvalidInternetMessageHeader", "The header name should start with 'x-'."
		}
	}
	if b.Message.From != nil && !m.maySendAs(b.Message.From.EmailAddress.Address) {
		return http.StatusForbidden, "ErrorSendAsDenied", "The user account does not have the right to send mail on behalf of the specified account."
	}
	return 0, "", ""
}

func (m *Microsoft) maySendAs(from string) bool {
	for _, own := range append([]string{m.Mailbox}, m.Aliases...) {
		if strings.EqualFold(own, from) {
			return true
		}
	}
	return false
}

func (m *Microsoft) take(b graphMail) {
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	got := Mail{From: m.Mailbox, To: []string{b.Message.ToRecipients[0].EmailAddress.Address}, Subject: *b.Message.Subject, At: now()}
	if b.Message.From != nil {
		got.From = b.Message.From.EmailAddress.Address
	}
	if b.Message.Body.ContentType == "HTML" {
		got.HTML = b.Message.Body.Content
	} else {
		got.Text = b.Message.Body.Content
	}
	m.box.add(got)
	m.Inbox.Add(Message{
		Channel: ChannelMail, Provider: "m365", From: got.From, To: got.To[0],
		Subject: got.Subject, Text: got.Text, HTML: got.HTML, At: got.At,
	})
}

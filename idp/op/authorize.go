package op

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
)

// maxAgeCap keeps max_age inside what a duration can hold.
const maxAgeCap = 10 * 365 * 24 * 60 * 60

// refusal is an error answer to the app.
type refusal struct{ code, description string }

func refuse(code, description string) *refusal { return &refusal{code, description} }

// Authorize validates an authorization request, by GET or POST, and keeps it.
//
// An error (*problem.Error) means a client app or redirect URI that is not known:
// it is shown as a page, never sent anywhere (RFC 9700 §4.11). A Response is an
// error answer for the app. Otherwise the request waits for Grant or Deny.
func (p *Provider) Authorize(ctx context.Context, r *http.Request) (AuthRequest, *Response, error) {
	ps, ok := browserParams(r)
	if !ok {
		return AuthRequest{}, nil, problem.New(problem.Invalid, "request_unreadable", "The app sent a request that cannot be read.")
	}
	ps, wasPushed, err := p.pushed(ctx, ps)
	if err != nil {
		return AuthRequest{}, nil, err
	}
	app, redirectURI, err := p.authorizeClient(ctx, ps)
	if err != nil {
		return AuthRequest{}, nil, err
	}
	d := destination{redirectURI: redirectURI, mode: modeQuery}
	if ps.sound("state") {
		d.state = ps.get("state")
	}
	if ps.sound("response_mode") && ps.get("response_mode") == modeFormPost {
		d.mode = modeFormPost
	}
	row := authRequestRow{
		ID: id.New(), ClientAppID: app.ID, ClientID: app.ClientID, RedirectURI: redirectURI, ResponseMode: d.mode,
		State: d.state, CreatedAt: p.now(), ExpiresAt: p.now().Add(requestLife),
	}
	no, err := p.fill(ctx, &row, app, ps)
	if err != nil {
		return AuthRequest{}, nil, err
	}
	if app.RequirePAR && !wasPushed {
		no = refuse("invalid_request", "the app must push its requests")
	}
	if no != nil {
		resp := p.respondError(ctx, d, no.code, no.description)
		return AuthRequest{}, &resp, nil
	}
	if err := p.DB.For(ctx).Create(&row).Error; err != nil {
		return AuthRequest{}, nil, wrap("keep request", err)
	}
	return row.public(app), nil, nil
}

// authorizeClient finds the app and checks where the answer would go.
func (p *Provider) authorizeClient(ctx context.Context, ps params) (tenants.ClientApp, string, error) {
	if !ps.sound("client_id") || !ps.sound("redirect_uri") {
		return tenants.ClientApp{}, "", problem.New(problem.Invalid, "request_unreadable", "The app sent a request that cannot be read.")
	}
	app, err := p.clientApp(ctx, ps.get("client_id"))
	if problem.Is(err, problem.NotFound) {
		return app, "", errUnknownApp(err)
	}
	if err != nil {
		return app, "", err
	}
	uri := ps.get("redirect_uri")
	if uri == "" || !redirectAllowed(app, app.RedirectURIs, uri) {
		return app, "", problem.New(problem.Invalid, "redirect_unknown",
			"The app that sent you here wants the answer at an address that is not registered for it.")
	}
	return app, uri, nil
}

func errUnknownApp(err error) error {
	return problem.Wrap(problem.Invalid, "client_unknown", "The app that sent you here is not known.", err)
}

// fill checks the rest of the request and completes the row.
func (p *Provider) fill(ctx context.Context, row *authRequestRow, app tenants.ClientApp, ps params) (*refusal, error) {
	if no := checkShape(app, ps); no != nil {
		return no, nil
	}
	if no := fillPKCE(row, app, ps); no != nil {
		return no, nil
	}
	if no := fillScope(row, app, ps); no != nil {
		return no, nil
	}
	if no := fillResource(row, app, ps); no != nil {
		return no, nil
	}
	if no := fillPrompt(row, ps); no != nil {
		return no, nil
	}
	row.Nonce, row.LoginHint = ps.get("nonce"), ps.get("login_hint")
	row.UILocales, row.ACRValues = words(ps.get("ui_locales")), words(ps.get("acr_values"))
	if no := fillClaims(row, ps); no != nil {
		return no, nil
	}
	return p.fillHint(ctx, row, ps)
}

// checkShape refuses what is not offered at all.
func checkShape(app tenants.ClientApp, ps params) *refusal {
	if why := ps.fault(); why != "" {
		return refuse("invalid_request", why)
	}
	for _, f := range []string{"request", "request_uri", "registration"} { // Core §3.1.2.6
		if ps.get(f) != "" {
			return refuse(f+"_not_supported", "")
		}
	}
	switch mode := ps.get("response_mode"); {
	case ps.get("response_type") == "":
		return refuse("invalid_request", "response_type is missing")
	case ps.get("response_type") != "code":
		return refuse("unsupported_response_type", "only response_type code is offered")
	case mode != "" && mode != modeQuery && mode != modeFormPost:
		return refuse("invalid_request", "response_mode must be query or form_post")
	case !slices.Contains(app.GrantTypes, tenants.GrantCode):
		return refuse("unauthorized_client", "the app may not use the authorization code flow")
	}
	return nil
}

// fillPKCE demands S256 of everybody but a confidential app that was let off (RFC
// 9700 §2.1.1). A missing method means plain (RFC 7636 §4.3), which is refused.
func fillPKCE(row *authRequestRow, app tenants.ClientApp, ps params) *refusal {
	challenge, method := ps.get("code_challenge"), ps.get("code_challenge_method")
	switch {
	case challenge == "" && method != "":
		return refuse("invalid_request", "code_challenge is missing")
	case challenge == "" && (app.Public() || !app.PKCEOptional):
		return refuse("invalid_request", "PKCE is required: code_challenge is missing")
	case challenge == "":
		return nil
	case method != "S256":
		return refuse("invalid_request", "code_challenge_method must be S256")
	case len(challenge) != 43 || strings.Trim(challenge, base64URL) != "":
		return refuse("invalid_request", "code_challenge must be 43 base64url characters")
	}
	row.CodeChallenge = challenge
	return nil
}

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func fillScope(row *authRequestRow, app tenants.ClientApp, ps params) *refusal {
	row.Scopes = allowedScopes(app, words(ps.get("scope")))
	if len(row.Scopes) == 0 {
		return refuse("invalid_scope", "no scope that the app may ask for")
	}
	return nil
}

func fillPrompt(row *authRequestRow, ps params) *refusal {
	asked := words(ps.get("prompt"))
	if slices.Contains(asked, "none") && len(asked) > 1 {
		return refuse("invalid_request", "prompt none stands alone")
	}
	for _, s := range asked {
		if slices.Contains([]string{"none", "login", "consent", "select_account"}, s) && !slices.Contains(row.Prompt, s) {
			row.Prompt = append(row.Prompt, s)
		}
	}
	text := ps.get("max_age")
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strings.Trim(text, "0123456789") != "" {
		return refuse("invalid_request", "max_age must be a number of seconds")
	}
	n = min(n, maxAgeCap)
	row.MaxAge = &n
	return nil
}

// fillHint takes the user out of an ID token of ours, expired or not (Core §3.1.2.1).
func (p *Provider) fillHint(ctx context.Context, row *authRequestRow, ps params) (*refusal, error) {
	hint := ps.get("id_token_hint")
	if hint == "" {
		return nil, nil
	}
	claims, err := p.idTokenHint(ctx, hint)
	if isTokenError(err) {
		return refuse("invalid_request", "id_token_hint is not an ID token of this provider"), nil
	}
	if err != nil {
		return nil, err
	}
	if row.HintUserID != "" && row.HintUserID != claims.Subject {
		return refuse("invalid_request", "id_token_hint and claims name different users"), nil
	}
	row.HintUserID, row.HintSessionID = claims.Subject, claims.SessionID
	return nil, nil
}

// clientApp finds an app by a client_id that may be anything at all.
func (p *Provider) clientApp(ctx context.Context, clientID string) (tenants.ClientApp, error) {
	if clientID == "" || len(clientID) > 128 || strings.ContainsFunc(clientID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return tenants.ClientApp{}, problem.New(problem.NotFound, "client_unknown", "There is no such client app.")
	}
	return p.Tenants.ClientApp(ctx, clientID)
}

func wrap(doing string, err error) error { return fmt.Errorf("op: %s: %w", doing, err) }

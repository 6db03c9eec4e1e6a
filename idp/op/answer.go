package op

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
)

// Response modes offered.
const (
	modeQuery    = "query"
	modeFormPost = "form_post"
	modeDevice   = "device" // ours alone: the device asks for it
)

// Response is an authorization response on its way through the browser: either a
// redirect (answer with 303) or a form that the page posts.
type Response struct {
	RedirectURL string      // response mode query
	FormPost    string      // response mode form_post: the target
	Fields      [][2]string // and what to post, in order
	Device      bool        // neither: a device gets it, and the browser stays here
	Error       string      // the OAuth error in it; empty: success
}

// Authentication tells who signed in, and how.
type Authentication struct {
	UserID, SessionID, ACR string
	AMR                    []string
	AuthTime               time.Time
	Consented              bool // he was asked in this sign-in, and has allowed what the app wants
}

// ErrOver reports an authorization request that is answered, expired or unknown.
var ErrOver = problem.New(problem.Gone, "request_over", "This sign-in has ended. Please go back to the app and start again.")

// destination is where and how a response goes.
type destination struct{ redirectURI, mode, state string }

// respond adds state and iss to a response, success or error alike (RFC 9207 §2).
func (p *Provider) respond(ctx context.Context, d destination, fields ...[2]string) Response {
	if d.mode == modeDevice {
		return Response{Device: true}
	}
	if d.state != "" {
		fields = append(fields, [2]string{"state", d.state})
	}
	fields = append(fields, [2]string{"iss", p.issuer(ctx)})
	if d.mode == modeFormPost {
		return Response{FormPost: d.redirectURI, Fields: fields}
	}
	var q strings.Builder
	for i, f := range fields {
		if i > 0 {
			q.WriteByte('&')
		}
		q.WriteString(url.QueryEscape(f[0]) + "=" + url.QueryEscape(f[1]))
	}
	return Response{RedirectURL: d.redirectURI + separator(d.redirectURI) + q.String()}
}

func separator(uri string) string {
	switch {
	case !strings.Contains(uri, "?"):
		return "?"
	case strings.HasSuffix(uri, "?"), strings.HasSuffix(uri, "&"):
		return ""
	}
	return "&"
}

func (p *Provider) respondError(ctx context.Context, d destination, code, description string) Response {
	fields := [][2]string{{"error", code}}
	if description != "" {
		fields = append(fields, [2]string{"error_description", printable(description)})
	}
	resp := p.respond(ctx, d, fields...)
	resp.Error = code
	return resp
}

// printable keeps what RFC 6749 §4.1.2.1 allows in an error_description.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}

// Grant answers a request with an authorization code for the user who signed in.
// It joins the caller's transaction; a request that has been answered gives ErrOver.
func (p *Provider) Grant(ctx context.Context, requestID string, a Authentication) (Response, error) {
	var resp Response
	err := p.DB.Tx(ctx, func(ctx context.Context) error {
		row, err := p.answer(ctx, requestID)
		if err != nil {
			return err
		}
		resp, err = p.grant(ctx, row, a)
		return err
	})
	return resp, err
}

func (p *Provider) grant(ctx context.Context, req authRequestRow, a Authentication) (Response, error) {
	app, err := p.Tenants.ClientApp(ctx, req.ClientID)
	if err != nil {
		return Response{}, err
	}
	// The app asked for one certain user (Core §3.1.2.1); idp knows, this is the net.
	if req.HintUserID != "" && req.HintUserID != a.UserID {
		return p.respondError(ctx, req.destination(), "login_required", "another user has signed in"), nil
	}
	if parseStoredClaims(req.Claims).essentialACR() {
		// The acr must be one of those asked for, also where more was reached (Core §5.5.1.1).
		if a.ACR = metACR(req.ACRValues, a.ACR); a.ACR == "" {
			return p.respondError(ctx, req.destination(), errUnmet, "no acr that is essential was reached"), nil
		}
	}
	now := p.now()
	offline := slices.Contains(req.Scopes, scopeOffline) && slices.Contains(app.GrantTypes, tenants.GrantRefresh)
	g := grantRow{
		ID: id.New(), ClientAppID: app.ID, UserID: a.UserID, SessionID: a.SessionID, Scopes: req.Scopes, Claims: req.Claims, Resources: req.Resources,
		ACR: a.ACR, AMR: a.AMR, AuthTime: a.AuthTime, Offline: offline, CreatedAt: now,
		ExpiresAt: now.Add(onlineGrantLife), IdleExpiresAt: now.Add(onlineGrantLife),
	}
	if offline {
		g.ExpiresAt, g.IdleExpiresAt = now.Add(refreshLife), now.Add(refreshIdle)
	}
	if req.DeviceHash != "" && !offline { // the device may take its time to ask
		g.ExpiresAt, g.IdleExpiresAt = g.ExpiresAt.Add(deviceLife), g.IdleExpiresAt.Add(deviceLife)
	}
	if err := p.DB.For(ctx).Create(&g).Error; err != nil {
		return Response{}, wrap("grant", err)
	}
	if a.Consented {
		if err := p.keepConsent(ctx, a.UserID, app.ID, req.shares()); err != nil {
			return Response{}, err
		}
	}
	if req.DeviceHash != "" {
		return Response{Device: true}, p.answerDevice(ctx, req.DeviceHash, deviceApproved, g.ID)
	}
	code := id.Token(p.Rand)
	c := authCodeRow{
		Hash: tenants.HashHere(ctx, code), GrantID: g.ID, ClientAppID: app.ID, RedirectURI: req.RedirectURI, Nonce: req.Nonce,
		CodeChallenge: req.CodeChallenge, CreatedAt: now, ExpiresAt: now.Add(codeLife),
	}
	if err := p.DB.For(ctx).Create(&c).Error; err != nil {
		return Response{}, wrap("code", err)
	}
	return p.respond(ctx, req.destination(), [2]string{"code", code}), nil
}

// Deny answers a request with an OAuth error such as access_denied, login_required
// or interaction_required. It joins the caller's transaction.
func (p *Provider) Deny(ctx context.Context, requestID, oauthError, description string) (Response, error) {
	row, err := p.answer(ctx, requestID)
	if err != nil {
		return Response{}, err
	}
	if row.DeviceHash != "" {
		if err := p.answerDevice(ctx, row.DeviceHash, deviceDenied, ""); err != nil {
			return Response{}, err
		}
	}
	return p.respondError(ctx, row.destination(), oauthError, description), nil
}

func (r authRequestRow) destination() destination {
	return destination{redirectURI: r.RedirectURI, mode: r.ResponseMode, state: r.State}
}

// answer marks a request as answered: one caller wins, the others get ErrOver.
func (p *Provider) answer(ctx context.Context, requestID string) (authRequestRow, error) {
	if !id.Valid(requestID) {
		return authRequestRow{}, ErrOver
	}
	now := p.now()
	var rows []authRequestRow
	err := p.DB.For(ctx).Model(&rows).Clauses(db.Returning()).
		Where("id = ? AND answered_at IS NULL AND expires_at > ?", requestID, now).UpdateColumn("answered_at", now).Error
	if err != nil {
		return authRequestRow{}, wrap("answer request", err)
	}
	if len(rows) != 1 {
		return authRequestRow{}, ErrOver
	}
	return rows[0], nil
}

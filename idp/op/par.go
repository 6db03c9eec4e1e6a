package op

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
)

// Pushed authorization requests, RFC 9126.

const (
	pushedPrefix = "urn:ietf:params:oauth:request_uri:"
	pushedLife   = 90 * time.Second
)

// pushedRow is a request that an app brought by itself. It is good once.
type pushedRow struct {
	TenantID    string
	Hash        string
	ClientAppID string
	Parameters  string
	CreatedAt   time.Time
	ExpiresAt   time.Time
	UsedAt      *time.Time
}

func (pushedRow) TableName() string { return "pushed_requests" }

// servePush answers a pushed request: 201 with the name that stands for it. It is
// checked as if a browser had brought it, and again when one does.
func (p *Provider) servePush(c *call, r *http.Request) {
	ctx := r.Context()
	app, err := p.verifyClient(ctx, r.Header, r.PostForm)
	if err != nil {
		lib.WriteError(c, r, err, p.Log)
		return
	}
	uri, err := p.push(ctx, app, r.PostForm)
	if err != nil {
		lib.WriteError(c, r, err, p.Log)
		return
	}
	body, _ := json.Marshal(map[string]any{"request_uri": uri, "expires_in": int(pushedLife.Seconds())})
	c.Header().Set("Content-Type", "application/json")
	c.WriteHeader(http.StatusCreated)
	_, _ = c.Write(body)
}

// ofTheClient are parameters that prove the client and are none of the request.
var ofTheClient = []string{"client_secret", "client_assertion", "client_assertion_type"}

func (p *Provider) push(ctx context.Context, app tenants.ClientApp, form url.Values) (uri string, err error) {
	form = maps.Clone(form)
	for _, name := range ofTheClient {
		delete(form, name)
	}
	form.Set("client_id", app.ClientID)
	ps := newParams(form)
	if form.Has("request_uri") { // §2.1
		return "", invalidRequest("request_uri must not be pushed")
	}
	if why := ps.fault(); why != "" {
		return "", invalidRequest(why)
	}
	if u := ps.get("redirect_uri"); u == "" || !redirectAllowed(app, app.RedirectURIs, u) {
		return "", invalidRequest("redirect_uri is not registered")
	}
	no, err := p.fill(ctx, &authRequestRow{}, app, ps)
	if err != nil {
		return "", p.unavailable(ctx, "check pushed request", err)
	}
	if no != nil {
		return "", no.error()
	}
	token, now := id.Token(p.Rand), p.now()
	row := pushedRow{Hash: tenants.HashHere(ctx, token), ClientAppID: app.ID, Parameters: form.Encode(), CreatedAt: now, ExpiresAt: now.Add(pushedLife)}
	if err := p.DB.For(ctx).Create(&row).Error; err != nil {
		return "", p.unavailable(ctx, "keep pushed request", err)
	}
	return pushedPrefix + token, nil
}

// error is a refusal for the endpoints that answer apps and not browsers.
func (no *refusal) error() error {
	e := oidc.ErrInvalidRequest().WithDescription("%s", no.description)
	switch no.code {
	case "request_not_supported":
		e.ErrorType = oidc.RequestNotSupported
	case "registration_not_supported":
		e.ErrorType = "registration_not_supported"
	case "unsupported_response_type":
		e.ErrorType = "unsupported_response_type"
	case "unauthorized_client":
		e.ErrorType = oidc.UnauthorizedClient
	case "invalid_scope":
		e.ErrorType = oidc.InvalidScope
	case errInvalidTarget:
		e.ErrorType = errInvalidTarget
	case errUnmet:
		e.ErrorType = errUnmet
	}
	return e
}

var errPushedOver = problem.New(problem.Gone, "request_over", "This sign-in has ended. Please go back to the app and start again.")

// pushed puts the parameters that a browser's request stands for in its place (§4). The
// app must be the one that pushed them, once; what else the browser brings counts for
// nothing. ok tells whether they were pushed.
func (p *Provider) pushed(ctx context.Context, ps params) (_ params, ok bool, err error) {
	name, is := strings.CutPrefix(ps.get("request_uri"), pushedPrefix)
	if !is || !ps.sound("request_uri") || !ps.sound("client_id") {
		return ps, false, nil
	}
	app, err := p.clientApp(ctx, ps.get("client_id"))
	if problem.Is(err, problem.NotFound) {
		return ps, false, errUnknownApp(err)
	}
	if err != nil {
		return ps, false, err
	}
	now := p.now()
	var rows []pushedRow
	err = p.DB.For(ctx).Model(&rows).Clauses(db.Returning()).
		Where("hash = ? AND client_app_id = ? AND used_at IS NULL AND expires_at > ?", tenants.HashHere(ctx, name), app.ID, now).
		UpdateColumn("used_at", now).Error
	if err != nil {
		return ps, false, wrap("use pushed request", err)
	}
	if len(rows) != 1 {
		return ps, false, errPushedOver
	}
	form, err := url.ParseQuery(rows[0].Parameters)
	if err != nil {
		return ps, false, wrap("pushed request", err)
	}
	return newParams(form), true, nil
}

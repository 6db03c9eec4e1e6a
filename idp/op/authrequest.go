package op

import (
	"context"
	"slices"
	"time"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/tenants"
)

// AuthRequest is what an app asked, validated: all that package idp needs to decide
// how the user must sign in.
type AuthRequest struct {
	ID          string
	ClientApp   tenants.ClientApp
	RedirectURI string
	Scopes      []string
	Shares      []string // scopes that tell what the app is after: Scopes, and those of the claims it names
	Prompt      []string // none, login, consent, select_account; unknown values are left out
	ACRValues   []string // asked for by acr_values or the claims parameter, in order of preference
	// EssentialACR says that one of ACRValues must be reached, or the request denied
	// (Core §5.5.1.1).
	EssentialACR  bool
	UILocales     []string
	MaxAge        *time.Duration // nil: not asked
	LoginHint     string
	HintUserID    string // the user must be this one, else login_required
	HintSessionID string // the session that the id_token_hint names
	Device        bool   // the answer goes to a device: see AuthorizeDevice
	ExpiresAt     time.Time
}

// Offline reports whether a refresh token is asked for and possible.
func (a AuthRequest) Offline() bool { return slices.Contains(a.Scopes, scopeOffline) }

// Wants reports whether the app asked for a prompt.
func (a AuthRequest) Wants(prompt string) bool { return slices.Contains(a.Prompt, prompt) }

// AuthRequest returns a stored request that still waits for its answer; any other
// gives ErrOver.
func (p *Provider) AuthRequest(ctx context.Context, requestID string) (AuthRequest, error) {
	if !id.Valid(requestID) {
		return AuthRequest{}, ErrOver
	}
	var row authRequestRow
	err := p.DB.For(ctx).Where("id = ? AND answered_at IS NULL AND expires_at > ?", requestID, p.now()).Take(&row).Error
	if db.IsNotFound(err) {
		return AuthRequest{}, ErrOver
	}
	if err != nil {
		return AuthRequest{}, wrap("auth request", err)
	}
	app, err := p.Tenants.ClientApp(ctx, row.ClientID)
	if err != nil {
		return AuthRequest{}, err
	}
	return row.public(app), nil
}

func (r authRequestRow) public(app tenants.ClientApp) AuthRequest {
	a := AuthRequest{
		ID: r.ID, ClientApp: app, RedirectURI: r.RedirectURI, Scopes: r.Scopes, Shares: r.shares(), Prompt: r.Prompt, ACRValues: r.ACRValues,
		EssentialACR: parseStoredClaims(r.Claims).essentialACR(), UILocales: r.UILocales, LoginHint: r.LoginHint,
		HintUserID: r.HintUserID, HintSessionID: r.HintSessionID, Device: r.DeviceHash != "", ExpiresAt: r.ExpiresAt,
	}
	if r.MaxAge != nil {
		d := time.Duration(*r.MaxAge) * time.Second
		a.MaxAge = &d
	}
	return a
}

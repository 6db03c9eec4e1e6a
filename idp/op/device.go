package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/tenants"
)

// The device authorization grant, RFC 8628: a device that has no browser shows a code,
// which its user types in elsewhere, where he signs in and lets it have what it wants.

// SECURITY N46.
const (
	deviceLife     = 10 * time.Minute
	deviceInterval = 5 // seconds between two questions of the device
	userCodeLen    = 8
	// userCodeLetters are easy to read and to type, and spell no word (§6.1).
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
)

// States of a device's request. What is used, refused or expired stays so.
//
//	pending ──▶ approved ──▶ used
//	   └──────▶ denied
const (
	devicePending  = "pending"
	deviceApproved = "approved"
	deviceDenied   = "denied"
	deviceUsed     = "used"
)

// deviceRow is what a device asks for. It knows itself by a code of 256 bits, its user by
// one of 8 letters, which is kept to be shown to him once more; of both the hashes find it.
type deviceRow struct {
	TenantID     string
	Hash         string
	UserCodeHash string
	CodeSealed   string // the user code
	ClientAppID  string
	ClientID     string
	Scopes       tenants.List
	Resources    tenants.List
	Address      string // where the device asked from
	UserAgent    string
	State        string
	GrantID      string
	Interval     int64 `gorm:"column:poll_interval"` // seconds; grows when the device asks too often
	PolledAt     *time.Time
	CreatedAt    time.Time
	ExpiresAt    time.Time
}

func (deviceRow) TableName() string { return "device_requests" }

// Device is a device's request that waits for its user.
type Device struct {
	UserCode           string // as it shows it
	Address, UserAgent string // of the device
	CreatedAt          time.Time
}

// serveDevice answers a device that wants to sign its user in (§3.2).
func (p *Provider) serveDevice(c *call, r *http.Request) {
	ctx := r.Context()
	app, err := p.verifyClient(ctx, r.Header, r.PostForm)
	if err != nil {
		lib.WriteError(c, r, err, p.Log)
		return
	}
	out, err := p.beginDevice(ctx, app, r)
	if err != nil {
		lib.WriteError(c, r, err, p.Log)
		return
	}
	body, _ := json.Marshal(out)
	c.Header().Set("Content-Type", "application/json")
	c.WriteHeader(http.StatusOK)
	_, _ = c.Write(body)
}

type deviceAnswer struct {
	DeviceCode      string `json:"device_code"`
	UserCode        string `json:"user_code"`
	VerificationURI string `json:"verification_uri"`
	Complete        string `json:"verification_uri_complete"`
	ExpiresIn       int    `json:"expires_in"`
	Interval        int    `json:"interval"`
}

func (p *Provider) beginDevice(ctx context.Context, app tenants.ClientApp, r *http.Request) (deviceAnswer, error) {
	if !mayUseDevice(app) {
		e := oidc.ErrUnauthorizedClient().WithDescription("the app may not use the device grant")
		return deviceAnswer{}, e
	}
	scopes := allowedScopes(app, words(r.PostForm.Get("scope")))
	if len(scopes) == 0 {
		return deviceAnswer{}, invalidScope("no scope that the app may ask for")
	}
	to, err := targets(app.Resources, nil, r.PostForm)
	if err != nil {
		return deviceAnswer{}, err
	}
	now, code := p.now(), id.Token(p.Rand)
	row := deviceRow{
		Hash: tenants.HashHere(ctx, code), ClientAppID: app.ID, ClientID: app.ClientID, Scopes: scopes, Resources: to, State: devicePending,
		Address: audit.OriginOf(ctx).Address, UserAgent: strings.ToValidUTF8(r.UserAgent()[:min(len(r.UserAgent()), 200)], ""),
		Interval: deviceInterval, CreatedAt: now, ExpiresAt: now.Add(deviceLife),
	}
	for range 5 {
		user, err := newUserCode(p.Rand)
		if err != nil {
			return deviceAnswer{}, p.unavailable(ctx, "user code", err)
		}
		row.UserCodeHash, row.CodeSealed = p.userCodeHash(ctx, user), p.Seal.Seal([]byte(user), devicePlace(db.ScopeOf(ctx).Tenant, row.Hash)...)
		err = p.DB.For(ctx).Create(&row).Error
		if db.IsDuplicate(err) {
			continue // somebody else has been given this one: another
		}
		if err != nil {
			return deviceAnswer{}, p.unavailable(ctx, "keep device", err)
		}
		shown, at := shownCode(user), p.issuer(ctx)+PathDevice
		return deviceAnswer{
			DeviceCode: code, UserCode: shown, VerificationURI: at, Complete: at + "?user_code=" + shown,
			ExpiresIn: int(deviceLife.Seconds()), Interval: deviceInterval,
		}, nil
	}
	return deviceAnswer{}, p.unavailable(ctx, "keep device", errNoUserCode)
}

var errNoUserCode = errors.New("op: five user codes in a row were taken")

func shownCode(code string) string { return code[:userCodeLen/2] + "-" + code[userCodeLen/2:] }

// devicePlace binds a sealed user code to its row.
func devicePlace(tenantID, hash string) []string {
	return []string{"device_requests", "code_sealed", tenantID, hash}
}

// newUserCode draws letters, each equally likely.
func newUserCode(rand io.Reader) (string, error) {
	code, buf := make([]byte, 0, userCodeLen), make([]byte, 2*userCodeLen)
	for {
		if _, err := io.ReadFull(rand, buf); err != nil {
			return "", fmt.Errorf("op: random letters: %w", err)
		}
		for _, b := range buf {
			if n := len(userCodeLetters); int(b) < 256/n*n {
				code = append(code, userCodeLetters[int(b)%n])
			}
			if len(code) == userCodeLen {
				return string(code), nil
			}
		}
	}
}

func mayUseDevice(app tenants.ClientApp) bool {
	return slices.Contains(app.GrantTypes, tenants.GrantDevice)
}

// userCodeHash is keyed: so few letters could be tried out on a copy of the database.
func (p *Provider) userCodeHash(ctx context.Context, code string) string {
	return tenants.HashHere(ctx, string(p.Seal.MAC("op user code", db.ScopeOf(ctx).Tenant, code)))
}

// plainUserCode takes out of what people type all that is for the eye (§6.1); empty: it
// is no code.
func plainUserCode(typed string) string {
	var out strings.Builder
	for _, r := range strings.ToUpper(typed) {
		switch {
		case strings.ContainsRune(userCodeLetters, r):
			out.WriteRune(r)
		case r == '-' || r == ' ' || r == '\u00a0' || r == '\u2011':
		default:
			return ""
		}
	}
	if out.Len() != userCodeLen {
		return ""
	}
	return out.String()
}

// AuthorizeDevice begins the sign-in of the device whose code a user has typed in. The
// request that it returns asks for consent, whatever the app, and ends with the device;
// ErrOver tells of a code that is none, or not any more.
func (p *Provider) AuthorizeDevice(ctx context.Context, userCode string) (AuthRequest, error) {
	code := plainUserCode(userCode)
	if code == "" {
		return AuthRequest{}, ErrOver
	}
	var d deviceRow
	err := p.DB.For(ctx).Where("user_code_hash = ? AND state = ? AND expires_at > ?", p.userCodeHash(ctx, code), devicePending, p.now()).Take(&d).Error
	if db.IsNotFound(err) {
		return AuthRequest{}, ErrOver
	}
	if err != nil {
		return AuthRequest{}, wrap("device", err)
	}
	app, err := p.clientApp(ctx, d.ClientID)
	if err != nil {
		return AuthRequest{}, ErrOver
	}
	row := authRequestRow{
		ID: id.New(), ClientAppID: app.ID, ClientID: app.ClientID, ResponseMode: modeDevice, DeviceHash: d.Hash, Scopes: d.Scopes, Resources: d.Resources,
		CreatedAt: p.now(), ExpiresAt: d.ExpiresAt,
	}
	if err := p.DB.For(ctx).Create(&row).Error; err != nil {
		return AuthRequest{}, wrap("keep request", err)
	}
	return row.public(app), nil
}

// Device tells about the device of a request, so that its user knows which it is.
func (p *Provider) Device(ctx context.Context, requestID string) (Device, error) {
	var d deviceRow
	err := p.DB.For(ctx).Where("hash = (SELECT device_hash FROM auth_requests r WHERE r.tenant_id = device_requests.tenant_id AND r.id = ?)", requestID).Take(&d).Error
	if db.IsNotFound(err) {
		return Device{}, ErrOver
	}
	if err != nil {
		return Device{}, wrap("device", err)
	}
	code, err := p.Seal.Open(d.CodeSealed, devicePlace(d.TenantID, d.Hash)...)
	if err != nil {
		return Device{}, wrap("user code", err)
	}
	return Device{UserCode: shownCode(string(code)), Address: d.Address, UserAgent: d.UserAgent, CreatedAt: d.CreatedAt}, nil
}

// answerDevice tells a device what its user has said: of any number of answers to one
// code the first counts, and the others find it over.
func (p *Provider) answerDevice(ctx context.Context, hash, state, grantID string) error {
	res := p.DB.For(ctx).Model(&deviceRow{}).Where("hash = ? AND state = ? AND expires_at > ?", hash, devicePending, p.now()).
		UpdateColumns(map[string]any{"state": state, "grant_id": grantID})
	if res.Error != nil {
		return wrap("answer device", res.Error)
	}
	if res.RowsAffected != 1 {
		return ErrOver
	}
	return nil
}

// DeviceToken implements the library's Server (§3.4): the tokens, once, or what is still
// missing.
func (s *server) DeviceToken(ctx context.Context, r *lib.ClientRequest[oidc.DeviceAccessTokenRequest]) (*lib.Response, error) {
	p, app := s.p, r.Client.(*client).ClientApp
	if !mayUseDevice(app) {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the app may not use the device grant")
	}
	d, err := p.takeDevice(ctx, app, tenants.HashHere(ctx, r.Data.DeviceCode))
	if err != nil {
		return nil, err
	}
	g, err := p.subject(ctx, d.GrantID)
	// As with a code: who was first gets its answer, though a replay may have overtaken it.
	if notFound(err) || err == nil && !g.answers(p.Now()) {
		return nil, invalidGrant(badCode)
	}
	if err != nil {
		return nil, p.unavailable(ctx, "read grant", err)
	}
	to, err := targets(g.Resources, g.Resources, r.Form)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, issued{app: app, grant: &g, scopes: g.Scopes, resources: to, generation: g.Generation})
}

// takeDevice uses an approved request up, in one statement, or says what it waits for.
func (p *Provider) takeDevice(ctx context.Context, app tenants.ClientApp, hash string) (deviceRow, error) {
	now := p.now()
	mine := p.DB.For(ctx).Model(&deviceRow{}).Where("hash = ? AND client_app_id = ?", hash, app.ID)
	var rows []deviceRow
	err := p.DB.For(ctx).Model(&rows).Clauses(db.Returning()).
		Where("hash = ? AND client_app_id = ? AND state = ? AND expires_at > ?", hash, app.ID, deviceApproved, now).
		UpdateColumn("state", deviceUsed).Error
	if err != nil {
		return deviceRow{}, p.unavailable(ctx, "use device", err)
	}
	if len(rows) == 1 {
		return rows[0], nil
	}
	var d deviceRow
	err = mine.Take(&d).Error
	switch {
	case db.IsNotFound(err):
		return d, invalidGrant(badCode)
	case err != nil:
		return d, p.unavailable(ctx, "read device", err)
	case d.State == deviceUsed:
		// A second device, or somebody who listened: what the first got is over (RFC 9700 §4.14).
		if err := p.endGrant(ctx, d.GrantID, whyCodeReplay, "code.replayed", app); err != nil {
			return d, p.unavailable(ctx, "device replay", err)
		}
		return d, invalidGrant(badCode)
	case d.State == deviceDenied:
		return d, oidc.ErrAccessDenied().WithDescription("the user refused")
	case !d.ExpiresAt.After(now):
		return d, oidc.ErrExpiredDeviceCode().WithDescription("the code has expired")
	}
	return d, p.notYet(ctx, d, now)
}

// notYet tells a device to ask again later, and less often if it asks too often: by five
// seconds each time (§3.5).
func (p *Provider) notYet(ctx context.Context, d deviceRow, now time.Time) error {
	set := map[string]any{"polled_at": now}
	// A device's clock and the way to us are no clockwork: it gets a second.
	early := d.PolledAt != nil && now.Sub(*d.PolledAt) < time.Duration(d.Interval)*time.Second-time.Second
	if early {
		set["poll_interval"] = d.Interval + deviceInterval
	}
	if err := p.DB.For(ctx).Model(&deviceRow{}).Where("hash = ?", d.Hash).UpdateColumns(set).Error; err != nil {
		return p.unavailable(ctx, "note device", err)
	}
	if early {
		return oidc.ErrSlowDown().WithDescription("ask less often: five seconds more between two questions")
	}
	return oidc.ErrAuthorizationPending().WithDescription("the user has not answered yet")
}

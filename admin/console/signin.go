package console

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// Parameters of a sign-in to the console.
const (
	paramTenant = "tenant" // where to sign in
	paramTo     = "to"     // the page to come back to
	paramFresh  = "fresh"  // prove anew, whatever was proven before
)

// maxAuthAge is how old proofs may be that open the console: as old as a session may be
// idle. Otherwise single sign-on would undo what the idle time is for.
const maxAuthAge = idleLife

// clockSkew is how far the clock of another replica may be behind.
const clockSkew = 5 * time.Second

// Bounds of sign-ins under way.
const (
	flowLife = 15 * time.Minute // sign-in and enrolment included
	maxFlows = 4                // at one browser, side by side
)

// firstTenant is where to sign in when nothing says otherwise.
const firstTenant = "system"

// flow is a sign-in that has left for the issuer. It travels sealed in a cookie of its
// own, so only the browser that began it can end it.
type flow struct {
	State, Nonce, Proof string // Proof is the PKCE code verifier (RFC 7636)
	Tenant, To          string
	Fresh               bool
	At                  time.Time
}

// signIn sends the browser to the issuer of a tenant: authorization code with PKCE,
// state and nonce (RFC 9700 §2.1.1, OpenID Connect Core §3.1.2.1).
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f := flow{
		State: id.Token(c.Rand), Nonce: id.Token(c.Rand), Proof: id.Token(c.Rand),
		Tenant: c.tenantFor(r), To: backTo(q.Get(paramTo)), Fresh: q.Get(paramFresh) != "", At: c.Now().UTC(),
	}
	_, app, err := c.consoleOf(r.Context(), f.Tenant)
	if errors.Is(err, errNoConsole) {
		return noConsole(f.Tenant)
	}
	if err != nil {
		return err
	}
	issuer, err := c.discover(r.Context(), f.Tenant)
	if err != nil {
		return err
	}
	if err := c.keepFlow(w, r, f); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, c.oauth(issuer, app).AuthCodeURL(f.State, f.parameters()...), http.StatusSeeOther)
	return nil
}

// tenantFor is the tenant that the request names, or that was signed in to last here.
func (c *Console) tenantFor(r *http.Request) string {
	if name := r.URL.Query().Get(paramTenant); name != "" {
		return name
	}
	if last := c.cookies(r, tenantCookie); len(last) == 1 {
		return last[0]
	}
	return firstTenant
}

// noConsole also leads back to the first tenant, for whom a cookie has led astray.
func noConsole(tenant string) error {
	if tenant == firstTenant {
		return &offer{errNoConsole, "There is no administration here yet", nil}
	}
	return &offer{errNoConsole, "There is no administration here", []ui.Link{
		{Text: "Sign in as an administrator of the server", URL: pathSignIn + "?" + paramTenant + "=" + firstTenant},
	}}
}

func (f flow) parameters() []oauth2.AuthCodeOption {
	out := []oauth2.AuthCodeOption{
		oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Proof), oauth2.SetAuthURLParam("acr_values", minStrength.ACR()),
		oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(f.maxAge().Seconds()))),
	}
	if f.Fresh {
		out = append(out, oauth2.SetAuthURLParam("prompt", "login"))
	}
	return out
}

func (f flow) maxAge() time.Duration {
	if f.Fresh {
		return 0
	}
	return maxAuthAge
}

// discover asks an issuer for its endpoints and keys. That is the server itself, so
// there is nothing to remember.
func (c *Console) discover(ctx context.Context, tenant string) (*oidc.Provider, error) {
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, c.HTTP), c.issuer(tenant))
	if err != nil {
		return nil, fmt.Errorf("console: discover: %w", err)
	}
	return p, nil
}

func (c *Console) oauth(issuer *oidc.Provider, app tenants.ClientApp) *oauth2.Config {
	endpoint := issuer.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client names itself in the body
	return &oauth2.Config{ClientID: app.ClientID, Endpoint: endpoint, RedirectURL: c.PublicURL + pathCallback, Scopes: []string{oidc.ScopeOpenID}}
}

// place is what flows are sealed for.
const flowPlace = "console/flow"

// flowName is the name of a flow's cookie. The state is in the issuer's address anyway.
func flowName(state string) string { return flowCookie + "-" + id.Hash(state)[:16] }

// keepFlow gives the browser a flow. Of too many at once all others go.
func (c *Console) keepFlow(w http.ResponseWriter, r *http.Request, f flow) error {
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("console: flow: %w", err)
	}
	var open []string
	for _, k := range r.Cookies() {
		if strings.HasPrefix(k.Name, c.cookieName(flowCookie)+"-") {
			open = append(open, k.Name)
		}
	}
	if len(open) >= maxFlows {
		for _, name := range open {
			http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // Secure wherever the public URL is https
		}
	}
	c.setCookie(w, flowName(f.State), c.Seal.Seal(text, flowPlace), flowLife)
	return nil
}

// takeFlow finds the flow that an answer belongs to, and takes it from the browser. It
// must be this browser's: an answer that somebody else got would sign in somebody else.
func (c *Console) takeFlow(w http.ResponseWriter, r *http.Request, state string) (flow, bool) {
	name := flowName(state)
	var found flow
	for _, k := range r.CookiesNamed(c.cookieName(name)) {
		text, err := c.Seal.Open(k.Value, flowPlace)
		var f flow
		if err != nil || json.Unmarshal(text, &f) != nil {
			continue
		}
		age := c.Now().Sub(f.At)
		if subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) == 1 && age >= -clockSkew && age < flowLife {
			found = f
		}
	}
	c.dropCookie(w, name)
	return found, found.State != ""
}

// callback takes the issuer's answer. It is believed only when it comes back to the
// browser that asked, from the issuer that was asked.
func (c *Console) callback(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	for _, name := range []string{"state", "iss", "code", "error"} {
		if len(q[name]) > 1 { // RFC 6749 §3.1
			return notOurs()
		}
	}
	f, ok := c.takeFlow(w, r, q.Get("state"))
	if !ok {
		return notOurs()
	}
	if q.Get("iss") != c.issuer(f.Tenant) { // RFC 9207 §2.4
		return refused(f, fmt.Errorf("console: asked %s, answered by another issuer", c.issuer(f.Tenant)))
	}
	if code := q.Get("error"); code != "" {
		return declined(f, code)
	}
	realm, app, err := c.consoleOf(r.Context(), f.Tenant)
	if errors.Is(err, errNoConsole) {
		return noConsole(f.Tenant)
	}
	if err != nil {
		return err
	}
	p, err := c.redeem(r.Context(), app, f, q.Get("code"))
	if err != nil {
		return err
	}
	token, err := c.begin(r, realm, p)
	if err != nil {
		return err
	}
	c.setCookie(w, sessionCookie, token, 0)
	c.setCookie(w, tenantCookie, realm.Tenant.Name, 365*24*time.Hour)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, f.To, http.StatusSeeOther) //nolint:gosec // backTo has looked at it, and the seal keeps it
	return nil
}

// proven is what an ID token tells.
type proven struct {
	UserID   string   `json:"sub"`
	SID      string   `json:"sid"`
	AuthTime int64    `json:"auth_time"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
}

// redeem changes the code for tokens and checks all that a client must (Core §3.1.3.5
// and §3.1.3.7). The tokens are of no further use and are not kept.
func (c *Console) redeem(ctx context.Context, app tenants.ClientApp, f flow, code string) (proven, error) {
	issuer, err := c.discover(ctx, f.Tenant)
	if err != nil {
		return proven{}, err
	}
	ctx = oidc.ClientContext(ctx, c.HTTP)
	tok, err := c.oauth(issuer, app).Exchange(ctx, code, oauth2.VerifierOption(f.Proof))
	var answered *oauth2.RetrieveError
	switch {
	case errors.As(err, &answered) && answered.Response.StatusCode < http.StatusInternalServerError:
		return proven{}, refused(f, fmt.Errorf("console: exchange: %s", answered.ErrorCode))
	case answered != nil: // its text repeats the answer, and there may be tokens in it
		return proven{}, fmt.Errorf("console: exchange: status %d", answered.Response.StatusCode)
	case err != nil:
		return proven{}, fmt.Errorf("console: exchange: %w", err)
	}
	raw, ok := tok.Extra("id_token").(string)
	if !ok {
		return proven{}, refused(f, errors.New("console: the answer holds no ID token"))
	}
	token, err := issuer.Verifier(&oidc.Config{ClientID: app.ClientID, Now: c.Now}).Verify(ctx, raw)
	if err != nil {
		return proven{}, refused(f, fmt.Errorf("console: verify ID token: %w", err))
	}
	var p proven
	if err := token.Claims(&p); err != nil {
		return proven{}, refused(f, fmt.Errorf("console: claims: %w", err))
	}
	if err := c.check(f, token, tok.AccessToken, p); err != nil {
		return proven{}, refused(f, err)
	}
	return p, nil
}

// check looks at what the library leaves to the client.
func (c *Console) check(f flow, token *oidc.IDToken, accessToken string, p proven) error {
	strength, known := twofactor.ParseACR(p.ACR)
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(f.Nonce)) != 1:
		return errors.New("console: the nonce is not the one that was sent")
	case len(token.Audience) != 1:
		return errors.New("console: the ID token was made for several apps")
	case !known || strength < minStrength:
		return fmt.Errorf("console: acr %q is too weak", p.ACR)
	case p.UserID == "" || p.SID == "":
		return errors.New("console: the ID token names no user or no session")
	case time.Unix(p.AuthTime, 0).Before(f.At.Add(-f.maxAge()).Truncate(time.Second).Add(-clockSkew)):
		return errors.New("console: auth_time lies before what was asked for")
	}
	if token.AccessTokenHash == "" {
		return errors.New("console: at_hash is missing")
	}
	if err := token.VerifyAccessToken(accessToken); err != nil {
		return fmt.Errorf("console: verify at_hash: %w", err)
	}
	return nil
}

// begin starts a session under a new cookie and ends the one that the browser had: who
// knew the old cookie does not share what comes after it.
func (c *Console) begin(r *http.Request, realm tenants.Realm, p proven) (token string, err error) {
	old, err := c.find(r.Context(), c.cookies(r, sessionCookie))
	if err != nil {
		return "", err
	}
	err = c.DB.Tx(tenants.WithRealm(r.Context(), realm), func(ctx context.Context) error {
		user, err := c.Tenants.User(ctx, p.UserID)
		if err != nil {
			return err
		}
		// From here on nobody changes him: what shuts him out comes before, or sees this.
		if err := c.Tenants.HoldUser(ctx, user.ID, user.CredentialEpoch); err != nil {
			return err
		}
		live, err := c.SessionLive(ctx, realm.Tenant.ID, p.SID, p.UserID)
		if err != nil {
			return err
		}
		if !live {
			return errEnded()
		}
		if old != nil {
			if err := c.drop(ctx, old); err != nil {
				return err
			}
		}
		now := db.Micros(c.Now())
		row := sessionRow{
			TenantName: realm.Tenant.Name, UserID: user.ID, CredentialEpoch: user.CredentialEpoch, SID: p.SID,
			AuthTime: time.Unix(p.AuthTime, 0).UTC(), ACR: p.ACR, AMR: p.AMR,
			CreatedAt: now, SeenAt: now, IdleExpiresAt: now.Add(idleLife), ExpiresAt: now.Add(absoluteLife),
		}
		token, row.TokenHash = c.newToken()
		if err := c.keep(ctx, &row); err != nil {
			return err
		}
		return c.Audit.Record(ctx, audit.Event{Kind: "console.signed_in", Actor: user.ID, User: user.ID}, map[string]any{
			"session": p.SID, "acr": p.ACR, "amr": p.AMR,
		})
	})
	if problem.Is(err, problem.NotFound) || problem.Is(err, problem.Conflict) {
		err = errEnded()
	}
	return token, err
}

func again(f flow) []ui.Link {
	q := pathSignIn
	if f.Tenant != "" {
		q += "?" + paramTenant + "=" + f.Tenant
	}
	return []ui.Link{{Text: "Sign in", URL: q}}
}

// notOurs is for an answer that does not belong to this browser.
func notOurs() error {
	p := problem.New(problem.Gone, "sign_in_foreign", "This sign-in was begun in another browser, or too long ago. Nobody was signed in.")
	return &offer{p, "Please sign in again", again(flow{})}
}

func errEnded() error {
	p := problem.New(problem.Gone, "sign_in_over", "Something about the account changed while you were signing in.")
	return &offer{p, "Please sign in again", again(flow{})}
}

// codeRefused is the code of refused.
const codeRefused = "sign_in_refused"

// refused is for an answer that must not be believed; why is for the log.
func refused(f flow, why error) error {
	p := problem.Wrap(problem.Forbidden, codeRefused, "The answer of the sign-in service could not be accepted, so nobody was signed in.", why)
	return &offer{p, "You were not signed in", again(f)}
}

// declined is for an error that the issuer answers with (RFC 6749 §4.1.2.1).
func declined(f flow, code string) error {
	text := "The sign-in did not come to its end."
	if code == "access_denied" {
		text = "The sign-in was cancelled, or your account cannot satisfy what the administration asks for: a second factor."
	}
	return &offer{problem.New(problem.Forbidden, "sign_in_declined", text), "You are not signed in", again(f)}
}

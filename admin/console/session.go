package console

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/ui"
)

// Times of a console session (SECURITY N36). Past the idle time single sign-on must not
// bring it back unasked: see maxAuthAge.
const (
	idleLife     = 15 * time.Minute
	absoluteLife = 12 * time.Hour
	seenEvery    = time.Minute
)

// maxToken is longer than any token of ours.
const maxToken = 64

// Session is an administrator who is signed in.
type Session struct {
	User     tenants.User
	Realm    tenants.Realm // where he signed in
	SID      string        // his session there
	AuthTime time.Time     // when he last proved who he is
	ACR      string
	AMR      []string
}

// Signed is what package admin asks to find out what s may do.
func (s *Session) Signed() admin.Signed {
	home := db.Scope{Subscription: s.Realm.Subscription.ID, Tenant: s.Realm.Tenant.ID}
	return admin.Signed{Home: home, UserID: s.User.ID, AuthTime: s.AuthTime, ACR: s.ACR}
}

var errSignedOut = &offer{
	problem.New(problem.Unauthenticated, "signed_out", "You are not signed in any more, so nothing was changed. Sign in, then do it once more."),
	"Please sign in again",
	[]ui.Link{{Text: "Sign in", URL: pathSignIn}},
}

// signedIn runs h for whoever is signed in. Others are sent to sign in and back to the
// page; what they posted is refused, for it would be lost on the way.
func (c *Console) signedIn(h func(http.ResponseWriter, *http.Request, *Session) error) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := c.cross.Check(r); err != nil {
			return problem.Wrap(problem.Forbidden, "cross_origin", "This form was sent from another site.", err)
		}
		s, err := c.session(r)
		switch {
		case err != nil:
			return err
		case s != nil:
			return h(w, r, s)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			return errSignedOut
		}
		w.Header().Set("Cache-Control", "no-store")
		to := url.Values{paramTo: {backTo(r.URL.RequestURI())}}
		http.Redirect(w, r, pathSignIn+"?"+to.Encode(), http.StatusSeeOther)
		return nil
	}
}

// session finds who is signed in at this browser, or nobody. Each time it asks whether
// all that the session stands on still does: the tenant and its console, the user and
// what he proves himself with, and his session there.
func (c *Console) session(r *http.Request) (*Session, error) {
	row, err := c.find(r.Context(), c.cookies(r, sessionCookie))
	if err != nil || row == nil {
		return nil, err
	}
	s, err := c.stands(r, row)
	if problem.Is(err, problem.NotFound) {
		return nil, c.drop(r.Context(), row)
	}
	if err != nil {
		return nil, err
	}
	return s, c.touch(tenants.WithRealm(r.Context(), s.Realm), row)
}

// errOver reports a session that stands on nothing any more.
var errOver = problem.New(problem.NotFound, "session_over", "The session has ended.")

func (c *Console) stands(r *http.Request, row *sessionRow) (*Session, error) {
	realm, _, err := c.consoleOf(r.Context(), row.TenantName)
	if err != nil {
		return nil, err
	}
	if realm.Tenant.ID != row.TenantID {
		return nil, errOver // another one has got the name
	}
	ctx := tenants.WithRealm(r.Context(), realm)
	user, err := c.Tenants.User(ctx, row.UserID)
	if err != nil {
		return nil, err
	}
	if !user.Active || user.CredentialEpoch != row.CredentialEpoch {
		return nil, errOver
	}
	live, err := c.SessionLive(ctx, row.TenantID, row.SID, row.UserID)
	if err != nil {
		return nil, err
	}
	if !live {
		return nil, errOver
	}
	return &Session{User: user, Realm: realm, SID: row.SID, AuthTime: row.AuthTime, ACR: row.ACR, AMR: row.AMR}, nil
}

// proveAnew answers what asks for a fresh sign-in: a page is opened after one. What was
// posted is not kept, so that is said, and the way leads back to where it was posted.
func (c *Console) proveAnew(w http.ResponseWriter, r *http.Request) error {
	to := pathSignIn + "?" + url.Values{paramFresh: {"1"}, paramTo: {backTo(r.URL.RequestURI())}}.Encode()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		p := problem.Wrap(problem.Unauthenticated, problem.From(admin.ErrAgain).Code,
			"This needs a sign-in of the last 5 minutes, so nothing was changed yet. Sign in again, then do it once more.", admin.ErrAgain)
		return &offer{p, "Please sign in again", []ui.Link{{Text: "Sign in again", URL: to}}}
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// signOut ends the session here, then leads to the issuer, which asks whether to end
// the session there too.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := c.ownForm(r); err != nil {
		return err
	}
	row, err := c.find(r.Context(), c.cookies(r, sessionCookie))
	if err != nil {
		return err
	}
	c.dropCookie(w, sessionCookie)
	to := pathHome
	if row != nil {
		scope := db.Scope{Subscription: row.SubscriptionID, Tenant: row.TenantID}
		ctx := db.WithScope(r.Context(), scope)
		err := c.DB.Tx(ctx, func(ctx context.Context) error {
			if err := c.drop(ctx, row); err != nil {
				return err
			}
			return c.Audit.Record(ctx, audit.Event{Kind: "console.signed_out", Actor: row.UserID, User: row.UserID}, map[string]any{"session": row.SID})
		})
		if err != nil {
			return err
		}
		to = c.issuer(row.TenantName) + "/end_session?" + url.Values{
			"client_id": {clientID(row.SubscriptionID)}, "post_logout_redirect_uri": {c.PublicURL + pathHome},
		}.Encode()
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // an address of ours
	return nil
}

// newToken is a cookie's value and what is kept of it.
func (c *Console) newToken() (token, hash string) {
	token = id.Token(c.Rand)
	return token, id.Hash(token)
}

// backTo is a page of the console to go back to: to, or the first page if to is
// anything else. No page that signs in or out is one.
func backTo(to string) string {
	u, err := url.Parse(to)
	switch {
	case err != nil, len(to) > 1024, u.Scheme != "", u.Host != "", u.User != nil, u.Opaque != "":
	case strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == '\\' || r > '~' }):
	case path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/"), !strings.HasPrefix(u.Path, pathHome):
	case u.Path == pathSignIn, u.Path == pathCallback, u.Path == pathSignOut, u.Path == pathSetup:
	default:
		u.Fragment, u.RawFragment = "", ""
		return u.String()
	}
	return pathHome
}

// Cookies belong to the whole host: only then may they have the prefix __Host-, which
// no sibling host can plant. On http, for loopback only, there is no prefix. They are
// Lax: the answer to a sign-in comes by a redirect that another site's link may have
// begun, and with Strict the browser would hold the cookies back on all of that way, and
// go round in circles. No GET changes anything, and posts are checked for their origin.
const (
	sessionCookie = "console"      // the session
	tenantCookie  = "console-at"   // the tenant signed in to last
	flowCookie    = "console-flow" // a sign-in under way, each its own
)

func (c *Console) cookieName(name string) string {
	if c.secure {
		return "__Host-twofold-" + name
	}
	return "twofold-" + name
}

// setCookie keeps a value; with no life, until the browser closes.
func (c *Console) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the public URL is https
		Name: c.cookieName(name), Value: value, Path: "/", MaxAge: int(life.Seconds()),
		Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (c *Console) dropCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the public URL is https
		Name: c.cookieName(name), Path: "/", MaxAge: -1, Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookies returns all values of a name, a few at most.
func (c *Console) cookies(r *http.Request, name string) []string {
	var out []string
	for _, k := range r.CookiesNamed(c.cookieName(name)) {
		if k.Value != "" && len(k.Value) <= maxToken && len(out) < 4 {
			out = append(out, k.Value)
		}
	}
	return out
}

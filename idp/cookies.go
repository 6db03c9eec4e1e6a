package idp

import (
	"context"
	"net/http"
	"time"

	"twofold/internal/id"
	"twofold/tenants"
)

// Below the server's address cookies live below the tenant's path: tenants share a host, so
// __Host- (which demands Path=/) cannot be used there. At a tenant's own host name it is:
// no sibling host can plant one. What tells cookies for one page apart is in their name
// then, and not in their path. Both prefixes need https; on http, for loopback only, there
// is none.

// cookie is one by its name and by where below the tenant it is for; empty: for all of it.
// One that reaches beyond the tenant has a path instead.
type cookie struct{ name, below, path string }

func (s *IDP) cookieName(ctx context.Context, c cookie) string {
	prefix, name := "", "twofold-"+c.name
	atOwnHost := tenants.RealmFrom(ctx).Host != ""
	if s.secure {
		prefix = "__Secure-"
	}
	if s.secure && atOwnHost {
		prefix = "__Host-"
	}
	if atOwnHost && c.below != "" {
		name += "-" + id.Hash(c.below)[:16]
	}
	return prefix + name
}

func cookiePath(ctx context.Context, c cookie) string {
	if tenants.RealmFrom(ctx).Host != "" {
		return "/"
	}
	if c.path != "" {
		return c.path
	}
	return pathIn(ctx, c.below)
}

func (s *IDP) setCookie(w http.ResponseWriter, r *http.Request, c cookie, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the public URL is https
		Name: s.cookieName(r.Context(), c), Value: value, Path: cookiePath(r.Context(), c), MaxAge: int(life.Seconds()),
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (s *IDP) dropCookie(w http.ResponseWriter, r *http.Request, c cookie) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the public URL is https
		Name: s.cookieName(r.Context(), c), Path: cookiePath(r.Context(), c), MaxAge: -1,
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookies returns all values of a name: a sibling host may have planted one more,
// and only the one whose hash is known counts.
func (s *IDP) cookies(r *http.Request, c cookie) []string {
	var out []string
	for _, c := range r.CookiesNamed(s.cookieName(r.Context(), c)) {
		if len(c.Value) <= 64 && len(out) < 4 {
			out = append(out, c.Value)
		}
	}
	return out
}

// sessionCookie ties a browser to its session in a tenant.
func sessionCookie() cookie { return cookie{name: "session"} }

// signInCookie ties a browser to one sign-in and to no other, so any number can be open
// side by side and none survives another.
func signInCookie(signInID string) cookie {
	return cookie{name: "signin", below: "/signin/" + signInID}
}

// viaGet sends a browser that posted from an app's page here once more by GET:
// SameSite=Lax keeps the session's cookie from a cross-site post, but not from the
// navigation that follows, so single sign-on and sign-out work for posts too.
func (s *IDP) viaGet(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || len(s.cookies(r, sessionCookie())) > 0 || r.ParseForm() != nil {
		return false
	}
	query := r.PostForm.Encode()
	if len(query) > maxQuery {
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, r.URL.Path+"?"+query, http.StatusSeeOther) //nolint:gosec // this very page
	return true
}

// maxQuery leaves room for other headers within what a server takes.
const maxQuery = 8 << 10

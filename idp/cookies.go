package idp

import (
	"net/http"
	"time"
)

// Cookies live below the tenant's path: tenants share a host, so __Host- (which
// demands Path=/) cannot be used. __Secure- needs https; on http, for loopback
// only, there is no prefix.

func (s *IDP) cookieName(name string) string {
	if s.secure {
		return "__Secure-twofold-" + name
	}
	return "twofold-" + name
}

func (s *IDP) setCookie(w http.ResponseWriter, name, value, path string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the public URL is https
		Name: s.cookieName(name), Value: value, Path: path, MaxAge: int(life.Seconds()),
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (s *IDP) dropCookie(w http.ResponseWriter, name, path string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the public URL is https
		Name: s.cookieName(name), Path: path, MaxAge: -1, Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookies returns all values of a name: a sibling host may have planted one more,
// and only the one whose hash is known counts.
func (s *IDP) cookies(r *http.Request, name string) []string {
	var out []string
	for _, c := range r.CookiesNamed(s.cookieName(name)) {
		if len(c.Value) <= 64 && len(out) < 4 {
			out = append(out, c.Value)
		}
	}
	return out
}

// sessionCookie ties a browser to its session in a tenant.
const sessionCookie = "session"

// signInCookie ties a browser to one sign-in; its path is that sign-in's, so
// any number can be open side by side and none survives another.
const signInCookie = "signin"

// viaGet sends a browser that posted from an app's page here once more by GET:
// SameSite=Lax keeps the session's cookie from a cross-site post, but not from the
// navigation that follows, so single sign-on and sign-out work for posts too.
func (s *IDP) viaGet(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || len(s.cookies(r, sessionCookie)) > 0 || r.ParseForm() != nil {
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

package idp

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"

	"twofold/tenants"
)

// A tenant is reached below the server's address, at /t/{tenant}, and perhaps by a host
// name of its own as well, where it has all paths to itself (docs/adr/0034). Handlers know
// nothing of it: they make addresses by path, addressIn and hostIn.

// AtHosts serves tenants at their own host names, and all else by next. There is nothing
// else at these names: no other tenant, no administration.
func (s *IDP) AtHosts(next http.Handler) http.Handler {
	own := mux.NewRouter().SkipClean(true)
	s.mountFiles(own)
	// RFC 8414 §3: this issuer has no path.
	own.HandleFunc("/.well-known/oauth-authorization-server", s.Provider.Discovery).Methods(http.MethodGet, http.MethodHead)
	own.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, path(r, "/account"), http.StatusSeeOther)
	}).Methods(http.MethodGet, http.MethodHead)
	s.mountTenant(own)
	s.notFound(own)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		realm, ok, err := s.Tenants.RealmByHost(r.Context(), r.Host)
		if ok && strings.HasPrefix(r.URL.Path, "//") {
			err = errNoPage // browsers take such a path for the address of another host: no page repeats it
		}
		switch {
		case err != nil:
			s.fail(w, r, err)
			return
		case !ok:
			next.ServeHTTP(w, r)
			return
		}
		if s.secure {
			// Names below this one are the customer's, and nothing of ours.
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		own.ServeHTTP(w, r.WithContext(tenants.WithRealm(r.Context(), realm)))
	})
}

// path is a path below the tenant of the request.
func path(r *http.Request, rest string) string { return pathIn(r.Context(), rest) }

func pathIn(ctx context.Context, rest string) string {
	realm := tenants.RealmFrom(ctx)
	if realm.Host != "" {
		return cmp.Or(rest, "/")
	}
	return "/t/" + realm.Tenant.Name + rest
}

// addressIn is the whole address of a path below the tenant in ctx.
func (s *IDP) addressIn(ctx context.Context, rest string) string {
	return cmp.Or(tenants.RealmFrom(ctx).Origin, s.PublicURL) + pathIn(ctx, rest)
}

// hostIn is the host at which the tenant in ctx is reached.
func (s *IDP) hostIn(ctx context.Context) string {
	if host := tenants.RealmFrom(ctx).Host; host != "" {
		return host
	}
	u, err := url.Parse(s.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

package idp

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"twofold/tenants"
	"twofold/ui"
)

// brand is a tenant's, with what an app has of its own: people see the app that sent
// them (SPEC §8.6).
func brand(ctx context.Context, b ui.Brand, app tenants.ClientApp) ui.Brand {
	if app.LogoURL != "" {
		b.Logo = logoIn(ctx, app.LogoURL)
	}
	if app.Accent != "" {
		b.Accent = app.Accent
	}
	return b
}

// logoIn is the address of a logo for pages of the tenant in ctx.
func logoIn(ctx context.Context, url string) string {
	name := tenants.RealmFrom(ctx).Tenant.Name
	at := tenants.LogoAt(name, url)
	if rest, ok := strings.CutPrefix(at, tenants.LogoPath(name, "")); ok {
		return pathIn(ctx, "/logo/"+rest)
	}
	return at
}

// logo serves a picture that is kept here. Its address names its content, so it never
// changes; and whatever it is taken for, nothing in it runs.
func (s *IDP) logo(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Tenants.Logo(r.Context(), mux.Vars(r)["hash"])
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", v.MIME)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(v.Content))
	return nil
}

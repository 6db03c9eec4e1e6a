package idp

import (
	"bytes"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"twofold/tenants"
	"twofold/ui"
)

// brand is a tenant's, with what an app has of its own: people see the app that sent
// them (SPEC §8.6).
func brand(b ui.Brand, t tenants.Tenant, app tenants.ClientApp) ui.Brand {
	if app.LogoURL != "" {
		b.Logo = tenants.LogoAt(t.Name, app.LogoURL)
	}
	if app.Accent != "" {
		b.Accent = app.Accent
	}
	return b
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

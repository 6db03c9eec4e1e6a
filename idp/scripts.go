package idp

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"twofold/internal/id"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
)

// Factors bring scripts of their own. They are served from this origin, under the
// factor's type and a hash of the content, so that pages load nothing from elsewhere
// and browsers may keep them for good.

// script is a file among the assets of a type of factor.
type script struct {
	body []byte
	hash string
}

// loadScripts reads the modules of all types once.
func loadScripts(catalog twofactor.Catalog) map[string]script {
	out := map[string]script{}
	for factorType, provider := range catalog {
		assets := provider.Assets
		if assets == nil {
			continue
		}
		names, err := fs.Glob(assets, "*.js")
		if err != nil {
			continue
		}
		for _, name := range names {
			if body, err := fs.ReadFile(assets, name); err == nil {
				out[factorType+"/"+name] = script{body, id.Hash(string(body))[:16]}
			}
		}
	}
	return out
}

// scriptOf is the address of the script that a challenge's page needs, or empty.
func (s *IDP) scriptOf(ctx context.Context, view ceremony.View) string {
	if view.Prompt.Script == "" || !view.Open {
		return ""
	}
	inst, err := s.Tenants.Open(ctx, view.TwoFactorID)
	if err != nil {
		return ""
	}
	name := inst.Info.Type + "/" + view.Prompt.Script
	sc, ok := s.scripts[name]
	if !ok {
		return ""
	}
	return "/factors/" + strings.TrimSuffix(name, ".js") + "." + sc.hash + ".js"
}

// serveScript answers /factors/TYPE/NAME.HASH.js.
func (s *IDP) serveScript(w http.ResponseWriter, r *http.Request) error {
	v := mux.Vars(r)
	base, hash, _ := strings.Cut(strings.TrimSuffix(v["file"], ".js"), ".")
	sc, ok := s.scripts[v["type"]+"/"+base+".js"]
	if !ok || hash != sc.hash {
		return errNoPage
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(sc.body))
	return nil
}

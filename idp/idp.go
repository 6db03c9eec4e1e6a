package idp

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"twofold/idp/op"
	"twofold/idp/upstream"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/limits"
	"twofold/internal/seal"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/delivery"
	"twofold/ui"
)

// Config is what an IDP stands on; all fields must be set.
type Config struct {
	DB        *db.DB
	Seal      *seal.Sealer
	Now       func() time.Time
	Rand      io.Reader
	Log       *slog.Logger
	Tenants   *tenants.Store
	Provider  *op.Provider
	Ceremony  *ceremony.Ceremony
	Outbox    *delivery.Outbox
	Limits    *limits.Limiter
	Audit     *audit.Trail
	UI        *ui.UI
	Catalog   twofactor.Catalog  // whose scripts are served
	Compose   twofactor.Compose  // puts the house's own letters into words
	Upstream  *upstream.Party    // this server as a client of other providers
	Guarded   *http.Client       // for the addresses at which client apps want to be told
	PublicURL string             // scheme://host[:port], without a trailing slash
	Observe   func(event string) // for metrics: "done", "refused", "wrong_password", …
	TellEvery time.Duration      // how often to look for apps to be told of sessions that ended elsewhere; 0: 1 s
}

// IDP serves sign-ins.
type IDP struct {
	Config
	secure     bool
	cross      *http.CrossOriginProtection
	scripts    map[string]script
	background sync.WaitGroup // work that goes on after its request was answered
	toTell     chan struct{}  // there are apps to be told
}

// New makes an IDP.
func New(c Config) *IDP {
	if c.Observe == nil {
		c.Observe = func(string) {}
	}
	if c.TellEvery == 0 {
		c.TellEvery = time.Second
	}
	return &IDP{
		toTell: make(chan struct{}, 1), Config: c, secure: strings.HasPrefix(c.PublicURL, "https://"), cross: http.NewCrossOriginProtection(),
		scripts: loadScripts(c.Catalog),
	}
}

// Wait returns when what goes on beside the requests has ended. Call it when no more
// requests come in.
func (s *IDP) Wait() { s.background.Wait() }

// mountFiles puts what pages load, and what no tenant has a part in, on r.
func (s *IDP) mountFiles(r *mux.Router) {
	r.PathPrefix("/assets/").Handler(s.UI.Assets()).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/factors/{type}/{file}", s.page(s.serveScript)).Methods(http.MethodGet, http.MethodHead)
}

// Mount puts all routes on r, the root router.
func (s *IDP) Mount(r *mux.Router) {
	s.mountFiles(r)
	// RFC 8414 §3.1: the well-known part comes before the issuer's path.
	r.Handle("/.well-known/oauth-authorization-server/t/{tenant}", s.realm(http.HandlerFunc(s.Provider.Discovery))).Methods(http.MethodGet, http.MethodHead)

	t := r.PathPrefix("/t/{tenant}").Subrouter()
	t.Use(s.realm)
	s.mountTenant(t)
	t.HandleFunc("/report/{two_factor}", s.page(s.report)).Methods(http.MethodPost)
	s.notFound(r, t)
}

// mountTenant puts what a tenant serves on t, wherever it is reached.
func (s *IDP) mountTenant(t *mux.Router) {
	t.HandleFunc("/authorize", s.page(s.authorize)).Methods(http.MethodGet, http.MethodPost)
	t.HandleFunc("/signin/{id}", s.page(s.orAgain(s.show))).Methods(http.MethodGet, http.MethodHead)
	t.HandleFunc("/signin/{id}", s.page(s.orAgain(s.post))).Methods(http.MethodPost)
	t.HandleFunc("/signin/{id}/status", s.page(s.status)).Methods(http.MethodGet)
	t.HandleFunc("/upstream/{idp}/callback", s.page(s.upstreamCallback)).Methods(http.MethodGet, http.MethodPost)
	t.HandleFunc("/end_session", s.page(s.endSession)).Methods(http.MethodGet, http.MethodPost)
	t.HandleFunc("/account", s.page(s.signedIn(s.account))).Methods(http.MethodGet, http.MethodHead)
	t.HandleFunc("/account", s.page(s.signedIn(s.accountPost))).Methods(http.MethodPost)
	t.HandleFunc("/account/cancelled", s.page(s.cancelled)).Methods(http.MethodGet)
	t.HandleFunc("/reset", s.page(s.showReset)).Methods(http.MethodGet)
	t.HandleFunc("/reset", s.page(s.askReset)).Methods(http.MethodPost)
	t.HandleFunc("/reset/sent", s.page(s.showResetSent)).Methods(http.MethodGet)
	t.HandleFunc("/reset/password", s.page(s.showNewPassword)).Methods(http.MethodGet)
	t.HandleFunc("/reset/password", s.page(s.setNewPassword)).Methods(http.MethodPost)
	t.HandleFunc(op.PathDevice, s.page(s.showDevice)).Methods(http.MethodGet, http.MethodHead)
	t.HandleFunc(op.PathDevice, s.page(s.askDevice)).Methods(http.MethodPost)
	t.HandleFunc("/logo/{hash}", s.page(s.logo)).Methods(http.MethodGet, http.MethodHead)
	s.Provider.Mount(t)
}

// notFound says that there is nothing, on a page.
func (s *IDP) notFound(routers ...*mux.Router) {
	for _, r := range routers {
		r.NotFoundHandler = s.page(func(http.ResponseWriter, *http.Request) error { return errNoPage })
		r.MethodNotAllowedHandler = s.page(func(http.ResponseWriter, *http.Request) error { return errMethod })
	}
}

// realm puts the tenant of the path into the context: from here on only its rows
// can be reached.
func (s *IDP) realm(next http.Handler) http.Handler {
	return s.page(func(w http.ResponseWriter, r *http.Request) error {
		realm, err := s.Tenants.RealmByName(r.Context(), mux.Vars(r)["tenant"])
		if err != nil {
			return err
		}
		next.ServeHTTP(w, r.WithContext(tenants.WithRealm(r.Context(), realm)))
		return nil
	})
}

// strengthOf reads the strengths that an app's acr_values would accept. Values are
// alternatives (OIDC Core §3.1.2.1), so the weakest known one is the demand.
func strengthOf(acrValues []string) twofactor.Strength {
	var demand twofactor.Strength
	for _, v := range acrValues {
		if st, ok := twofactor.ParseACR(v); ok && (demand == 0 || st < demand) {
			demand = st
		}
	}
	return demand
}

package rest

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/limits"
	"twofold/internal/seal"
)

// Root is where the API is.
const Root = "/admin/v1"

// ScopeAdmin is what an access token must carry to be good here.
const ScopeAdmin = "admin"

// PerMinute is how many requests a caller has in a minute, on each replica.
const PerMinute = 600

// Config is what the API stands on. All fields must be set to serve; to describe the
// API none is needed.
type Config struct {
	Admin *admin.Admin
	// Bearer finds out whose an access token is, and what it is good for. A token that
	// is not good must be a problem.Unauthenticated.
	Bearer    func(ctx context.Context, token string) (s admin.Signed, scopes []string, err error)
	DB        *db.DB
	Seal      *seal.Sealer
	Now       func() time.Time
	Log       *slog.Logger
	PublicURL string // scheme://host[:port], without a trailing slash
	PerMinute int    // requests of one caller on one replica; 0: PerMinute
}

// API is the REST API. Make it with New.
type API struct {
	Config
	doc   *huma.OpenAPI
	ops   []*operation
	bytes func() documents
	paces limits.Local
}

// New makes the API with all its operations.
func New(c Config) *API {
	a := &API{Config: c, doc: newDocument(), paces: limits.Local{Now: c.Now}}
	if a.PerMinute == 0 {
		a.PerMinute = PerMinute
	}
	a.me()
	a.subscriptions()
	a.tenants()
	a.idps()
	a.clientApps()
	a.users()
	a.imports()
	a.groups()
	a.assignments()
	a.exemptions()
	a.twoFactors()
	a.testSend()
	a.logos()
	a.jobs()
	a.links()
	a.secrets()
	a.logouts()
	a.help()
	a.roles()
	a.settings()
	a.templates()
	a.policy()
	a.preview()
	a.sessions()
	a.consents()
	a.signingKeys()
	a.messages()
	a.audit()
	a.finish()
	a.bytes = sync.OnceValue(a.render)
	return a
}

// Mount puts the API on the root router: with a subrouter of several routes a wrong
// method would be a 404. What is below Root and nothing else is answered here too, as
// a problem; other addresses are left alone.
func (a *API) Mount(root *mux.Router) {
	adapter := humamux.NewAdapter(root)
	paths := mux.NewRouter()
	methods := map[string][]string{}
	for _, op := range a.ops {
		adapter.Handle(&op.Operation, func(ctx huma.Context) {
			r, w := humamux.Unwrap(ctx)
			a.serve(op, w, r)
		})
		if methods[op.Path] == nil {
			paths.Path(op.Path).Name(op.Path)
		}
		methods[op.Path] = append(methods[op.Path], op.Method)
	}
	a.mountDocuments(root)
	root.MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool {
		return r.URL.Path == Root || strings.HasPrefix(r.URL.Path, Root+"/")
	}).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m mux.RouteMatch
		if paths.Match(r, &m) && m.Route != nil {
			w.Header().Set("Allow", strings.Join(methods[m.Route.GetName()], ", "))
			a.fail(w, r, failure(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not take this method."))
			return
		}
		a.fail(w, r, failure(http.StatusNotFound, "operation_unknown", "There is no such operation."))
	})
}

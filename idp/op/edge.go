package op

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/tenants"
)

// Mount serves the machine endpoints below r: the subrouter of /t/{tenant}, or the router of
// tenants' own host names. The tenant must be in the request's context already.
func (p *Provider) Mount(r *mux.Router) {
	for _, e := range endpoints() {
		r.Path(e.path).Handler(p.serve(e))
	}
}

// Discovery serves the metadata document wherever it is mounted: its second place
// is /.well-known/oauth-authorization-server/t/{tenant}, or the same without a path at a
// tenant's own host name (RFC 8414 §3.1).
func (p *Provider) Discovery(w http.ResponseWriter, r *http.Request) {
	p.serve(endpoint{path: pathDiscovery, methods: readOnly(), open: true}).ServeHTTP(w, r)
}

// endpoint describes what we demand of a request before the library sees it.
type endpoint struct {
	path    string
	methods []string
	open    bool // public data, readable from every origin
	check   func(r *http.Request) *fault
	serve   func(p *Provider, c *call, r *http.Request) // nil: the library
}

func readOnly() []string { return []string{http.MethodGet, http.MethodHead} }

func endpoints() []endpoint {
	post := []string{http.MethodPost}
	return []endpoint{
		{path: pathDiscovery, methods: readOnly(), open: true},
		{path: pathKeys, methods: readOnly(), open: true},
		{path: pathToken, methods: post, check: checkToken},
		{path: pathIntrospect, methods: post, check: checkIntrospect},
		{path: pathRevoke, methods: post, check: checkClientForm},
		{path: pathPAR, methods: post, check: checkPush, serve: (*Provider).servePush},
		{path: pathDeviceAuth, methods: post, check: checkClientForm, serve: (*Provider).serveDevice},
		{path: pathUserinfo, methods: []string{http.MethodGet, http.MethodPost}, check: checkUserinfo},
	}
}

// fault is an answer given before the library sees the request.
type fault struct {
	status            int
	code, description string
}

// serve wraps the library's handler for one endpoint.
func (p *Provider) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{ResponseWriter: w, origin: r.Header.Get("Origin"), realm: p.issuer(r.Context()), bearer: e.path == pathUserinfo}
		if e.open {
			w.Header().Set("Access-Control-Allow-Origin", "*")
		} else {
			noStore(w.Header())
			w.Header().Add("Vary", "Origin")
		}
		if r.Method == http.MethodOptions {
			preflight(c, e)
			return
		}
		if !slices.Contains(e.methods, r.Method) {
			w.Header().Set("Allow", strings.Join(e.methods, ", "))
			c.fail(&fault{http.StatusMethodNotAllowed, "invalid_request", "method not allowed"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if e.check != nil {
			if f := e.check(r); f != nil {
				c.fail(f)
				return
			}
		}
		if e.serve != nil {
			e.serve(p, c, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
			return
		}
		p.library.ServeHTTP(c, relative(r, e.path, c))
	})
}

// relative is r as if the library were mounted at the root.
func relative(r *http.Request, path string, c *call) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	u := *r.URL
	u.Path, u.RawPath = path, ""
	r.URL = &u
	return r
}

// noStore keeps answers with credentials out of every cache (RFC 6749 §5.1).
func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
}

// checkForm demands a form in the body and nothing in the query: what is in a URL
// ends up in logs and histories (RFC 6749 §2.3.1).
func checkForm(r *http.Request) *fault {
	if r.URL.RawQuery != "" {
		return badRequest("parameters belong into the body")
	}
	return checkBody(r)
}

func checkBody(r *http.Request) *fault {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return badRequest("the body must be application/x-www-form-urlencoded")
	}
	if err := r.ParseForm(); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return badRequest(tooLarge)
		}
		return badRequest("the body cannot be read")
	}
	for name, list := range r.PostForm {
		switch {
		case len(list) > 1 && name != paramResource: // RFC 8707 §2
			return badRequest("a parameter is repeated")
		case slices.ContainsFunc(list, func(s string) bool { return len(s) > maxToken || !isText(s) }) || !isText(name):
			return badRequest("a parameter is too long or not text")
		}
	}
	return nil
}

const tooLarge = "the body is too large"

// checkPush has a status of its own for what is too large (RFC 9126 §2.3).
func checkPush(r *http.Request) *fault {
	f := checkClientForm(r)
	if f != nil && f.description == tooLarge {
		f.status = http.StatusRequestEntityTooLarge
	}
	return f
}

func unknownClient() *fault {
	return &fault{http.StatusUnauthorized, "invalid_client", "client authentication failed"}
}

func badRequest(description string) *fault {
	return &fault{http.StatusBadRequest, "invalid_request", description}
}

// checkClientForm also demands that the client says who it is.
func checkClientForm(r *http.Request) *fault {
	if f := checkForm(r); f != nil {
		return f
	}
	denied := unknownClient()
	if r.Header.Get("Authorization") != "" {
		if _, _, ok := basicCredentials(r.Header); !ok {
			return denied
		}
		return nil
	}
	if r.PostForm.Get("client_id") == "" && r.PostForm.Get("client_assertion") == "" {
		return denied
	}
	return nil
}

// checkIntrospect demands that the client also proves it (RFC 7662 §2.1).
func checkIntrospect(r *http.Request) *fault {
	if f := checkClientForm(r); f != nil {
		return f
	}
	if r.Header.Get("Authorization") == "" && r.PostForm.Get("client_secret") == "" && r.PostForm.Get("client_assertion") == "" {
		return unknownClient()
	}
	return nil
}

// checkToken refuses grants that are not offered before anybody is authenticated.
func checkToken(r *http.Request) *fault {
	if f := checkForm(r); f != nil {
		return f
	}
	switch r.PostForm.Get("grant_type") {
	case tenants.GrantCode, tenants.GrantRefresh, tenants.GrantClientCredentials, tenants.GrantDevice, tenants.GrantTokenExchange:
		return checkClientForm(r)
	case "":
		return badRequest("grant_type is missing")
	}
	return &fault{http.StatusBadRequest, "unsupported_grant_type", "this grant type is not offered"}
}

// checkUserinfo demands one bearer token, in the header or in the body (RFC 6750 §2).
func checkUserinfo(r *http.Request) *fault {
	if r.URL.Query().Has("access_token") {
		return badRequest("the access token must not be in the address")
	}
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		if f := checkBody(r); f != nil {
			return f
		}
	}
	_, inHeader := bearerToken(r.Header)
	inBody := r.PostForm.Get("access_token") != ""
	switch {
	case inHeader && inBody:
		return badRequest("the access token came twice")
	case !inHeader && !inBody:
		return &fault{status: http.StatusUnauthorized} // RFC 6750 §3.1: no error code
	}
	return nil
}

func bearerToken(h http.Header) (string, bool) {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// basicCredentials reads the Basic scheme; both parts are form-encoded (RFC 6749 §2.3.1).
func basicCredentials(h http.Header) (clientID, secret string, ok bool) {
	r := http.Request{Header: h}
	user, pass, ok := r.BasicAuth()
	if !ok || len(h.Values("Authorization")) != 1 {
		return "", "", false
	}
	clientID, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(pass)
	return clientID, secret, err1 == nil && err2 == nil && clientID != "" && isText(clientID) && isText(secret)
}

func (c *call) fail(f *fault) {
	c.Header().Set("Content-Type", "application/json")
	if f.code == "" {
		c.WriteHeader(f.status)
		return
	}
	body, _ := json.Marshal(map[string]string{"error": f.code, "error_description": f.description})
	c.WriteHeader(f.status)
	_, _ = c.Write(body)
}

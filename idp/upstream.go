package idp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"twofold/idp/upstream"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// A sign-in may go on at another OpenID Provider. It leaves with a state that is good for
// one answer, to one provider, in the browser that left with it, and comes back with a
// fact like any other: that somebody vouches for the user (docs/adr/0032).

// flowRow is one such errand. Nonce and PKCE verifier are derived from the state, of
// which only the hash is kept.
type flowRow struct {
	TenantID    string `gorm:"primaryKey"`
	StateHash   string `gorm:"primaryKey"`
	IDPID       string `gorm:"column:idp_id"`
	SignInID    string // that it is for; empty: it links an account
	UserID      string // whose account it links
	BrowserHash string
	MaxAge      *int64 // seconds, that was asked for
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

func (*flowRow) TableName() string { return "upstream_flows" }

// cookie ties a browser to one errand. There is one for each sign-in.
func (f *flowRow) cookie() cookie {
	of := f.SignInID
	if of == "" {
		of = f.UserID
	}
	return cookie{name: "upstream-" + id.Hash(of)[:16], below: "/upstream"}
}

// ways are how users of a tenant may say who they are.
type ways struct {
	local    bool
	services []tenants.IDP
}

func (s *IDP) ways(ctx context.Context) (ways, error) {
	list, err := s.Tenants.IDPs(ctx)
	if err != nil {
		return ways{}, err
	}
	w := ways{local: len(list) == 0}
	for _, v := range list {
		if v.Type == tenants.IDPOIDC {
			w.services = append(w.services, v)
		} else {
			w.local = true
		}
	}
	return w, nil
}

// serving is the IDP whose users a mail address belongs to.
func (w ways) serving(address string) (tenants.IDP, bool) {
	return w.find(func(v tenants.IDP) bool { return v.Serves(address) })
}

func (w ways) find(fits func(tenants.IDP) bool) (tenants.IDP, bool) {
	i := slices.IndexFunc(w.services, fits)
	if i < 0 {
		return tenants.IDP{}, false
	}
	return w.services[i], true
}

// scheme is what addresses of other providers begin with, for form-action; empty: there
// are none. Browsers hold each redirect that follows a form against it, and providers send
// people on (docs/adr/0008).
func (w ways) scheme() string {
	for _, v := range w.services {
		return schemeOf(v.Issuer)
	}
	return ""
}

// nameFirst reports whether a name decides how its owner signs in, or may.
func (w ways) nameFirst() bool {
	if w.local {
		return len(w.services) > 0
	}
	return len(w.services) > 1 && slices.ContainsFunc(w.services, func(v tenants.IDP) bool { return len(v.Domains) > 0 })
}

// acrIDP is how an app names an IDP among its acr_values.
const acrIDP = "idp:"

// direct is the IDP that a sign-in goes on at without a question: the one that the app
// names, the one whose users the hinted address belongs to, or the only way there is.
func (w ways) direct(a *attempt) (tenants.IDP, bool) {
	for _, value := range a.req.ACRValues {
		if name, ok := strings.CutPrefix(value, acrIDP); ok {
			if v, ok := w.find(func(v tenants.IDP) bool { return v.Name == name }); ok {
				return v, true
			}
		}
	}
	if v, ok := w.serving(a.req.LoginHint); ok {
		return v, true
	}
	if len(w.services) == 1 && !w.local {
		return w.services[0], true
	}
	return tenants.IDP{}, false
}

// upstreamParameter says on the page of a sign-in what became of its errand; with it the
// page never leaves by itself.
const upstreamParameter = "upstream"

// pickUpstream takes the press of a button.
func (s *IDP) pickUpstream(w http.ResponseWriter, r *http.Request, a *attempt, _ verdict) error {
	return s.leave(w, r, a, one(r, ui.FieldMethod), a.req.LoginHint)
}

// leave sends the browser to another provider.
func (s *IDP) leave(w http.ResponseWriter, r *http.Request, a *attempt, idpID, hint string) error {
	ctx := r.Context()
	f := flowRow{IDPID: idpID, SignInID: a.row.ID}
	ask := upstream.Ask{LoginHint: cut(hint, 256), MaxAge: a.freshness(), UILocales: []string{s.stepPage(r, a).Lang}}
	if ask.MaxAge != nil && *ask.MaxAge == 0 {
		ask.Prompt = append(ask.Prompt, "login")
	}
	if a.req.Wants("select_account") {
		ask.Prompt = append(ask.Prompt, "select_account")
	}
	address, err := s.beginFlow(w, r, &f, ask)
	switch {
	case problem.Is(err, problem.NotFound):
		return s.again(w, r) // switched off meanwhile
	case errors.Is(err, upstream.ErrDown):
		return s.upstreamFailed(w, r, a, idpID, err)
	case err != nil:
		return err
	}
	if err := s.tell(ctx, a, "sign_in.upstream_begun", map[string]any{"idp": idpID}); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusSeeOther) //nolint:gosec // of the provider that an administrator has configured
	return nil
}

// freshness is how old a sign-in elsewhere may be; nil: any age.
func (a *attempt) freshness() *time.Duration {
	age := time.Duration(0)
	switch {
	case a.req.Wants("login"):
	case a.req.MaxAge != nil:
		age = *a.req.MaxAge
	case a.own() && a.facts.Recent:
		age = recently
	default:
		return nil
	}
	return &age
}

// beginFlow stores an errand, ties it to this browser, and finds the address to go to.
func (s *IDP) beginFlow(w http.ResponseWriter, r *http.Request, f *flowRow, ask upstream.Ask) (string, error) {
	ctx := r.Context()
	idp, err := s.Tenants.Upstream(ctx, f.IDPID)
	if err != nil {
		return "", err
	}
	state, token, now := id.Token(s.Rand), id.Token(s.Rand), db.Micros(s.Now())
	f.TenantID, f.StateHash, f.BrowserHash, f.CreatedAt, f.ExpiresAt = db.ScopeOf(ctx).Tenant, tenants.HashHere(ctx, state), tenants.HashHere(ctx, token), now, now.Add(signInLife)
	if ask.MaxAge != nil {
		seconds := int64(ask.MaxAge.Seconds())
		f.MaxAge = &seconds
	}
	s.complete(ctx, f, state, &ask)
	address, err := s.Upstream.Begin(ctx, idp, ask)
	if err != nil {
		return "", err
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		// Of one sign-in one errand is open: an older answer would find no cookie.
		of := s.DB.For(ctx).Where("sign_in_id = ? AND user_id = ?", f.SignInID, f.UserID)
		if err := of.Delete(&flowRow{}).Error; err != nil {
			return fmt.Errorf("idp: upstream flow: %w", err)
		}
		return wrap("upstream flow", s.DB.For(ctx).Create(f).Error)
	})
	if err != nil {
		return "", err
	}
	s.setCookie(w, r, f.cookie(), token, signInLife)
	return address, nil
}

// complete adds to what is asked what belongs to a state: both ends make it anew, so
// nothing of it is kept.
func (s *IDP) complete(ctx context.Context, f *flowRow, state string, ask *upstream.Ask) {
	tenant := db.ScopeOf(ctx).Tenant
	ask.State, ask.At = state, f.CreatedAt
	ask.RedirectURI = s.addressIn(ctx, "/upstream/"+f.IDPID+"/callback")
	ask.Nonce = hex.EncodeToString(s.Seal.MAC("upstream-nonce", tenant, f.IDPID, state))
	ask.Verifier = hex.EncodeToString(s.Seal.MAC("upstream-verifier", tenant, f.IDPID, state))
	if f.MaxAge != nil {
		age := time.Duration(*f.MaxAge) * time.Second
		ask.MaxAge = &age
	}
}

// takeFlow finds the errand that an answer belongs to and ends it, in one statement: of
// two equal answers one counts. It must be of this IDP and this browser.
func (s *IDP) takeFlow(r *http.Request, state string) (*flowRow, error) {
	ctx := r.Context()
	f := &flowRow{}
	err := s.DB.For(ctx).Where("state_hash = ? AND idp_id = ? AND expires_at > ?", tenants.HashHere(ctx, state), mux.Vars(r)["idp"], s.Now()).Take(f).Error
	if db.IsNotFound(err) {
		return nil, errSignInOver
	}
	if err != nil {
		return nil, fmt.Errorf("idp: upstream flow: %w", err)
	}
	mine := slices.ContainsFunc(s.cookies(r, f.cookie()), func(v string) bool { return tenants.HashHere(ctx, v) == f.BrowserHash })
	if !mine {
		return nil, errSignInForeign
	}
	err = db.One(s.DB.For(ctx).Where("state_hash = ? AND browser_hash = ?", f.StateHash, f.BrowserHash).Delete(&flowRow{}))
	if errors.Is(err, db.ErrStale) {
		return nil, errSignInOver
	}
	return f, wrap("end upstream flow", err)
}

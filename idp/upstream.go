package idp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"twofold/idp/signin"
	"twofold/idp/upstream"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
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

// upstreamCookie ties a browser to one errand. There is one for each sign-in.
const upstreamCookie = "upstream"

func (f *flowRow) cookie() string {
	of := f.SignInID
	if of == "" {
		of = f.UserID
	}
	return upstreamCookie + "-" + id.Hash(of)[:16]
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
	f.TenantID, f.StateHash, f.BrowserHash, f.CreatedAt, f.ExpiresAt = db.ScopeOf(ctx).Tenant, id.Hash(state), id.Hash(token), now, now.Add(signInLife)
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
	s.setCookie(w, f.cookie(), token, path(r, "/upstream"), signInLife)
	return address, nil
}

// complete adds to what is asked what belongs to a state: both ends make it anew, so
// nothing of it is kept.
func (s *IDP) complete(ctx context.Context, f *flowRow, state string, ask *upstream.Ask) {
	tenant := db.ScopeOf(ctx).Tenant
	ask.State, ask.At = state, f.CreatedAt
	ask.RedirectURI = s.PublicURL + pathIn(ctx, "/upstream/"+f.IDPID+"/callback")
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
	err := s.DB.For(ctx).Where("state_hash = ? AND idp_id = ? AND expires_at > ?", id.Hash(state), mux.Vars(r)["idp"], s.Now()).Take(f).Error
	if db.IsNotFound(err) {
		return nil, errSignInOver
	}
	if err != nil {
		return nil, fmt.Errorf("idp: upstream flow: %w", err)
	}
	mine := slices.ContainsFunc(s.cookies(r, f.cookie()), func(v string) bool { return id.Hash(v) == f.BrowserHash })
	if !mine {
		return nil, errSignInForeign
	}
	err = db.One(s.DB.For(ctx).Where("state_hash = ? AND browser_hash = ?", f.StateHash, f.BrowserHash).Delete(&flowRow{}))
	if errors.Is(err, db.ErrStale) {
		return nil, errSignInOver
	}
	return f, wrap("end upstream flow", err)
}

// answerParameters are those of an answer that are looked at.
var answerParameters = []string{"state", "code", "iss", "error"}

// upstreamCallback takes the answer of another provider.
func (s *IDP) upstreamCallback(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return s.callbackByPost(w, r)
	}
	answer := r.URL.Query()
	if len(answer["state"]) != 1 {
		return errSignInOver
	}
	f, err := s.takeFlow(r, answer.Get("state"))
	if err != nil {
		return err
	}
	s.dropCookie(w, f.cookie(), path(r, "/upstream"))
	if f.SignInID == "" {
		return s.finishLink(w, r, f, answer)
	}
	return s.finishUpstream(w, onSignIn(r, f.SignInID), f, answer)
}

// callbackByPost sends a browser that brings the answer by form_post here once more by
// GET: SameSite=Lax keeps our cookies from a post of another site, but not from the
// navigation that follows. The code alone is worth nothing without the PKCE verifier.
func (s *IDP) callbackByPost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return problem.Wrap(problem.Invalid, "form", "The form could not be read.", err)
	}
	answer := url.Values{}
	for _, name := range answerParameters {
		if v, ok := r.PostForm[name]; ok {
			answer[name] = v
		}
	}
	query := answer.Encode()
	if len(query) > maxQuery {
		return errSignInOver
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, r.URL.Path+"?"+query, http.StatusSeeOther) //nolint:gosec // this very page
	return nil
}

// onSignIn is a request as it would be at the page of a sign-in, for what leads there.
func onSignIn(r *http.Request, signInID string) *http.Request {
	at := r.Clone(r.Context())
	at.URL = &url.URL{Path: path(r, "/signin/"+signInID)}
	vars := maps.Clone(mux.Vars(r))
	vars["id"] = signInID
	return mux.SetURLVars(at, vars)
}

// finishUpstream goes on with a sign-in by what another provider says.
func (s *IDP) finishUpstream(w http.ResponseWriter, r *http.Request, f *flowRow, answer url.Values) error {
	ctx := r.Context()
	var row signInRow
	if err := s.DB.For(ctx).Where("id = ?", f.SignInID).Take(&row).Error; err != nil {
		if db.IsNotFound(err) {
			return errSignInOver
		}
		return fmt.Errorf("idp: load sign-in: %w", err)
	}
	a, err := s.resume(r, row)
	if err != nil {
		return err
	}
	idp, who, err := s.identity(ctx, f, answer)
	if err != nil {
		return s.upstreamFailed(w, r, a, f.IDPID, err)
	}
	user, err := s.userOf(ctx, a, idp, who)
	if err != nil {
		return s.upstreamFailed(w, r, a, f.IDPID, err)
	}
	if a.req.HintUserID != "" && a.req.HintUserID != user.ID {
		resp, err := s.deny(ctx, a, "login_required", "Another user signed in.")
		if err != nil {
			return err
		}
		return s.respond(w, r, resp)
	}
	a.is(user)
	a.facts.IDPID, a.facts.Named, a.row.ChallengeID = idp.ID, "", ""
	a.facts = a.facts.Add(s.vouched(a, idp, who))
	err = s.tell(ctx, a, "sign_in.upstream", map[string]any{"idp": idp.ID, "acr": who.ACR, "amr": who.AMR})
	if err != nil {
		return err
	}
	return s.identified(w, r, a)
}

// identity asks the provider who has signed in.
func (s *IDP) identity(ctx context.Context, f *flowRow, answer url.Values) (tenants.IDP, upstream.Identity, error) {
	idp, err := s.Tenants.Upstream(ctx, f.IDPID)
	if err != nil {
		return idp, upstream.Identity{}, err
	}
	var ask upstream.Ask
	s.complete(ctx, f, answer.Get("state"), &ask)
	who, err := s.Upstream.Finish(ctx, idp, ask, answer)
	return idp, who, err
}

// vouched is the proof that another provider's word makes. Its time is when the user
// signed in there, if it says so: what is older than this sign-in stays old.
func (s *IDP) vouched(a *attempt, idp tenants.IDP, who upstream.Identity) signin.Proof {
	now := a.stamp(db.Micros(s.Now()))
	p := signin.Proof{
		Method: signin.Upstream, Strength: signin.Strength(twofactor.Strength1FA), At: now,
		IDPID: idp.ID, SaidACR: who.ACR, SaidAMR: who.AMR, Given: now,
	}
	if !who.AuthTime.IsZero() && who.AuthTime.Before(a.row.CreatedAt.Add(-clockSkew)) {
		p.At = who.AuthTime
	}
	return p
}

// clockSkew is how far another provider's clock may be behind.
const clockSkew = 5 * time.Second

// userOf finds who is vouched for, or makes him an account where the IDP is trusted with
// that. Only (IDP, subject) tells who somebody is.
func (s *IDP) userOf(ctx context.Context, a *attempt, idp tenants.IDP, who upstream.Identity) (user tenants.User, err error) {
	for range 3 {
		err = s.DB.Tx(ctx, func(ctx context.Context) error {
			user, err = s.userInTx(ctx, a, idp, who)
			return err
		})
		// Somebody was faster: the same person in another tab, or an administrator.
		if !errors.Is(err, tenants.ErrStale) && !errors.Is(err, tenants.ErrLinked) && problem.From(err).Code != "taken" {
			break
		}
	}
	return user, err
}

func (s *IDP) userInTx(ctx context.Context, a *attempt, idp tenants.IDP, who upstream.Identity) (tenants.User, error) {
	user, err := s.Tenants.UserBySubject(ctx, idp.ID, who.Subject)
	if errors.Is(err, tenants.ErrNoAccount) {
		return s.admit(ctx, a, idp, who)
	}
	if err != nil {
		return user, err
	}
	if !user.Active || user.Kind != tenants.Person {
		return user, tenants.ErrNoAccount // no word of another provider brings him back
	}
	if !idp.UpdateUsers {
		return user, nil
	}
	d, err := s.Tenants.Follow(ctx, idp, user, who.Profile)
	if err != nil || !d.Changed() {
		return user, err
	}
	var fields []string
	for _, f := range d.Fields {
		fields = append(fields, f.Name)
	}
	if user, err = s.Tenants.UserBySubject(ctx, idp.ID, who.Subject); err != nil {
		return user, err
	}
	return user, s.tellUser(ctx, a, user.ID, "user.followed", map[string]any{"idp": idp.ID, "fields": fields})
}

// admit makes an account for a subject that nobody here is linked to.
func (s *IDP) admit(ctx context.Context, a *attempt, idp tenants.IDP, who upstream.Identity) (tenants.User, error) {
	linked, err := s.Tenants.HasSubject(ctx, idp.ID, who.Subject)
	if err != nil {
		return tenants.User{}, err
	}
	if linked { // to somebody who is no member here, or was deleted
		return tenants.User{}, tenants.ErrNoAccount
	}
	if err := s.Tenants.MayAdmit(ctx, who.Profile); err != nil {
		return tenants.User{}, err
	}
	if !idp.CreateUsers {
		return tenants.User{}, tenants.ErrNoAccount
	}
	user, err := s.Tenants.Admit(ctx, idp, who.Subject, who.Profile)
	if err != nil {
		return user, err
	}
	return user, s.tellUser(ctx, a, user.ID, "user.admitted", map[string]any{"idp": idp.ID})
}

// tellUser records an event about a user whom the sign-in does not know yet.
func (s *IDP) tellUser(ctx context.Context, a *attempt, userID, kind string, detail map[string]any) error {
	detail["sign_in"] = a.row.ID
	return s.Audit.Record(ctx, audit.Event{Kind: kind, Actor: userID, User: userID, ClientApp: a.req.ClientApp.ID}, detail)
}

// outcomes of an errand that did not lead on, by what is said about them.
const (
	upstreamDown     = "upstream_down"
	upstreamDeclined = "upstream_declined"
	upstreamRefused  = "upstream_refused"
	upstreamStale    = "upstream_stale"
)

func upstreamOutcome(err error) (string, bool) {
	var declined *upstream.DeclinedError
	switch {
	case errors.As(err, &declined) && (declined.Code == "temporarily_unavailable" || declined.Code == "server_error"):
		return upstreamDown, true
	case declined != nil:
		return upstreamDeclined, true
	case errors.Is(err, upstream.ErrStale):
		return upstreamStale, true
	case errors.Is(err, upstream.ErrRefused):
		return upstreamRefused, true
	case errors.Is(err, upstream.ErrDown):
		return upstreamDown, true
	case errors.Is(err, tenants.ErrNoAccount), errors.Is(err, tenants.ErrAccountExists):
		return problem.From(err).Code, true
	case problem.Is(err, problem.NotFound): // the IDP was switched off meanwhile
		return upstreamRefused, true
	}
	return "", false
}

// said are the words for an outcome.
func said(p ui.Page, outcome string) string {
	for _, known := range []*problem.Error{tenants.ErrNoAccount, tenants.ErrAccountExists} {
		if outcome == known.Code {
			return p.Explain(known.Code, known.Message)
		}
	}
	switch outcome {
	case upstreamDown:
		return p.Say("upstream.down")
	case upstreamDeclined:
		return p.Say("upstream.declined")
	case upstreamRefused:
		return p.Say("upstream.refused")
	case upstreamStale:
		return p.Say("upstream.stale")
	}
	return ""
}

// upstreamFailed notes why an errand did not lead on, and shows the ways there are. What
// is this server's own fault stays an error.
func (s *IDP) upstreamFailed(w http.ResponseWriter, r *http.Request, a *attempt, idpID string, err error) error {
	outcome, ok := upstreamOutcome(err)
	if !ok {
		return err
	}
	s.Observe(outcome)
	s.Log.WarnContext(r.Context(), "sign-in by another provider failed", "sign_in", a.row.ID, "idp", idpID, "error", err)
	err = s.tell(r.Context(), a, "sign_in.upstream_failed", map[string]any{"idp": idpID, "outcome": outcome, "why": cut(err.Error(), 300)})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, r.URL.Path+"?"+url.Values{upstreamParameter: {outcome}}.Encode(), http.StatusSeeOther) //nolint:gosec // the page of this sign-in
	return nil
}

// weigh asks what the words of other providers count for now: an administrator may trust
// them with less by now, or have taken them from the tenant.
func (s *IDP) weigh(ctx context.Context, f signin.Facts) (signin.Facts, error) {
	if !slices.ContainsFunc(f.Proofs, func(p signin.Proof) bool { return p.Method == signin.Upstream }) {
		return f, nil
	}
	ways, err := s.ways(ctx)
	if err != nil {
		return f, err
	}
	var proofs []signin.Proof
	for _, p := range f.Proofs {
		if p.Method == signin.Upstream {
			v, ok := ways.find(func(v tenants.IDP) bool { return v.ID == p.IDPID })
			if !ok {
				continue
			}
			strength, trusted := v.Trusted(p.SaidACR, p.SaidAMR)
			p.Strength, p.AMR = signin.Strength(strength), nil
			if trusted {
				p.AMR = registered(p.SaidAMR)
			}
		}
		proofs = append(proofs, p)
	}
	f.Proofs = proofs
	return f, nil
}

// registered are the values of amr that apps may know (RFC 8176 §2).
func registered(amr []string) []string {
	known := strings.Fields("face fpt geo hwk iris kba mca mfa otp pin pop pwd rba retina sc sms swk tel user vbm wia")
	return slices.DeleteFunc(slices.Clone(amr), func(m string) bool { return !slices.Contains(known, m) })
}

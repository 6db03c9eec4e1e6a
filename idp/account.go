package idp

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// The account pages show a user what he has, and let him change it. What changes what
// he proves himself with asks for proofs of the last minutes first: by a sign-in of our
// own that leads back here (SPEC §5.8, SECURITY N38).

// account draws the overview, or what its query asks for.
func (s *IDP) account(w http.ResponseWriter, r *http.Request, m *member) error {
	query := r.URL.Query()
	switch {
	case query.Has(ui.DoRename):
		return s.showRename(w, r, m, query.Get(ui.DoRename), http.StatusOK, "")
	case query.Has(ui.DoRemove):
		return s.showRemove(w, r, m, query.Get(ui.DoRemove))
	case query.Has(ui.DoUnlink):
		return s.showUnlink(w, r, m, query.Get(ui.DoUnlink))
	case query.Has(askPassword):
		return s.showPassword(w, r, m)
	}
	return s.showAccount(w, r, m, http.StatusOK, "")
}

const askPassword = "password"

// actions of the account pages, by what is posted.
func (s *IDP) accountAction(do string) func(http.ResponseWriter, *http.Request, *member) error {
	return map[string]func(http.ResponseWriter, *http.Request, *member) error{
		ui.DoAdd: s.accountAdd, ui.DoRename: s.accountRename, ui.DoPrefer: s.accountPrefer, ui.DoRemove: s.accountRemove,
		ui.DoConnect: s.accountConnect, ui.DoUnlink: s.accountUnlink,
		ui.DoResync: s.accountResync, ui.DoForget: s.accountForget, ui.DoEnd: s.accountEnd, ui.DoWithdraw: s.accountWithdraw, ui.DoAnswer: s.accountPassword,
	}[do]
}

// accountPost takes what the account pages post.
func (s *IDP) accountPost(w http.ResponseWriter, r *http.Request, m *member) error {
	if err := s.ownForm(r); err != nil {
		return err
	}
	h := s.accountAction(one(r, ui.FieldDo))
	if h == nil {
		return s.toAccount(w, r)
	}
	err := h(w, r, m)
	if p := problem.From(err); err != nil && (p.Kind == problem.NotFound || p.Kind == problem.Conflict || p.Kind == problem.Invalid || p.Kind == problem.TooMany || p.Kind == problem.Forbidden) {
		page := s.accountPage(r, m)
		return s.showAccount(w, r, m, p.Kind.Status(), page.Explain(p.Code, p.Message))
	}
	return err
}

func (s *IDP) toAccount(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, path(r, "/account"), http.StatusSeeOther)
	return nil
}

// recent finds the user if he has proven himself just now; otherwise it has sent the
// browser to do so, and back to the page of that query, and finds nobody.
func (s *IDP) recent(w http.ResponseWriter, r *http.Request, query url.Values) (*member, error) {
	m, err := s.member(r, true)
	if err != nil || m != nil {
		return m, err
	}
	back := path(r, "/account")
	if len(query) > 0 {
		back += "?" + query.Encode()
	}
	return nil, s.ownSignIn(w, r, back, "", true)
}

// accountAdd begins to set something up: a factor, or an address to prove.
func (s *IDP) accountAdd(w http.ResponseWriter, r *http.Request, m *member) error {
	wants := one(r, ui.FieldID)
	what, about, _ := strings.Cut(wants, " ")
	c, known := m.verdict.known(about)
	switch {
	case what == wantEnroll && known && c.Enrolls, what == wantProve && len(proving(m.verdict, twofactor.Attribute(about))) > 0:
		return s.ownSignIn(w, r, path(r, "/account"), wants, true)
	}
	return s.toAccount(w, r)
}

func (s *IDP) accountResync(w http.ResponseWriter, r *http.Request, m *member) error {
	e, err := s.heldBy(r.Context(), m, one(r, ui.FieldID))
	if err != nil {
		return err
	}
	if _, known := m.verdict.known(e.TwoFactorID); !known {
		return s.toAccount(w, r)
	}
	return s.ownSignIn(w, r, path(r, "/account"), wantResync+" "+e.ID+" "+e.TwoFactorID, true)
}

// heldBy finds one of the user's enrollments.
func (s *IDP) heldBy(ctx context.Context, m *member, enrollmentID string) (ceremony.Held, error) {
	list, err := s.Ceremony.Held(ctx, m.session.UserID)
	if err != nil {
		return ceremony.Held{}, err
	}
	i := slices.IndexFunc(list, func(e ceremony.Held) bool { return e.ID == enrollmentID })
	if i < 0 {
		return ceremony.Held{}, problem.New(problem.NotFound, "enrollment_unknown", "This is not set up any more.")
	}
	return list[i], nil
}

func (s *IDP) showRename(w http.ResponseWriter, r *http.Request, m *member, enrollmentID string, status int, wrong string) error {
	e, err := s.heldBy(r.Context(), m, enrollmentID)
	if err != nil {
		return s.toAccount(w, r)
	}
	page := s.accountPage(r, m)
	s.UI.Render(w, r, status, ui.Rename{
		AccountPage: page, Heading: page.Say("account.rename-title", "thing", e.Label), Value: e.Label, ID: e.ID, Error: wrong, BackURL: path(r, "/account"),
	})
	return nil
}

// accountRename draws the form, and takes its answer.
func (s *IDP) accountRename(w http.ResponseWriter, r *http.Request, m *member) error {
	enrollmentID := one(r, ui.FieldID)
	if !r.PostForm.Has(ui.FieldName) {
		return s.showRename(w, r, m, enrollmentID, http.StatusOK, "")
	}
	err := s.Ceremony.Rename(r.Context(), m.session.UserID, enrollmentID, one(r, ui.FieldName))
	if problem.Is(err, problem.Invalid) {
		p := problem.From(err)
		return s.showRename(w, r, m, enrollmentID, http.StatusUnprocessableEntity, s.accountPage(r, m).Explain(p.Code, p.Message))
	}
	if err != nil {
		return err
	}
	if err := s.tellOf(r.Context(), m, "factor.renamed", map[string]any{"enrollment": enrollmentID}); err != nil {
		return err
	}
	return s.toAccount(w, r)
}

func (s *IDP) accountPrefer(w http.ResponseWriter, r *http.Request, m *member) error {
	if err := s.Ceremony.Prefer(r.Context(), m.session.UserID, one(r, ui.FieldID)); err != nil {
		return err
	}
	return s.toAccount(w, r)
}

// showRemove asks before an authenticator goes.
func (s *IDP) showRemove(w http.ResponseWriter, r *http.Request, m *member, enrollmentID string) error {
	e, err := s.heldBy(r.Context(), m, enrollmentID)
	if err != nil {
		return s.toAccount(w, r)
	}
	page := s.accountPage(r, m)
	s.UI.Render(w, r, http.StatusOK, ui.Confirm{
		AccountPage: page, Heading: page.Say("account.remove-title", "thing", e.Label), Text: page.Say("account.remove-text"),
		Label: page.Say("account.remove"), Do: ui.DoRemove, ID: e.ID, BackURL: path(r, "/account"),
	})
	return nil
}

var errLastFactor = problem.New(problem.Conflict, "last_factor", "This is the only second factor you have, and signing in here needs one. Set up another one first.")

// accountRemove takes an authenticator away, unless it is the last and the rules ask
// for one.
func (s *IDP) accountRemove(w http.ResponseWriter, r *http.Request, _ *member) error {
	ctx, enrollmentID := r.Context(), one(r, ui.FieldID)
	m, err := s.recent(w, r, url.Values{ui.DoRemove: {enrollmentID}})
	if err != nil || m == nil {
		return err
	}
	if one(r, ui.FieldConfirmed) != "true" {
		return s.showRemove(w, r, m, enrollmentID)
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		// Two who remove the last two at once come one after the other.
		if err := s.Ceremony.Hold(ctx, m.session.UserID); err != nil {
			return err
		}
		if err := s.holdMember(ctx, m); err != nil {
			return err
		}
		before, err := s.Ceremony.Standing(ctx, m.session.UserID)
		if err != nil {
			return err
		}
		gone, err := s.Ceremony.Remove(ctx, m.session.UserID, enrollmentID)
		if err != nil {
			return err
		}
		if err := s.mayGo(ctx, m, gone.Host, before); err != nil {
			return err
		}
		if err := s.Tenants.RaiseEpoch(ctx, m.session.UserID); err != nil {
			return err
		}
		if err := s.tellOf(ctx, m, "factor.removed", map[string]any{"enrollment": gone.ID, "two_factor": gone.TwoFactorID, "label": gone.Label}); err != nil {
			return err
		}
		return s.Notify(ctx, m.session.UserID, ceremony.Notice{Event: "factor_removed", Detail: gone.Label})
	})
	if err != nil {
		return err
	}
	return s.toAccount(w, r)
}

// holdMember refuses to go on for a user who has changed, or whose session has ended,
// since he was judged, and lets nobody change him for the rest of the transaction.
func (s *IDP) holdMember(ctx context.Context, m *member) error {
	if err := s.Tenants.HoldUser(ctx, m.session.UserID, m.verdict.policy.Epoch); err != nil {
		return err
	}
	return s.holdSession(ctx, m.session)
}

// mayGo asks the rules as they are after a removal whether something is left that
// satisfies them: those of this page and of every app that asks for more, in all
// tenants that the user is a member of, at the host that what goes worked at.
func (s *IDP) mayGo(ctx context.Context, m *member, host string, before ceremony.Standing) error {
	after, err := s.Ceremony.Standing(ctx, m.session.UserID)
	if err != nil {
		return err
	}
	scope := db.ScopeOf(ctx)
	all, err := s.Tenants.TenantsOfUsers(ctx, []string{m.session.UserID})
	if err != nil {
		return err
	}
	for _, of := range all {
		in := db.WithScope(ctx, db.Scope{Subscription: scope.Subscription, Tenant: of.In})
		apps, err := s.Tenants.StrictApps(in)
		if err != nil {
			return err
		}
		for _, app := range append(apps, "") {
			q := tenants.Question{ClientAppID: app, UserID: m.session.UserID, Account: app == ""}
			if of.In == scope.Tenant {
				q.IDPID = m.attempt.facts.IDPID
			}
			if err := s.lastFor(in, q, host, before, after); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastFor refuses what takes away the last factor that would do where one is needed.
func (s *IDP) lastFor(ctx context.Context, q tenants.Question, host string, before, after ceremony.Standing) error {
	q.Enrolled, q.Away = after.Count, after.Away(host)
	p, err := s.Tenants.Policy(ctx, q)
	if problem.Is(err, problem.NotFound) {
		return nil // he cannot sign in there
	}
	if err != nil || !p.Needed() || len(p.Offered) > 0 {
		return err
	}
	q.Enrolled, q.Away = before.Count, before.Away(host)
	if p, err = s.Tenants.Policy(ctx, q); err == nil && len(p.Offered) > 0 {
		return errLastFactor
	}
	return err
}

func (s *IDP) accountForget(w http.ResponseWriter, r *http.Request, m *member) error {
	if err := s.forget(r.Context(), m.session.UserID, one(r, ui.FieldID)); err != nil {
		return err
	}
	if err := s.tellOf(r.Context(), m, "browser.forgotten", map[string]any{"remembered": one(r, ui.FieldID)}); err != nil {
		return err
	}
	return s.toAccount(w, r)
}

// accountEnd ends one session of the user, or all but this one.
func (s *IDP) accountEnd(w http.ResponseWriter, r *http.Request, m *member) error {
	ctx, sessionID := r.Context(), one(r, ui.FieldID)
	if sessionID == "" {
		return s.accountEndOthers(w, r, m)
	}
	list, err := s.liveSessions(ctx, m.session.UserID)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(list, func(row sessionRow) bool { return row.ID == sessionID }); i >= 0 {
		signOn, err := s.endOne(ctx, m, &list[i], byUser)
		if err != nil {
			return err
		}
		s.setSignOnCookie(w, r, signOn)
	}
	return s.toAccount(w, r)
}

const byUser = "ended by the user"

func (s *IDP) accountEndOthers(w http.ResponseWriter, r *http.Request, m *member) error {
	var signOn string
	err := s.DB.Tx(r.Context(), func(ctx context.Context) (err error) {
		if err := s.holdToEnd(ctx, m); err != nil {
			return err
		}
		// Sign-ins that are half done and remembered browsers go too (SECURITY I6).
		if err := s.Tenants.RaiseEpoch(ctx, m.session.UserID); err != nil {
			return err
		}
		signOn, err = s.endOthers(ctx, m, byUser)
		return err
	})
	if err != nil {
		return err
	}
	s.setSignOnCookie(w, r, signOn)
	return s.toAccount(w, r)
}

func (s *IDP) showPassword(w http.ResponseWriter, r *http.Request, m *member) error {
	if m, err := s.recent(w, r, url.Values{askPassword: {""}}); err != nil || m == nil {
		return err
	}
	s.drawNewPassword(w, r, http.StatusOK, path(r, "/account"), s.holdsSecond(r.Context(), m.session.UserID), nil)
	return nil
}

// accountPassword sets a new password for a user who has proven himself just now. All
// his other sessions end, in all tenants, and this one gets a new cookie.
func (s *IDP) accountPassword(w http.ResponseWriter, r *http.Request, m *member) error {
	ctx := r.Context()
	if !r.PostForm.Has(ui.FieldPassword) {
		return s.showPassword(w, r, m)
	}
	m, err := s.recent(w, r, url.Values{askPassword: {""}})
	if err != nil || m == nil {
		return err
	}
	user := m.attempt.user
	withSecond := s.holdsSecond(ctx, user.ID)
	set, err := s.Tenants.NewPassword(ctx, user, one(r, ui.FieldPassword), withSecond)
	if problem.Is(err, problem.Invalid) {
		s.drawNewPassword(w, r, http.StatusUnprocessableEntity, path(r, "/account"), withSecond, err)
		return nil
	}
	if err != nil {
		return err
	}
	var token, signOn string
	err = s.DB.Tx(ctx, func(ctx context.Context) (err error) {
		if err := s.holdToEnd(ctx, m); err != nil {
			return err
		}
		if err := set(ctx); err != nil {
			return err
		}
		if token, err = s.renewSession(ctx, m.session); err != nil {
			return err
		}
		if signOn, err = s.endOthers(ctx, m, "password changed"); err != nil {
			return err
		}
		if err := s.tellOf(ctx, m, "password.changed", map[string]any{}); err != nil {
			return err
		}
		return s.Notify(ctx, user.ID, ceremony.Notice{Event: "password_changed"})
	})
	if err != nil {
		return err
	}
	s.setCookie(w, r, sessionCookie(), token, sessionCookieLife)
	s.setSignOnCookie(w, r, signOn)
	return s.toAccount(w, r)
}

// cancelled is where a cancelled sign-in of our own ends.
func (s *IDP) cancelled(w http.ResponseWriter, r *http.Request) error {
	s.UI.Render(w, r, http.StatusOK, ui.Cancelled{Page: s.chrome(r, ""), AgainURL: path(r, "/account")})
	return nil
}

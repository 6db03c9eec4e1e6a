package idp

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
		ui.DoResync: s.accountResync, ui.DoForget: s.accountForget, ui.DoEnd: s.accountEnd, ui.DoAnswer: s.accountPassword,
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

// recent reports whether the user has proven himself just now; otherwise it has sent
// the browser to do so, and back to the page of that query.
func (s *IDP) recent(w http.ResponseWriter, r *http.Request, query url.Values) (bool, error) {
	m, err := s.member(r, true)
	if err != nil || m != nil {
		return m != nil, err
	}
	back := path(r, "/account")
	if len(query) > 0 {
		back += "?" + query.Encode()
	}
	return false, s.ownSignIn(w, r, back, "", true)
}

// accountAdd begins to set something up: a factor, or an address to prove.
func (s *IDP) accountAdd(w http.ResponseWriter, r *http.Request, m *member) error {
	wants := one(r, ui.FieldID)
	what, about, _ := strings.Cut(wants, " ")
	_, known := m.verdict.known(about)
	switch {
	case what == wantEnroll && known, what == wantProve && len(proving(m.verdict, twofactor.Attribute(about))) > 0:
		return s.ownSignIn(w, r, path(r, "/account"), wants, true)
	}
	return s.toAccount(w, r)
}

func (s *IDP) accountResync(w http.ResponseWriter, r *http.Request, m *member) error {
	e, err := s.heldBy(r.Context(), m, one(r, ui.FieldID))
	if err != nil {
		return err
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
func (s *IDP) accountRemove(w http.ResponseWriter, r *http.Request, m *member) error {
	ctx, enrollmentID := r.Context(), one(r, ui.FieldID)
	ok, err := s.recent(w, r, url.Values{ui.DoRemove: {enrollmentID}})
	if err != nil || !ok {
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
		gone, err := s.Ceremony.Remove(ctx, m.session.UserID, enrollmentID)
		if err != nil {
			return err
		}
		if err := s.mayGo(ctx, m); err != nil {
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

// mayGo asks the rules as they are after a removal whether something is left that
// satisfies them.
func (s *IDP) mayGo(ctx context.Context, m *member) error {
	st, err := s.Ceremony.Standing(ctx, m.session.UserID)
	if err != nil {
		return err
	}
	p, err := s.Tenants.Policy(ctx, tenants.Question{IDPID: m.attempt.facts.IDPID, UserID: m.session.UserID, Enrolled: st.Count, Account: true})
	if err != nil {
		return err
	}
	if p.Needed() && !slices.ContainsFunc(p.Offered, func(c tenants.Candidate) bool { return !c.Fallback }) {
		return errLastFactor
	}
	return nil
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
		if err := s.endOthers(ctx, m.session.UserID, m.session.ID); err != nil {
			return err
		}
		return s.toAccount(w, r)
	}
	list, err := s.liveSessions(ctx, m.session.UserID)
	if err != nil {
		return err
	}
	for _, row := range list {
		if row.ID == sessionID {
			if err := s.endHeld(ctx, &row, "ended by the user"); err != nil {
				return err
			}
		}
	}
	return s.toAccount(w, r)
}

func (s *IDP) showPassword(w http.ResponseWriter, r *http.Request, m *member) error {
	if ok, err := s.recent(w, r, url.Values{askPassword: {""}}); err != nil || !ok {
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
	if ok, err := s.recent(w, r, url.Values{askPassword: {""}}); err != nil || !ok {
		return err
	}
	user, err := s.Tenants.User(ctx, m.session.UserID)
	if err != nil {
		return err
	}
	withSecond := s.holdsSecond(ctx, user.ID)
	set, err := s.Tenants.NewPassword(ctx, user, one(r, ui.FieldPassword), withSecond)
	if problem.Is(err, problem.Invalid) {
		s.drawNewPassword(w, r, http.StatusUnprocessableEntity, path(r, "/account"), withSecond, err)
		return nil
	}
	if err != nil {
		return err
	}
	var cookie string
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.Ceremony.Hold(ctx, user.ID); err != nil {
			return err
		}
		if err := set(ctx); err != nil {
			return err
		}
		if err := s.endEverywhere(ctx, user.ID, m.session.ID, "password changed"); err != nil {
			return err
		}
		var err error
		if cookie, err = s.renewCookie(ctx, m.session); err != nil {
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
	s.setCookie(w, sessionCookie, cookie, path(r, ""), sessionCookieLife)
	return s.toAccount(w, r)
}

// cancelled is where a cancelled sign-in of our own ends.
func (s *IDP) cancelled(w http.ResponseWriter, r *http.Request) error {
	s.UI.Render(w, r, http.StatusOK, ui.Cancelled{Page: s.chrome(r, ""), AgainURL: path(r, "/account")})
	return nil
}

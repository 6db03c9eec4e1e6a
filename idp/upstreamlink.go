package idp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"twofold/idp/upstream"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// Who has an account links it to another provider himself, from the account page, after
// he has proven himself just now. Nothing else links accounts that are there.

var errLastWay = problem.New(problem.Conflict, "last_way", "This is the only way you can sign in here.")

// services lists the other providers of the tenant, with what the user is linked to.
// Without any the scheme of their addresses is empty.
func (s *IDP) services(ctx context.Context, d drawing, userID string) (sec ui.Section, scheme string, err error) {
	sec = ui.Section{Title: d.Say("account.services"), Intro: d.Say("account.services-intro"), Empty: d.Say("account.services-empty")}
	w, err := s.ways(ctx)
	if err != nil || len(w.services) == 0 {
		return sec, "", err
	}
	linked, err := s.Tenants.UpstreamsOf(ctx, userID)
	if err != nil {
		return sec, "", err
	}
	for _, v := range w.services {
		if slices.Contains(linked, v.ID) {
			sec.Items = append(sec.Items, ui.Item{Title: titleOf(v), Actions: []ui.Action{{Label: d.Say("account.unlink"), Do: ui.DoUnlink, ID: v.ID, Danger: true}}})
			continue
		}
		sec.Adds = append(sec.Adds, ui.Action{Label: d.Say("account.link", "thing", titleOf(v)), Do: ui.DoConnect, ID: v.ID})
	}
	return sec, w.scheme(), nil
}

func titleOf(v tenants.IDP) string {
	if v.Title == "" {
		return v.Name
	}
	return v.Title
}

// accountConnect sends the user to another provider, to show who he is there.
func (s *IDP) accountConnect(w http.ResponseWriter, r *http.Request, _ *member) error {
	m, err := s.recent(w, r, nil)
	if err != nil || m == nil {
		return err
	}
	f := flowRow{IDPID: one(r, ui.FieldID), UserID: m.session.UserID}
	address, err := s.beginFlow(w, r, &f, upstream.Ask{UILocales: []string{s.accountPage(r, m).Lang}})
	if errors.Is(err, upstream.ErrDown) {
		s.Log.WarnContext(r.Context(), "linking failed", "idp", f.IDPID, "error", err)
		return s.showAccount(w, r, m, http.StatusServiceUnavailable, said(s.accountPage(r, m).Page, upstreamDown))
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusSeeOther) //nolint:gosec // of the provider that an administrator has configured
	return nil
}

// finishLink links the account of the user who left from its page.
func (s *IDP) finishLink(w http.ResponseWriter, r *http.Request, f *flowRow, answer url.Values) error {
	ctx := r.Context()
	m, err := s.member(r, false)
	if err != nil {
		return err
	}
	if m == nil || m.session.UserID != f.UserID {
		return errSignInForeign // he has signed out since, or somebody else has signed in
	}
	idp, who, err := s.identity(ctx, f, answer)
	if err == nil {
		err = s.linkTo(ctx, m, idp, who)
	}
	if err == nil {
		return s.toAccount(w, r)
	}
	page := s.accountPage(r, m).Page
	if outcome, ok := upstreamOutcome(err); ok {
		s.Log.WarnContext(ctx, "linking failed", "idp", f.IDPID, "error", err)
		return s.showAccount(w, r, m, http.StatusForbidden, said(page, outcome))
	}
	if p := problem.From(err); p.Kind == problem.Conflict {
		return s.showAccount(w, r, m, http.StatusConflict, page.Explain(p.Code, p.Message))
	}
	return err
}

func (s *IDP) linkTo(ctx context.Context, m *member, idp tenants.IDP, who upstream.Identity) error {
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.holdMember(ctx, m); err != nil {
			return err
		}
		if err := s.Tenants.LinkUpstream(ctx, m.session.UserID, idp.ID, who.Subject); err != nil {
			return err
		}
		if err := s.tellOf(ctx, m, "identity.linked", map[string]any{"idp": idp.ID}); err != nil {
			return err
		}
		return s.Notify(ctx, m.session.UserID, ceremony.Notice{Event: "login_linked", Detail: titleOf(idp)})
	})
}

// showUnlink asks before a link goes.
func (s *IDP) showUnlink(w http.ResponseWriter, r *http.Request, m *member, idpID string) error {
	ways, err := s.ways(r.Context())
	if err != nil {
		return err
	}
	v, ok := ways.find(func(v tenants.IDP) bool { return v.ID == idpID })
	if !ok {
		return s.toAccount(w, r)
	}
	page := s.accountPage(r, m)
	s.UI.Render(w, r, http.StatusOK, ui.Confirm{
		AccountPage: page, Heading: page.Say("account.unlink-title", "thing", titleOf(v)), Text: page.Say("account.unlink-text"),
		Label: page.Say("account.unlink"), Do: ui.DoUnlink, ID: v.ID, BackURL: path(r, "/account"),
	})
	return nil
}

// accountUnlink takes a link away, unless it is the last way in. Sessions elsewhere end:
// they may be those of who has the account at the other provider by now.
func (s *IDP) accountUnlink(w http.ResponseWriter, r *http.Request, _ *member) error {
	ctx, idpID := r.Context(), one(r, ui.FieldID)
	m, err := s.recent(w, r, url.Values{ui.DoUnlink: {idpID}})
	if err != nil || m == nil {
		return err
	}
	if one(r, ui.FieldConfirmed) != "true" {
		return s.showUnlink(w, r, m, idpID)
	}
	var signOn string
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.holdToEnd(ctx, m); err != nil {
			return err
		}
		was, err := s.Tenants.UnlinkUpstream(ctx, m.session.UserID, idpID)
		if err != nil || !was {
			return err
		}
		if err := s.mayUnlink(ctx, m.session.UserID); err != nil {
			return err
		}
		if signOn, err = s.endOthers(ctx, m, "a sign-in service was unlinked"); err != nil {
			return err
		}
		if err := s.tellOf(ctx, m, "identity.unlinked", map[string]any{"idp": idpID}); err != nil {
			return err
		}
		return s.Notify(ctx, m.session.UserID, ceremony.Notice{Event: "login_unlinked"})
	})
	if err != nil {
		return err
	}
	s.setSignOnCookie(w, r, signOn)
	return s.toAccount(w, r)
}

// mayUnlink refuses what leaves no way to sign in here.
func (s *IDP) mayUnlink(ctx context.Context, userID string) error {
	has, err := s.Tenants.HasPasswordHere(ctx, userID)
	if err != nil || has {
		return err
	}
	linked, err := s.Tenants.UpstreamsOf(ctx, userID)
	if err != nil {
		return err
	}
	w, err := s.ways(ctx)
	if err != nil {
		return err
	}
	if _, ok := w.find(func(v tenants.IDP) bool { return slices.Contains(linked, v.ID) }); !ok {
		return errLastWay
	}
	return nil
}

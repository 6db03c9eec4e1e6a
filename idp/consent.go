package idp

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"twofold/idp/signin"
	"twofold/ui"
)

// showConsent asks whether the app may have what it wants. It comes last: who asks
// must know first whom.
func (s *IDP) showConsent(w http.ResponseWriter, r *http.Request, a *attempt) error {
	page := ui.Consent{Page: s.stepPage(r, a), Action: r.URL.Path, UserName: a.name(), Scopes: a.req.Shares}
	if u, err := url.Parse(a.req.RedirectURI); err == nil {
		page.Host = u.Host
	}
	if a.req.Device {
		d, err := s.deviceOf(r, page.Page, a)
		if err != nil {
			return err
		}
		page.Device = &d
	}
	s.UI.Render(w, r, http.StatusOK, page)
	return nil
}

// allow takes the user's yes. What it covers is what the request asks for, which cannot
// change any more.
func (s *IDP) allow(w http.ResponseWriter, r *http.Request, a *attempt, _ verdict) error {
	a.facts.Consented = true
	v, err := s.judge(r.Context(), a)
	if err != nil {
		return lost(err)
	}
	if v.step != signin.Done {
		return s.again(w, r) // something else is asked for meanwhile: that comes first
	}
	return s.finishNow(w, r, a, v)
}

// consentsSection lists the apps that the user has let have something.
func (s *IDP) consentsSection(ctx context.Context, d drawing, userID string) (ui.Section, bool, error) {
	list, err := s.Provider.Consents(ctx, userID)
	if err != nil || len(list) == 0 {
		return ui.Section{}, false, err
	}
	ids := make([]string, len(list))
	for i, c := range list {
		ids[i] = c.ClientAppID
	}
	called, err := s.Tenants.Called(ctx, "client_app", ids)
	if err != nil {
		return ui.Section{}, false, err
	}
	sec := ui.Section{Title: d.Say("account.apps"), Intro: d.Say("account.apps-intro")}
	for _, c := range list {
		it := ui.Item{Title: called[c.ClientAppID].Name}
		if it.Title == "" || called[c.ClientAppID].Gone {
			it.Title = d.Say("account.app-gone")
		}
		var words []string
		for _, scope := range c.Scopes {
			words = append(words, d.ShareOf(scope).Text)
		}
		it.Detail = strings.Join(words, ", ")
		it = d.when(it, "account.allowed", c.UpdatedAt)
		it.Actions = []ui.Action{{Label: d.Say("account.withdraw"), Do: ui.DoWithdraw, ID: c.ClientAppID, Danger: true}}
		sec.Items = append(sec.Items, it)
	}
	return sec, true, nil
}

// accountWithdraw takes back what the user has let an app have, and all that the app
// holds for him.
func (s *IDP) accountWithdraw(w http.ResponseWriter, r *http.Request, m *member) error {
	ctx, appID := r.Context(), one(r, ui.FieldID)
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		was, err := s.Provider.WithdrawConsent(ctx, m.session.UserID, appID)
		if err != nil || !was {
			return err
		}
		return s.tellOf(ctx, m, "consent.withdrawn", map[string]any{"client_app": appID})
	})
	if err != nil {
		return err
	}
	return s.toAccount(w, r)
}

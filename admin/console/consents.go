package console

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/tenants"
	"twofold/ui"
)

// What a user lets apps have, and taking it back for him.

func mountConsents(c *Console, s *mux.Router) {
	const at = "/users/{id}/consents/{client_app}/withdraw"
	s.HandleFunc(at, c.at(askWithdraw)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(at, c.at(withdrawConsent)).Methods(http.MethodPost).Name("users.consents.withdraw")
}

// consentsPart lists them; there is none where the user was never asked.
func consentsPart(d *desk, v tenants.User, p *ui.AdminDetail) error {
	if v.Kind != tenants.Person || !d.may(admin.SessionRead) {
		return nil
	}
	list, names, err := d.Admin.ConsentsOf(d.r.Context(), d.who, d.sub.ID, v.ID)
	if err != nil || len(list) == 0 {
		return err
	}
	part := ui.AdminPart{ID: "consents", Title: "Consents", Intro: "What the user lets client apps have. Who is asked again decides again."}
	for _, c := range list {
		tenant, _ := names.Of("tenant", c.TenantID)
		item := ui.AdminItem{
			Title: consentApp(names, c.ClientAppID), Detail: strings.Join(c.Scopes, " ") + " in " + titleOf(tenant.Name, "a tenant that is gone") + ", allowed",
			Time: d.when(c.UpdatedAt),
		}
		if d.may(admin.SessionEnd) {
			item.Buttons = []ui.AdminButton{{Label: "Withdraw", URL: d.path("users", v.ID, "consents", c.ClientAppID, "withdraw"), Danger: true}}
		}
		part.Items = append(part.Items, item)
	}
	p.Parts = append(p.Parts, part)
	return nil
}

func consentApp(names admin.Names, id string) string {
	app, _ := names.Of("client_app", id)
	return titleOf(app.Name, "An app that is gone")
}

// consentAt finds the user and the app of the page.
func consentAt(d *desk) (u tenants.User, appID, app string, err error) {
	appID = mux.Vars(d.r)["client_app"]
	if u, err = d.Admin.Users().Get(d.r.Context(), d.who, d.sub.ID, d.id()); err != nil {
		return u, "", "", err
	}
	if !d.may(admin.SessionEnd) {
		return u, "", "", errMayNot
	}
	list, names, err := d.Admin.ConsentsOf(d.r.Context(), d.who, d.sub.ID, u.ID)
	for _, c := range list {
		if c.ClientAppID == appID {
			return u, appID, consentApp(names, appID), err
		}
	}
	if err == nil {
		err = errNoSuch
	}
	return u, "", "", err
}

func askWithdraw(d *desk) error {
	u, appID, app, err := consentAt(d)
	if err != nil {
		return err
	}
	p := ui.AdminConfirm{
		AdminPage: d.frame("Withdraw the consent of " + u.Name + "?"), Action: d.path("users", u.ID, "consents", appID, "withdraw"),
		Losses: []string{app + " loses all that it holds for this user, in every tenant where you may end sessions.", "The user is asked again when he signs in to it next."},
		Label:  "Withdraw", BackURL: d.path("users", u.ID) + "#consents",
	}
	p.Crumbs = []ui.Link{{Text: "Users", URL: d.path("users")}, {Text: u.Name, URL: d.path("users", u.ID)}}
	return d.render(http.StatusOK, p)
}

func withdrawConsent(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if one(d.r, ui.FieldConfirmed) != "true" {
		return errVersion
	}
	u, appID, app, err := consentAt(d)
	if err != nil {
		return err
	}
	if err := d.Admin.WithdrawConsent(d.r.Context(), d.who, d.sub.ID, u.ID, appID); err != nil {
		return err
	}
	return d.done(d.path("users", u.ID), "The consent is withdrawn: "+app+" has nothing of the user any more.", nil)
}

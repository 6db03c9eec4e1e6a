package console

import (
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/tenants"
	"twofold/ui"
)

func mountSecrets(c *Console, s *mux.Router) {
	const base = "/client-apps/{id}/secrets"
	s.HandleFunc(base+"/new", c.at(askSecret)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(base+"/new", c.at(addSecret)).Methods(http.MethodPost).Name("client_apps.secrets.create")
	s.HandleFunc(base+"/{secret}/end", c.at(askEndSecret)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(base+"/{secret}/end", c.at(endSecret)).Methods(http.MethodPost).Name("client_apps.secrets.delete")
}

const fieldEnds = "ends"

// secretsPart lists an app's secrets: when they were made and when they end.
func secretsPart(d *desk, v tenants.ClientApp) (ui.AdminPart, error) {
	part := ui.AdminPart{ID: "secrets", Title: "Secrets", Intro: "To change one without a break, add a second one, give it to the app, then end the first."}
	list, err := d.Admin.ClientSecrets(d.r.Context(), d.who, d.sub.ID, v.ID)
	if err != nil {
		return part, err
	}
	may := d.may(admin.ClientAppSecret)
	for i, s := range list {
		item := ui.AdminItem{Title: secretName(i, s), Detail: "Made", Time: d.when(s.CreatedAt)}
		switch {
		case s.ExpiresAt == nil:
		case s.ExpiresAt.After(d.now()):
			item.Badge = &ui.AdminBadge{Tone: ui.ToneWarn, Text: "Ends " + d.when(*s.ExpiresAt).Text}
		default:
			item.Badge = &ui.AdminBadge{Tone: ui.ToneOff, Text: "Over"}
		}
		if may {
			item.Buttons = []ui.AdminButton{{Label: "End", URL: d.path("client-apps", v.ID, "secrets", s.ID, "end"), Danger: true}}
		}
		part.Items = append(part.Items, item)
	}
	if len(list) == 0 {
		part.Intro = "It has none yet, so it cannot prove itself. Add one and give it to the app."
	}
	if may {
		part.Buttons = []ui.AdminButton{{Label: "Add secret", URL: d.path("client-apps", v.ID, "secrets", "new")}}
	}
	return part, nil
}

func secretName(i int, s tenants.ClientSecret) string {
	return "Secret " + ui.Figures(i+1) + " (" + s.ID[max(0, len(s.ID)-6):] + ")"
}

// secretApp finds the app of a page about its secrets, for who may change them.
func secretApp(d *desk) (tenants.ClientApp, error) {
	v, err := d.Admin.ClientApps().Get(d.r.Context(), d.who, d.sub.ID, d.id())
	switch {
	case err != nil:
		return v, err
	case !d.may(admin.ClientAppSecret):
		return v, errMayNot
	case d.own(v):
		return v, errOwnApp
	case !d.who.Fresh(d.now()):
		return v, admin.ErrAgain
	}
	return v, nil
}

func askSecret(d *desk) error { return secretForm(d, nil) }

func secretForm(d *desk, errs []ui.FieldError) error {
	v, err := secretApp(d)
	if err != nil {
		return err
	}
	ends := text(fieldEnds, "Ends on", one(d.r, fieldEnds), "At the end of this day (UTC) it stops to work. Empty: it has no end.")
	ends.Draw = ui.DrawDate
	p := ui.AdminForm{
		AdminPage: d.frame("Add secret to " + v.Name), Action: d.path("client-apps", v.ID, "secrets", "new"), Errors: errs,
		Sections: []ui.AdminSection{{Intro: "It is shown once. The others go on working.", Fields: []ui.AdminField{ends}}},
		Save:     "Add secret", CancelURL: d.path("client-apps", v.ID),
	}
	p.Crumbs = appCrumbs(d, v)
	return d.render(status(errs), p)
}

func appCrumbs(d *desk, v tenants.ClientApp) []ui.Link {
	return []ui.Link{{Text: "Client apps", URL: d.path("client-apps")}, {Text: v.Name, URL: d.path("client-apps", v.ID)}}
}

// addSecret makes a secret and shows it, in the answer itself: it is kept nowhere that a
// page could be drawn from again.
func addSecret(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	r := reading{d: d}
	var life time.Duration
	if one(d.r, fieldEnds) != "" {
		var until time.Time
		r.date(fieldEnds, &until)
		if life = until.Sub(d.now()); len(r.errs) == 0 && life <= 0 {
			r.wrong(fieldEnds, "Give a day that is not over.")
		}
	}
	if len(r.errs) > 0 {
		return secretForm(d, r.errs)
	}
	v, err := secretApp(d)
	if err != nil {
		return err
	}
	secret, err := d.Admin.AddClientSecret(d.r.Context(), d.who, d.sub.ID, v.ID, life)
	if errs, ok := atFields(err); ok {
		return secretForm(d, errs)
	}
	if err != nil {
		return err
	}
	p := ui.AdminReveal{
		AdminPage: d.frame("Secret of " + v.Name), Secrets: []ui.AdminSecret{{Label: "Client secret", Value: secret}},
		Facts: []ui.AdminFact{copied("Client ID", v.ClientID)}, Done: ui.AdminButton{Label: "I have kept it", URL: d.path("client-apps", v.ID)},
	}
	p.Crumbs = appCrumbs(d, v)
	return d.reveal(p)
}

// reveal shows secrets once: no cache may keep them.
func (d *desk) reveal(p ui.AdminReveal) error {
	d.w.Header().Set("Cache-Control", "no-store")
	return d.render(http.StatusOK, p)
}

func askEndSecret(d *desk) error { return endSecretQuestion(d, nil) }

func endSecretQuestion(d *desk, errs []ui.FieldError) error {
	v, err := secretApp(d)
	if err != nil {
		return err
	}
	list, err := d.Admin.ClientSecrets(d.r.Context(), d.who, d.sub.ID, v.ID)
	if err != nil {
		return err
	}
	for i, s := range list {
		if s.ID != mux.Vars(d.r)["secret"] {
			continue
		}
		p := ui.AdminConfirm{
			AdminPage: d.frame("End " + strings.ToLower(secretName(i, s)) + "?"), Action: d.path("client-apps", v.ID, "secrets", s.ID, "end"), Errors: errs,
			Losses: []string{"An app that still uses it cannot prove itself any more, from now on."}, Label: "End secret", BackURL: d.path("client-apps", v.ID),
		}
		if len(list) == 1 {
			p.Losses = append(p.Losses, "It is the only one: nobody can sign in to "+titleOf(v.Title, v.Name)+" until there is another.")
		}
		p.Crumbs = appCrumbs(d, v)
		return d.render(status(errs), p)
	}
	return errNoSuch
}

func endSecret(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if one(d.r, ui.FieldConfirmed) != "true" {
		return errVersion
	}
	v, err := secretApp(d)
	if err != nil {
		return err
	}
	if err := d.Admin.DeleteClientSecret(d.r.Context(), d.who, d.sub.ID, v.ID, mux.Vars(d.r)["secret"]); err != nil {
		return err
	}
	return d.done(d.path("client-apps", v.ID)+"#secrets", "The secret is over.", nil)
}

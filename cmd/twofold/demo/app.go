package demo

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"twofold/ui"
)

// app is a relying party. It plays several: each client app at each tenant is a
// place with a sign-in of its own.
type app struct {
	facts     Facts
	ui        *ui.UI
	now       func() time.Time
	rand      io.Reader
	log       *slog.Logger
	providers providers
	sessions  sessions
}

// place is one client app at one tenant.
type place struct {
	tenant Tenant
	client Client
}

func (p place) slot() string { return p.tenant.Name + "/" + p.client.Name }
func (p place) path() string { return pathApps + p.slot() }
func (p place) name() string { return p.client.Title + " at " + p.tenant.Title }

// page is the frame of a place: the app's name in the tenant's colour.
func (p place) page() ui.Page {
	return ui.Page{Realm: ui.Brand{Name: p.name(), Accent: p.tenant.Accent}, FormOrigin: p.tenant.Issuer}
}

// place finds where a request is.
func (a *app) place(r *http.Request) (place, error) {
	t, knownTenant := a.facts.tenant(r.PathValue("tenant"))
	c, knownClient := a.facts.client(r.PathValue("app"))
	if !knownTenant || !knownClient || c.Machine || !slices.Contains(c.Tenants, t.Name) {
		return place{}, errNoPage
	}
	return place{t, c}, nil
}

// places lists all of a tenant.
func (a *app) places(t Tenant) []place {
	var out []place
	for _, c := range a.facts.Clients {
		if !c.Machine && slices.Contains(c.Tenants, t.Name) {
			out = append(out, place{t, c})
		}
	}
	return out
}

// edge turns a handler's error into a page.
func (a *app) edge(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			a.fail(w, r, err)
		}
	}
}

// home lists the places, the people and what to try.
func (a *app) home(w http.ResponseWriter, r *http.Request) {
	v := homeView{frame: frame{Page: ui.Page{Realm: ui.Brand{Name: "Twofold demo"}}, Here: hereApps}, Facts: a.facts}
	a.sessions.look(r, func(s *session) {
		for _, t := range a.facts.Tenants {
			card := tenantCard{Tenant: t}
			for _, p := range a.places(t) {
				door := door{Title: p.client.Title, Text: "Sign in to " + p.name(), URL: p.path() + "/sign-in", Strict: p.client.MinACR != ""}
				if l, in := s.logins[p.slot()]; in {
					door.Text, door.URL, door.As = "Open "+p.name(), p.path(), l.called
				}
				card.Doors = append(card.Doors, door)
			}
			v.Cards = append(v.Cards, card)
		}
	})
	for _, u := range a.facts.Users {
		p := person{User: u}
		for _, t := range a.facts.Tenants {
			if u.Member(t.Name) {
				p.Where = append(p.Where, t)
			}
		}
		v.People = append(v.People, p)
	}
	v.Machine = machineCall(a.facts)
	a.ui.Render(w, r, http.StatusOK, v)
}

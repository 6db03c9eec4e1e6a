package console

import (
	"net/http"

	"github.com/gorilla/mux"

	"twofold/ui"
)

// mountPages puts all pages of the administration on the router of /admin: those of a
// subscription below /admin/s/{sub}, those of the whole server beside.
func (c *Console) mountPages(a *mux.Router) {
	a.HandleFunc("/switch", c.at(switchTo)).Methods(http.MethodGet)
	s := a.PathPrefix("/s/{sub}").Subrouter()
	s.HandleFunc("/", c.at(home)).Methods(http.MethodGet, http.MethodHead)
	// People and how they sign in.
	mountPeople(c, s)
	mountSignIn(c, s)

	// Second factors.
	mountTwoFactors(c, s)
	mountAssignments(c, s)
	mount(c, s, exemptions())
	s.HandleFunc("/explain", c.at(explain)).Methods(http.MethodGet, http.MethodHead).Name("policy.explain")
	mountSettings(c, a, s)
	mountTexts(c, a, s)

	// Oversight.
	c.mountTrail(s, "audit")
	c.mountMessages(s)
	c.mountSessions(s)
	c.mountRoles(s, "roles")
	c.mountSearch(s)
	c.mountJobs(s)
	s.HandleFunc("/api", c.at(reference)).Methods(http.MethodGet, http.MethodHead)

	// The whole server.
	c.mountTrail(a, "platform_audit")
	c.mountRoles(a, "platform_roles")
	c.mountSubscriptions(a, s)
	a.HandleFunc("/api", c.at(reference)).Methods(http.MethodGet, http.MethodHead)
}

// start leads to the subscription that somebody administers: the one that he belongs to,
// or the first of others.
func start(d *desk) error {
	if len(d.all) == 0 {
		return d.render(http.StatusOK, ui.AdminDetail{AdminPage: d.frame("Administration")})
	}
	d.sub = d.all[0]
	for _, s := range d.all {
		if s.ID == d.Realm.Subscription.ID {
			d.sub = s
		}
	}
	return d.go303(d.path(""))
}

// switchTo leads to another subscription.
func switchTo(d *desk) error {
	id := d.r.URL.Query().Get(ui.FieldSubscription)
	sub, err := d.subscription(id)
	if err != nil {
		return err
	}
	d.sub = sub
	return d.go303(d.path(""))
}

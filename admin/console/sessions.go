package console

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/ui"
)

func (c *Console) mountSessions(s *mux.Router) {
	s.HandleFunc("/sessions", c.at(sessions)).Methods(http.MethodGet, http.MethodHead).Name("sessions.list")
	s.HandleFunc("/sessions/end", c.at(askEnd)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc("/sessions/end", c.at(endAll)).Methods(http.MethodPost).Name("sessions.end_all")
	s.HandleFunc("/sessions/chosen", c.at(endChosen)).Methods(http.MethodPost).Name("sessions.end")
}

const (
	filterUser   = "user"
	filterTenant = "tenant"
)

func sessions(d *desk) error {
	realms, err := d.tenantFilter(filterTenant)
	if err != nil {
		return err
	}
	filters := append([]ui.AdminFilter{{Name: filterUser, Label: "User"}}, offered(realms, false)...)
	q := d.query(filters)
	q.Search = ""
	if err := d.named(&q, filterUser); err != nil {
		return err
	}
	found, err := d.Admin.SessionsIn(d.r.Context(), d.who, d.sub.ID, q)
	if err != nil {
		return err
	}
	v := ui.AdminList{
		AdminPage: d.frame("Sessions"),
		AdminQuery: ui.AdminQuery{
			Path: d.path("sessions"), Values: d.r.URL.Query(), Filters: filters, Order: "-created", Next: found.Next, Noun: "session", Nouns: "sessions",
		},
		Table: ui.AdminTable{Caption: "Sessions", Columns: []ui.AdminColumn{
			{Label: "User"}, {Label: "Tenant"}, {Label: "Signed in", Sort: "created", Down: true}, {Label: "Last used"}, {Label: "Apps"}, {Label: "Browser"},
		}},
	}
	v.Intro = "Who is signed in now. A session that ends is over at once, in each app that asks."
	v.Table.Empty = ui.AdminEmpty{Title: "Nobody is signed in", Text: "Sessions are listed here from the moment that somebody signs in until they run out or are ended."}
	if tenant := q.Filter[filterTenant]; tenant != "" && d.who.May(admin.SessionEnd, db.Scope{Subscription: d.sub.ID, Tenant: tenant}) {
		v.More = append(v.More, ui.AdminButton{Label: "End all of this tenant", URL: d.path("sessions/end") + "?tenant=" + tenant, Danger: true})
	} else if d.mayAll(admin.SessionEnd) {
		v.More = append(v.More, ui.AdminButton{Label: "End all sessions", URL: d.path("sessions/end"), Danger: true})
	}
	if d.may(admin.SessionEnd) {
		v.Bulk = &ui.AdminBulk{Action: d.path("sessions/chosen"), Actions: []ui.AdminOption{{Value: doEnd, Label: "End these sessions"}}}
	}
	for _, s := range found.Items {
		v.Table.Rows = append(v.Table.Rows, d.sessionRow(s, found.Names))
	}
	return d.render(http.StatusOK, v)
}

const doEnd = "end"

// sessionRow is a session as the list shows it.
func (d *desk) sessionRow(s admin.Session, names admin.Names) ui.AdminRow {
	user, url := d.called(names, "user", s.UserID)
	realm, _ := d.called(names, "tenant", s.TenantID)
	by, _ := d.called(names, "idp", s.IDPID)
	var apps []string
	for _, a := range s.ClientApps {
		name, _ := d.called(names, "client_app", a)
		apps = append(apps, name)
	}
	row := ui.AdminRow{URL: url, Cells: []ui.AdminCell{
		{Text: user, Second: methods(s.AMR)},
		{Text: realm, Second: by},
		{Time: d.when(s.CreatedAt)},
		{Time: d.when(s.SeenAt)},
		{Text: strings.Join(apps, ", ")},
		{Text: browserOf(s.UserAgent), Second: s.Address},
	}}
	if d.who.May(admin.SessionEnd, db.Scope{Subscription: d.sub.ID, Tenant: s.TenantID}) {
		row.ID = s.TenantID + "." + s.ID
	}
	return row
}

// browserOf names a browser by what it calls itself, roughly.
func browserOf(agent string) string {
	name, system := "", ""
	for _, b := range [][2]string{{"Edg", "Edge"}, {"OPR", "Opera"}, {"Firefox", "Firefox"}, {"Chrome", "Chrome"}, {"Safari", "Safari"}} {
		if name == "" && strings.Contains(agent, b[0]+"/") {
			name = b[1]
		}
	}
	for _, s := range [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"Linux", "Linux"}} {
		if system == "" && strings.Contains(agent, s[0]) {
			system = s[1]
		}
	}
	switch {
	case name == "":
		return "Another browser"
	case system == "":
		return name
	}
	return name + " on " + system
}

// endChosen ends the sessions that were chosen on a page of the list.
func endChosen(d *desk) error {
	form, err := d.posted()
	if err != nil {
		return err
	}
	if !d.may(admin.SessionEnd) {
		return errMayNot // and not as if nothing had been chosen
	}
	chosen := form[ui.FieldID]
	if len(chosen) == 0 || len(chosen) > page.MaxLimit || one(d.r, ui.FieldDo) != doEnd {
		d.flash(flash{Text: "Choose the sessions to end.", Bad: true})
		return d.go303(d.path("sessions"))
	}
	ended := 0
	for _, c := range chosen {
		tenant, session, _ := strings.Cut(c, ".")
		err := d.Admin.EndSession(d.r.Context(), d.who, d.sub.ID, tenant, session)
		switch {
		case problem.Is(err, problem.NotFound): // it has ended by itself meanwhile
		case err != nil:
			return err
		default:
			ended++
		}
	}
	return d.done(d.path("sessions"), many(ended, "session was", "sessions were")+" ended.", nil)
}

// askEnd asks before all sessions of a tenant, or of the subscription, end.
func askEnd(d *desk) error {
	tenant := d.r.URL.Query().Get(filterTenant)
	if !d.who.May(admin.SessionEnd, db.Scope{Subscription: d.sub.ID, Tenant: tenant}) {
		return errMayNot
	}
	whole := titleOf(d.sub.Title, d.sub.Name)
	q := page.Query{Limit: page.MaxLimit, Filter: map[string]string{}}
	if tenant != "" {
		t, err := d.Admin.TenantsOf().Get(d.r.Context(), d.who, d.sub.ID, tenant)
		if err != nil {
			return err
		}
		whole, q.Filter[filterTenant] = titleOf(t.Title, t.Name), t.ID
	}
	live, err := d.Admin.SessionsIn(d.r.Context(), d.who, d.sub.ID, q)
	if err != nil {
		return err
	}
	number := many(len(live.Items), "session", "sessions")
	if live.Next != "" {
		number = "More than " + number
	}
	v := ui.AdminConfirm{
		AdminPage: d.frame("End all sessions of " + whole + "?"), Action: d.path("sessions/end"), Label: "End all sessions", BackURL: d.path("sessions"), BackLabel: "Leave them",
		Text:   "Everybody is signed out and has to sign in again. Who is signing in at this moment goes on.",
		Losses: []string{number + " in use now, and those at rest", "What apps were granted, access without the user too", "Every remembered browser: second factors are asked for again"},
		Hidden: []ui.Pair{{Name: filterTenant, Value: tenant}},
	}
	v.Crumbs = []ui.Link{{Text: "Sessions", URL: d.path("sessions")}}
	if tenant == "" {
		v.TypeName = d.sub.Name
	}
	return d.render(http.StatusOK, v)
}

func endAll(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	tenant := one(d.r, filterTenant)
	if one(d.r, ui.FieldConfirmed) != "true" {
		return errVersion
	}
	if tenant == "" && strings.TrimSpace(one(d.r, ui.FieldTyped)) != d.sub.Name {
		d.flash(flash{Text: "The name was not the one of this subscription. Nothing has ended.", Bad: true})
		return d.go303(d.path("sessions/end"))
	}
	n, err := d.Admin.EndSessions(d.r.Context(), d.who, d.sub.ID, tenant)
	if err != nil {
		return err
	}
	return d.done(d.path("sessions"), many(n, "session was", "sessions were")+" ended.", nil)
}

package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/ui"
)

// desk is one request of somebody who administers, with all that its page needs.
type desk struct {
	*Console
	*Session
	w   http.ResponseWriter
	r   *http.Request
	who admin.Who
	sub tenants.Subscription // of the path; zero on pages of the whole server
	all []tenants.Subscription
	bad *badForm // a form within the page that is drawn again; nil: none
}

// badForm is a small form on a page that could not be done.
type badForm struct {
	part string // id of its part
	errs []ui.FieldError
}

// wrongAt are the errors of the form in a part.
func (d *desk) wrongAt(part string) []ui.FieldError {
	if d.bad == nil || d.bad.part != part {
		return nil
	}
	return d.bad.errs
}

// typedAt is what was typed into the form of a part that is drawn again.
func (d *desk) typedAt(part, name string) string {
	if d.bad == nil || d.bad.part != part {
		return ""
	}
	return one(d.r, name)
}

// handler is a page or an action of the administration.
type handler func(d *desk) error

// at runs a page of the path's subscription, which somebody must have a role in.
func (c *Console) at(h handler) http.HandlerFunc {
	return c.page(c.signedIn(func(w http.ResponseWriter, r *http.Request, s *Session) error {
		d, err := c.desk(w, r, s)
		if err != nil {
			return err
		}
		if id, ok := mux.Vars(r)["sub"]; ok {
			if d.sub, err = d.subscription(id); err != nil {
				return d.fail(err)
			}
		}
		if err := h(d); err != nil {
			return d.fail(err)
		}
		return nil
	}))
}

// subscription finds the one of the path: mostly among those that were listed already.
func (d *desk) subscription(id string) (tenants.Subscription, error) {
	for _, s := range d.all {
		if s.ID == id {
			return s, nil
		}
	}
	return d.Admin.Subscription(d.r.Context(), d.who, id)
}

func (c *Console) desk(w http.ResponseWriter, r *http.Request, s *Session) (*desk, error) {
	who, err := c.Admin.Who(r.Context(), s.Signed())
	if err != nil {
		return nil, err
	}
	d := &desk{Console: c, Session: s, w: w, r: r, who: who}
	list, err := c.Admin.Subscriptions(r.Context(), who, page.Query{Limit: page.MaxLimit})
	if err != nil {
		return nil, err
	}
	d.all = list.Items
	return d, nil
}

// fail shows an error within the frame. What asks for a fresh sign-in is for Console.page.
func (d *desk) fail(err error) error {
	p := problem.From(err)
	if p.Kind == problem.Unauthenticated || p.Kind == problem.Internal || p.Kind == problem.Unavailable {
		return err
	}
	v := ui.AdminProblem{AdminPage: d.frame(heading(p.Kind)), Text: p.Message}
	v.Reference = web.RequestID(d.r.Context())
	v.Actions = []ui.Link{{Text: "To the start page", URL: pathHome}}
	if d.sub.ID != "" {
		v.Actions[0].URL = d.path("")
	}
	d.UI.Render(d.w, d.r, p.Kind.Status(), v)
	return nil
}

// path is a path below the subscription of the request.
func (d *desk) path(rest string, parts ...string) string {
	p := "/admin/s/" + d.sub.ID + "/" + rest
	for _, s := range parts {
		p += "/" + url.PathEscape(s)
	}
	return p
}

// id is the one in the path.
func (d *desk) id() string { return mux.Vars(d.r)["id"] }

func (d *desk) now() time.Time { return d.Now() }

// when says a time as the page shows it.
func (d *desk) when(t time.Time) ui.AdminTime { return ui.When(d.now(), t) }

// may reports whether the administrator may do something somewhere in the subscription:
// what he may not is not offered. Package admin decides once more.
func (d *desk) may(a admin.Action) bool {
	in := d.who.Tenants(a, d.sub.ID)
	return in == nil || len(in) > 0
}

// mayAll reports whether he may in the whole subscription.
func (d *desk) mayAll(a admin.Action) bool { return d.who.May(a, db.Scope{Subscription: d.sub.ID}) }

// render answers with a page.
func (d *desk) render(status int, v ui.View) error {
	d.UI.Render(d.w, d.r, status, v)
	return nil
}

// go303 answers a post (RFC 9110 §15.4.4).
func (d *desk) go303(to string) error {
	d.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(d.w, d.r, to, http.StatusSeeOther)
	return nil
}

// done goes on to a page that says what was done, perhaps with a way to undo it.
func (d *desk) done(to, text string, undo *ui.AdminButton) error {
	d.flash(flash{Text: text, Undo: undo})
	return d.go303(to)
}

// flash is what the next page says first.
type flash struct {
	Text string
	Bad  bool
	Undo *ui.AdminButton
}

const (
	flashCookie = "console-flash"
	flashLife   = 60 // seconds
	maxFlash    = 4096
)

// flash travels in a sealed cookie: the text of a page must not come from its address.
func (d *desk) flash(f flash) {
	text, _ := json.Marshal(f)
	http.SetCookie(d.w, &http.Cookie{
		Name: d.cookieName(flashCookie), Value: d.Seal.Seal(text, flashCookie, d.SID), Path: "/", MaxAge: flashLife,
		HttpOnly: true, Secure: d.secure, SameSite: http.SameSiteStrictMode,
	})
}

// flashed reads it, once.
func (d *desk) flashed() (f flash, ok bool) {
	k, err := d.r.Cookie(d.cookieName(flashCookie))
	if err != nil || len(k.Value) > maxFlash {
		return f, false
	}
	d.dropCookie(d.w, flashCookie)
	text, err := d.Seal.Open(k.Value, flashCookie, d.SID)
	return f, err == nil && json.Unmarshal(text, &f) == nil
}

// frame is what all pages of the administration share.
func (d *desk) frame(heading string) ui.AdminPage {
	p := ui.AdminPage{
		Page: ui.Page{Realm: ui.Brand{Name: "Twofold"}}, Heading: heading, UserName: d.who.Name, Role: d.role(), SwitchURL: "/admin/switch",
		SignOutURL: pathSignOut, AccountURL: "/t/" + d.Realm.Tenant.Name + "/account", Rail: d.rail(),
	}
	if d.sub.ID != "" {
		p.SearchURL = d.path("search")
	}
	for _, s := range d.all {
		p.Subscriptions = append(p.Subscriptions, ui.AdminScope{ID: s.ID, Name: titleOf(s.Title, s.Name), Current: s.ID == d.sub.ID})
	}
	if f, ok := d.flashed(); ok {
		p.Notice, p.Undo = &ui.Notice{Kind: ui.Good, Text: f.Text}, f.Undo
		if f.Bad {
			p.Notice.Kind = ui.Bad
		}
	}
	return p
}

func titleOf(title, name string) string {
	if title == "" {
		return name
	}
	return title
}

// role says in words as what somebody is here.
func (d *desk) role() string {
	role := d.who.Top(db.Scope{Subscription: d.sub.ID})
	name := roleName(role)
	if role == "" || role == tenants.RoleSystemAdmin || d.sub.ID == "" {
		return name
	}
	return name + " of " + titleOf(d.sub.Title, d.sub.Name)
}

func roleName(r tenants.Role) string {
	switch r {
	case tenants.RoleSystemAdmin:
		return "System administrator"
	case tenants.RoleSubscriptionAdmin:
		return "Subscription administrator"
	case tenants.RoleTenantAdmin:
		return "Tenant administrator"
	case tenants.RoleHelpDesk:
		return "Help desk"
	case tenants.RoleAuditor:
		return "Auditor"
	}
	return string(r)
}

// railItem is a place in the rail, for those who may do something there.
type railItem struct {
	label, path string
	needs       admin.Action
}

// rail lists where somebody can go: what he may not read is not there.
func (d *desk) rail() []ui.AdminGroup {
	var out []ui.AdminGroup
	add := func(title string, items ...railItem) {
		g := ui.AdminGroup{Title: title}
		for _, i := range items {
			if d.sub.ID != "" && d.may(i.needs) {
				url := d.path(i.path)
				here := d.r.URL.Path
				g.Items = append(g.Items, ui.AdminTab{Label: i.label, URL: url, Current: here == url || i.path != "" && strings.HasPrefix(here, url+"/")})
			}
		}
		if len(g.Items) > 0 {
			out = append(out, g)
		}
	}
	add("", railItem{"Start", "", admin.SubscriptionRead})
	add("People", railItem{"Users", "users", admin.UserRead}, railItem{"Groups", "groups", admin.GroupRead})
	add("Sign-in", railItem{"Tenants", "tenants", admin.TenantWrite}, railItem{"Identity providers", "idps", admin.IDPRead},
		railItem{"Client apps", "client-apps", admin.ClientAppRead})
	add("Second factors", railItem{"TwoFactor instances", "two-factors", admin.TwoFactorRead}, railItem{"Assignments", "assignments", admin.AssignmentRead},
		railItem{"Exemptions", "exemptions", admin.ExemptionRead}, railItem{"Explain", "explain", admin.PolicyRead},
		railItem{"Delivery log", "messages", admin.MessageRead})
	add("Oversight", railItem{"Sessions", "sessions", admin.SessionRead}, railItem{"Audit trail", "audit", admin.AuditRead},
		railItem{"Roles", "roles", admin.RoleRead}, railItem{"Base settings", "settings", admin.SettingsRead},
		railItem{"Messages and texts", "templates", admin.TemplateRead}, railItem{"Subscription", "subscription", admin.SubscriptionWrite},
		railItem{"API reference", "api", admin.SubscriptionWrite})
	if d.who.May(admin.SettingsRead, db.Scope{}) {
		g := ui.AdminGroup{Title: "Server"}
		for _, i := range []railItem{
			{"Subscriptions", "/admin/subscriptions", ""},
			{"Base settings", "/admin/settings", ""},
			{"Texts", "/admin/templates", ""},
			{"Administrators", "/admin/roles", ""},
			{"Audit trail", "/admin/audit", ""},
			{"API reference", "/admin/api", ""},
		} {
			here := d.r.URL.Path
			g.Items = append(g.Items, ui.AdminTab{Label: i.label, URL: i.path, Current: here == i.path || strings.HasPrefix(here, i.path+"/")})
		}
		out = append(out, g)
	}
	return out
}

// query is what a list is asked for by the address of the page.
func (d *desk) query(filters []ui.AdminFilter) page.Query {
	v := d.r.URL.Query()
	q := page.Query{Search: v.Get(ui.FieldSearch), Sort: v.Get(ui.FieldSort), After: v.Get(ui.FieldAfter), Filter: map[string]string{}}
	for _, f := range filters {
		if s := v.Get(f.Name); s != "" {
			q.Filter[f.Name] = s
		}
	}
	return q
}

// posted reads the form of a post. Its origin was checked already.
func (d *desk) posted() (url.Values, error) {
	if err := d.ownForm(d.r); err != nil {
		return nil, err
	}
	return d.r.PostForm, nil
}

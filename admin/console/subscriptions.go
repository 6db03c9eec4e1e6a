package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// mountSubscriptions puts the list of subscriptions among the pages of the server, and
// each one's own page among its own.
func (c *Console) mountSubscriptions(a, s *mux.Router) {
	a.HandleFunc("/subscriptions", c.at(subscriptions)).Methods(http.MethodGet, http.MethodHead).Name("subscriptions.list")
	a.HandleFunc("/subscriptions/new", c.at(newSubscription)).Methods(http.MethodGet, http.MethodHead)
	a.HandleFunc("/subscriptions/new", c.at(makeSubscription)).Methods(http.MethodPost).Name("subscriptions.create")
	a.HandleFunc("/subscriptions/{id}/restore", c.at(restoreSubscription)).Methods(http.MethodPost).Name("subscriptions.restore")
	s.HandleFunc("/subscription", c.at(subscription)).Methods(http.MethodGet, http.MethodHead).Name("subscriptions.get")
	s.HandleFunc("/subscription/edit", c.at(editSubscription)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc("/subscription/edit", c.at(saveSubscription)).Methods(http.MethodPost).Name("subscriptions.update")
	s.HandleFunc("/subscription/delete", c.at(askSubscription)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc("/subscription/delete", c.at(deleteSubscription)).Methods(http.MethodPost).Name("subscriptions.delete")
}

const pathSubscriptions = "/admin/subscriptions"

// operates reports whether somebody runs the whole server.
func (d *desk) operates() bool { return d.who.May(admin.SubscriptionCreate, db.Scope{}) }

func subscriptions(d *desk) error {
	if !d.operates() {
		return errMayNot
	}
	filters := []ui.AdminFilter{{Name: "active", Label: "State", Options: []ui.AdminOption{{Value: "true", Label: "Active"}, {Value: "false", Label: "Inactive"}}}}
	found, err := d.Admin.Subscriptions(d.r.Context(), d.who, d.query(filters))
	if err != nil {
		return err
	}
	v := ui.AdminList{
		AdminPage: d.frame("Subscriptions"),
		AdminQuery: ui.AdminQuery{
			Path: pathSubscriptions, Values: d.r.URL.Query(), Search: "Find subscriptions", Filters: filters, Order: "name", Next: found.Next, Noun: "subscription", Nouns: "subscriptions",
		},
		Table: ui.AdminTable{Caption: "Subscriptions", Columns: []ui.AdminColumn{
			{Label: "Name", Sort: "name"}, {Label: "State"}, {Label: "Second factor"}, {Label: "Created", Sort: "created", Down: true},
		}},
	}
	v.Intro = "A subscription is a customer. It owns its tenants, users, apps and second factors, and nothing of it reaches another one."
	v.Main = &ui.AdminButton{Label: "Create subscription", URL: pathSubscriptions + "/new"}
	v.Table.Empty = ui.AdminEmpty{Title: "No subscriptions yet", Text: "Create one for each customer, or one for your own organisation.", Do: v.Main}
	for _, s := range found.Items {
		enforced := "Not enforced here"
		if s.EnforceMFA {
			enforced = "Enforced"
		}
		v.Table.Rows = append(v.Table.Rows, ui.AdminRow{URL: "/admin/s/" + s.ID + "/", Cells: []ui.AdminCell{
			{Text: titleOf(s.Title, s.Name), Second: s.Name}, badge(active(s.Active)), {Text: enforced}, {Time: d.when(s.CreatedAt)},
		}})
	}
	return d.render(http.StatusOK, v)
}

// subscriptionForm draws the form of a subscription. Its name, and whether it is active,
// are the operators' matter.
func (d *desk) subscriptionForm(v tenants.Subscription) []ui.AdminSection {
	name := required(text("name", "Name", v.Name, "Short, for addresses and files. Only system administrators change it."))
	name.Mono = true
	on := toggle("active", "Active", v.Active, "Its users can sign in.", "Nobody of it can sign in, administrators neither.")
	if !d.operates() {
		name = fixed("Name", v.Name, "Only system administrators change it.")
		on = fixed("Active", active(v.Active).Text, "Only system administrators change it.")
	}
	usualSession, usualIdle := lengthsOf(tenants.Realm{})
	return []ui.AdminSection{
		{Fields: []ui.AdminField{name, text("title", "Title", v.Title, "What people read."), on}},
		{Title: "What every sign-in is asked for", Intro: "It counts for all tenants, identity providers, apps and users. None of them can loosen it.", Fields: []ui.AdminField{
			toggle("enforce_mfa", "Second factor", v.EnforceMFA, "Every sign-in asks for a second factor.", "Other levels decide whether a second factor is asked for."),
			choose("min_acr", "Strength", v.MinACR, "The weakest sign-in that is accepted.", strengths()...),
		}},
		{Title: "Sessions", Intro: "For the tenants that do not say it themselves.", Fields: []ui.AdminField{
			lengthField(d, "session_seconds", "Session life", v.SessionSeconds, "After this time everybody signs in again. At most 90 days. Empty: "+usualSession+"."),
			lengthField(d, "idle_seconds", "Idle time", v.IdleSeconds, "A session that is not used for this long ends. Empty: "+usualIdle+"."),
		}},
		{Title: "Single sign-on", Intro: "Within a tenant it reaches all apps. Across tenants it is for users who are members of both: each tenant still asks for what its own rules want and nobody has shown yet.", Fields: []ui.AdminField{
			toggle("shared_sign_on", "Across tenants", v.SharedSignOn, "Who has signed in at one tenant is signed in at the others. Signing out of one signs out of all.", "Each tenant asks people to sign in."),
		}},
	}
}

func (d *desk) readSubscription(v *tenants.Subscription) []ui.FieldError {
	r := reading{d: d}
	r.lengthOrNone("session_seconds", &v.SessionSeconds)
	r.lengthOrNone("idle_seconds", &v.IdleSeconds)
	r.text("title", &v.Title)
	r.toggle("enforce_mfa", &v.EnforceMFA)
	r.toggle("shared_sign_on", &v.SharedSignOn)
	v.MinACR = one(d.r, "min_acr")
	if d.operates() {
		r.text("name", &v.Name)
		r.toggle("active", &v.Active)
	}
	return r.errs
}

func newSubscription(d *desk) error {
	if !d.operates() {
		return errMayNot
	}
	return drawNewSubscription(d, http.StatusOK, tenants.Subscription{Active: true}, nil)
}

func drawNewSubscription(d *desk, status int, v tenants.Subscription, errs []ui.FieldError) error {
	p := ui.AdminForm{
		AdminPage: d.frame("Create subscription"), Action: pathSubscriptions + "/new", CancelURL: pathSubscriptions, Save: "Create subscription", Sections: d.subscriptionForm(v), Errors: errs,
	}
	p.Crumbs = []ui.Link{{Text: "Subscriptions", URL: pathSubscriptions}}
	return d.render(status, p)
}

func makeSubscription(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	var v tenants.Subscription
	if errs := d.readSubscription(&v); len(errs) > 0 {
		return drawNewSubscription(d, http.StatusUnprocessableEntity, v, errs)
	}
	err := d.Admin.CreateSubscription(d.r.Context(), d.who, &v)
	if errs, ok := atFields(err); ok {
		return drawNewSubscription(d, http.StatusUnprocessableEntity, v, errs)
	}
	if err != nil {
		return err
	}
	return d.done("/admin/s/"+v.ID+"/", "Subscription created. This page leads on.", nil)
}

// subscription is the page of a subscription about itself.
func subscription(d *desk) error {
	if !d.mayAll(admin.SubscriptionWrite) {
		return errMayNot
	}
	v := ui.AdminDetail{AdminPage: d.frame("Subscription")}
	v.Intro = "What counts for all of " + titleOf(d.sub.Title, d.sub.Name) + "."
	v.Main = &ui.AdminButton{Label: "Edit", URL: d.path("subscription/edit")}
	state := active(d.sub.Active)
	v.State = &state
	enforced, strength, reach := "Other levels decide", "No demand", "Within each tenant"
	if d.sub.EnforceMFA {
		enforced = "Every sign-in asks for one"
	}
	if d.sub.MinACR != "" {
		strength = strengthOf(d.sub.MinACR)
	}
	if d.sub.SharedSignOn {
		reach = "Across its tenants"
	}
	v.Facts = []ui.AdminFact{
		{Name: "Title", AdminCell: ui.AdminCell{Text: d.sub.Title}},
		{Name: "Name", AdminCell: ui.AdminCell{Text: d.sub.Name, Mono: true}},
		{Name: "Second factor", AdminCell: ui.AdminCell{Text: enforced}},
		{Name: "Weakest sign-in", AdminCell: ui.AdminCell{Text: strength}},
		{Name: "Sessions", AdminCell: ui.AdminCell{Text: sessionsFact(tenants.Realm{Subscription: d.sub})}},
		{Name: "Single sign-on", AdminCell: ui.AdminCell{Text: reach}},
		{Name: "Created", AdminCell: ui.AdminCell{Time: d.when(d.sub.CreatedAt)}},
		{Name: "Changed", AdminCell: ui.AdminCell{Time: d.when(d.sub.UpdatedAt)}},
		{Name: "ID", AdminCell: ui.AdminCell{Text: d.sub.ID, Mono: true, Copy: true}},
	}
	if d.operates() {
		v.Crumbs = []ui.Link{{Text: "Subscriptions", URL: pathSubscriptions}}
		v.Danger = []ui.AdminDanger{{
			Title: "Delete this subscription", Text: "You are told what goes with it before anything happens.",
			Button: ui.AdminButton{Label: "Delete subscription", URL: d.path("subscription/delete"), Danger: true},
		}}
	}
	return d.render(http.StatusOK, v)
}

func editSubscription(d *desk) error {
	if !d.mayAll(admin.SubscriptionWrite) {
		return errMayNot
	}
	return d.drawSubscription(http.StatusOK, d.sub, nil, nil)
}

// drawSubscription shows the form, with theirs beside it where somebody was faster.
func (d *desk) drawSubscription(status int, v tenants.Subscription, theirs *tenants.Subscription, errs []ui.FieldError) error {
	p := ui.AdminForm{
		AdminPage: d.frame("Edit subscription"), Action: d.path("subscription/edit"), CancelURL: d.path("subscription"), Save: "Save",
		Sections: d.subscriptionForm(v), Errors: errs, Version: strconv.FormatInt(v.Version, 10),
	}
	p.Crumbs = []ui.Link{{Text: "Subscription", URL: d.path("subscription")}}
	if theirs != nil {
		p.Version = strconv.FormatInt(theirs.Version, 10)
		p.Conflict = &ui.AdminConflict{TakeURL: d.path("subscription/edit")}
		mine := p.Sections
		for i, s := range d.subscriptionForm(*theirs) {
			for j, f := range s.Fields {
				if yours := mine[i].Fields[j]; yours.Words() != f.Words() {
					p.Conflict.Rows = append(p.Conflict.Rows, ui.AdminConflictRow{Field: f.Label, Yours: yours.Words(), Theirs: f.Words()})
				}
			}
		}
	}
	return d.render(status, p)
}

// saveSubscription shows whom a change affects before it is made.
func saveSubscription(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	version, err := strconv.ParseInt(one(d.r, ui.FieldVersion), 10, 64)
	if err != nil || version < 1 {
		return errVersion
	}
	if !d.mayAll(admin.SubscriptionWrite) {
		return errMayNot
	}
	wanted := d.sub
	if errs := d.readSubscription(&wanted); len(errs) > 0 {
		return d.drawSubscription(http.StatusUnprocessableEntity, wanted, nil, errs)
	}
	if shown, err := d.foreseeSubscription(wanted, version); shown || err != nil {
		return err
	}
	_, err = d.Admin.UpdateSubscription(d.r.Context(), d.who, d.sub.ID, version, func(v *tenants.Subscription) error {
		d.readSubscription(v)
		wanted = *v
		return nil
	})
	var stale *admin.StaleError[tenants.Subscription]
	switch {
	case err == nil:
		return d.done(d.path("subscription"), "Subscription saved.", nil)
	case errors.As(err, &stale):
		return d.drawSubscription(http.StatusPreconditionFailed, stale.Yours, &stale.Theirs, nil)
	}
	if errs, ok := atFields(err); ok {
		return d.drawSubscription(http.StatusUnprocessableEntity, wanted, nil, errs)
	}
	return err
}

// foreseeSubscription shows what a change of the demands means for sign-ins.
func (d *desk) foreseeSubscription(v tenants.Subscription, version int64) (shown bool, err error) {
	if d.confirmed() || version != d.sub.Version || v.EnforceMFA == d.sub.EnforceMFA && v.MinACR == d.sub.MinACR {
		return false, nil
	}
	o, err := d.foresee(tenants.Change{Demand: &tenants.Demand{Level: tenants.LevelSubscription, TargetID: d.sub.ID, EnforceMFA: &v.EnforceMFA, MinACR: &v.MinACR}})
	if problem.Is(err, problem.Invalid) {
		return false, nil // the save itself says what is wrong
	}
	if err != nil || o.Affected == 0 {
		return false, err
	}
	return true, o.drawPreview(asks{
		heading: "Whom this affects", action: d.path("subscription/edit"), version: strconv.FormatInt(version, 10), back: d.path("subscription/edit"),
		crumbs: []ui.Link{{Text: "Subscription", URL: d.path("subscription")}},
	})
}

func askSubscription(d *desk) error {
	switch {
	case !d.operates():
		return errMayNot
	case !d.who.Fresh(d.now()):
		return admin.ErrAgain
	}
	return d.drawDeleteSubscription(http.StatusOK, nil)
}

// drawDeleteSubscription names what is lost, and has the name typed.
func (d *desk) drawDeleteSubscription(status int, errs []ui.FieldError) error {
	whole := titleOf(d.sub.Title, d.sub.Name)
	p := ui.AdminConfirm{
		AdminPage: d.frame("Delete subscription " + whole + "?"), Action: d.path("subscription/delete"), Label: "Delete subscription", TypeName: d.sub.Name, Errors: errs,
		Version: strconv.FormatInt(d.sub.Version, 10), BackURL: d.path("subscription"),
		Text: "Nobody of it can sign in any more, from this moment on. It can be brought back for 30 days; then it is inactive, and its administrators need their roles again.",
	}
	p.Crumbs = []ui.Link{{Text: "Subscriptions", URL: pathSubscriptions}, {Text: whole, URL: d.path("subscription")}}
	q := page.Query{Limit: page.MaxLimit}
	number := func(n int, next, one, more string) {
		if next != "" {
			p.Losses = append(p.Losses, "More than "+many(n, one, more))
		} else if n > 0 {
			p.Losses = append(p.Losses, many(n, one, more))
		}
	}
	realms, err := d.Admin.TenantsOf().List(d.r.Context(), d.who, d.sub.ID, q)
	if err != nil {
		return err
	}
	number(len(realms.Items), realms.Next, "tenant, with its address", "tenants, with their addresses")
	users, err := d.Admin.Users().List(d.r.Context(), d.who, d.sub.ID, q)
	if err != nil {
		return err
	}
	number(len(users.Items), users.Next, "user, with all factors", "users, with all their factors")
	apps, err := d.Admin.ClientApps().List(d.r.Context(), d.who, d.sub.ID, q)
	if err != nil {
		return err
	}
	number(len(apps.Items), apps.Next, "client app", "client apps")
	p.Losses = append(p.Losses, "Every role that was given in it, or to its people elsewhere. That cannot be brought back.")
	return d.render(status, p)
}

func deleteSubscription(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	version, err := strconv.ParseInt(one(d.r, ui.FieldVersion), 10, 64)
	if err != nil || one(d.r, ui.FieldConfirmed) != "true" {
		return errVersion
	}
	if !d.operates() {
		return errMayNot
	}
	if strings.TrimSpace(one(d.r, ui.FieldTyped)) != d.sub.Name {
		return d.drawDeleteSubscription(http.StatusUnprocessableEntity, []ui.FieldError{{Field: ui.FieldTyped, Message: "That is not the name. Type it as it stands above."}})
	}
	err = d.Admin.DeleteSubscription(d.r.Context(), d.who, d.sub.ID, version)
	var p *problem.Error
	switch {
	case errors.Is(err, tenants.ErrStale):
		return d.drawDeleteSubscription(http.StatusPreconditionFailed, []ui.FieldError{{Message: "Somebody changed it a moment ago. Look at it again before it goes."}})
	case errors.As(err, &p) && p.Kind == problem.Conflict:
		return d.drawDeleteSubscription(http.StatusConflict, []ui.FieldError{{Message: p.Message}})
	case err != nil:
		return err
	}
	gone, undo := d.sub, &ui.AdminButton{Label: "Undo", URL: pathSubscriptions + "/" + d.sub.ID + "/restore", Post: true}
	return d.done(pathSubscriptions, titleOf(gone.Title, gone.Name)+" was deleted.", undo)
}

func restoreSubscription(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	v, err := d.Admin.RestoreSubscription(d.r.Context(), d.who, d.id())
	if err != nil {
		return err
	}
	return d.done("/admin/s/"+v.ID+"/subscription", "The subscription is back. It is inactive; give its administrators their roles again.", nil)
}

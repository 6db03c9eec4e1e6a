package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// mountRoles puts the pages of roles on a router: those given in a subscription, or those
// for the whole server.
func (c *Console) mountRoles(r *mux.Router, operation string) {
	r.HandleFunc("/roles", c.at(roles)).Methods(http.MethodGet, http.MethodHead).Name(operation + ".list")
	r.HandleFunc("/roles/new", c.at(newRole)).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/roles/new", c.at(grantRole)).Methods(http.MethodPost).Name(operation + ".create")
	r.HandleFunc("/roles/{id}/revoke", c.at(askRevoke)).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/roles/{id}/revoke", c.at(revokeRole)).Methods(http.MethodPost).Name(operation + ".delete")
}

// roleMeans says what a role is for.
func roleMeans(r tenants.Role) string {
	switch r {
	case tenants.RoleSystemAdmin:
		return "Everything on this server, each subscription included."
	case tenants.RoleSubscriptionAdmin:
		return "Everything in one subscription."
	case tenants.RoleTenantAdmin:
		return "Runs one tenant: its users and looks. May ask for more than the subscription, never for less."
	case tenants.RoleHelpDesk:
		return "Finds users, resets lost second factors, issues a bypass. Nothing else."
	case tenants.RoleAuditor:
		return "Reads the audit trail and the delivery log. Nothing else."
	}
	return ""
}

// subjectKinds are what a role can be given to.
func subjectKinds() []ui.AdminOption {
	return []ui.AdminOption{
		{Value: tenants.SubjectUser, Label: "A user", Help: "By login name."},
		{Value: tenants.SubjectGroup, Label: "A group", Help: "Each member has the role."},
		{Value: tenants.SubjectClientApp, Label: "A machine", Help: "A client app that signs in by itself, to use the API."},
	}
}

func roles(d *desk) error {
	given, err := d.Admin.RolesNamed(d.r.Context(), d.who, d.sub.ID)
	if err != nil {
		return err
	}
	v := ui.AdminDetail{AdminPage: d.frame("Roles")}
	v.Intro = "Who administers what. A role of a group is each member's. Nobody gives a role wider than his own."
	if d.sub.ID == "" {
		v.Heading, v.Intro = d.rolesTitle(), "Roles for the whole server: they count in every subscription. Roles for one subscription are given there."
	}
	if d.may(admin.RoleWrite) {
		v.Main = &ui.AdminButton{Label: "Give a role", URL: d.log("roles/new")}
	}
	for _, role := range tenants.Roles() {
		part := ui.AdminPart{Title: roleName(role), Intro: roleMeans(role)}
		for _, g := range given.Items {
			if g.Role == role {
				part.Items = append(part.Items, d.givenRole(g, given.Names))
			}
		}
		if len(part.Items) > 0 {
			v.Parts = append(v.Parts, part)
		}
	}
	if len(v.Parts) == 0 {
		v.Parts = []ui.AdminPart{{Empty: &ui.AdminEmpty{Title: "No roles yet", Text: "System administrators do all of the work here until somebody else is given a role.", Do: v.Main}}}
	}
	return d.render(http.StatusOK, v)
}

// givenRole is a role that somebody has.
func (d *desk) givenRole(g tenants.Grant, names admin.Names) ui.AdminItem {
	it := ui.AdminItem{Time: d.when(g.CreatedAt)}
	it.Title, it.URL = d.subject(g, names)
	switch {
	case g.TenantID != "":
		it.Detail, _ = d.called(names, "tenant", g.TenantID)
		it.Detail = "In tenant " + it.Detail
	case g.SubscriptionID != "":
		it.Detail = "In the whole subscription"
	default:
		it.Detail = "On the whole server"
	}
	if n, ok := names.Of(tenants.SubjectUser, g.CreatedBy); ok {
		it.Detail += ", given by " + n.Name
	}
	if d.who.MayGrant(g) {
		it.Buttons = []ui.AdminButton{{Label: "Take back", URL: d.log("roles", g.ID, "revoke"), Danger: true}}
	}
	return it
}

// subject is who has a role.
func (d *desk) subject(g tenants.Grant, names admin.Names) (text, url string) {
	n, ok := names.Of(g.SubjectKind, g.SubjectID)
	if !ok {
		return "Somebody of another subscription", ""
	}
	text, url = d.called(names, g.SubjectKind, g.SubjectID)
	switch {
	case g.SubjectKind == tenants.SubjectGroup:
		text = "Group " + text
	case g.SubjectKind == tenants.SubjectClientApp:
		text = "Machine " + text
	case n.Login != n.Name:
		text += " (" + n.Login + ")"
	}
	if g.HomeID != d.sub.ID {
		url = ""
		for _, s := range d.all {
			if s.ID == g.HomeID {
				text += " of " + titleOf(s.Title, s.Name)
			}
		}
	}
	return text, url
}

// typed is what the form for a role holds.
type typedRole struct {
	tenants.Grant
	name string // of the subject
}

// newRole asks first for a fresh sign-in: nobody should fill the form in vain.
func newRole(d *desk) error {
	if !d.may(admin.RoleWrite) {
		return errMayNot
	}
	if !d.who.Fresh(d.now()) {
		return admin.ErrAgain
	}
	v := typedRole{Grant: tenants.Grant{SubjectKind: tenants.SubjectUser, Role: tenants.RoleHelpDesk, HomeID: d.sub.ID}, name: d.r.URL.Query().Get("subject")}
	if kind := d.r.URL.Query().Get("subject_kind"); kind == tenants.SubjectGroup || kind == tenants.SubjectClientApp {
		v.SubjectKind = kind
	}
	if d.sub.ID == "" {
		v.Role, v.HomeID = tenants.RoleSystemAdmin, d.Realm.Subscription.ID
	}
	return drawRole(d, http.StatusOK, v, nil)
}

func drawRole(d *desk, status int, v typedRole, errs []ui.FieldError) error {
	scopes, err := d.roleScopes()
	if err != nil {
		return err
	}
	fields := []ui.AdminField{
		{Input: ui.Input{Name: "subject_kind", Label: "Who", Value: v.SubjectKind}, Draw: ui.DrawRadios, Options: subjectKinds()},
		required(text("subject", "Name", v.name, "Login name of the user, name of the group, or name of the client app.")),
	}
	if d.sub.ID == "" {
		homes := choose("home", "Belongs to", v.HomeID, "The subscription in which the user, group or client app is.")
		for _, s := range d.all {
			homes.Options = append(homes.Options, ui.AdminOption{Value: s.ID, Label: titleOf(s.Title, s.Name)})
		}
		fields = append(fields, homes)
	}
	role := ui.AdminField{Input: ui.Input{Name: "role", Label: "Role", Value: string(v.Role)}, Draw: ui.DrawRadios}
	for _, r := range tenants.Roles() {
		if d.mayGive(r) {
			role.Options = append(role.Options, ui.AdminOption{Value: string(r), Label: roleName(r), Help: roleMeans(r)})
		}
	}
	fields = append(fields, role)
	if d.sub.ID != "" {
		fields = append(fields, choose("tenant", "Where", v.TenantID, "A tenant administrator needs a tenant.", scopes...))
	}
	p := ui.AdminForm{
		AdminPage: d.frame("Give a role"), Action: d.log("roles/new"), CancelURL: d.log("roles"), Save: "Give the role", Errors: errs,
		Sections: []ui.AdminSection{{Fields: fields}},
	}
	p.Crumbs = []ui.Link{{Text: d.rolesTitle(), URL: d.log("roles")}}
	return d.render(status, p)
}

// rolesTitle is what the list of roles is called here.
func (d *desk) rolesTitle() string {
	if d.sub.ID == "" {
		return "Administrators"
	}
	return "Roles"
}

// mayGive reports whether a role can be given here at all, in some scope.
func (d *desk) mayGive(r tenants.Role) bool {
	for _, tenant := range append([]string{""}, d.who.Tenants(admin.RoleWrite, d.sub.ID)...) {
		g := tenants.Grant{Role: r, SubscriptionID: d.sub.ID, TenantID: tenant}
		switch {
		case d.sub.ID == "" && (r == tenants.RoleSubscriptionAdmin || r == tenants.RoleTenantAdmin):
		case d.sub.ID != "" && r == tenants.RoleSystemAdmin:
		case d.who.MayGrant(g):
			return true
		}
	}
	return false
}

// roleScopes are where somebody may give roles: in the whole subscription, in tenants.
func (d *desk) roleScopes() ([]ui.AdminOption, error) {
	if d.sub.ID == "" {
		return nil, nil
	}
	var out []ui.AdminOption
	mine := d.who.Tenants(admin.RoleWrite, d.sub.ID)
	if mine == nil {
		out = append(out, ui.AdminOption{Label: "The whole subscription"})
	}
	f, err := d.tenantFilter("tenant")
	for _, o := range f.Options {
		if mine == nil || slices.Contains(mine, o.Value) {
			o.Label = "Tenant " + o.Label
			out = append(out, o)
		}
	}
	return out, err
}

func grantRole(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if !d.may(admin.RoleWrite) {
		return errMayNot
	}
	v := typedRole{
		Grant: tenants.Grant{
			SubscriptionID: d.sub.ID, TenantID: one(d.r, "tenant"), Role: tenants.Role(one(d.r, "role")), SubjectKind: one(d.r, "subject_kind"), HomeID: d.sub.ID,
		},
		name: strings.TrimSpace(one(d.r, "subject")),
	}
	if d.sub.ID == "" {
		v.HomeID = one(d.r, "home")
	}
	var err error
	if v.SubjectID, err = d.Admin.Subject(d.r.Context(), d.who, v.HomeID, v.SubjectKind, v.name); err == nil {
		err = d.Admin.Grant(d.r.Context(), d.who, &v.Grant)
	}
	if errs, ok := atFields(err); ok {
		return drawRole(d, http.StatusUnprocessableEntity, v, errs)
	}
	if err != nil {
		return err
	}
	return d.done(d.log("roles"), roleName(v.Role)+" it is: the role counts from the next request on.", nil)
}

// givenHere finds a role of this page by its id.
func (d *desk) givenHere() (tenants.Grant, admin.Names, error) {
	given, err := d.Admin.RolesNamed(d.r.Context(), d.who, d.sub.ID)
	if err != nil {
		return tenants.Grant{}, nil, err
	}
	i := slices.IndexFunc(given.Items, func(g tenants.Grant) bool { return g.ID == d.id() && g.SubscriptionID == d.sub.ID })
	if i < 0 {
		return tenants.Grant{}, nil, problem.New(problem.NotFound, "unknown", "There is no such role, or it was taken back.")
	}
	return given.Items[i], given.Names, nil
}

func askRevoke(d *desk) error {
	g, names, err := d.givenHere()
	switch {
	case err != nil:
		return err
	case !d.who.MayGrant(g):
		return errMayNot
	case !d.who.Fresh(d.now()):
		return admin.ErrAgain
	}
	return drawRevoke(d, http.StatusOK, g, names, nil)
}

func drawRevoke(d *desk, status int, g tenants.Grant, names admin.Names, errs []ui.FieldError) error {
	who, _ := d.subject(g, names)
	it := d.givenRole(g, names)
	p := ui.AdminConfirm{
		AdminPage: d.frame("Take the role back from " + who + "?"), Action: d.log("roles", g.ID, "revoke"), Label: "Take the role back", Errors: errs, BackURL: d.log("roles"),
		Text: "It stops to count with the next request, on every server.", Losses: []string{roleName(g.Role) + ": " + it.Detail},
	}
	if g.SubjectKind == tenants.SubjectGroup {
		p.Losses = append(p.Losses, "Each member of the group loses it.")
	}
	if g.SubjectKind == d.who.Kind && g.SubjectID == d.who.ID {
		p.Losses = append(p.Losses, "This is your own role.")
	}
	p.Crumbs = []ui.Link{{Text: d.rolesTitle(), URL: d.log("roles")}}
	return d.render(status, p)
}

func revokeRole(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	g, names, err := d.givenHere()
	if err != nil {
		return err
	}
	if one(d.r, ui.FieldConfirmed) != "true" {
		return errVersion
	}
	err = d.Admin.Revoke(d.r.Context(), d.who, g.ID)
	if p := problem.From(err); err != nil && p.Kind == problem.Conflict {
		return drawRevoke(d, http.StatusConflict, g, names, []ui.FieldError{{Message: p.Message}})
	}
	if err != nil {
		return err
	}
	if g.SubjectID == d.who.ID && !d.who.May(admin.RoleRead, db.Scope{Subscription: d.sub.ID}) {
		return d.done("/admin/", "The role was taken back.", nil)
	}
	return d.done(d.log("roles"), "The role was taken back.", nil)
}

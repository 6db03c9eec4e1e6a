package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

func mountPeople(c *Console, s *mux.Router) {
	mountBulk(c, s)
	mountImport(c, s)
	mount(c, s, users())
	mountTies(c, s, users(), userTenants(), userGroups(), userIDPs())
	mountHelp(c, s)
	mountConsents(c, s)
	mount(c, s, groups())
	mountTies(c, s, groups(), groupMembers())
}

func users() resource[tenants.User] {
	return resource[tenants.User]{
		path: "users", title: "Users", noun: "user", nouns: "users", operation: "users", searches: "Find by name or e-mail",
		level:  tenants.LevelUser,
		empty:  "A user is a person, or a machine that signs in by itself. Create the first one, as a member of a tenant.",
		things: func(d *desk) admin.Things[tenants.User] { return d.Admin.Users() },
		create: createUser,
		name:   func(v tenants.User) string { return v.Name },
		columns: []ui.AdminColumn{
			{Label: "Name", Sort: "name"}, {Label: "E-mail"}, {Label: "Second factors"}, {Label: "State"}, {Label: "Created", Sort: "created", Down: true},
		},
		rows:    userRows,
		filters: userFilters,
		bulk:    userBulk,
		below:   importPart,
		blank:   func(*desk) tenants.User { return tenants.User{Kind: tenants.Person, Active: true} },
		form:    userForm,
		read:    readUser,
		show:    showUser,
		losses: func(d *desk, v tenants.User) ([]string, error) {
			return []string{
				"Password, roles and assignments of " + titleOf(v.DisplayName, v.Name) + " are gone for good.", "All sessions end at once.",
				"Brought back within 30 days, the user is inactive, and the addresses have to be proven again.",
			}, nil
		},
	}
}

// userRows shows beside each user which types of second factors are set up: one more
// query for all of them.
func userRows(d *desk, vs []tenants.User) (func(tenants.User) []ui.AdminCell, error) {
	set, err := d.Admin.Enrolled(d.r.Context(), d.who, d.sub.ID, vs)
	return func(v tenants.User) []ui.AdminCell {
		var names []string
		for _, t := range set[v.ID] {
			names = append(names, d.Tenants.Catalog[t].Info.Name)
		}
		return []ui.AdminCell{
			{Text: v.Name, Second: second(v.DisplayName, v.Name)},
			{Text: v.Email},
			{Text: titleOf(strings.Join(names, ", "), "None set up")},
			badge(userState(v)),
			{Time: d.when(v.CreatedAt)},
		}
	}, err
}

func userState(v tenants.User) ui.AdminBadge {
	if v.Active && v.Kind == tenants.Machine {
		return ui.AdminBadge{Text: "Machine"}
	}
	return active(v.Active)
}

// userFilters are what the list can be narrowed by. Factors come from the catalogue.
func userFilters(d *desk) []ui.AdminFilter {
	out := []ui.AdminFilter{
		activeFilter(),
		{Name: "kind", Label: "Kind", Options: []ui.AdminOption{{Value: tenants.Person, Label: "People"}, {Value: tenants.Machine, Label: "Machines"}}},
		{Name: "second_factor", Label: "Second factor", Options: []ui.AdminOption{{Value: "enabled", Label: "Set up"}, {Value: "none", Label: "None set up"}}},
	}
	method := ui.AdminFilter{Name: "method", Label: "Method"}
	for _, t := range d.Tenants.Catalog.Types() {
		method.Options = append(method.Options, ui.AdminOption{Value: t, Label: d.Tenants.Catalog[t].Info.Name})
	}
	out = append(out, method)
	if f, ok := filterOf(d, tenantsPages(), "tenant", "Tenant"); ok {
		out = append(out, f)
	}
	if d.may(admin.GroupRead) {
		if f, ok := filterOf(d, groups(), "group", "Group"); ok {
			out = append(out, f)
		}
	}
	return append(out, accessFilter(d)...)
}

func userForm(d *desk, v tenants.User, fresh bool) ([]ui.AdminSection, error) {
	if !fresh {
		if err := d.Admin.MayChangeUser(d.r.Context(), d.who, d.sub.ID, v); err != nil {
			return nil, err
		}
	}
	who := ui.AdminSection{Title: "Who it is"}
	if fresh {
		kind := required(choose("kind", "Kind", v.Kind, "", ui.AdminOption{Value: tenants.Person, Label: "Person", Help: "Signs in with a browser."},
			ui.AdminOption{Value: tenants.Machine, Label: "Machine", Help: "Has no password and never signs in with a browser."}))
		kind.Draw = ui.DrawRadios
		who.Fields = append(who.Fields, kind)
	} else {
		who.Fields = append(who.Fields, fixed("Kind", kindName(v.Kind), ""))
	}
	who.Fields = append(who.Fields,
		required(text("name", "Login name", v.Name, "What the user types to sign in. Upper and lower case are the same.")),
		text("display_name", "Name", v.DisplayName, "What people read."), text("given_name", "First name", v.GivenName, ""), text("family_name", "Last name", v.FamilyName, ""),
		choose("locale", "Language", v.Locale, "Of pages and messages.", languages()...),
		toggle("active", "Active", v.Active, "The user can sign in.", "The user cannot sign in. All sessions end at once."))
	reach := ui.AdminSection{Title: "Addresses", Intro: "Only what is proven receives codes. The user can prove an address by himself; say that it is proven only if you know so.", Fields: []ui.AdminField{
		text("email", "E-mail", v.Email, ""), toggle("email_verified", "E-mail is proven", v.EmailVerified, "It receives codes.", "It receives no codes."),
		text("phone", "Phone", v.Phone, "In international form, such as +41791234567."), toggle("phone_verified", "Phone is proven", v.PhoneVerified, "It receives codes.", "It receives no codes."),
	}}
	if !fresh {
		return []ui.AdminSection{who, reach}, nil
	}
	in, err := placeFields(d)
	return []ui.AdminSection{who, reach, in}, err
}

func kindName(kind string) string { return yesNo(kind == tenants.Machine, "Machine", "Person") }

// placeFields ask where a new user belongs, and for his first password.
func placeFields(d *desk) (ui.AdminSection, error) {
	s := ui.AdminSection{Title: "Sign-in"}
	chosen := d.r.PostForm["tenants"]
	if at := d.r.URL.Query().Get("tenant"); at != "" && d.r.Method != http.MethodPost {
		chosen = []string{at}
	}
	places, err := pick(d, tenantsPages(), chosen)
	if err != nil {
		return s, err
	}
	if len(places) == 1 && d.r.Method != http.MethodPost {
		places[0].Chosen = true
	}
	s.Fields = append(s.Fields, boxes("tenants", "Tenants", "Where the user can sign in.", places))
	if d.may(admin.IDPRead) {
		all, err := pick(d, idps(), d.r.PostForm["idps"])
		if err != nil {
			return s, err
		}
		s.Fields = append(s.Fields, boxes("idps", "Identity providers", "Which know the user by the login name. None: those of the tenants.", all))
	}
	return ui.AdminSection{Title: s.Title, Fields: append(s.Fields,
		secretField("password", "Password", passwordHelp()+" Leave it empty if the user sets one by the link for a forgotten password. A machine has none."))}, nil
}

// passwordHelp says what a password must be that an administrator gives: it may have to
// stand alone.
func passwordHelp() string { return fmt.Sprintf("At least %d characters.", tenants.MinPasswordAlone) }

// pick are the things of a kind with those that are chosen.
func pick[V any](d *desk, r resource[V], chosen []string) ([]ui.AdminOption, error) {
	options, _, err := choices(d, r)
	for i, o := range options {
		options[i].Chosen = slices.Contains(chosen, o.Value)
	}
	return options, err
}

func readUser(d *desk, v *tenants.User, fresh bool) []ui.FieldError {
	r := reading{d: d}
	if fresh {
		r.text("kind", &v.Kind)
	}
	r.text("name", &v.Name)
	r.text("display_name", &v.DisplayName)
	r.text("given_name", &v.GivenName)
	r.text("family_name", &v.FamilyName)
	r.text("locale", &v.Locale)
	r.text("email", &v.Email)
	r.text("phone", &v.Phone)
	r.toggle("email_verified", &v.EmailVerified)
	r.toggle("phone_verified", &v.PhoneVerified)
	v.EmailVerified, v.PhoneVerified = v.EmailVerified && v.Email != "", v.PhoneVerified && v.Phone != ""
	r.toggle("active", &v.Active)
	return r.errs
}

// createUser makes a user with all that lets him sign in.
func createUser(d *desk, v *tenants.User) error {
	n := admin.NewUser{User: *v, Password: one(d.r, "password")}
	r := reading{d: d}
	r.some("tenants", &n.Tenants)
	r.some("idps", &n.IDPs)
	if err := d.Admin.CreateUser(d.r.Context(), d.who, d.sub.ID, &n); err != nil {
		return err
	}
	*v = n.User
	return nil
}

func userTenants() tie {
	return tie{
		at: "tenants", title: "Tenants", noun: "a tenant", kind: tenants.LinkTenantMember, backward: true, operation: "tenants.members.add", write: admin.UserWrite,
		empty: "A member of no tenant cannot sign in anywhere.", far: tenantsFar,
	}
}

func userGroups() tie {
	return tie{
		at: "groups", title: "Groups", noun: "a group", kind: tenants.LinkGroupMember, backward: true, operation: "groups.members.add", write: admin.GroupWrite,
		empty: "A member of no group.",
		far:   func(d *desk) far { return farOf(d, groups(), func(tenants.Group) string { return "" }, nil) },
	}
}

func userIDPs() tie {
	return tie{
		at: "idps", title: "Identity providers", noun: "an identity provider", kind: tenants.LinkUserIDP, operation: "users.idps.add", write: admin.UserWrite,
		empty: "None knows this user by name, so there is no way to sign in.",
		far: func(d *desk) far {
			return farOf(d, idps(), func(v tenants.IDP) string { return second(v.Title, v.Name) }, func(v tenants.IDP) *ui.AdminBadge { return stateOf(v.Active) })
		},
	}
}

// groupMembers are many: they are named, not chosen from a list.
func groupMembers() tie {
	return tie{
		at: "members", title: "Members", noun: "a member", kind: tenants.LinkGroupMember, operation: "groups.members.add", write: admin.GroupWrite,
		empty: "It has none yet.", far: usersFar,
	}
}

func usersFar(d *desk) far {
	end := farOf(d, users(), func(v tenants.User) string { return second(v.DisplayName, v.Name) }, func(v tenants.User) *ui.AdminBadge { return stateOf(v.Active) })
	end.few, end.help = nil, "Login name or e-mail address."
	end.named = func(name string) (string, error) {
		for _, filter := range []string{"name", "email"} {
			q := page.Query{Filter: map[string]string{filter: tenants.NormalName(name)}, Limit: 2}
			found, err := d.Admin.Users().List(d.r.Context(), d.who, d.sub.ID, q)
			if err != nil {
				return "", err
			}
			if len(found.Items) == 1 {
				return found.Items[0].ID, nil
			}
		}
		return "", errNoSuch
	}
	return end
}

func showUser(d *desk, v tenants.User, p *ui.AdminDetail) error {
	state := active(v.Active)
	p.State, p.Intro = &state, second(v.DisplayName, v.Name)
	proven := func(address string, ok bool) ui.AdminCell {
		switch {
		case address == "":
			return ui.AdminCell{}
		case ok:
			return ui.AdminCell{Badge: &ui.AdminBadge{Tone: ui.ToneGood, Text: "Proven"}, Text: address}
		}
		return ui.AdminCell{Badge: &ui.AdminBadge{Tone: ui.ToneWarn, Text: "Not proven"}, Text: address}
	}
	p.Facts = []ui.AdminFact{
		fact("Kind", kindName(v.Kind)),
		{Name: "E-mail", AdminCell: proven(v.Email, v.EmailVerified)},
		{Name: "Phone", AdminCell: proven(v.Phone, v.PhoneVerified)},
		fact("Language", languageName(v.Locale)),
		{Name: "Created", AdminCell: ui.AdminCell{Time: d.when(v.CreatedAt)}},
		idFact(v.ID),
	}
	for _, link := range []struct {
		label, at string
		needs     admin.Action
	}{{"Explain", "explain", admin.PolicyRead}, {"Activity", "audit", admin.AuditRead}} {
		if d.may(link.needs) {
			p.More = append(p.More, ui.AdminButton{Label: link.label, URL: d.path(link.at) + "?user=" + v.ID})
		}
	}
	for _, parts := range []func(*desk, tenants.User, *ui.AdminDetail) error{helpParts, consentsPart} {
		if err := parts(d, v, p); err != nil {
			return err
		}
	}
	if err := placeParts(d, v, p); err != nil {
		return err
	}
	if err := d.rolesPart(tenants.SubjectUser, v.ID, v.Name, p); err != nil {
		return err
	}
	may := d.may(admin.UserWrite)
	if may {
		err := d.Admin.MayChangeUser(d.r.Context(), d.who, d.sub.ID, v)
		if may = err == nil; !may && !problem.Is(err, problem.Forbidden) {
			return err
		}
		if !may {
			p.Reason, p.Main = problem.From(err).Message, nil
			p.Danger = slices.DeleteFunc(p.Danger, func(x ui.AdminDanger) bool { return x.Button.URL == d.path("users", v.ID, "delete") })
		}
	}
	if may && d.may(admin.UserPassword) && v.Kind == tenants.Person {
		p.Danger = slices.Insert(p.Danger, 0, ui.AdminDanger{
			Title: "Set a password", Text: "The old one stops to work, and all sessions end.",
			Button: ui.AdminButton{Label: "Set password", URL: d.path("users", v.ID, "password")},
		})
	}
	return nil
}

// placeParts say where a user belongs, as far as the administrator sees it.
func placeParts(d *desk, v tenants.User, p *ui.AdminDetail) error {
	for _, t := range []struct {
		tie
		needs admin.Action
	}{{userTenants(), admin.TenantRead}, {userGroups(), admin.GroupRead}, {userIDPs(), admin.IDPRead}} {
		if !d.may(t.needs) || v.Kind == tenants.Machine && t.kind == tenants.LinkUserIDP {
			continue
		}
		list := d.Admin.Linked
		if t.backward {
			list = d.Admin.Owners
		}
		ids, err := list(d.r.Context(), d.who, d.sub.ID, t.kind, v.ID)
		if err != nil {
			return err
		}
		if t.kind == tenants.LinkUserIDP && !d.mayAll(t.write) {
			t.write = "" // for administrators of the whole subscription
		}
		part, err := t.part(d, "users", ids, ui.Link{})
		if err != nil {
			return err
		}
		p.Parts = append(p.Parts, part)
	}
	return nil
}

var errMachine = problem.New(problem.Conflict, "machine", "A machine has no password and never signs in by a browser.")

package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"twofold/internal/audit"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// The setup link makes an administrator where there is none who could. Its token stands
// in the query as those of mailed links do: our own log keeps paths alone, no page of
// ours tells where somebody came from, and nothing on this page asks another host. The
// form carries it in its body. Opening the link changes nothing; the form uses it up.

const paramLink = "link"

// Names of what the form posts.
const (
	fieldLogin    = "name"
	fieldDisplay  = "display_name"
	fieldEmail    = "email"
	fieldPassword = "password"
)

var errLinkOver = &offer{
	problem.New(problem.Gone, "link_over", "This link can no longer be used: it works once, for an hour, and only the newest does. Run twofold admin create for a new one."),
	"This link is over", nil,
}

// setupView asks for what makes an administrator.
type setupView struct {
	ui.Page
	Link   string
	Inputs []ui.Input
	Rules  []string
	Error  string // of the form as a whole
	Failed bool
}

func (setupView) Template() string { return "console-setup" }

// Title implements ui.View.
func (v setupView) Title() string {
	if v.Failed {
		return v.Say("error.title", "title", "Set up your account")
	}
	return "Set up your account"
}

// entry is what was typed.
type entry struct{ login, display, email, password string }

func (c *Console) showSetup(w http.ResponseWriter, r *http.Request) error {
	token := r.URL.Query().Get(paramLink)
	row, err := c.link(r.Context(), token)
	if err != nil {
		return err
	}
	return c.drawSetup(w, r, http.StatusOK, token, entry{login: row.Login}, nil)
}

func (c *Console) drawSetup(w http.ResponseWriter, r *http.Request, status int, token string, e entry, wrong *problem.Error) error {
	page := c.chrome(r)
	v := setupView{Page: page, Link: token, Failed: wrong != nil, Rules: []string{
		page.Say("password.rule-length", "n", tenants.MinPasswordWithMFA), page.Say("password.rule-common"), page.Say("password.rule-own"),
	}}
	text := func(name, label, value, help, complete string, required bool) ui.Input {
		return ui.Input{ID: "f-" + name, Name: name, Label: label, Value: value, Help: help, Kind: twofactor.KindText, Required: required, AutoComplete: complete}
	}
	v.Inputs = []ui.Input{
		text(fieldLogin, "Login name", e.login, "What you will type to sign in.", "username", true),
		text(fieldDisplay, "Name", e.display, "What others see.", "name", true),
		text(fieldEmail, "Mail address", e.email, "May be left out. It counts once you have proven it.", "email", false),
		{ID: "f-" + fieldPassword, Name: fieldPassword, Label: "Password", Kind: twofactor.KindPassword, Required: true, AutoComplete: "new-password"},
	}
	mark(&v, wrong)
	c.UI.Render(w, r, status, v)
	return nil
}

// mark shows an error at its inputs, and puts the focus where it is wanted next.
func mark(v *setupView, wrong *problem.Error) {
	focus := max(0, slices.IndexFunc(v.Inputs, func(in ui.Input) bool { return in.Value == "" && in.Required }))
	if wrong != nil && len(wrong.Fields) == 0 {
		v.Error = wrong.Message
	}
	for i := len(v.Inputs) - 1; i >= 0 && wrong != nil; i-- {
		for _, f := range wrong.Fields {
			if f.Name == v.Inputs[i].Name {
				v.Inputs[i].Error, focus = sentence(f.Message), i
			}
		}
	}
	v.Inputs[focus].Focus = true
}

// sentence makes one of the words of a rule.
func sentence(words string) string {
	if words == "" {
		return words
	}
	return strings.ToUpper(words[:1]) + strings.TrimSuffix(words[1:], ".") + "."
}

// setUp takes the form: the link is used up and the administrator made, both or
// neither. He is not signed in by it: he signs in as ever, and sets up his second
// factor there.
func (c *Console) setUp(w http.ResponseWriter, r *http.Request) error {
	if err := c.ownForm(r); err != nil {
		return err
	}
	token := one(r, paramLink)
	row, err := c.link(r.Context(), token)
	if err != nil {
		return err
	}
	realm, err := c.Tenants.RealmByID(r.Context(), row.TenantID)
	if err != nil {
		return err
	}
	e := entry{
		login: tenants.NormalName(one(r, fieldLogin)), display: strings.Join(strings.Fields(one(r, fieldDisplay)), " "),
		email: strings.TrimSpace(one(r, fieldEmail)), password: one(r, fieldPassword),
	}
	err = c.DB.Tx(tenants.WithRealm(r.Context(), realm), func(ctx context.Context) error { return c.makeAdmin(ctx, row, token, realm, e) })
	var p *problem.Error
	switch {
	case err == nil:
	case !errors.Is(err, errLinkOver) && errors.As(err, &p) && (p.Kind == problem.Invalid || p.Kind == problem.Conflict):
		return c.drawSetup(w, r, http.StatusUnprocessableEntity, token, e, p)
	default:
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, pathSignIn+"?"+url.Values{paramTenant: {realm.Tenant.Name}}.Encode(), http.StatusSeeOther)
	return nil
}

// makeAdmin makes a person who can sign in to the tenant in ctx, with the link's role.
func (c *Console) makeAdmin(ctx context.Context, row linkRow, token string, realm tenants.Realm, e entry) error {
	if err := c.useLink(ctx, token); err != nil {
		return err
	}
	u := tenants.User{Name: e.login, DisplayName: e.display, Email: e.email, Kind: tenants.Person, Active: true}
	if err := c.newUser(ctx, &u); err != nil {
		return err
	}
	idps, err := c.Tenants.IDPs(ctx)
	if err != nil {
		return err
	}
	var local []string
	for _, i := range idps {
		if i.Type == tenants.IDPLocal {
			local = append(local, i.ID)
		}
	}
	if _, err := c.Tenants.SetIdentities(ctx, u, local); err != nil {
		return err
	}
	if _, err := c.Tenants.Link(ctx, tenants.LinkTenantMember, realm.Tenant.ID, u.ID); err != nil {
		return err
	}
	// Hashed within the transaction: it happens once in the life of a link, and the
	// hash needs the user.
	if err := c.Tenants.SetPassword(ctx, u, e.password, true); err != nil {
		return err
	}
	g := tenants.Grant{Role: row.Role, SubjectKind: tenants.SubjectUser, SubjectID: u.ID, HomeID: realm.Subscription.ID, CreatedBy: "setup link"}
	if _, err := c.Tenants.PutGrant(ctx, &g); err != nil {
		return err
	}
	if err := c.EnsureConsole(ctx, realm); err != nil {
		return err
	}
	return c.Audit.Record(ctx, audit.Event{Kind: "admin.created", Actor: u.ID, User: u.ID}, map[string]any{"by": "setup link", "role": row.Role})
}

// newUser creates a user of a name that nobody has: a link makes an administrator, it
// does not take anybody's place.
func (c *Console) newUser(ctx context.Context, u *tenants.User) error {
	taken := &problem.Error{
		Kind: problem.Conflict, Code: "taken", Message: "This login name is taken.",
		Fields: []problem.Field{{Name: fieldLogin, Message: "This name is taken already. Choose another."}},
	}
	if err := typed(*u); err != nil {
		return err
	}
	have, err := c.Tenants.UsersByName(ctx, []string{u.Name})
	if err != nil {
		return err
	}
	if len(have) > 0 {
		return taken
	}
	d, err := c.Tenants.PutUser(ctx, u)
	var p *problem.Error
	switch {
	case errors.As(err, &p) && p.Code == "taken":
		return taken
	case err == nil && !d.Created:
		return taken // somebody was faster
	}
	return err
}

// typed refuses what no database should be asked with.
func typed(u tenants.User) error {
	wrong := func(field, message string) error {
		return &problem.Error{Kind: problem.Invalid, Code: "invalid", Message: message, Fields: []problem.Field{{Name: field, Message: message}}}
	}
	for field, text := range map[string]string{fieldLogin: u.Name, fieldDisplay: u.DisplayName, fieldEmail: u.Email} {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > 254 {
			return wrong(field, "must be text of at most 254 characters, without control characters")
		}
	}
	if u.DisplayName == "" {
		return wrong(fieldDisplay, "Enter the name that others shall see.")
	}
	return nil
}

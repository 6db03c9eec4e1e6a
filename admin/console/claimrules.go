package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/tenants"
	"twofold/ui"
)

// What a client app is told of its users, other than by scopes: a form of one section for
// each rule, and an empty one at the end.

func mountClaimRules(c *Console, s *mux.Router) {
	const base = "/client-apps/{id}/claims"
	s.HandleFunc(base, c.at(askClaimRules)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(base, c.at(saveClaimRules)).Methods(http.MethodPost).Name("client_apps.update")
}

// claimsPart lists the rules on the app's page.
func claimsPart(d *desk, v tenants.ClientApp) ui.AdminPart {
	part := ui.AdminPart{ID: "claims", Title: "Claim rules"}
	for _, r := range v.ClaimRules {
		part.Items = append(part.Items, ui.AdminItem{Title: r.Name, Detail: ruleWords(r)})
	}
	if len(v.ClaimRules) == 0 {
		part.Intro = "None: the app is told what its scopes say."
	}
	if d.may(admin.ClientAppWrite) {
		part.Buttons = []ui.AdminButton{{Label: "Edit claim rules", URL: d.path("client-apps", v.ID, "claims")}}
	}
	return part
}

// ruleWords say what a rule tells.
func ruleWords(r tenants.ClaimRule) string {
	out := map[string]string{
		tenants.ClaimConstant: "Always " + string(r.Value), tenants.ClaimAttribute: "The user's " + r.Attribute, tenants.ClaimGroups: "The user's groups",
		tenants.ClaimTenant: "The tenant's " + titleOf(r.Attribute, tenants.TenantName), tenants.ClaimOmit: "Not told",
	}[r.Source]
	if r.IDP != "" {
		out += " at " + r.IDP
	}
	if r.Prefix != "" {
		out += " that begin with " + r.Prefix
	}
	if len(r.Map) > 0 {
		out += ", called " + strings.Join(r.Map, ", ")
	}
	if r.Scope != "" {
		out += "; with scope " + r.Scope
	}
	if len(r.In) > 0 {
		out += "; in " + strings.Join(r.In, ", ")
	}
	return out
}

// rulesApp finds the app of the page, for who may change it.
func rulesApp(d *desk) (tenants.ClientApp, error) {
	v, err := d.Admin.ClientApps().Get(d.r.Context(), d.who, d.sub.ID, d.id())
	switch {
	case err != nil:
		return v, err
	case !d.may(admin.ClientAppWrite):
		return v, errMayNot
	case d.own(v):
		return v, errOwnApp
	}
	return v, nil
}

func askClaimRules(d *desk) error {
	v, err := rulesApp(d)
	if err != nil {
		return err
	}
	return drawClaimRules(d, http.StatusOK, v, nil)
}

func drawClaimRules(d *desk, status int, v tenants.ClientApp, errs []ui.FieldError) error {
	p := ui.AdminForm{
		AdminPage: d.frame("Claim rules of " + v.Name), Action: d.path("client-apps", v.ID, "claims"), Errors: errs, CancelURL: d.path("client-apps", v.ID),
		Version: strconv.FormatInt(v.Version, 10), Buttons: []ui.AdminOption{{Value: "preview", Label: "One more rule"}},
	}
	p.Crumbs = appCrumbs(d, v)
	p.Intro = "A rule takes the place of what a scope gives. Take its name away to delete it."
	for i, r := range append(append(tenants.ClaimRules{}, v.ClaimRules...), tenants.ClaimRule{}) {
		p.Sections = append(p.Sections, ruleSection(i, r))
	}
	return d.render(status, p)
}

// ruleSection draws one rule; an empty one waits for a name.
func ruleSection(i int, r tenants.ClaimRule) ui.AdminSection {
	n := "_" + strconv.Itoa(i)
	s := ui.AdminSection{Title: fmt.Sprintf("Rule %d: %s", i+1, r.Name)}
	if r.Name == "" {
		s = ui.AdminSection{Title: "A new rule", Intro: "Give it a name to add it."}
	}
	name := text("name"+n, "Claim", r.Name, "What the app finds it by, such as roles.")
	name.Mono = true
	attributes := []ui.AdminOption{{Value: "", Label: "–"}}
	for _, a := range append(tenants.ClaimAttributes(), tenants.TenantTitle) {
		attributes = append(attributes, ui.AdminOption{Value: a, Label: attributeName(a)})
	}
	places := boxes("in"+n, "Where", "None: in userinfo, and in the ID token if the profile is in there.", nil)
	for _, p := range tenants.ClaimPlaces() {
		places.Options = append(places.Options, ui.AdminOption{Value: p, Label: placeName(p), Chosen: len(r.In) > 0 && r.Tells(p, false)})
	}
	s.Fields = []ui.AdminField{
		name,
		choose("source"+n, "Its value", r.Source, "",
			ui.AdminOption{Value: "", Label: "–"}, ui.AdminOption{Value: tenants.ClaimAttribute, Label: "An attribute of the user"},
			ui.AdminOption{Value: tenants.ClaimGroups, Label: "The user's groups"}, ui.AdminOption{Value: tenants.ClaimConstant, Label: "Always the same"},
			ui.AdminOption{Value: tenants.ClaimTenant, Label: "The tenant"}, ui.AdminOption{Value: tenants.ClaimOmit, Label: "None: the app is not told"}),
		choose("attribute"+n, "Attribute", r.Attribute, "Of the user, or name or title of the tenant.", attributes...),
		text("idp"+n, "Known at", r.IDP, "For the number at another provider: the identity provider's name."),
		text("prefix"+n, "Groups that begin with", r.Prefix, "Empty: all of them."),
		lines("map"+n, "Groups as roles", r.Map, "One a line: managers = approver. If there is any, no other group is told."),
		text("value"+n, "Fixed value", typedConstant(r.Value), "Text, a number, true, false, or a list as in [\"a\", \"b\"]. In quotes it is text whatever it looks like."),
		text("scope"+n, "Only with scope", r.Scope, "Empty: always."),
		places,
	}
	return s
}

func attributeName(a string) string {
	return map[string]string{
		tenants.AttributeID: "ID", tenants.AttributeName: "Login name, or the tenant's name", tenants.AttributeDisplayName: "Name", tenants.AttributeGivenName: "First name",
		tenants.AttributeFamilyName: "Last name", tenants.AttributeEmail: "E-mail", tenants.AttributeEmailVerified: "Whether the e-mail is proven",
		tenants.AttributePhone: "Phone", tenants.AttributePhoneVerified: "Whether the phone is proven", tenants.AttributeLocale: "Language",
		tenants.AttributeSubject: "Number at another provider", tenants.TenantTitle: "The tenant's title",
	}[a]
}

func placeName(p string) string {
	return map[string]string{tenants.InUserinfo: "Userinfo", tenants.InIDToken: "ID token", tenants.InAccessToken: "Access token and introspection"}[p]
}

// typedConstant is a constant as a person types it: text without quotes, unless it would
// be taken for something else.
func typedConstant(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && string(constantOf(s)) == string(raw) {
		return s
	}
	return string(raw)
}

// constantOf reads what was typed: JSON as what it is, anything else as text.
func constantOf(typed string) json.RawMessage {
	var v any
	if json.Unmarshal([]byte(typed), &v) == nil && v != nil {
		return json.RawMessage(typed)
	}
	raw, _ := json.Marshal(typed) // text
	return raw
}

// readRules takes the rules that have a name.
func readRules(d *desk) tenants.ClaimRules {
	r := reading{d: d}
	var out tenants.ClaimRules
	for i := 0; d.r.PostForm.Has("name_" + strconv.Itoa(i)); i++ {
		n := "_" + strconv.Itoa(i)
		var rule tenants.ClaimRule
		for name, to := range map[string]*string{
			"name": &rule.Name, "source": &rule.Source, "attribute": &rule.Attribute, "idp": &rule.IDP, "prefix": &rule.Prefix, "scope": &rule.Scope,
		} {
			r.text(name+n, to)
		}
		r.lines("map"+n, &rule.Map)
		r.some("in"+n, &rule.In)
		if typed := strings.TrimSpace(one(d.r, "value"+n)); typed != "" || rule.Source == tenants.ClaimConstant {
			rule.Value = constantOf(typed)
		}
		if rule.Name != "" {
			out = append(out, rule)
		}
	}
	return out
}

// saveClaimRules changes the rules, if nobody changed the app meanwhile.
func saveClaimRules(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	v, err := rulesApp(d)
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(one(d.r, ui.FieldVersion), 10, 64)
	if err != nil || version < 1 {
		return errVersion
	}
	was := v.ClaimRules
	if v.ClaimRules = readRules(d); one(d.r, ui.FieldDo) == "preview" {
		v.Version = version
		return drawClaimRules(d, http.StatusOK, v, nil)
	}
	if v.ClaimRules.String() == was.String() && v.Version == version {
		return d.done(d.path("client-apps", v.ID)+"#claims", "Nothing was changed.", nil)
	}
	_, err = d.Admin.ClientApps().Update(d.r.Context(), d.who, d.sub.ID, v.ID, version, func(app *tenants.ClientApp) error {
		app.ClaimRules = v.ClaimRules
		return nil
	})
	var stale *admin.StaleError[tenants.ClientApp]
	switch {
	case err == nil:
		return d.done(d.path("client-apps", v.ID)+"#claims", "Claim rules saved.", nil)
	case errors.As(err, &stale):
		v.Version = stale.Theirs.Version
		return drawClaimRules(d, http.StatusPreconditionFailed, v, []ui.FieldError{{
			Message: "Somebody else has changed this app meanwhile. Your rules are below and not saved yet: look at those on its page, and save again to put yours in their place.",
		}})
	}
	if errs, ok := atFields(err); ok {
		v.Version = version
		return drawClaimRules(d, http.StatusUnprocessableEntity, v, atRules(errs))
	}
	return err
}

// atRules finds the section that an error is about.
func atRules(errs []ui.FieldError) []ui.FieldError {
	for i, e := range errs {
		var n int
		if _, err := fmt.Sscanf(e.Message, "Rule %d:", &n); err == nil {
			errs[i].Field = "name_" + strconv.Itoa(n-1)
		}
	}
	return errs
}

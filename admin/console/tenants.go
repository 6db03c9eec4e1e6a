package console

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/tenants"
	"twofold/ui"
)

func mountSignIn(c *Console, s *mux.Router) {
	mount(c, s, tenantsPages())
	mountTies(c, s, tenantsPages(), tenantIDPs(), tenantApps())
	mountLogo(c, s, tenantsPages(), tenantLogo())
	mountSigningKeys(c, s)
	mount(c, s, idps())
	mountTies(c, s, idps(), idpTenants())
	mountClientApps(c, s)
}

func tenantsPages() resource[tenants.Tenant] {
	return resource[tenants.Tenant]{
		path: "tenants", title: "Tenants", noun: "tenant", nouns: "tenants", operation: "tenants", searches: "Find tenants", needs: admin.TenantWrite,
		level:  tenants.LevelTenant,
		intro:  "A realm of its own: an address that apps send people to, a look, and rules for signing in.",
		empty:  "A tenant is where people sign in: it has an address, a look and rules of its own. Create the first one, then give it an identity provider, client apps and users.",
		things: func(d *desk) admin.Things[tenants.Tenant] { return d.Admin.TenantsOf() },
		name:   func(v tenants.Tenant) string { return v.Name },
		columns: []ui.AdminColumn{
			{Label: "Name", Sort: "name"}, {Label: "Second factor"}, {Label: "State"}, {Label: "Created", Sort: "created", Down: true},
		},
		cells: func(d *desk, v tenants.Tenant) []ui.AdminCell {
			return []ui.AdminCell{
				{Text: v.Name, Second: second(v.Title, v.Name)}, {Text: d.enforced(v.EnforceMFA)}, badge(active(v.Active)), {Time: d.when(v.CreatedAt)},
			}
		},
		filters: func(*desk) []ui.AdminFilter { return []ui.AdminFilter{activeFilter()} },
		blank: func(*desk) tenants.Tenant {
			return tenants.Tenant{IDTokenAlg: "RS256", Active: true}
		},
		form: tenantForm,
		read: readTenant,
		aside: func(_ *desk, v tenants.Tenant) *ui.AdminPreviewSignIn {
			return &ui.AdminPreviewSignIn{Brand: brandOf(v), NameField: "title", AccentField: "accent"}
		},
		show: showTenant,
		preview: func(_ *desk, before, after *tenants.Tenant) (*tenants.Change, error) {
			if before == nil || after == nil {
				return nil, nil
			}
			return demands(tenants.LevelTenant, before.ID, before.EnforceMFA, after.EnforceMFA, before.MinACR, after.MinACR), nil
		},
		fills: true,
		losses: func(d *desk, v tenants.Tenant) ([]string, error) {
			n, err := d.Admin.MembersOf(d.r.Context(), d.who, d.sub.ID, tenants.LinkTenantMember, v.ID)
			return []string{
				count(n, "user") + " can no longer sign in here.", "Apps that use the issuer " + strings.Join(d.issuersOf(v), " or ") + " stop working.",
				"Its assignments and the roles given in it are gone for good.",
			}, err
		},
		typed: func(v tenants.Tenant) string { return v.Name },
	}
}

func brandOf(v tenants.Tenant) ui.Brand {
	return ui.Brand{Name: titleOf(v.Title, v.Name), Logo: v.LogoURL, Accent: v.Accent}
}

// enforced says whether a level asks for a second factor, where the subscription may do
// so already.
func (d *desk) enforced(here bool) string {
	switch {
	case here:
		return "Enforced"
	case d.sub.EnforceMFA:
		return "Enforced by the subscription"
	}
	return "Not enforced here"
}

// limits says what an administrator of some tenants may not loosen (SPEC §1).
type limits struct {
	on  bool
	was tenants.Tenant
}

const lockedAbove = "Set by the administrators of the subscription. You may not loosen it."

// limitsOf are those of who looks at the form of a tenant as it is now. was is what is
// kept, which the form may differ from.
func (d *desk) limitsOf(id string) (limits, error) {
	if id == "" || d.who.May(admin.TenantWrite, db.Scope{Subscription: d.sub.ID}) {
		return limits{}, nil
	}
	was, err := d.Admin.TenantsOf().Get(d.r.Context(), d.who, d.sub.ID, id)
	return limits{true, was}, err
}

// only locks a field that must stay as it is.
func (l limits) only(f ui.AdminField, fixed bool) ui.AdminField {
	if l.on && fixed {
		return locked(f, lockedAbove)
	}
	return f
}

// atMost says the bound of a field.
func (l limits) atMost(f ui.AdminField, words string) ui.AdminField {
	if l.on {
		f.Source = "You may set less, but not more than " + words + "."
	}
	return f
}

func tenantForm(d *desk, v tenants.Tenant, fresh bool) ([]ui.AdminSection, error) {
	l, err := d.limitsOf(v.ID)
	if err != nil {
		return nil, err
	}
	name := required(text("name", "Name", v.Name, "Part of the tenant's address, and cannot be changed later: lower-case letters, digits and hyphens."))
	if !fresh {
		name = fixed("Name", v.Name, "Part of the tenant's address: "+d.issuer(v.Name))
	}
	accent := text("accent", "Accent colour", v.Accent, "Of buttons and links. It is adjusted where it would be hard to read.")
	accent.Draw = ui.DrawColour
	logo := fixed("Logo", yesNo(v.LogoURL != "", "Set", "None"), "You can change it on the tenant's page.")
	if fresh {
		logo.Help = "You can add one on the tenant's page, once it is created."
	}
	host, err := hostField(d, v)
	if err != nil {
		return nil, err
	}
	names := ui.AdminSection{Title: "Names and looks", Fields: []ui.AdminField{
		name, host, text("title", "Title", v.Title, "What people read on the sign-in page."), accent, logo,
		choose("locale", "Language", v.Locale, "Of pages and messages, when nobody asks for another.", languages()...),
		l.only(toggle("active", "Active", v.Active, "People can sign in.", "Nobody can sign in, and apps get no tokens."), true),
	}}
	alg := required(choose("id_token_alg", "ID tokens signed by", v.IDTokenAlg, "For apps that leave it to the tenant. Some libraries know but one.",
		ui.AdminOption{Value: "RS256", Label: "RS256 (understood everywhere)"}, ui.AdminOption{Value: "ES256", Label: "ES256 (shorter)"}))
	tokens := ui.AdminSection{Title: "Tokens", Fields: []ui.AdminField{l.only(alg, true)}}
	return []ui.AdminSection{names, tenantRules(d, v, l), tokens, tenantTexts(v, l)}, nil
}

// hostField is for a host name of its own. Whoever may not give one sees it. What goes with
// the one that is kept is said, whatever the form has in its place.
func hostField(d *desk, v tenants.Tenant) (ui.AdminField, error) {
	f := text("host_name", "Host name", v.HostName, "The tenant is reached by it too, as an issuer of its own beside the one above: login.example.com. "+
		"Its DNS entry must lead here, and whoever serves TLS needs a certificate for it.")
	if v.ID != "" {
		was, err := d.Admin.TenantsOf().Get(d.r.Context(), d.who, d.sub.ID, v.ID)
		if err != nil {
			return f, err
		}
		v = was
	}
	if v.ID != "" && v.HostName != "" {
		f.Source = "Apps that are set up with " + d.originOf(v) + " stop working when this is changed or removed, and passkeys that were made there too."
	}
	if !d.who.May(admin.TenantHost, db.Scope{Subscription: d.sub.ID}) {
		return locked(f, "Set by those who run the server."), nil
	}
	return f, nil
}

func tenantRules(d *desk, v tenants.Tenant, l limits) ui.AdminSection {
	enforce := toggle("enforce_mfa", "Enforce a second factor", v.EnforceMFA,
		"Whoever signs in here is asked for a second factor.", "Whether one is asked for is up to the other levels.")
	if d.sub.EnforceMFA {
		enforce.Source = "The subscription enforces it already, whatever is set here."
	}
	strength := choose("min_acr", "Strength at least", v.MinACR, "Weaker second factors are not offered.", l.strengths()...)
	if d.sub.MinACR != "" {
		strength.Source = "The subscription asks for at least: " + strengthName(d.sub.MinACR) + "."
	}
	session := lengthField(d, "session_seconds", "Session life", v.SessionSeconds, "After this time everybody signs in again. At most 90 days.")
	idle := lengthField(d, "idle_seconds", "Idle time", v.IdleSeconds, "A session that is not used for this long ends.")
	aboveSession, aboveIdle := lengthsOf(tenants.Realm{Subscription: d.sub})
	session.Source, idle.Source = "Empty: as the subscription says, "+aboveSession+".", "Empty: as the subscription says, "+aboveIdle+"."
	wasSession, wasIdle := lengthsOf(tenants.Realm{Subscription: d.sub, Tenant: l.was})
	session, idle = l.atMost(session, wasSession), l.atMost(idle, wasIdle)
	remember := l.atMost(number("remember_days", "Remember browsers for", v.RememberDays, "days", "People may skip the second factor in a browser of theirs for this long. 0: never. At most 30."), count(l.was.RememberDays, "day"))
	passkey := toggle("passkey_sign_in", "Sign in by passkey alone", v.PasskeySignIn, "A passkey may stand for name and password too.", "Name and password come first.")
	return ui.AdminSection{Title: "Sign-in rules", Fields: []ui.AdminField{
		l.only(enforce, l.was.EnforceMFA), strength, session, idle, remember, l.only(passkey, !l.was.PasskeySignIn),
	}}
}

// strengths are those that may be asked for: not less than is.
func (l limits) strengths() []ui.AdminOption {
	return slices.DeleteFunc(strengths(), func(o ui.AdminOption) bool {
		return l.on && tenants.Strength(o.Value) < tenants.Strength(l.was.MinACR)
	})
}

func tenantTexts(v tenants.Tenant, l limits) ui.AdminSection {
	countries := text("sms_countries", "Countries", strings.Join(v.SMSCountries, " "), "Where text messages may go: codes such as CH or DE. None: nowhere.")
	if l.on {
		countries.Source = "You may take some away, but not add any to: " + yesNo(len(l.was.SMSCountries) > 0, strings.Join(l.was.SMSCountries, " "), "none") + "."
	}
	perDay := v.SMSPerDay
	if perDay == 0 {
		perDay = tenants.DefaultSMSPerDay
	}
	was := l.was.SMSPerDay
	if was == 0 {
		was = tenants.DefaultSMSPerDay
	}
	return ui.AdminSection{Title: "Text messages", Intro: "Each costs money. These limits hold what somebody can spend by guessing numbers.", Fields: []ui.AdminField{
		countries, l.atMost(number("sms_per_day", "Messages per day", perDay, "a day", "For the whole tenant."), count(was, "message")),
	}}
}

func readTenant(d *desk, v *tenants.Tenant, fresh bool) []ui.FieldError {
	r := reading{d: d}
	all := fresh || d.who.May(admin.TenantWrite, db.Scope{Subscription: d.sub.ID})
	if fresh {
		r.text("name", &v.Name)
	}
	if all {
		r.toggle("active", &v.Active)
		r.text("id_token_alg", &v.IDTokenAlg)
	}
	// What is locked in the form is not posted, and stays.
	if all || !v.EnforceMFA {
		r.toggle("enforce_mfa", &v.EnforceMFA)
	}
	if all || v.PasskeySignIn {
		r.toggle("passkey_sign_in", &v.PasskeySignIn)
	}
	if d.who.May(admin.TenantHost, db.Scope{Subscription: d.sub.ID}) {
		r.text("host_name", &v.HostName)
	}
	r.text("title", &v.Title)
	r.text("accent", &v.Accent)
	r.text("locale", &v.Locale)
	r.text("min_acr", &v.MinACR)
	r.lengthOrNone("session_seconds", &v.SessionSeconds)
	r.lengthOrNone("idle_seconds", &v.IdleSeconds)
	r.number("remember_days", &v.RememberDays)
	r.words("sms_countries", &v.SMSCountries)
	for i, c := range v.SMSCountries {
		v.SMSCountries[i] = strings.ToUpper(c)
	}
	perDay := v.SMSPerDay
	r.number("sms_per_day", &perDay)
	if perDay != tenants.DefaultSMSPerDay || v.SMSPerDay != 0 {
		v.SMSPerDay = perDay
	}
	return r.errs
}

func tenantIDPs() tie {
	return tie{
		at: "idps", title: "Identity providers", noun: "an identity provider", kind: tenants.LinkTenantIDP, operation: "tenants.idps.add", write: admin.IDPWrite,
		empty: "It has none, so nobody can sign in here yet.",
		far: func(d *desk) far {
			return farOf(d, idps(), func(v tenants.IDP) string { return second(v.Title, v.Name) }, func(v tenants.IDP) *ui.AdminBadge { return stateOf(v.Active) })
		},
	}
}

func tenantApps() tie {
	return tie{
		at: "client-apps", title: "Client apps", noun: "a client app", kind: tenants.LinkTenantClientApp, operation: "tenants.client_apps.add", write: admin.ClientAppWrite,
		empty: "No app sends people here to sign in.",
		far: func(d *desk) far {
			return farOf(d, clientApps(), func(v tenants.ClientApp) string { return second(v.Title, v.Name) }, func(v tenants.ClientApp) *ui.AdminBadge { return stateOf(v.Active) })
		},
	}
}

func sessionsFact(r tenants.Realm) string {
	session, idle := lengthsOf(r)
	return fmt.Sprintf("End after %s, or %s without use", session, idle)
}

func showTenant(d *desk, v tenants.Tenant, p *ui.AdminDetail) error {
	state := active(v.Active)
	p.State, p.Intro = &state, second(v.Title, v.Name)
	p.Facts = []ui.AdminFact{
		copied("Issuer", d.issuer(v.Name)), copied("Discovery", d.issuer(v.Name)+discoveryPath),
	}
	if v.HostName != "" {
		p.Facts = append(p.Facts, copied("Issuer by its host name", d.originOf(v)), copied("Discovery there", d.originOf(v)+discoveryPath))
	}
	p.Facts = append(
		p.Facts, fact("Second factor", d.enforced(v.EnforceMFA)),
		fact("Strength at least", strengthName(v.MinACR)),
		fact("Sessions", sessionsFact(tenants.Realm{Subscription: d.sub, Tenant: v})),
		fact("Remembered browsers", yesNo(v.RememberDays > 0, "For "+count(v.RememberDays, "day"), "Never")),
		fact("ID tokens", v.IDTokenAlg+", for apps that leave it to the tenant"),
		fact("Passkey alone", yesNo(v.PasskeySignIn, "May stand for name and password too", "Not enough")),
		fact("Text messages", yesNo(len(v.SMSCountries) > 0, "To "+strings.Join(v.SMSCountries, ", ")+", "+ui.Figures(int(perDayOf(v)))+" a day", "To no country")),
		fact("Language", languageName(v.Locale)),
		ui.AdminFact{Name: "Created", AdminCell: ui.AdminCell{Time: d.when(v.CreatedAt)}},
		idFact(v.ID),
	)
	p.Parts = append(p.Parts, logoPart(d, "tenants", v.ID, v.LogoURL, d.who.May(admin.TenantWrite, db.Scope{Subscription: d.sub.ID, Tenant: v.ID})))
	for _, t := range []struct {
		tie
		needs admin.Action
	}{{tenantIDPs(), admin.IDPRead}, {tenantApps(), admin.ClientAppRead}} {
		if !d.may(t.needs) {
			continue
		}
		ids, err := d.Admin.Linked(d.r.Context(), d.who, d.sub.ID, t.kind, v.ID)
		if err != nil {
			return err
		}
		part, err := t.part(d, "tenants", ids, ui.Link{})
		if err != nil {
			return err
		}
		p.Parts = append(p.Parts, part)
	}
	if d.who.May(admin.SigningKeyRead, db.Scope{Subscription: d.sub.ID, Tenant: v.ID}) {
		p.Parts = append(p.Parts, signingKeysPart(d, v))
	}
	if !d.may(admin.UserRead) {
		return nil
	}
	n, err := d.Admin.MembersOf(d.r.Context(), d.who, d.sub.ID, tenants.LinkTenantMember, v.ID)
	people := ui.AdminPart{ID: "users", Title: "Users", Figures: []ui.AdminFigure{{Value: int(n), Label: "members", URL: d.path("users") + "?tenant=" + v.ID}}}
	if d.may(admin.UserCreate) {
		people.Buttons = []ui.AdminButton{{Label: "Create user", URL: d.path("users", "new") + "?tenant=" + v.ID}}
	}
	p.Parts = append(p.Parts, people)
	return err
}

func perDayOf(v tenants.Tenant) int64 {
	if v.SMSPerDay == 0 {
		return tenants.DefaultSMSPerDay
	}
	return v.SMSPerDay
}

const discoveryPath = "/.well-known/openid-configuration"

func languageName(tag string) string {
	if tag == "en" {
		return "English"
	}
	for _, l := range languages() {
		if l.Value == tag {
			return l.Label
		}
	}
	return tag
}

// tenantLogo is how a tenant's logo is changed.
func tenantLogo() logoOf[tenants.Tenant] {
	return logoOf[tenants.Tenant]{
		set: func(d *desk, file []byte) error {
			return d.Admin.SetTenantLogo(d.r.Context(), d.who, d.sub.ID, d.id(), file)
		},
		sample: func(_ *desk, v tenants.Tenant) (*ui.AdminPreviewSignIn, error) {
			return &ui.AdminPreviewSignIn{Brand: brandOf(v)}, nil
		},
		write: admin.TenantWrite,
	}
}

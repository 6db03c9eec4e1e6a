package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

func mountClientApps(c *Console, s *mux.Router) {
	s.HandleFunc("/client-apps/new", c.at(newClientApp)).Methods(http.MethodGet, http.MethodHead)
	mount(c, s, clientApps())
	mountTies(c, s, clientApps(), appTenants(), appUsers(), appGroups())
	mountLogo(c, s, clientApps(), appLogo())
	mountSecrets(c, s)
	mountClaimRules(c, s)
}

// appType is one type of client app, in words.
type appType struct{ value, label, help string }

func appTypes() []appType {
	return []appType{
		{tenants.AppWeb, "Web app", "Runs on a server, which keeps a secret. Most apps that people open in a browser are of this type."},
		{tenants.AppSPA, "Single-page app", "Runs in the browser alone and can keep no secret. PKCE takes its place."},
		{tenants.AppNative, "Native app", "Runs on a phone or a desktop and can keep no secret. PKCE takes its place."},
		{tenants.AppMachine, "Machine", "A program that signs in by itself, with nobody in front of it."},
	}
}

func typeName(value string) string {
	for _, t := range appTypes() {
		if t.value == value {
			return t.label
		}
	}
	return value
}

func clientApps() resource[tenants.ClientApp] {
	return resource[tenants.ClientApp]{
		path: "client-apps", title: "Client apps", noun: "client app", nouns: "client apps", operation: "client_apps", searches: "Find by name or client ID",
		level:  tenants.LevelClientApp,
		intro:  "The apps that send people here to sign in, by OpenID Connect.",
		empty:  "A client app sends people to a tenant to sign in and learns who they are. Create one for each app that you run.",
		things: func(d *desk) admin.Things[tenants.ClientApp] { return d.Admin.ClientApps() },
		name:   func(v tenants.ClientApp) string { return v.Name },
		columns: []ui.AdminColumn{
			{Label: "Name", Sort: "name"}, {Label: "Client ID"}, {Label: "Type"}, {Label: "State"}, {Label: "Created", Sort: "created", Down: true},
		},
		cells: func(d *desk, v tenants.ClientApp) []ui.AdminCell {
			state := active(v.Active)
			if d.own(v) {
				state = ui.AdminBadge{Text: "The administration itself"}
			}
			return []ui.AdminCell{
				{Text: v.Name, Second: second(v.Title, v.Name)}, {Text: v.ClientID, Mono: true}, {Text: typeName(v.Type)}, badge(state), {Time: d.when(v.CreatedAt)},
			}
		},
		filters: func(*desk) []ui.AdminFilter {
			types := ui.AdminFilter{Name: "type", Label: "Type"}
			for _, t := range appTypes() {
				types.Options = append(types.Options, ui.AdminOption{Value: t.value, Label: t.label})
			}
			return []ui.AdminFilter{activeFilter(), types}
		},
		blank:  func(d *desk) tenants.ClientApp { return blankApp(d.r.URL.Query().Get("type")) },
		hidden: func(v tenants.ClientApp) []ui.Pair { return []ui.Pair{{Name: "type", Value: v.Type}} },
		form:   appForm,
		read:   readApp,
		aside: func(d *desk, v tenants.ClientApp) *ui.AdminPreviewSignIn {
			if v.Type == tenants.AppMachine {
				return nil
			}
			sample, err := appSample(d, v)
			if err != nil {
				return nil
			}
			sample.AccentField = "accent"
			return sample
		},
		show: showApp,
		preview: func(d *desk, before, after *tenants.ClientApp) (*tenants.Change, error) {
			switch {
			case before == nil || after == nil:
				return nil, nil
			case d.own(*before):
				return nil, errOwnApp
			}
			c := demands(tenants.LevelClientApp, before.ID, before.EnforceMFA, after.EnforceMFA, before.MinACR, after.MinACR)
			if before.Restricted == after.Restricted {
				return c, nil
			}
			if c == nil {
				c = &tenants.Change{Demand: &tenants.Demand{Level: tenants.LevelClientApp, TargetID: before.ID}}
			}
			c.Demand.Restricted = &after.Restricted
			return c, nil
		},
		losses: func(d *desk, v tenants.ClientApp) ([]string, error) {
			if d.own(v) {
				return nil, errOwnApp
			}
			return []string{"Nobody can sign in to it any more, and its secrets are of no use.", "Its assignments, exemptions and roles are gone for good."}, nil
		},
		typed: func(v tenants.ClientApp) string { return v.Name },
	}
}

// errOwnApp is what package admin says to a change of the console.
var errOwnApp = problem.New(problem.Conflict, "own_app", "This is the administration itself: Twofold keeps it as it must be. Take it from a tenant to keep its people out.")

// own reports whether an app is the administration itself.
func (d *desk) own(v tenants.ClientApp) bool { return v.ClientID == admin.ConsoleID(d.sub.ID) }

// newClientApp asks for the type first: it decides what there is to fill in.
func newClientApp(d *desk) error {
	if slices.ContainsFunc(appTypes(), func(t appType) bool { return t.value == d.r.URL.Query().Get("type") }) {
		return clientApps().fresh(d)
	}
	if !d.may(admin.ClientAppCreate) {
		return errMayNot
	}
	p := ui.AdminDetail{AdminPage: d.frame("Create client app")}
	p.Crumbs = []ui.Link{{Text: "Client apps", URL: d.path("client-apps")}}
	part := ui.AdminPart{Title: "What kind of app is it?"}
	for _, t := range appTypes() {
		part.Items = append(part.Items, ui.AdminItem{Title: t.label, URL: d.path("client-apps", "new") + "?type=" + t.value, Detail: t.help})
	}
	p.Parts = []ui.AdminPart{part}
	return d.render(http.StatusOK, p)
}

// blankApp is a new app of a type, as most of them are.
func blankApp(kind string) tenants.ClientApp {
	v := tenants.ClientApp{Type: kind, AuthMethod: tenants.AuthNone, IDTokenAlg: tenants.AlgOfTenant, Active: true, GrantTypes: tenants.List{tenants.GrantCode, tenants.GrantRefresh}}
	switch kind {
	case tenants.AppWeb:
		v.AuthMethod = tenants.AuthBasic
	case tenants.AppMachine:
		v.AuthMethod, v.GrantTypes = tenants.AuthBasic, tenants.List{tenants.GrantClientCredentials}
	}
	if kind != tenants.AppMachine {
		v.Scopes = tenants.List{"openid", "profile", "email", "phone", "groups", "offline_access"}
	}
	return v
}

// keepsSecret reports whether an app of the type can.
func keepsSecret(kind string) bool { return kind == tenants.AppWeb || kind == tenants.AppMachine }

const pkceWarning = "Warning: without PKCE, who catches the answer on its way to the browser can use it with this app. Let an app off only while it cannot do it, and ask its maker for PKCE."

func appTenants() tie {
	return tie{
		at: "tenants", title: "Tenants", noun: "a tenant", kind: tenants.LinkTenantClientApp, backward: true, operation: "tenants.client_apps.add", write: admin.ClientAppWrite,
		empty: "It belongs to no tenant yet, so nobody can sign in to it.", far: tenantsFar,
	}
}

func showApp(d *desk, v tenants.ClientApp, p *ui.AdminDetail) error {
	state := active(v.Active)
	p.State, p.Intro = &state, second(v.Title, v.Name)
	if d.own(v) {
		p.State = &ui.AdminBadge{Text: "The administration itself"}
		p.Reason = "Twofold keeps it as it must be. Take it from a tenant to keep its people out of the administration."
		p.Main, p.Danger = nil, nil
	}
	p.Facts = appFacts(d, v)
	of, err := d.Admin.Owners(d.r.Context(), d.who, d.sub.ID, tenants.LinkTenantClientApp, v.ID)
	if err != nil {
		return err
	}
	part, err := appTenants().part(d, "client-apps", of, ui.Link{})
	if err != nil {
		return err
	}
	p.Parts = append(p.Parts, part)
	if d.own(v) {
		return nil
	}
	if v.Type != tenants.AppMachine {
		p.Parts = append(p.Parts, logoPart(d, "client-apps", v.ID, v.LogoURL, d.may(admin.ClientAppWrite)))
	}
	if v.Type != tenants.AppMachine {
		access, err := accessParts(d, v)
		if err != nil {
			return err
		}
		p.Parts = append(p.Parts, access...)
	}
	p.Parts = append(p.Parts, claimsPart(d, v))
	if v.LogoutURI != "" {
		told, err := toldPart(d, v)
		if err != nil {
			return err
		}
		p.Parts = append(p.Parts, told)
	}
	if v.AuthMethod == tenants.AuthBasic || v.AuthMethod == tenants.AuthPost {
		secrets, err := secretsPart(d, v)
		if err != nil {
			return err
		}
		p.Parts = append(p.Parts, secrets)
	}
	connect, err := connectParts(d, v, of)
	if err != nil {
		return err
	}
	p.Parts = append(p.Parts, connect...)
	if !slices.Contains(v.GrantTypes, tenants.GrantClientCredentials) {
		return nil
	}
	return d.rolesPart(tenants.SubjectClientApp, v.ID, v.Name, p)
}

func appFacts(d *desk, v tenants.ClientApp) []ui.AdminFact {
	facts := []ui.AdminFact{copied("Client ID", v.ClientID), fact("Type", typeName(v.Type))}
	if v.Type != tenants.AppMachine {
		facts = append(facts, ui.AdminFact{Name: "Redirect URIs", AdminCell: ui.AdminCell{Text: strings.Join(v.RedirectURIs, "  "), Mono: true}})
		if len(v.PostLogoutRedirectURIs) > 0 {
			facts = append(facts, ui.AdminFact{Name: "After signing out", AdminCell: ui.AdminCell{Text: strings.Join(v.PostLogoutRedirectURIs, "  "), Mono: true}})
		}
	}
	if v.LogoutURI != "" {
		facts = append(facts, ui.AdminFact{Name: "Back-channel logout", AdminCell: ui.AdminCell{Text: v.LogoutURI, Mono: true}})
	}
	facts = append(facts, ui.AdminFact{Name: "Proves itself by", AdminCell: ui.AdminCell{Text: proofName(v)}})
	if v.PKCEOptional {
		b := ui.AdminBadge{Tone: ui.ToneWarn, Text: "Not required"}
		facts = append(facts, ui.AdminFact{Name: "PKCE", AdminCell: ui.AdminCell{Badge: &b, Second: pkceWarning}})
	} else if v.Type != tenants.AppMachine {
		facts = append(facts, fact("PKCE", "Required"))
	}
	facts = append(facts, ui.AdminFact{Name: "Scopes", AdminCell: ui.AdminCell{Text: strings.Join(v.Scopes, " "), Mono: true}})
	if v.Type != tenants.AppMachine {
		facts = append(facts, fact("Consent", map[bool]string{true: "Asked for", false: "Not asked for"}[v.Consent]))
		facts = append(facts, fact("Second factor", d.enforced(v.EnforceMFA)), fact("Strength at least", strengthName(v.MinACR)))
		facts = append(facts, fact("Who can use it", yesNo(v.Restricted, "Its users and groups only", "All members of its tenants")))
	}
	return append(facts, ui.AdminFact{Name: "Created", AdminCell: ui.AdminCell{Time: d.when(v.CreatedAt)}}, idFact(v.ID))
}

func proofName(v tenants.ClientApp) string {
	switch v.AuthMethod {
	case tenants.AuthBasic:
		return "A secret, in the header"
	case tenants.AuthPost:
		return "A secret, in the form"
	case tenants.AuthPrivateKeyJWT:
		return "A signature with a key of its own"
	}
	return "Nothing: it can keep no secret"
}

// appSample is the sign-in page for people who come from an app: with its own looks
// where it has some, else as the first of its tenants looks.
func appSample(d *desk, v tenants.ClientApp) (*ui.AdminPreviewSignIn, error) {
	s := &ui.AdminPreviewSignIn{App: titleOf(v.Title, v.Name), Brand: ui.Brand{Name: titleOf(d.sub.Title, d.sub.Name)}}
	ids := []string{}
	if v.ID != "" {
		var err error
		if ids, err = d.Admin.Owners(d.r.Context(), d.who, d.sub.ID, tenants.LinkTenantClientApp, v.ID); err != nil {
			return nil, err
		}
	}
	if len(ids) > 0 {
		t, err := d.Admin.TenantsOf().Get(d.r.Context(), d.who, d.sub.ID, ids[0])
		if err == nil {
			s.Brand = brandOf(t)
			v.LogoURL = tenants.LogoAt(t.Name, v.LogoURL)
		}
	}
	if v.LogoURL != "" {
		s.Brand.Logo = v.LogoURL
	}
	if v.Accent != "" {
		s.Brand.Accent = v.Accent
	}
	return s, nil
}

// appLogo is how an app's logo is changed.
func appLogo() logoOf[tenants.ClientApp] {
	return logoOf[tenants.ClientApp]{
		set: func(d *desk, file []byte) error {
			return d.Admin.SetClientAppLogo(d.r.Context(), d.who, d.sub.ID, d.id(), file)
		},
		sample: appSample,
		write:  admin.ClientAppWrite,
	}
}

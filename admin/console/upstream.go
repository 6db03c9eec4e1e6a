package console

import (
	"strings"

	"twofold/internal/db"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// What identity providers of type oidc have besides.

func idpType(t string) string {
	if t == tenants.IDPOIDC {
		return "OpenID Connect: users sign in at another provider"
	}
	return "Local: names and passwords are kept here"
}

func idpForm(_ *desk, v tenants.IDP, fresh bool) ([]ui.AdminSection, error) {
	if v.Type == "" {
		return []ui.AdminSection{{Fields: []ui.AdminField{
			required(choose("type", "Type", tenants.IDPLocal, "It cannot be changed later.",
				ui.AdminOption{Value: tenants.IDPLocal, Label: idpType(tenants.IDPLocal)}, ui.AdminOption{Value: tenants.IDPOIDC, Label: idpType(tenants.IDPOIDC)})),
		}}}, nil
	}
	kind := fixed("Type", idpType(v.Type), "")
	if fresh {
		kind = choose("type", "Type", v.Type, "It cannot be changed later.", ui.AdminOption{Value: v.Type, Label: idpType(v.Type)})
	}
	sections := []ui.AdminSection{{Fields: []ui.AdminField{
		kind,
		required(text("name", "Name", v.Name, "For administrators, and for apps that name it: acr_values=idp:NAME.")),
		text("title", "Title", v.Title, "What people read where they can choose among several."),
		toggle("active", "Active", v.Active, "Its users can sign in.", "Nobody can sign in by it."),
	}}}
	if v.Type == tenants.IDPOIDC {
		sections = append(sections, upstreamSections(v)...)
	}
	return append(sections, ui.AdminSection{Title: "Sign-in rules", Fields: []ui.AdminField{
		toggle("enforce_mfa", "Enforce a second factor", v.EnforceMFA, "Whoever signs in by it is asked for a second factor.", "Whether one is asked for is up to the other levels."),
	}}), nil
}

func upstreamSections(v tenants.IDP) []ui.AdminSection {
	secret := secretField("client_secret", "Client secret", "Left empty for a public client. Never shown again.")
	if v.HasSecret {
		secret.Help = "It is set. Leave this empty to keep it. It is needed again when the issuer or the client id changes."
	}
	return []ui.AdminSection{
		{Title: "Provider", Fields: []ui.AdminField{
			required(text("issuer", "Issuer", v.Issuer, "Its address, exactly as it names itself: https://login.example.com.")),
			required(text("client_id", "Client id", v.ClientID, "What it calls this server.")),
			secret,
			lines("scopes", "Scopes", v.Scopes, "One a line, beside openid. None: profile and email."),
			lines("acr_values", "Strength to ask for", v.ACRValues, "acr values of the provider, one a line; usually none."),
		}},
		{Title: "Who signs in by it", Fields: []ui.AdminField{
			lines("domains", "Mail domains", v.Domains, "Whoever gives an address that ends so is sent there: example.com, one a line."),
			toggle("create_users", "New users", v.CreateUsers, "Whoever it vouches for gets an account.", "Only users who have linked their account can sign in by it."),
			toggle("update_users", "Follow the provider", v.UpdateUsers, "Names and groups are brought up to date at each sign-in.", "What is kept here stays as it is."),
		}},
		{Title: "Claims", Fields: []ui.AdminField{
			text("name_claim", "Name", v.NameClaim, "Empty: name."),
			text("email_claim", "Mail address", v.EmailClaim, "Empty: email. An address in another claim counts as unproven."),
			text("phone_claim", "Phone number", v.PhoneClaim, "Empty: phone_number. A number in another claim counts as unproven."),
			text("groups_claim", "Groups", v.GroupsClaim, "Empty: groups are not looked at."),
			lines("group_map", "Groups there and here", v.GroupMap, "One a line: their group = ours. Groups here that are not named stay as they are."),
		}},
		{Title: "Trust", Fields: []ui.AdminField{
			lines("trust", "What its word counts for", v.Trust, "One a line: amr:mfa = aal2, or acr:VALUE = phr. Strengths are 2fa, aal2 and phr. All else counts as a password does, and our second factor is asked for where one is required."),
		}},
	}
}

func readIDP(d *desk, v *tenants.IDP, fresh bool) []ui.FieldError {
	r := reading{d: d}
	if fresh {
		r.text("type", &v.Type)
		if v.Type == "" && d.r.PostForm.Has("name") {
			v.Type = tenants.IDPLocal
		}
	}
	was := v.EnforceMFA
	r.text("name", &v.Name)
	r.text("title", &v.Title)
	r.toggle("active", &v.Active)
	if fresh && !d.r.PostForm.Has("name") {
		v.Active = true // the page before asked for the type alone
	}
	r.toggle("enforce_mfa", &v.EnforceMFA)
	if v.Type != tenants.IDPOIDC {
		return r.errs
	}
	for name, to := range map[string]*string{
		"issuer": &v.Issuer, "client_id": &v.ClientID, "name_claim": &v.NameClaim, "email_claim": &v.EmailClaim, "phone_claim": &v.PhoneClaim, "groups_claim": &v.GroupsClaim,
	} {
		r.text(name, to)
	}
	for name, to := range map[string]*tenants.List{
		"scopes": &v.Scopes, "acr_values": &v.ACRValues, "domains": &v.Domains, "group_map": &v.GroupMap, "trust": &v.Trust,
	} {
		r.lines(name, (*[]string)(to))
	}
	r.toggle("create_users", &v.CreateUsers)
	r.toggle("update_users", &v.UpdateUsers)
	v.ClientSecret = twofactor.Secret(strings.TrimSpace(one(d.r, "client_secret")))
	if !fresh && v.ClientSecret != "" && was != v.EnforceMFA {
		// Before a rule changes it is shown whom it affects, with the form in hidden fields.
		r.wrong("client_secret", "Change the secret and the sign-in rules one after the other.")
	}
	return r.errs
}

// showUpstream tells what the other provider must know of this server.
func showUpstream(d *desk, v tenants.IDP, tenantIDs []string, p *ui.AdminDetail) error {
	p.Facts = append(p.Facts,
		fact("Issuer", v.Issuer), fact("Client id", v.ClientID), fact("Client secret", yesNo(v.HasSecret, "Set", "None: a public client")),
		fact("New users", yesNo(v.CreateUsers, "Get an account", "Get none")), fact("Mail domains", strings.Join(v.Domains, ", ")), fact("Trust", strings.Join(v.Trust, "; ")),
	)
	in := db.WithScope(d.r.Context(), db.Scope{Subscription: d.sub.ID})
	for _, id := range tenantIDs {
		t, err := d.Tenants.Tenants().Get(in, id)
		if err != nil {
			continue // deleted: it takes no sign-ins
		}
		for _, iss := range d.issuersOf(t) {
			name := "Redirect URI of " + t.Name
			if iss == d.originOf(t) {
				name += ", by its host name"
			}
			p.Facts = append(p.Facts, fact(name, iss+"/upstream/"+v.ID+"/callback"))
		}
	}
	return nil
}

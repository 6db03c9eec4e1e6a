package apply

import (
	"context"
	"slices"

	"twofold/tenants"
)

func (j *job) putClientApps(ctx context.Context) error {
	for _, s := range j.spec.ClientApps {
		have, exists := j.clientApps[s.Name.v]
		want, s := j.wantedApp(s, have, exists)
		if !j.appFits(s, want) {
			continue
		}
		d, err := j.store.PutClientApp(ctx, &want)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		j.put(kindClientApp, want.Name, want.ID)
		fields := compare(s, have, want, d.Created)
		switch {
		case s.ClientSecret.v.kept:
			if err := j.keptSecret(ctx, want); err != nil {
				return err
			}
		case s.ClientSecret.set:
			f, err := j.clientSecret(ctx, want.ID, j.secret(s.ClientSecret), d.Created)
			if err != nil {
				return err
			}
			fields = append(fields, f...)
		}
		j.wrote[want.ID] = j.changed(kindClientApp, want.Name, want.ID, d.Created, fields)
	}
	return nil
}

// putAccess brings the users and groups that apps are for to what their keys say.
func (j *job) putAccess(ctx context.Context) error {
	users, err := j.store.AppUsers(ctx)
	if err != nil {
		return err
	}
	for _, s := range j.spec.ClientApps {
		id := j.id(kindClientApp, s.Name.v)
		c := j.wrote[id]
		if s.Users.set {
			buried, err := j.buriedUsers(ctx, idsOfApp(users, id))
			if err != nil {
				return err
			}
			d, err := j.store.SetAppUsers(ctx, id, append(j.idsOf(kindUser, s.Users), buried...))
			if err != nil {
				return err
			}
			fields, err := j.people(ctx, "users", d)
			if err != nil {
				return err
			}
			c.fields = append(c.fields, fields...)
		}
		if s.Groups.set {
			d, err := j.store.SetAppGroups(ctx, id, j.idsOf(kindGroup, s.Groups))
			if err != nil {
				return err
			}
			c.fields = append(c.fields, j.linked("groups", kindGroup, d)...)
		}
	}
	return nil
}

// idsOfApp are those that one app is for.
func idsOfApp(links []tenants.AppLink, appID string) []string {
	var ids []string
	for _, l := range links {
		if l.ClientAppID == appID {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

func (j *job) wantedApp(s clientApp, have tenants.ClientApp, exists bool) (tenants.ClientApp, clientApp) {
	want := have
	if !exists {
		s = withDefaults(s)
		want = usualApp(s.Name.v, s.Type.v)
	}
	assign(&want.Title, s.Title)
	assign(&want.Type, s.Type)
	assign(&want.ClientID, s.ClientID)
	assign(&want.AuthMethod, s.AuthMethod)
	assign(&want.IDTokenAlg, s.IDTokenAlg)
	assign(&want.IDTokenProfile, s.IDTokenProfile)
	assign(&want.Consent, s.Consent)
	assign(&want.RequirePAR, s.RequirePAR)
	assign(&want.EnforceMFA, s.EnforceMFA)
	assign(&want.MinACR, s.MinACR)
	assign(&want.Restricted, s.Restricted)
	assign(&want.LogoURL, s.LogoURL)
	assign(&want.Accent, s.Accent)
	assign(&want.Active, s.Active)
	assign(&want.LogoutURI, s.LogoutURI)
	assign(&want.JWKSURI, s.JWKSURI)
	assign(&want.LogoutSession, s.LogoutSession)
	for _, l := range []struct {
		to   *tenants.List
		from texts
	}{
		{&want.RedirectURIs, s.RedirectURIs},
		{&want.PostLogoutRedirectURIs, s.PostLogoutRedirectURIs},
		{&want.GrantTypes, s.GrantTypes},
		{&want.Scopes, s.Scopes},
		{&want.Resources, s.Resources},
		{&want.Serves, s.Serves},
	} {
		if l.from.set {
			*l.to = words(l.from)
		}
	}
	if s.ClaimRules.set {
		want.ClaimRules = claimRules(s.ClaimRules)
	}
	if s.PKCEOptional.set {
		want.PKCEOptional = !s.PKCEOptional.v
	}
	if s.JWKS.set {
		want.JWKS = j.secret(s.JWKS)
	}
	return want, s
}

// usualApp is what a new app of a type is before the file has its say.
func usualApp(name, appType string) tenants.ClientApp {
	app := tenants.ClientApp{
		Name: name, Title: name, ClientID: name, AuthMethod: tenants.AuthBasic,
		GrantTypes: tenants.List{tenants.GrantCode, tenants.GrantRefresh},
		Scopes:     tenants.List{"openid", "profile", "email", "phone", "groups", "offline_access"},
	}
	switch appType {
	case tenants.AppSPA, tenants.AppNative:
		app.AuthMethod = tenants.AuthNone
	case tenants.AppMachine:
		app.GrantTypes, app.Scopes = tenants.List{tenants.GrantClientCredentials}, nil
	}
	return app
}

// appFits finds what does not go together in an app, as it would become.
func (j *job) appFits(s clientApp, want tenants.ClientApp) bool {
	before := len(j.problems)
	if j.console != "" && want.Name == j.console {
		j.found(s.Name.place, "is the administration itself: Twofold keeps it as it must be")
	}
	if want.Public() && want.PKCEOptional {
		j.found(keyPlace(s.at, s, "require_pkce"), "cannot be false for an app that keeps no secret")
	}
	if s.ClientSecret.set && !usesSecret(want) {
		j.found(s.ClientSecret.place, "is of no use: auth_method is %s", want.AuthMethod)
	}
	return len(j.problems) == before
}

func usesSecret(c tenants.ClientApp) bool {
	return c.AuthMethod == tenants.AuthBasic || c.AuthMethod == tenants.AuthPost
}

// keptSecret warns if the app has no secret to keep.
func (j *job) keptSecret(ctx context.Context, app tenants.ClientApp) error {
	with, err := j.store.WithClientSecret(ctx)
	if err == nil && !slices.Contains(with, app.ID) {
		j.warn("%s: there is no client_secret to keep; until it is given, such as by ${env:%s}, the app can get no tokens",
			j.label(kindClientApp+" ")+shownName(app.Name), variable(j.spec.Name.v, app.Name, "client_secret"))
	}
	return err
}

// clientSecret adds a secret that the app does not have.
func (j *job) clientSecret(ctx context.Context, appID, secret string, created bool) ([]field, error) {
	has, err := j.store.HasClientSecret(ctx, appID, secret)
	if err != nil || has {
		return nil, err
	}
	if err := j.store.PutClientSecret(ctx, appID, secret, nil); err != nil {
		return nil, err
	}
	return []field{{key: "client_secret", note: noteOf(created, false)}}, nil
}

package console

import (
	"context"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
)

// Paths of what belongs to signing in.
const (
	pathHome     = "/admin/"
	pathSignIn   = "/admin/signin"
	pathCallback = "/admin/callback"
	pathSignOut  = "/admin/signout"
	pathSetup    = "/admin/setup"
)

// appName is the name of the console among the client apps of a subscription.
const appName = "twofold-console"

// clientID is the console's client_id: those are unique on the server, and each
// subscription has a console of its own.
func clientID(subscriptionID string) string { return admin.ConsoleID(subscriptionID) }

// minStrength is what a sign-in to the console must reach at least.
const minStrength = twofactor.Strength2FA

// issuer is the issuer identifier of a tenant.
func (c *Console) issuer(tenant string) string { return c.PublicURL + "/t/" + tenant }

// originOf is the issuer identifier of a tenant by its own host name; empty: it has none.
func (c *Console) originOf(v tenants.Tenant) string { return tenants.OriginAt(c.PublicURL, v.HostName) }

// issuersOf are all issuer identifiers of a tenant.
func (c *Console) issuersOf(v tenants.Tenant) []string {
	out := []string{c.issuer(v.Name)}
	if v.HostName != "" {
		out = append(out, c.originOf(v))
	}
	return out
}

// app is the console as a client app: public, for it keeps no secret apart from the
// server that it is part of, and PKCE ties the code to the browser that asked.
func (c *Console) app(subscriptionID string) tenants.ClientApp {
	return tenants.ClientApp{
		Name: appName, Title: "Administration", Type: tenants.AppWeb, ClientID: clientID(subscriptionID), AuthMethod: tenants.AuthNone,
		RedirectURIs: tenants.List{c.PublicURL + pathCallback}, PostLogoutRedirectURIs: tenants.List{c.PublicURL + pathHome},
		GrantTypes: tenants.List{tenants.GrantCode}, IDTokenAlg: "RS256", EnforceMFA: true, MinACR: minStrength.ACR(), Active: true,
	}
}

// EnsureConsole lets people of a tenant sign in to the console: it makes the
// subscription's client app or brings it up to date, and assigns it to the tenant. Call
// it where somebody there is given a role, in that transaction; never for a stranger.
func (c *Console) EnsureConsole(ctx context.Context, realm tenants.Realm) error {
	ctx = tenants.WithRealm(ctx, realm)
	return c.DB.Tx(ctx, func(ctx context.Context) error {
		app := c.app(realm.Subscription.ID)
		put, err := c.Tenants.PutClientApp(ctx, &app)
		if err != nil {
			return err
		}
		link, err := c.Tenants.Link(ctx, tenants.LinkTenantClientApp, realm.Tenant.ID, app.ID)
		if err != nil || !put.Changed() && !link.Changed() {
			return err
		}
		return c.Audit.Record(ctx, audit.Event{Kind: "console.ensured", Actor: "system", ClientApp: app.ID}, map[string]any{
			"created": put.Created, "changes": append(put.Fields, link.Fields...),
		})
	})
}

// OnGrant ensures the console wherever those sign in who have been given a role: it is
// admin.Admin.OnGrant, in the transaction that gives it. Who joins a group later signs in
// where its members did then. Client apps use the REST API and need none.
func (c *Console) OnGrant(ctx context.Context, g tenants.Grant) error {
	ctx = db.WithScope(ctx, db.Scope{Subscription: g.HomeID})
	var users []string
	switch g.SubjectKind {
	case tenants.SubjectUser:
		users = []string{g.SubjectID}
	case tenants.SubjectGroup:
		members, err := c.Tenants.MembersOfGroup(ctx, g.SubjectID)
		if err != nil {
			return err
		}
		for _, m := range members {
			users = append(users, m.UserID)
		}
	}
	memberships, err := c.Tenants.TenantsOfUsers(ctx, users)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, m := range memberships {
		if seen[m.In] {
			continue
		}
		seen[m.In] = true
		realm, err := c.Tenants.RealmByID(ctx, m.In)
		if err != nil {
			return err
		}
		if err := c.EnsureConsole(ctx, realm); err != nil {
			return err
		}
	}
	return nil
}

// errNoConsole is the one answer for a tenant that is not there and one without a
// console: strangers learn nothing from it.
var errNoConsole = problem.New(problem.NotFound, "console_unknown",
	"Nobody administers anything from there. Check the name of the tenant in the address. "+
		"It works once somebody of the tenant has been given a role; the first one of a server is made by the command twofold admin create.")

// consoleOf finds a tenant whose people may sign in to the console, and the console
// there.
func (c *Console) consoleOf(ctx context.Context, tenant string) (tenants.Realm, tenants.ClientApp, error) {
	realm, err := c.Tenants.RealmByName(ctx, tenant)
	if err == nil {
		var app tenants.ClientApp
		app, err = c.Tenants.ClientApp(tenants.WithRealm(ctx, realm), clientID(realm.Subscription.ID))
		if err == nil {
			return realm, app, nil
		}
	}
	if problem.Is(err, problem.NotFound) {
		err = errNoConsole
	}
	return tenants.Realm{}, tenants.ClientApp{}, err
}

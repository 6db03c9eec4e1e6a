package console

import (
	"fmt"
	"strings"

	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// connectParts say how an app is connected: for each of its tenants the addresses, and
// settings as most libraries take them.
func connectParts(d *desk, v tenants.ClientApp, tenantIDs []string) ([]ui.AdminPart, error) {
	var out []ui.AdminPart
	for _, id := range tenantIDs {
		t, err := d.Admin.TenantsOf().Get(d.r.Context(), d.who, d.sub.ID, id)
		if problem.Is(err, problem.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, iss := range d.issuersOf(t) {
			part := ui.AdminPart{
				Title: "How to connect at " + titleOf(t.Title, t.Name), CodeLabel: "Settings",
				Intro: "Most libraries need the issuer and the client ID, and find the rest by themselves.",
				Facts: []ui.AdminFact{copied("Issuer", iss), copied("Client ID", v.ClientID), copied("Discovery", iss+discoveryPath)},
				Code:  settingsOf(v, iss),
			}
			if iss == d.originOf(t) {
				part.Title += ", by its host name"
				part.Intro = "The tenant is an issuer of its own there. Use one of the two: neither takes what the other has given."
			}
			if v.Type == tenants.AppMachine {
				part.Facts = append(part.Facts, copied("Token endpoint", iss+"/token"))
			}
			out = append(out, part)
		}
	}
	return out, nil
}

// settingsOf are sample settings, with no secret in them.
func settingsOf(v tenants.ClientApp, issuer string) string {
	set := []string{"OIDC_ISSUER=" + issuer, "OIDC_CLIENT_ID=" + v.ClientID}
	switch v.AuthMethod {
	case tenants.AuthBasic, tenants.AuthPost:
		set = append(set, "OIDC_CLIENT_SECRET=the secret that you have kept", "OIDC_TOKEN_AUTH_METHOD="+v.AuthMethod)
	case tenants.AuthPrivateKeyJWT:
		set = append(set, "OIDC_TOKEN_AUTH_METHOD="+v.AuthMethod)
	}
	if len(v.RedirectURIs) > 0 {
		set = append(set, "OIDC_REDIRECT_URI="+v.RedirectURIs[0])
	}
	set = append(set, fmt.Sprintf("OIDC_SCOPES=%q", strings.Join(v.Scopes, " ")))
	return strings.Join(set, "\n") + "\n"
}

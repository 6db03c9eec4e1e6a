package tenants

import (
	"context"
	"errors"
	"testing"

	"twofold/internal/problem"
	"twofold/twofactor"
)

// corp is another provider of the customer's tenant.
func (w *world) corp(c *customer, change func(*IDP)) IDP {
	w.t.Helper()
	v := IDP{Name: "corp", Type: IDPOIDC, Issuer: "https://corp.example", ClientID: "us", ClientSecret: "secret of corp", Active: true, UpdateUsers: true}
	if change != nil {
		change(&v)
	}
	done[Difference](w.t)(w.PutIDP(c.admin, &v))
	done[Difference](w.t)(w.SetTenantIDPs(c.admin, c.tenant.ID, []string{c.idp.ID, v.ID}))
	return v
}

func TestIDPSecret(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		v := w.corp(c, nil)
		if v.ClientSecret != "" || !v.HasSecret {
			t.Errorf("given out: %v", v.HasSecret)
		}
		secret := func() string {
			got, err := w.Upstream(c.ctx, v.ID)
			must(t, err)
			return got.ClientSecret.Reveal()
		}
		if secret() != "secret of corp" {
			t.Errorf("secret %q", secret())
		}
		refused := func(field string, change func(*IDP)) {
			t.Helper()
			fresh := v
			change(&fresh)
			if _, err := w.PutIDP(c.admin, &fresh); !problem.Is(err, problem.Invalid) || problem.From(err).Fields[0].Name != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		refused("client_secret", func(v *IDP) { v.Issuer = "https://evil.example" })
		refused("client_secret", func(v *IDP) { v.ClientID = "them" })
		refused("type", func(v *IDP) { v.Type = IDPLocal; v.Issuer, v.ClientID, v.UpdateUsers = "", "", false })
		before := v.Version
		v.Title = "Corp"
		d, err := w.PutIDP(c.admin, &v)
		if err != nil || len(d.Fields) != 1 || v.Version != before+1 || secret() != "secret of corp" {
			t.Errorf("%+v, %v, version %d", d, err, v.Version)
		}
		v.ClientSecret = "another"
		d, err = w.PutIDP(c.admin, &v)
		if err != nil || len(d.Fields) != 1 || d.Fields[0].New != "(changed)" || v.Version != before+2 || secret() != "another" {
			t.Errorf("%+v, %v, version %d", d, err, v.Version)
		}
		v.Issuer, v.ClientSecret = "https://new.example", "a third"
		done[Difference](t)(w.PutIDP(c.admin, &v))
		must(t, w.LinkUpstream(c.ctx, c.anna.ID, v.ID, "anna there"))
		refused("issuer", func(v *IDP) { v.Issuer, v.ClientSecret = "https://other.example", "x" })
	})
}

func TestIDPRefuses(t *testing.T) {
	good := IDP{Name: "corp", Type: IDPOIDC, Issuer: "https://corp.example/x", ClientID: "us"}
	if err := CheckIDP(good); err != nil {
		t.Error(err)
	}
	for field, changes := range map[string][]func(*IDP){
		"issuer": {
			func(v *IDP) { v.Issuer = "" }, func(v *IDP) { v.Issuer = "http://corp.example" }, func(v *IDP) { v.Issuer = "https://u@corp.example" },
			func(v *IDP) { v.Issuer = "https://corp.example?x" }, func(v *IDP) { v.Issuer = "https://corp.example#" }, func(v *IDP) { v.Issuer = "javascript:alert(1)" },
		},
		"client_id": {func(v *IDP) { v.ClientID = "" }, func(v *IDP) { v.ClientID = "a b" }},
		"domains":   {func(v *IDP) { v.Domains = List{"nodot"} }, func(v *IDP) { v.Domains = List{"a@b.example"} }},
		"trust": {
			func(v *IDP) { v.Trust = List{"mfa = aal2"} }, func(v *IDP) { v.Trust = List{"amr:mfa"} }, func(v *IDP) { v.Trust = List{"amr:mfa = strong"} },
			func(v *IDP) { v.Trust = List{"amr: = aal2"} },
		},
		"group_map":    {func(v *IDP) { v.GroupsClaim, v.GroupMap = "groups", List{"a"} }},
		"groups_claim": {func(v *IDP) { v.GroupMap = List{"a = b"} }},
		"scopes":       {func(v *IDP) { v.Scopes = List{`a"b`} }},
		"type":         {func(v *IDP) { v.Type = "saml" }},
	} {
		for i, change := range changes {
			v := good
			change(&v)
			if err := CheckIDP(v); !problem.Is(err, problem.Invalid) || problem.From(err).Fields[0].Name != field {
				t.Errorf("%s %d: %v", field, i, err)
			}
		}
	}
	if err := CheckIDP(IDP{Name: "local", Type: IDPLocal, Trust: List{"amr:mfa = aal2"}}); !problem.Is(err, problem.Invalid) {
		t.Errorf("trust of passwords: %v", err)
	}
}

func TestTrusted(t *testing.T) {
	v := IDP{Trust: List{"amr:mfa = aal2", "acr:https://x?a=b = phr", "acr:basic=2fa"}}
	for name, c := range map[string]struct {
		acr  string
		amr  []string
		want twofactor.Strength
	}{
		"nothing said": {"", nil, twofactor.Strength1FA}, "mfa": {"", []string{"pwd", "mfa"}, twofactor.StrengthAAL2},
		"the strongest": {"https://x?a=b", []string{"mfa"}, twofactor.StrengthPHR}, "not its case": {"BASIC", []string{"MFA"}, twofactor.Strength1FA},
		"acr is no amr": {"mfa", []string{"basic"}, twofactor.Strength1FA}, "basic": {"basic", nil, twofactor.Strength2FA},
	} {
		if got, ok := v.Trusted(c.acr, c.amr); got != c.want || ok != (c.want > twofactor.Strength1FA) {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}

// TestLinks: a subject is one user's, a user has one at an IDP; names and administration
// leave them alone.
func TestUpstreamLinks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		bob := w.user(c, User{Name: "bob", Active: true})
		v := w.corp(c, nil)
		must(t, w.LinkUpstream(c.ctx, c.anna.ID, v.ID, "bob"))
		for name, link := range map[string]struct{ user, subject string }{"taken": {bob.ID, "bob"}, "a second": {c.anna.ID, "other"}} {
			if err := w.LinkUpstream(c.ctx, link.user, v.ID, link.subject); !errors.Is(err, ErrLinked) {
				t.Errorf("%s: %v", name, err)
			}
		}
		bob.Name = "robert"
		done[Difference](t)(w.PutUser(c.admin, &bob))
		c.anna.Name = "bob"
		done[Difference](t)(w.PutUser(c.admin, &c.anna))
		c.anna.Name = "anna"
		done[Difference](t)(w.PutUser(c.admin, &c.anna))
		if d, err := w.SetIdentities(c.admin, c.anna, []string{c.idp.ID}); err != nil || d.Changed() {
			t.Errorf("%+v, %v", d, err)
		}
		if _, err := w.SetIdentities(c.admin, bob, []string{v.ID}); !problem.Is(err, problem.Invalid) {
			t.Errorf("linked by name: %v", err)
		}
		if _, err := w.Link(c.admin, LinkUserIDP, bob.ID, v.ID); !problem.Is(err, problem.Invalid) {
			t.Errorf("linked by name: %v", err)
		}
		if u, err := w.UserBySubject(c.ctx, v.ID, "bob"); err != nil || u.ID != c.anna.ID {
			t.Errorf("%s, %v", u.Name, err)
		}
		if ok, err := w.UnlinkUpstream(c.ctx, c.anna.ID, c.idp.ID); ok || err != nil {
			t.Errorf("a local one: %v, %v", ok, err)
		}
		if ok, err := w.UnlinkUpstream(c.ctx, c.anna.ID, v.ID); !ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
	})
}

func TestGroupMap(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		ops := Group{Name: "ops"}
		done[Difference](t)(w.PutGroup(c.admin, &ops))
		v := w.corp(c, func(v *IDP) {
			v.GroupsClaim, v.GroupMap = "groups", List{"admins = ops", "more = ops", "gone = nowhere"}
		})
		admit := func(ctx context.Context, p Profile) (u User, err error) {
			return u, w.DB.Tx(ctx, func(ctx context.Context) error { u, err = w.Admit(ctx, v, "s", p); return err })
		}
		u, err := admit(c.ctx, Profile{DisplayName: " Carla\n ", Groups: []string{"admins", "gone", "all"}})
		must(t, err)
		in := func(want ...string) {
			t.Helper()
			list, err := w.GroupsOfUsers(c.admin, []string{u.ID})
			must(t, err)
			if len(list) != len(want) || len(list) > 0 && list[0].In != want[0] {
				t.Errorf("in %v, want %v", list, want)
			}
		}
		in(ops.ID)
		done[Difference](t)(w.SetGroupMembers(c.admin, c.group.ID, []string{c.anna.ID}))
		for _, step := range []struct {
			groups []string
			want   []string
		}{{nil, []string{ops.ID}}, {[]string{}, nil}, {[]string{"more"}, []string{ops.ID}}} {
			u, err = w.User(c.ctx, u.ID)
			must(t, err)
			done[Difference](t)(w.Follow(c.ctx, v, u, Profile{Groups: step.groups}))
			in(step.want...)
		}
		if u.DisplayName != "Carla" {
			t.Errorf("%q", u.DisplayName)
		}
		// Who was disabled after he was read stays so.
		stale := u
		u.Active = false
		done[Difference](t)(w.PutUser(c.admin, &u))
		if _, err := w.Follow(c.ctx, v, stale, Profile{DisplayName: "Other"}); !errors.Is(err, ErrStale) {
			t.Errorf("followed: %v", err)
		}
	})
}

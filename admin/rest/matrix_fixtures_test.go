package rest_test

import (
	"fmt"
	"time"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
)

// user makes a member of the place's tenant, and of no other.
func (s *site) user() tenants.User {
	name := s.next()
	u := tenants.User{
		Name: name, DisplayName: name, Kind: tenants.Person, Active: true, Email: name + "@" + s.tenant + ".test", EmailVerified: true,
		Phone: "+41791234567", PhoneVerified: true,
	}
	put(s.t)(s.store.PutUser(s.ctx(), &u))
	put(s.t)(s.store.SetIdentities(s.ctx(), u, []string{s.ids["idp "+s.sub]}))
	put(s.t)(s.store.Link(s.ctx(), tenants.LinkTenantMember, s.ids[s.tenant], u.ID))
	return u
}

func (s *site) link(kind tenants.LinkKind, owner, other string) {
	_, err := s.store.Link(s.ctx(), kind, owner, other)
	must(s.t, err)
}

func (s *site) unlink(kind tenants.LinkKind, owner, other string) {
	_, err := s.store.Unlink(s.ctx(), kind, owner, other)
	must(s.t, err)
}

func (s *site) idp() tenants.IDP {
	name := s.next()
	v := tenants.IDP{Name: name, Title: name, Type: tenants.IDPLocal, Active: true}
	put(s.t)(s.store.PutIDP(s.ctx(), &v))
	s.link(tenants.LinkTenantIDP, s.ids[s.tenant], v.ID)
	return v
}

func (s *site) app() tenants.ClientApp {
	name := s.next()
	v := tenants.ClientApp{
		Name: name, Title: name, ClientID: name, Type: tenants.AppMachine, AuthMethod: tenants.AuthBasic, GrantTypes: tenants.List{tenants.GrantClientCredentials},
		IDTokenAlg: "RS256", Active: true,
	}
	put(s.t)(s.store.PutClientApp(s.ctx(), &v))
	s.link(tenants.LinkTenantClientApp, s.ids[s.tenant], v.ID)
	return v
}

// appSecret is the id of a secret of an app.
func (s *site) appSecret(app tenants.ClientApp) string {
	_, err := s.store.AddClientSecret(s.ctx(), app.ID)
	must(s.t, err)
	all, err := s.store.ClientSecrets(s.ctx(), app.ID)
	must(s.t, err)
	return all[0].ID
}

func (s *site) group() tenants.Group {
	v := tenants.Group{Name: s.next()}
	put(s.t)(s.store.PutGroup(s.ctx(), &v))
	s.link(tenants.LinkGroupMember, v.ID, s.user().ID)
	return v
}

// realm is the place's tenant, or a spare one.
func (s *site) realm() string {
	if !s.spare {
		return s.ids[s.tenant]
	}
	name := s.next()
	v := tenants.Tenant{Name: name, Title: name, Active: true}
	put(s.t)(s.store.PutTenant(s.ctx(), &v))
	return v.ID
}

// customerID is the place's subscription, or a spare one.
func (s *site) customerID() string {
	if !s.spare {
		return s.ids[s.sub]
	}
	return s.newCustomer()
}

func (s *site) newCustomer() string {
	name := s.next()
	v := tenants.Subscription{Name: name, Title: name, Active: true}
	put(s.t)(s.store.PutSubscription(s.t.Context(), &v))
	return v.ID
}

func (s *site) factor() tenants.TwoFactor {
	v := tenants.TwoFactor{Name: s.common(), Type: "token", Active: true}
	put(s.t)(s.store.PutTwoFactor(s.ctx(), &v, tenants.Options{"Greeting": []byte(`"Hello"`), "Key": []byte(`"a-key"`)}))
	return v
}

// assignment is one to the place's tenant that may be taken away: it only offers.
func (s *site) assignment() string {
	v := tenants.Assignment{TwoFactorID: s.factor().ID, Level: tenants.LevelTenant, TargetID: s.ids[s.tenant]}
	put(s.t)(s.store.PutAssignment(s.ctx(), &v))
	return v.ID
}

func (s *site) exemption() string {
	v := tenants.Exemption{Level: tenants.LevelUser, TargetID: s.user().ID, Reason: s.next(), Until: s.clock.Now().Add(time.Hour), CreatedBy: "test"}
	put(s.t)(s.store.PutExemption(s.ctx(), &v))
	return v.ID
}

// role gives a user of the place a role: in the tenant, or with whole in all of the
// subscription.
func (s *site) role(u tenants.User, r tenants.Role, whole bool) string {
	v := tenants.Grant{SubscriptionID: s.ids[s.sub], TenantID: s.ids[s.tenant], Role: r, SubjectKind: tenants.SubjectUser, SubjectID: u.ID, HomeID: s.ids[s.sub], CreatedBy: "test"}
	if whole {
		v.TenantID = ""
	}
	put(s.t)(s.store.PutGrant(s.t.Context(), &v))
	return v.ID
}

func ids(pairs ...string) map[string]string {
	out := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// deleted deletes a thing, so that it can be restored.
func deleted[V any](s *site, kept tenants.Kept[V], id string) request {
	must(s.t, kept.Delete(s.ctx(), id, 0))
	return request{path: ids("id", id)}
}

const reason = `{"reason":"lost the phone"}`

// fixtures are the requests of all operations.
func fixtures() []fixture {
	at := func(id string) request { return request{path: ids("id", id)} }
	change := func(id, body string) request { return request{path: ids("id", id), body: body} }
	// Of these a tenant has none, and its administrator no say.
	const noTenant = "SA"
	var out []fixture
	add := func(list ...fixture) { out = append(out, list...) }
	list := func(op string, make func(s *site)) fixture {
		return fixture{name: op, list: true, do: func(s *site) request { make(s); return request{} }}
	}

	add(
		fixture{name: "me.get", global: true, self: true, do: func(*site) request { return request{} }},
		fixture{name: "two_factor_types.list", global: true, do: func(*site) request { return request{} }},
		fixture{name: "search.get", list: true, do: func(s *site) request {
			s.user()
			s.group()
			s.app()
			s.idp()
			return request{query: "search=thing-of"}
		}},
	)
	// Subscriptions.
	add(
		fixture{name: "subscriptions.list", global: true, who: "*", do: func(*site) request { return request{} }},
		fixture{name: "subscriptions.create", global: true, do: func(s *site) request { return request{body: `{"name":"` + s.next() + `"}`} }},
		fixture{name: "subscriptions.get", whole: true, do: func(s *site) request { return at(s.ids[s.sub]) }},
		fixture{name: "subscriptions.update", whole: true, do: func(s *site) request { return change(s.ids[s.sub], `{"title":"`+s.next()+`"}`) }},
		fixture{name: "subscriptions.update: its name, an operator's matter", whole: true, who: "S", do: func(s *site) request {
			if s.spare {
				return change(s.newCustomer(), `{"name":"`+s.next()+`"}`)
			}
			return change(s.ids[s.sub], `{"name":"`+s.next()+`"}`)
		}},
		fixture{name: "subscriptions.delete", whole: true, do: func(s *site) request { return at(s.customerID()) }},
		fixture{name: "subscriptions.restore", whole: true, do: func(s *site) request {
			if !s.spare {
				return at(s.ids[s.sub]) // it is there
			}
			id := s.newCustomer()
			must(s.t, s.store.Subscriptions().Delete(s.t.Context(), id, 0))
			return at(id)
		}},
	)
	// Tenants and what they are linked to.
	add(
		list("tenants.list", func(*site) {}),
		fixture{name: "tenants.create", whole: true, do: func(s *site) request { return request{body: `{"name":"` + s.next() + `"}`} }},
		fixture{name: "tenants.get", do: func(s *site) request { return at(s.ids[s.tenant]) }},
		fixture{name: "tenants.update", do: func(s *site) request { return change(s.ids[s.tenant], `{"title":"`+s.next()+`","accent":"#123456"}`) }},
		fixture{name: "tenants.update: looser", who: noTenant, fresh: true, do: func(s *site) request { return change(s.ids[s.tenant], `{"remember_days":30}`) }},
		fixture{name: "tenants.delete", do: func(s *site) request { return at(s.realm()) }},
		fixture{name: "tenants.restore", do: func(s *site) request {
			if !s.spare {
				return at(s.ids[s.tenant])
			}
			return deleted(s, s.store.Tenants(), s.realm())
		}},
		fixture{name: "tenants.idps.list", do: func(s *site) request { s.idp(); return at(s.ids[s.tenant]) }},
		fixture{name: "tenants.idps.add", do: func(s *site) request {
			i := s.idp()
			s.unlink(tenants.LinkTenantIDP, s.ids[s.tenant], i.ID)
			return request{path: ids("id", s.ids[s.tenant], "idp", i.ID)}
		}},
		fixture{name: "tenants.idps.remove", do: func(s *site) request { return request{path: ids("id", s.ids[s.tenant], "idp", s.idp().ID)} }},
		fixture{name: "tenants.client_apps.list", do: func(s *site) request { s.app(); return at(s.ids[s.tenant]) }},
		fixture{name: "tenants.client_apps.add", do: func(s *site) request {
			a := s.app()
			s.unlink(tenants.LinkTenantClientApp, s.ids[s.tenant], a.ID)
			return request{path: ids("id", s.ids[s.tenant], "client_app", a.ID)}
		}},
		fixture{name: "tenants.client_apps.remove", do: func(s *site) request {
			return request{path: ids("id", s.ids[s.tenant], "client_app", s.app().ID)}
		}},
		// Who runs a tenant sees its members, and adds those: whom he does not see he takes nowhere.
		fixture{name: "tenants.members.add", traceless: true, do: func(s *site) request {
			return request{path: ids("id", s.ids[s.tenant], "member", s.user().ID)}
		}},
		fixture{name: "tenants.members.add: of no tenant", who: noTenant, do: func(s *site) request {
			u := s.user()
			s.unlink(tenants.LinkTenantMember, s.ids[s.tenant], u.ID)
			return request{path: ids("id", s.ids[s.tenant], "member", u.ID)}
		}},
		fixture{name: "tenants.members.remove", do: func(s *site) request {
			return request{path: ids("id", s.ids[s.tenant], "member", s.user().ID)}
		}},
		fixture{name: "tenants.members.remove: an administrator of the subscription", who: noTenant, do: func(s *site) request {
			u := s.user()
			s.role(u, tenants.RoleSubscriptionAdmin, true)
			return request{path: ids("id", s.ids[s.tenant], "member", u.ID)}
		}},
	)
	// IDPs, client apps and groups.
	add(
		list("idps.list", func(s *site) { s.idp() }),
		fixture{name: "idps.create", whole: true, do: func(s *site) request { return request{body: `{"name":"` + s.next() + `","type":"local"}`} }},
		fixture{name: "idps.get", do: func(s *site) request { return at(s.idp().ID) }},
		fixture{name: "idps.update", do: func(s *site) request { return change(s.idp().ID, `{"title":"Staff"}`) }},
		fixture{name: "idps.delete", do: func(s *site) request { return at(s.idp().ID) }},
		fixture{name: "idps.restore", do: func(s *site) request { return deleted(s, s.store.KeptIDPs(), s.idp().ID) }},
		list("client_apps.list", func(s *site) { s.app() }),
		fixture{name: "client_apps.create", whole: true, do: func(s *site) request { return request{body: `{"name":"` + s.next() + `","type":"machine"}`} }},
		fixture{name: "client_apps.get", do: func(s *site) request { return at(s.app().ID) }},
		fixture{name: "client_apps.update", do: func(s *site) request { return change(s.app().ID, `{"title":"App"}`) }},
		fixture{name: "client_apps.delete", do: func(s *site) request { return at(s.app().ID) }},
		fixture{name: "client_apps.restore", do: func(s *site) request { return deleted(s, s.store.ClientApps(), s.app().ID) }},
		fixture{name: "client_apps.logouts.list", do: func(s *site) request { return at(s.app().ID) }},
		fixture{name: "client_apps.secrets.list", do: func(s *site) request { return at(s.app().ID) }},
		fixture{name: "client_apps.secrets.create", do: func(s *site) request { return change(s.app().ID, `{"days":30}`) }},
		fixture{name: "client_apps.secrets.delete", do: func(s *site) request {
			app := s.app()
			return request{path: ids("id", app.ID, "secret", s.appSecret(app))}
		}},
		fixture{name: "client_apps.users.add", do: func(s *site) request {
			return request{path: ids("id", s.app().ID, "user", s.user().ID)}
		}},
		fixture{name: "client_apps.users.remove", do: func(s *site) request {
			app, u := s.app(), s.user()
			s.link(tenants.LinkAppUser, app.ID, u.ID)
			return request{path: ids("id", app.ID, "user", u.ID)}
		}},
		fixture{name: "client_apps.groups.add", do: func(s *site) request {
			return request{path: ids("id", s.app().ID, "group", s.group().ID)}
		}},
		fixture{name: "client_apps.groups.remove", do: func(s *site) request {
			app, g := s.app(), s.group()
			s.link(tenants.LinkAppGroup, app.ID, g.ID)
			return request{path: ids("id", app.ID, "group", g.ID)}
		}},
		list("groups.list", func(s *site) { s.group() }),
		fixture{name: "groups.create", whole: true, do: func(s *site) request { return request{body: `{"name":"` + s.next() + `"}`} }},
		fixture{name: "groups.get", do: func(s *site) request { return at(s.group().ID) }},
		fixture{name: "groups.update", do: func(s *site) request { return change(s.group().ID, `{"name":"`+s.next()+`"}`) }},
		fixture{name: "groups.delete", do: func(s *site) request { return at(s.group().ID) }},
		fixture{name: "groups.members.add", do: func(s *site) request { return request{path: ids("id", s.group().ID, "member", s.user().ID)} }},
		fixture{name: "groups.members.add: with a role", fresh: true, do: func(s *site) request {
			g := s.group()
			put(s.t)(s.store.PutGrant(s.t.Context(), &tenants.Grant{
				SubscriptionID: s.ids[s.sub], Role: tenants.RoleAuditor, SubjectKind: tenants.SubjectGroup, SubjectID: g.ID, HomeID: s.ids[s.sub], CreatedBy: "test",
			}))
			return request{path: ids("id", g.ID, "member", s.user().ID)}
		}},
		fixture{name: "groups.members.remove", do: func(s *site) request {
			g, u := s.group(), s.user()
			s.link(tenants.LinkGroupMember, g.ID, u.ID)
			return request{path: ids("id", g.ID, "member", u.ID)}
		}},
	)
	// Users, and help for them.
	add(
		list("users.list", func(s *site) { s.user() }),
		fixture{
			name: "users.create", refusals: map[int]string{422: "a tenant named in the body that is not one's own does not exist"},
			do: func(s *site) request {
				return request{body: fmt.Sprintf(`{"name":%q,"tenants":[%q]}`, s.next(), s.ids[s.tenant])}
			},
		},
		fixture{name: "users.get", do: func(s *site) request { return at(s.user().ID) }},
		fixture{name: "users.update", do: func(s *site) request { return change(s.user().ID, `{"display_name":"Anna"}`) }},
		fixture{name: "users.update: an administrator of the subscription", who: noTenant, do: func(s *site) request {
			u := s.user()
			s.role(u, tenants.RoleSubscriptionAdmin, true)
			return change(u.ID, `{"email":"mine@example.test"}`)
		}},
		fixture{name: "users.delete", do: func(s *site) request { return at(s.user().ID) }},
		// What was deleted is a member of no tenant, as far as who runs one can see.
		fixture{name: "users.restore", who: noTenant, do: func(s *site) request { return deleted(s, s.store.Users(), s.user().ID) }},
		fixture{name: "users.password.set", do: func(s *site) request { return change(s.user().ID, `{"password":"a quiet and long sentence"}`) }},
		fixture{name: "users.password.set: of an administrator of the subscription", who: noTenant, do: func(s *site) request {
			u := s.user()
			s.role(u, tenants.RoleSubscriptionAdmin, true)
			return change(u.ID, `{"password":"a quiet and long sentence"}`)
		}},
		fixture{name: "users.idps.list", do: func(s *site) request { return at(s.user().ID) }},
		// By which IDP somebody signs in is configured by the subscription, as IDPs are.
		fixture{name: "users.idps.add", who: noTenant, do: func(s *site) request { return request{path: ids("id", s.user().ID, "idp", s.idp().ID)} }},
		fixture{name: "users.idps.remove", who: noTenant, do: func(s *site) request {
			u, i := s.user(), s.idp()
			s.link(tenants.LinkUserIDP, u.ID, i.ID)
			return request{path: ids("id", u.ID, "idp", i.ID)}
		}},
		fixture{name: "users.help.get", do: func(s *site) request { return at(s.user().ID) }},
		fixture{name: "users.factors.reset", do: func(s *site) request { return change(s.user().ID, reason) }},
		fixture{name: "users.bypass.create", do: func(s *site) request { return change(s.user().ID, reason) }},
		fixture{name: "users.bypass.create: for an administrator of the tenant", who: "SAT", do: func(s *site) request {
			u := s.user()
			s.role(u, tenants.RoleTenantAdmin, false)
			return change(u.ID, reason)
		}},
		fixture{name: "users.unlock", do: func(s *site) request {
			u := s.user()
			_, err := s.db.SQL().ExecContext(s.t.Context(), fmt.Sprintf("INSERT INTO user_failures (subscription_id, user_id, failures, last_us, blocked_until_us) VALUES ('%s', '%s', 9, 0, 0)", s.ids[s.sub], u.ID))
			must(s.t, err)
			return change(u.ID, reason)
		}},
	)
	// Second factors.
	add(
		// Which there are in a subscription its tenants know by name: they may assign them.
		fixture{name: "two_factors.list", whole: true, do: func(s *site) request { s.factor(); return request{} }},
		fixture{name: "two_factors.create", whole: true, do: func(s *site) request { return request{body: `{"name":"` + s.next() + `","type":"token"}`} }},
		fixture{name: "two_factors.get", whole: true, do: func(s *site) request { return at(s.factor().ID) }},
		fixture{name: "two_factors.update", whole: true, do: func(s *site) request { return change(s.factor().ID, `{"active":false}`) }},
		fixture{name: "two_factors.delete", whole: true, do: func(s *site) request { return at(s.factor().ID) }},
		fixture{name: "two_factors.restore", whole: true, do: func(s *site) request { return deleted(s, s.store.TwoFactors(), s.factor().ID) }},
		fixture{name: "two_factors.uses", whole: true, do: func(s *site) request { return at(s.factor().ID) }},
		list("assignments.list", func(s *site) { s.assignment() }),
		fixture{name: "assignments.create", do: func(s *site) request {
			return request{body: fmt.Sprintf(`{"two_factor":%q,"level":"tenant","target":%q}`, s.factor().ID, s.ids[s.tenant])}
		}},
		fixture{name: "assignments.create: to the subscription", who: noTenant, whole: true, do: func(s *site) request {
			return request{body: fmt.Sprintf(`{"two_factor":%q,"level":"subscription","target":%q}`, s.factor().ID, s.ids[s.sub])}
		}},
		fixture{name: "assignments.get", do: func(s *site) request { return at(s.assignment()) }},
		fixture{name: "assignments.update", do: func(s *site) request { return change(s.assignment(), `{"required":true}`) }},
		fixture{name: "assignments.update: looser", who: noTenant, fresh: true, do: func(s *site) request { return change(s.assignment(), `{"grace_days":9}`) }},
		fixture{name: "assignments.delete", do: func(s *site) request { return at(s.assignment()) }},
		list("exemptions.list", func(s *site) { s.exemption() }),
		fixture{name: "exemptions.create", do: func(s *site) request {
			return request{body: fmt.Sprintf(`{"level":"user","target":%q,"reason":"test","until":"2026-12-01T00:00:00Z"}`, s.user().ID)}
		}},
		fixture{name: "exemptions.get", do: func(s *site) request { return at(s.exemption()) }},
		fixture{name: "exemptions.update", do: func(s *site) request { return change(s.exemption(), `{"reason":"longer"}`) }},
		fixture{name: "exemptions.delete", do: func(s *site) request { return at(s.exemption()) }},
		fixture{name: "policy.explain", do: func(s *site) request {
			return request{path: ids("id", s.ids[s.tenant]), query: "user=" + s.user().ID}
		}},
	)
	// Settings, texts and roles: of a subscription and of the whole server.
	settings := ids("type", "token")
	greet := func(s *site) request {
		return request{path: settings, body: `{"options":{"Greeting":"` + s.next() + `"}}`}
	}
	template := func(level, target string) func(s *site) request {
		return func(s *site) request {
			s.untold(level, s.ids[target])
			return request{body: fmt.Sprintf(`{"level":%q,"target":%q,"kind":"code","lang":"de","text":"{{.Code}}"}`, level, s.ids[target]), header: []string{"If-Match", `"0"`}}
		}
	}
	preview := func(level, target string) func(s *site) request {
		return func(s *site) request {
			return request{body: fmt.Sprintf(`{"level":%q,"target":%q,"kind":"code","lang":"en","text":"{{.Code}}","medium":"mail"}`, level, s.ids[target])}
		}
	}
	tenantOf := func(f func(level, target string) func(s *site) request) func(s *site) request {
		return func(s *site) request { return f("tenant", s.tenant)(s) }
	}
	grant := func(r tenants.Role, whole bool) func(s *site) request {
		return func(s *site) request {
			tenant := s.ids[s.tenant]
			if whole {
				tenant = ""
			}
			return request{body: fmt.Sprintf(`{"role":%q,"tenant":%q,"subject_kind":"user","subject":%q}`, r, tenant, s.user().ID)}
		}
	}
	add(
		fixture{name: "base_settings.get", whole: true, do: func(*site) request { return request{path: settings} }},
		fixture{name: "base_settings.update", whole: true, do: greet},
		fixture{name: "platform_settings.get", global: true, do: func(*site) request { return request{path: settings} }},
		fixture{name: "platform_settings.update", global: true, do: greet},
		list("templates.list", func(*site) {}),
		fixture{name: "templates.set", do: tenantOf(template)},
		fixture{name: "templates.set: of the subscription", who: noTenant, whole: true, do: func(s *site) request { return template("subscription", s.sub)(s) }},
		fixture{name: "templates.preview", traceless: true, do: tenantOf(preview)},
		fixture{name: "platform_templates.list", global: true, do: func(*site) request { return request{} }},
		fixture{name: "platform_templates.set", global: true, do: template("platform", "")},
		fixture{name: "platform_templates.preview", traceless: true, global: true, do: preview("platform", "")},
		list("roles.list", func(s *site) { s.role(s.user(), tenants.RoleAuditor, false) }),
		fixture{name: "roles.create", do: grant(tenants.RoleTenantAdmin, false)},
		fixture{name: "roles.create: above a tenant", who: noTenant, whole: true, do: grant(tenants.RoleAuditor, true)},
		fixture{name: "roles.create: administrator of the subscription", who: noTenant, whole: true, do: grant(tenants.RoleSubscriptionAdmin, true)},
		fixture{name: "roles.delete", do: func(s *site) request { return at(s.role(s.user(), tenants.RoleAuditor, false)) }},
		fixture{name: "roles.delete: administrator of the subscription", who: noTenant, whole: true, do: func(s *site) request {
			return at(s.role(s.user(), tenants.RoleSubscriptionAdmin, true))
		}},
		fixture{name: "platform_roles.list", global: true, do: func(*site) request { return request{} }},
		fixture{name: "platform_roles.create", global: true, do: func(s *site) request {
			return request{body: fmt.Sprintf(`{"role":"auditor","subject_kind":"user","subject":%q,"home":%q}`, s.user().ID, s.ids[s.sub])}
		}},
		fixture{name: "platform_roles.delete", global: true, do: func(s *site) request {
			v := tenants.Grant{Role: tenants.RoleAuditor, SubjectKind: tenants.SubjectUser, SubjectID: s.user().ID, HomeID: s.ids[s.sub], CreatedBy: "test"}
			put(s.t)(s.store.PutGrant(s.t.Context(), &v))
			return at(v.ID)
		}},
	)
	// Oversight.
	none := func(*site) request { return request{} }
	png := func(path map[string]string, s *site) request {
		return request{path: path, body: picture(s.t, 8), header: []string{"Content-Type", "image/png"}}
	}
	add(
		list("audit.list", func(s *site) { s.event() }),
		fixture{name: "audit.get", do: func(s *site) request { return at(s.event()) }},
		list("audit.export", func(s *site) { s.event() }),
		// A chain is checked as a whole, by who may read all of it.
		fixture{name: "audit.verify", traceless: true, whole: true, entire: true, do: none},
		fixture{name: "platform_audit.list", global: true, do: none},
		fixture{name: "platform_audit.get", global: true, do: func(s *site) request { return at(s.eventIn(db.Scope{}, "")) }},
		fixture{name: "platform_audit.export", global: true, do: none},
		fixture{name: "platform_audit.verify", traceless: true, global: true, do: none},
		list("messages.list", func(s *site) { s.message() }),
		fixture{name: "messages.get", do: func(s *site) request { return at(s.message()) }},
		list("sessions.list", func(*site) {}),
		fixture{name: "sessions.end", do: func(s *site) request { return request{path: ids("id", s.ids[s.tenant], "session", id.New())} }},
		fixture{name: "sessions.end_all", whole: true, entire: true, do: none},
		fixture{name: "tenants.sessions.end", do: func(s *site) request { return at(s.ids[s.tenant]) }},
		fixture{name: "signing_keys.list", do: func(s *site) request { return at(s.ids[s.tenant]) }},
		fixture{name: "signing_keys.rotate", do: func(s *site) request { return at(s.ids[s.tenant]) }},
		fixture{name: "signing_keys.revoke", do: func(s *site) request {
			return request{path: ids("id", s.ids[s.tenant], "key", s.ids[s.tenant]), body: `{"reason":"stolen"}`}
		}},
		fixture{name: "users.consents.list", do: func(s *site) request { return at(s.user().ID) }},
		fixture{name: "users.consents.withdraw", do: func(s *site) request {
			return request{path: ids("id", s.user().ID, "client_app", s.ids["app "+s.sub])}
		}},
		fixture{name: "users.sessions.end", do: func(s *site) request { return at(s.user().ID) }},
		fixture{name: "two_factors.test", traceless: true, whole: true, do: func(s *site) request { return at(s.factor().ID) }},
		fixture{name: "policy.preview", traceless: true, list: true, do: func(s *site) request {
			return request{body: fmt.Sprintf(`{"change":"demand","level":"tenant","target":%q,"enforce_mfa":true}`, s.ids[s.tenant])}
		}},
		fixture{name: "policy.preview.list", traceless: true, list: true, do: func(s *site) request {
			return request{body: fmt.Sprintf(`{"change":"demand","level":"tenant","target":%q,"enforce_mfa":true,"effect":"cannot_satisfy"}`, s.ids[s.tenant])}
		}},
		fixture{name: "tenants.logo.set", do: func(s *site) request { return png(ids("id", s.ids[s.tenant]), s) }},
		fixture{name: "tenants.logo.delete", do: func(s *site) request { return at(s.ids[s.tenant]) }},
		fixture{name: "client_apps.logo.set", do: func(s *site) request { return png(ids("id", s.app().ID), s) }},
		fixture{name: "client_apps.logo.delete", do: func(s *site) request {
			a := s.app()
			a.LogoURL = "https://acme.example/logo.png"
			put(s.t)(s.store.PutClientApp(s.ctx(), &a))
			return at(a.ID)
		}},
		fixture{
			name: "users.import", refusals: map[int]string{422: "a tenant that is not one's own does not exist"},
			do: func(s *site) request {
				return request{query: "tenant=" + s.tenant, body: `{"name":"` + s.next() + `"}`, header: []string{"Content-Type", "application/jsonl"}}
			},
		},
		// Of bulk actions one's own are listed, and all to who runs the subscription.
		list("jobs.list", func(s *site) { s.job() }),
		fixture{name: "jobs.get", who: noTenant, whole: true, do: func(s *site) request { return at(s.job()) }},
		fixture{name: "jobs.stop", who: noTenant, whole: true, do: func(s *site) request { return at(s.job()) }},
		fixture{name: "jobs.create", who: "SAT", list: true, late: true, do: func(s *site) request {
			s.drained()
			return request{body: fmt.Sprintf(`{"do":"deactivate","users":[%q]}`, s.user().ID)}
		}},
		fixture{name: "jobs.create: with a group", who: noTenant, list: true, do: func(s *site) request {
			s.drained()
			return request{body: fmt.Sprintf(`{"do":"add_to_group","group":%q,"users":[%q]}`, s.group().ID, s.user().ID)}
		}},
	)
	return out
}

// event puts one into the trail of the place, and returns its id.
func (s *site) event() string {
	return s.eventIn(db.Scope{Subscription: s.ids[s.sub], Tenant: s.ids[s.tenant]}, s.user().ID)
}

func (s *site) eventIn(scope db.Scope, user string) string {
	trail := &audit.Trail{DB: s.db, Seal: s.store.Seal, Now: s.clock.Now}
	ctx := db.WithScope(s.t.Context(), scope)
	if scope.Subscription == "" {
		ctx = audit.Platform(s.t.Context())
	}
	must(s.t, trail.Record(ctx, audit.Event{Kind: "sign_in.done", Actor: user, User: user}, map[string]any{"mark": s.next()}))
	list, err := trail.Search(ctx, page.Query{Limit: 1}, nil)
	must(s.t, err)
	return list.Items[0].ID
}

// message is the id of one that was sent in the place.
func (s *site) message() string {
	var got []string
	mid, now := id.New(), s.clock.Now()
	must(s.t, s.db.QueryRaw(s.ctx(), &got, `INSERT INTO messages (id, subscription_id, tenant_id, two_factor_id, challenge_id, user_id, kind, medium, state, sealed, masked, fell_from, created_at, next_at, expires_at, attempts, provider_id, provider_status, segments, error_class, error)
VALUES (?, ?, ?, ?, 'c', ?, 'code', 'sms', 'sent', '', '•••67', '', ?, ?, ?, 1, '', '', 0, '', '') RETURNING id`,
		mid, s.ids[s.sub], s.ids[s.tenant], s.ids["factor "+s.sub], s.user().ID, now, now, now))
	return mid
}

// job is the id of a bulk action on a user of the place, which somebody at the command
// line has begun. Those before it are done first: only a few run at a time.
func (s *site) job() string {
	s.drained()
	j, err := s.admin.StartBulk(s.t.Context(), admin.Operator(), s.ids[s.sub], admin.BulkUsers{Do: admin.BulkActivate, IDs: []string{s.user().ID}})
	must(s.t, err)
	return j.ID
}

func (s *site) drained() {
	for more := true; more; {
		var err error
		more, err = s.admin.WorkJobs(s.t.Context())
		must(s.t, err)
	}
}

// untold takes away the template that the one before has set.
func (s *site) untold(level, target string) {
	ctx := s.ctx()
	if level == "platform" {
		ctx = s.t.Context()
	}
	_, err := s.store.DeleteTemplate(ctx, tenants.Template{Level: tenants.Level(level), TargetID: target, Kind: "code", Lang: "de"})
	if err != nil && !problem.Is(err, problem.NotFound) {
		s.t.Fatal(err)
	}
}

package tenants

import (
	"context"
	"slices"
	"testing"
	"time"

	"twofold/internal/page"
	"twofold/internal/testkit"
	"twofold/twofactor"
)

// TestTwoTenants calls every method as acme with all that is globex's.
func TestTwoTenants(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		a, b := w.customer("acme"), w.customer("globex")
		b.group.Name, b.letter.Name = "people of globex", "letter of globex"
		done[Difference](t)(w.PutGroup(b.admin, &b.group))
		done[Difference](t)(w.SetGroupMembers(b.admin, b.group.ID, []string{b.anna.ID}))
		done[Difference](t)(w.PutTwoFactor(b.admin, &b.letter, Options{"Sender": []byte(`"globex"`)}))
		bob := w.user(b, User{Name: "bob of globex", Active: true})
		b.app.EnforceMFA, b.app.LogoutURI = true, "https://globex.example/logout"
		done[Difference](t)(w.PutClientApp(b.admin, &b.app))
		must(t, w.PutClientSecret(b.admin, b.app.ID, "secret of an app", nil))
		done[Difference](t)(w.PutSettings(b.admin, "letter", Options{"Sender": []byte(`"globex"`)}))
		assignment := Assignment{TwoFactorID: b.letter.ID, Level: LevelUser, TargetID: b.anna.ID}
		exemption := Exemption{Level: LevelUser, TargetID: b.anna.ID, Reason: "globex", Until: firstOfMay.AddDate(0, 0, 1)}
		done[Difference](t)(w.PutAssignment(b.admin, &assignment))
		done[Difference](t)(w.PutExemption(b.admin, &exemption))
		post, teller := TwoFactor{Name: "post of globex", Type: "post", Active: true}, TwoFactor{Name: "teller of globex", Type: "enrolled", Active: true}
		done[Difference](t)(w.PutTwoFactor(b.admin, &post, goodOptions))
		done[Difference](t)(w.PutTwoFactor(b.admin, &teller, goodOptions))
		heir := TwoFactor{Name: "heir of globex", Type: "letter", Active: true} // has its sender from the base settings
		done[Difference](t)(w.PutTwoFactor(b.admin, &heir, nil))
		done[Difference](t)(w.PutAssignment(b.admin, &Assignment{TwoFactorID: teller.ID, Level: LevelTenant, TargetID: b.tenant.ID}))
		w.CheckTemplate = func(Template) []twofactor.FieldError { return nil }
		template := Template{Level: LevelTenant, TargetID: b.tenant.ID, Kind: "code", Lang: "en", Subject: "globex"}
		done[Difference](t)(w.PutTemplate(b.ctx, &template))
		done[Difference](t)(w.PutTemplate(b.admin, &Template{Level: LevelClientApp, TargetID: b.app.ID, Kind: "code", Lang: "en", Subject: "app of globex"}))
		done[Difference](t)(w.PutGrant(b.admin, &Grant{SubscriptionID: b.sub.ID, Role: RoleHelpDesk, SubjectKind: SubjectUser, SubjectID: b.anna.ID, HomeID: b.sub.ID}))
		done[Difference](t)(w.PutSettings(b.admin, "post", Options{"Length": []byte("7")}))
		w.behind(`INSERT INTO enrollments (subscription_id, id, user_id, two_factor_id, label, handle, sealed, uses, preferred, version, created_at)
VALUES (?, ?, ?, ?, '', '', '', 0, false, 1, '2027-05-01 00:00:00+00:00')`, b.sub.ID, "enrollment of globex", b.anna.ID, teller.ID)
		must(t, w.PutLogo(b.admin, Logo{OwnerID: b.tenant.ID, Hash: logoOfGlobex, MIME: "image/png", Content: []byte("globex")}))
		corp := w.corp(b, func(v *IDP) { v.Title = "globex" })
		must(t, w.LinkUpstream(b.ctx, b.anna.ID, corp.ID, "anna of globex"))
		b.sub.SharedSignOn = true
		done[Difference](t)(w.PutSubscription(b.admin, &b.sub))
		w.Forget()

		testkit.Isolation{
			URL: url, Store: w.Store, A: a.ctx, B: b.ctx, Marks: []string{"globex"},
			IDs: []string{b.sub.ID, b.tenant.ID, b.idp.ID, b.app.ID, b.group.ID, b.anna.ID, b.letter.ID, post.ID, teller.ID, bob.ID, assignment.ID, exemption.ID, corp.ID},
			Exempt: map[string]string{
				"RealmByName":        "finds the tenant by the address of the request: that is how a context gets its tenant",
				"RealmByHost":        "finds the tenant by the host of the request: likewise",
				"At":                 "keeps nothing, and asks for nothing",
				"RealmByID":          "for the server's own work, such as the outbox",
				"ListSubscriptions":  "for operators, who own the server",
				"SubscriptionByName": "for operators",
				"PutSubscription":    "for operators",
				"Purge":              "the server's own work: it looks for what was deleted in all subscriptions",
				"Subscriptions":      "for operators",
				"PutGrant":           "a role names its scope itself: package admin decides who may give it",
				"DeleteGrant":        "for who has found the role by GrantByID",
				"GrantByID":          "for package admin, which decides who may see it",
				"GrantsIn":           "names its scope itself",
				"SystemAdmins":       "counts over the whole server",
				"MayHave":            "keeps nothing, and asks for nothing but words of the tenant in ctx",
				"HashPassword":       "keeps nothing, and asks for nothing but words of the tenant in ctx",
				"Check":              "asks for nothing but base settings: BaseLayers",
				"SMSRules":           "asks for nothing but the tenant in the context",
				"Forget":             "forgets, and returns nothing",
				"SealedColumns":      "for operators, who own the master key; what they do returns numbers",
				"MayAdmit":           "answers for the subscription in ctx; what it finds is the name of nothing",
				"ReadAddress":        "reads what was typed, by the rules of the tenant in ctx: SMSRules",
			},
			Cases: append(w.upstreamCases(b, corp, bob.ID), w.isolationCases(b, bob, assignment, exemption)...),
		}.Run(t)
	})
}

const logoOfGlobex = "the hash of a logo"

// upstreamCases are those of another provider.
func (w *world) upstreamCases(b *customer, corp IDP, bobID string) []testkit.IsolationCase {
	type see = func(...any)
	yes := func(see see, ok bool, err error) {
		if ok && err == nil {
			see("globex")
		}
	}
	return []testkit.IsolationCase{
		{Method: "Upstream", Do: func(ctx context.Context, see see) { see(w.Upstream(ctx, corp.ID)) }},
		{Method: "UserBySubject", Do: func(ctx context.Context, see see) { see(w.UserBySubject(ctx, corp.ID, "anna of globex")) }},
		{Method: "HasSubject", Do: func(ctx context.Context, see see) {
			ok, err := w.HasSubject(ctx, corp.ID, "anna of globex")
			yes(see, ok, err)
		}},
		{Method: "UpstreamsOf", Do: func(ctx context.Context, see see) { see(w.UpstreamsOf(ctx, b.anna.ID)) }},
		{Method: "HasPasswordHere", Do: func(ctx context.Context, see see) {
			ok, err := w.HasPasswordHere(ctx, bobID)
			yes(see, ok, err)
		}},
		{Method: "LinkUpstream", Do: func(ctx context.Context, see see) { yes(see, true, w.LinkUpstream(ctx, bobID, corp.ID, "bob there")) }},
		{Method: "Follow", Do: func(ctx context.Context, see see) {
			d, err := w.Follow(ctx, corp, b.anna, Profile{DisplayName: "changed"})
			yes(see, d.Changed(), err)
		}},
		{Method: "Admit", Do: func(ctx context.Context, see see) {
			_, err := w.Admit(ctx, corp, "new there", Profile{})
			yes(see, err == nil, err)
		}},
		{Method: "UnlinkUpstream", Do: func(ctx context.Context, see see) {
			ok, err := w.UnlinkUpstream(ctx, b.anna.ID, corp.ID)
			yes(see, ok, err)
		}},
	}
}

// isolationCases ask for b's things. A result that is only yes or no is shown as
// a word of b's where it is yes.
func (w *world) isolationCases(b *customer, bob User, assignment Assignment, exemption Exemption) []testkit.IsolationCase {
	type see = func(...any)
	yes := func(see see) func(bool, error) {
		return func(ok bool, err error) {
			if ok && err == nil {
				see("globex")
			}
		}
	}
	changed := func(see see) func(Difference, error) {
		return func(d Difference, err error) { yes(see)(d.Changed(), err) }
	}
	until := firstOfMay.Add(time.Hour)
	return []testkit.IsolationCase{
		{Method: "CountAssignments", Do: func(ctx context.Context, see see) {
			n, err := w.CountAssignments(ctx)
			yes(see)(n[b.letter.ID] > 0, err)
		}},
		{Method: "LinksOf", Do: func(ctx context.Context, see see) {
			for kind, owner := range map[LinkKind]string{
				LinkTenantMember: b.tenant.ID, LinkTenantClientApp: b.tenant.ID, LinkGroupMember: b.group.ID, LinkUserIDP: b.anna.ID,
				LinkAppUser: b.app.ID, LinkAppGroup: b.app.ID,
			} {
				ids, err := w.LinksOf(ctx, kind, owner)
				yes(see)(len(ids) > 0, err)
			}
		}},
		{Method: "OwnersOf", Do: func(ctx context.Context, see see) {
			for kind, other := range map[LinkKind]string{
				LinkTenantMember: b.anna.ID, LinkTenantClientApp: b.app.ID, LinkGroupMember: b.anna.ID, LinkUserIDP: b.idp.ID,
				LinkAppUser: b.anna.ID, LinkAppGroup: b.group.ID,
			} {
				ids, err := w.OwnersOf(ctx, kind, other)
				yes(see)(len(ids) > 0, err)
				n, err := w.CountOwners(ctx, kind, other)
				yes(see)(n > 0, err)
			}
		}},
		{Method: "CountOwners", Do: func(ctx context.Context, see see) {
			n, err := w.CountOwners(ctx, LinkUserIDP, b.idp.ID)
			yes(see)(n > 0, err)
		}},
		{Method: "CountLinks", Do: func(ctx context.Context, see see) {
			n, err := w.CountLinks(ctx, LinkTenantMember, b.tenant.ID)
			yes(see)(n > 0, err)
		}},
		{Method: "EnrolledOf", Do: func(ctx context.Context, see see) {
			m, err := w.EnrolledOf(ctx, []string{b.anna.ID, bob.ID})
			yes(see)(len(m) > 0, err)
		}},
		{Method: "Spoils", Do: func(ctx context.Context, see see) {
			all, err := w.Spoils(ctx, "letter", Options{})
			yes(see)(slices.ContainsFunc(all, func(v TwoFactor) bool { return v.Name == "heir of globex" }), err)
		}},
		{Method: "Logo", Do: func(ctx context.Context, see see) {
			v, err := w.Logo(ctx, logoOfGlobex)
			yes(see)(len(v.Content) > 0, err)
		}},
		{Method: "PutLogo", Do: func(ctx context.Context, see see) {
			see(w.PutLogo(ctx, Logo{OwnerID: b.tenant.ID, Hash: "of acme"}))
			_, err := w.Logo(b.ctx, logoOfGlobex)
			yes(see)(err != nil, nil) // it is gone by what acme did
		}},
		{Method: "Layers", Do: func(ctx context.Context, see see) {
			_, _, own, err := w.Layers(ctx, b.letter.ID)
			yes(see)(string(own["Sender"]) == `"globex"`, err)
		}},
		{Method: "ClientApp", Do: func(ctx context.Context, see see) { see(w.ClientApp(ctx, b.app.ClientID)) }},
		{Method: "ClientAppByID", Do: func(ctx context.Context, see see) { see(w.ClientAppByID(ctx, b.app.ID)) }},
		{Method: "CheckClientSecret", Do: func(ctx context.Context, see see) {
			yes(see)(w.CheckClientSecret(ctx, b.app.ClientID, "secret of an app"))
		}},
		{Method: "HasClientSecret", Do: func(ctx context.Context, see see) { yes(see)(w.HasClientSecret(ctx, b.app.ID, "secret of an app")) }},
		{Method: "Open", Do: func(ctx context.Context, see see) { see(w.Open(ctx, b.letter.ID)) }},
		{Method: "ByName", Do: func(ctx context.Context, see see) {
			inst, err := w.ByName(ctx, b.letter.Name)
			yes(see)(inst.ID == b.letter.ID, err)
		}},
		{Method: "OptionsOf", Do: func(ctx context.Context, see see) {
			o, err := w.OptionsOf(ctx, b.letter.ID)
			see(string(o["Sender"]), err)
		}},
		{Method: "Sources", Do: func(ctx context.Context, see see) {
			m, err := w.Sources(ctx, b.letter.ID)
			yes(see)(len(m) > 0, err)
		}},
		{Method: "StateOf", Do: func(ctx context.Context, see see) {
			s, err := w.StateOf(ctx, b.letter.ID)
			see(s)
			yes(see)(s.Word != "invalid", err)
		}},
		{Method: "UserKeys", Do: func(ctx context.Context, see see) { see(w.UserKeys(ctx)) }},
		{Method: "IDPsOfUsers", Do: func(ctx context.Context, see see) { see(w.IDPsOfUsers(ctx, []string{b.anna.ID, bob.ID})) }},
		{Method: "WithPassword", Do: func(ctx context.Context, see see) { see(w.WithPassword(ctx, []string{b.anna.ID, bob.ID})) }},
		{Method: "WithClientSecret", Do: func(ctx context.Context, see see) { see(w.WithClientSecret(ctx)) }},
		{Method: "TenantIDPs", Do: func(ctx context.Context, see see) { see(w.TenantIDPs(ctx)) }},
		{Method: "TenantClientApps", Do: func(ctx context.Context, see see) { see(w.TenantClientApps(ctx)) }},
		{Method: "BaseSettings", Do: func(ctx context.Context, see see) {
			m, err := w.BaseSettings(ctx)
			for factorType, o := range m {
				see(factorType, string(o["Sender"]), err)
			}
		}},
		{Method: "IDPs", Do: func(ctx context.Context, see see) { see(w.IDPs(ctx)) }},
		{Method: "ListTenants", Do: func(ctx context.Context, see see) { see(w.ListTenants(ctx)) }},
		{Method: "ListIDPs", Do: func(ctx context.Context, see see) { see(w.ListIDPs(ctx)) }},
		{Method: "LogoutApps", Do: func(ctx context.Context, see see) { see(w.LogoutApps(ctx)) }},
		{Method: "ListClientApps", Do: func(ctx context.Context, see see) { see(w.ListClientApps(ctx)) }},
		{Method: "ListGroups", Do: func(ctx context.Context, see see) { see(w.ListGroups(ctx)) }},
		{Method: "ListTwoFactors", Do: func(ctx context.Context, see see) { see(w.ListTwoFactors(ctx)) }},
		{Method: "ListAssignments", Do: func(ctx context.Context, see see) { see(w.ListAssignments(ctx)) }},
		{Method: "ListExemptions", Do: func(ctx context.Context, see see) { see(w.ListExemptions(ctx)) }},
		{Method: "UsersByName", Do: func(ctx context.Context, see see) { see(w.UsersByName(ctx, []string{"anna", "bob of globex"})) }},
		{Method: "Called", Do: func(ctx context.Context, see see) {
			for _, kind := range []string{"user", "client_app", "tenant", "two_factor", "group", "idp"} {
				see(w.Called(ctx, kind, []string{b.anna.ID, bob.ID, b.app.ID, b.tenant.ID, b.letter.ID, b.group.ID, b.idp.ID}))
			}
		}},
		{Method: "UsersByID", Do: func(ctx context.Context, see see) { see(w.UsersByID(ctx, []string{b.anna.ID, bob.ID})) }},
		{Method: "TenantsOfUsers", Do: func(ctx context.Context, see see) { see(w.TenantsOfUsers(ctx, []string{b.anna.ID})) }},
		{Method: "SharedBy", Do: func(ctx context.Context, see see) { see(w.SharedBy(ctx, b.anna.ID)) }},
		{Method: "MembersOfTenant", Do: func(ctx context.Context, see see) { see(w.MembersOfTenant(ctx, b.tenant.ID)) }},
		{Method: "GroupsOfUsers", Do: func(ctx context.Context, see see) { see(w.GroupsOfUsers(ctx, []string{b.anna.ID})) }},
		{Method: "MembersOfGroup", Do: func(ctx context.Context, see see) { see(w.MembersOfGroup(ctx, b.group.ID)) }},
		{Method: "NewPassword", Do: func(ctx context.Context, see see) {
			set, err := w.NewPassword(ctx, bob, goodPassword, false)
			if err == nil {
				err = set(ctx)
			}
			see(err)
		}},
		{Method: "RealmOf", Do: func(ctx context.Context, see see) { see(w.RealmOf(ctx)) }},
		{Method: "RaiseEpoch", Do: func(ctx context.Context, see see) { see(w.RaiseEpoch(ctx, b.anna.ID)) }},
		{Method: "HoldUser", Do: func(ctx context.Context, see see) {
			for epoch := range int64(9) {
				yes(see)(w.HoldUser(ctx, b.anna.ID, epoch) == nil, nil)
			}
		}},
		{Method: "States", Do: func(ctx context.Context, see see) { see(w.States(ctx)) }},
		{Method: "Preview", Do: func(ctx context.Context, see see) {
			for _, change := range changesOf(b) {
				p, err := w.Preview(ctx, change, nobodyEnrolled)
				see(p, err)
				yes(see)(p.Reached > 0, err)
			}
		}},
		{Method: "PreviewList", Do: func(ctx context.Context, see see) {
			for _, change := range changesOf(b) {
				for _, e := range Effects() {
					p, err := w.PreviewList(ctx, change, e, page.Query{}, nobodyEnrolled)
					see(p, err)
				}
			}
		}},
		{Method: "StrictApps", Do: func(ctx context.Context, see see) { see(w.StrictApps(ctx)) }},
		{Method: "SetProveFirst", Do: func(ctx context.Context, see see) { see(w.SetProveFirst(ctx, b.anna.ID, true)) }},
		{Method: "SetAddress", Do: func(ctx context.Context, see see) {
			see(w.SetAddress(ctx, b.anna.ID, twofactor.NeedsPhone, "+41791112233"), w.SetAddress(ctx, b.anna.ID, twofactor.NeedsEmail, "taken@acme.test"))
		}},
		{Method: "UnprovePhone", Do: func(ctx context.Context, see see) { see(w.UnprovePhone(ctx, b.anna.ID)) }},
		{Method: "PersonByLogin", Do: func(ctx context.Context, see see) {
			u, _, err := w.PersonByLogin(ctx, "bob of globex")
			see(u, err)
		}},
		{Method: "MailSender", Do: func(ctx context.Context, see see) {
			id, _, err := w.MailSender(ctx)
			see(id, err)
		}},
		{Method: "Identifiers", Do: func(ctx context.Context, see see) { see(w.Identifiers(ctx, b.app.ID)) }},
		{Method: "User", Do: func(ctx context.Context, see see) { see(w.User(ctx, b.anna.ID)) }},
		{Method: "CheckPassword", Do: func(ctx context.Context, see see) { see(w.CheckPassword(ctx, "bob of globex", goodPassword)) }},
		{Method: "PasswordFits", Do: func(ctx context.Context, see see) { yes(see)(w.PasswordFits(ctx, bob.ID, goodPassword)) }},
		{Method: "Policy", Do: func(ctx context.Context, see see) {
			see(w.Policy(ctx, b.question()))
			see(w.Policy(ctx, Question{ClientAppID: b.app.ID, UserID: b.anna.ID}))
		}},
		{Method: "AddClientSecret", Do: func(ctx context.Context, see see) { see(w.AddClientSecret(ctx, b.app.ID)) }},
		{Method: "PutClientSecret", Do: func(ctx context.Context, see see) { see(w.PutClientSecret(ctx, b.app.ID, "another", &until)) }},
		{Method: "NoteDelivery", Do: func(ctx context.Context, see see) { see(w.NoteDelivery(ctx, b.letter.ID, "taken")) }},
		{Method: "NoteTwoFactor", Do: func(ctx context.Context, see see) { see(w.NoteTwoFactor(ctx, b.anna.ID, b.letter.ID)) }},
		{Method: "SetPassword", Do: func(ctx context.Context, see see) {
			see(w.SetPassword(ctx, bob, goodPassword, false), w.SetPassword(ctx, b.anna, goodPassword, false))
		}},
		{Method: "PutTenant", Do: func(ctx context.Context, see see) {
			v := b.tenant
			v.Title = "taken"
			d, err := w.PutTenant(ctx, &v)
			see(d, err)
		}},
		{Method: "PutIDP", Do: func(ctx context.Context, see see) {
			v := b.idp
			v.Title = "taken"
			see(w.PutIDP(ctx, &v))
			if v.ID != b.idp.ID {
				see(v)
			}
		}},
		{Method: "PutClientApp", Do: func(ctx context.Context, see see) {
			v := b.app
			v.Title = "taken"
			see(w.PutClientApp(ctx, &v))
		}},
		{Method: "PutUser", Do: func(ctx context.Context, see see) {
			v := User{ID: b.anna.ID, Name: b.anna.Name, Kind: Person, DisplayName: "taken"}
			see(w.PutUser(ctx, &v))
		}},
		{Method: "PutGroup", Do: func(ctx context.Context, see see) {
			v := Group{ID: b.group.ID, Name: "another"}
			see(w.PutGroup(ctx, &v))
		}},
		{Method: "PutTwoFactor", Do: func(ctx context.Context, see see) {
			v := TwoFactor{ID: b.letter.ID, Name: "letter of some", Type: "letter"}
			see(w.PutTwoFactor(ctx, &v, goodOptions))
		}},
		{Method: "PutSettings", Do: func(ctx context.Context, see see) { see(w.PutSettings(ctx, "letter", Options{"Length": []byte("9")})) }},
		{Method: "PutAssignment", Do: func(ctx context.Context, see see) {
			see(w.PutAssignment(ctx, &Assignment{TwoFactorID: b.letter.ID, Level: LevelTenant, TargetID: b.tenant.ID, Required: true}))
			see(w.PutAssignment(ctx, &Assignment{TwoFactorID: b.letter.ID, Level: LevelUser, TargetID: b.anna.ID, Required: true}))
		}},
		{Method: "Templates", Do: func(ctx context.Context, see see) { see(w.Templates(ctx)) }},
		{Method: "TemplatesFor", Do: func(ctx context.Context, see see) {
			see(w.TemplatesFor(ctx, "code"))
			see(w.TemplatesFor(WithClientApp(ctx, b.app.ID), "code"))
		}},
		{Method: "PutTemplate", Do: func(ctx context.Context, see see) {
			see(w.PutTemplate(ctx, &Template{Level: LevelTenant, TargetID: b.tenant.ID, Kind: "code", Lang: "en", Subject: "taken"}))
			see(w.PutTemplate(ctx, &Template{Level: LevelTenant, TargetID: b.tenant.ID, Kind: "code", Lang: "de", Subject: "taken"}))
			see(w.PutTemplate(ctx, &Template{Level: LevelSubscription, TargetID: b.sub.ID, Kind: "code", Lang: "en", Subject: "taken"}))
			see(w.PutTemplate(ctx, &Template{Level: LevelClientApp, TargetID: b.app.ID, Kind: "code", Lang: "en", Subject: "taken"}))
		}},
		{Method: "DeleteTemplate", Do: func(ctx context.Context, see see) {
			see(w.DeleteTemplate(ctx, Template{Level: LevelTenant, TargetID: b.tenant.ID, Kind: "code", Lang: "en"}))
		}},
		{Method: "PutExemption", Do: func(ctx context.Context, see see) {
			see(w.PutExemption(ctx, &Exemption{Level: LevelUser, TargetID: b.anna.ID, Reason: "taken", Until: until}))
		}},
		{Method: "SetIdentities", Do: func(ctx context.Context, see see) {
			see(w.SetIdentities(ctx, User{ID: b.anna.ID, Name: "another"}, []string{b.idp.ID}))
			see(w.SetIdentities(ctx, b.anna, nil))
		}},
		{Method: "SetGroupMembers", Do: func(ctx context.Context, see see) {
			see(w.SetGroupMembers(ctx, b.group.ID, []string{bob.ID}))
			see(w.SetGroupMembers(ctx, b.group.ID, nil))
		}},
		{Method: "SetTenantMembers", Do: func(ctx context.Context, see see) {
			see(w.SetTenantMembers(ctx, b.tenant.ID, []string{bob.ID}))
			see(w.SetTenantMembers(ctx, b.tenant.ID, nil))
		}},
		{Method: "SetTenantClientApps", Do: func(ctx context.Context, see see) { see(w.SetTenantClientApps(ctx, b.tenant.ID, nil)) }},
		{Method: "SetAppUsers", Do: func(ctx context.Context, see see) {
			see(w.SetAppUsers(ctx, b.app.ID, []string{bob.ID}))
			see(w.SetAppUsers(ctx, b.app.ID, nil))
		}},
		{Method: "SetAppGroups", Do: func(ctx context.Context, see see) {
			see(w.SetAppGroups(ctx, b.app.ID, []string{b.group.ID}))
			see(w.SetAppGroups(ctx, b.app.ID, nil))
		}},
		{Method: "MayUse", Do: func(ctx context.Context, see see) {
			_, _ = w.Link(ctx, LinkAppUser, b.app.ID, b.anna.ID)
			app := b.app
			app.Restricted = true
			yes(see)(w.MayUse(ctx, app, b.anna.ID))
		}},
		{Method: "AppUsers", Do: func(ctx context.Context, see see) {
			_, _ = w.Link(ctx, LinkAppUser, b.app.ID, b.anna.ID)
			l, err := w.AppUsers(ctx)
			yes(see)(slices.Contains(l, AppLink{b.app.ID, b.anna.ID}), err)
		}},
		{Method: "AppGroups", Do: func(ctx context.Context, see see) {
			_, _ = w.Link(ctx, LinkAppGroup, b.app.ID, b.group.ID)
			l, err := w.AppGroups(ctx)
			yes(see)(slices.Contains(l, AppLink{b.app.ID, b.group.ID}), err)
		}},
		{Method: "SetTenantIDPs", Do: func(ctx context.Context, see see) {
			see(w.SetTenantIDPs(ctx, b.tenant.ID, []string{b.idp.ID}))
			see(w.SetTenantIDPs(ctx, b.tenant.ID, nil))
		}},
		{Method: "Link", Do: func(ctx context.Context, see see) {
			changed(see)(w.Link(ctx, LinkTenantIDP, b.tenant.ID, b.idp.ID))
			changed(see)(w.Link(ctx, LinkTenantClientApp, b.tenant.ID, b.app.ID))
			changed(see)(w.Link(ctx, LinkTenantMember, b.tenant.ID, b.anna.ID))
			changed(see)(w.Link(ctx, LinkGroupMember, b.group.ID, b.anna.ID))
			changed(see)(w.Link(ctx, LinkUserIDP, b.anna.ID, b.idp.ID))
			changed(see)(w.Link(ctx, LinkAppUser, b.app.ID, bob.ID))
			changed(see)(w.Link(ctx, LinkAppGroup, b.app.ID, b.group.ID))
		}},
		{Method: "Unlink", Do: func(ctx context.Context, see see) {
			changed(see)(w.Unlink(ctx, LinkTenantMember, b.tenant.ID, b.anna.ID))
			changed(see)(w.Unlink(ctx, LinkGroupMember, b.group.ID, b.anna.ID))
			changed(see)(w.Unlink(ctx, LinkAppUser, b.app.ID, b.anna.ID))
		}},
		{Method: "TenantsOf", Do: func(ctx context.Context, see see) {
			ids, err := w.TenantsOf(ctx, bob.ID)
			yes(see)(len(ids) > 0, err)
			_, err = w.Link(ctx, LinkTenantMember, b.tenant.ID, bob.ID)
			yes(see)(err == nil, err)
		}},
		{Method: "ClientSecrets", Do: func(ctx context.Context, see see) {
			l, err := w.ClientSecrets(ctx, b.app.ID)
			yes(see)(len(l) > 0, err)
		}},
		{Method: "NewClientSecret", Do: func(ctx context.Context, see see) {
			_, err := w.NewClientSecret(ctx, b.app.ID, nil)
			yes(see)(err == nil, err)
		}},
		{Method: "DeleteClientSecret", Do: func(ctx context.Context, see see) {
			l, err := w.ClientSecrets(b.admin, b.app.ID)
			if err != nil || len(l) == 0 {
				panic(err)
			}
			err = w.DeleteClientSecret(ctx, b.app.ID, l[0].ID)
			yes(see)(err == nil, err)
		}},
		{Method: "SettingsOf", Do: func(ctx context.Context, see see) {
			o, err := w.SettingsOf(ctx, "post")
			yes(see)(string(o.Options["Length"]) == "7", err)
		}},
		{Method: "BaseLayers", Do: func(ctx context.Context, see see) {
			_, o, err := w.BaseLayers(ctx, "post")
			yes(see)(string(o["Length"]) == "7", err)
		}},
		{Method: "KeepHash", Do: func(ctx context.Context, see see) {
			err := w.KeepHash(ctx, b.anna.ID, foreignHashes[0].hash)
			yes(see)(err == nil, err)
		}},
		{Method: "Arrive", Do: func(ctx context.Context, see see) {
			err := w.Arrive(ctx, []*Arrival{{User: User{Name: "till", Kind: Person}, In: []string{b.tenant.ID}}})
			yes(see)(err == nil, err)
			err = w.Arrive(ctx, []*Arrival{{User: User{Name: "till", Kind: Person}, Groups: []string{b.group.ID}, IDPs: []string{b.idp.ID}}})
			yes(see)(err == nil, err)
		}},
		{Method: "GrantsOf", Do: func(ctx context.Context, see see) { see(w.GrantsOf(ctx, SubjectUser, b.anna.ID)) }},
		{Method: "Assignments", Do: keptCase(w.Assignments, b.tenant.ID, assignment.ID)},
		{Method: "Exemptions", Do: keptCase(w.Exemptions, b.tenant.ID, exemption.ID)},
		{Method: "Tenants", Do: keptCase(w.Tenants, b.tenant.ID, b.tenant.ID)},
		{Method: "KeptIDPs", Do: keptCase(w.KeptIDPs, b.tenant.ID, b.idp.ID)},
		{Method: "ClientApps", Do: keptCase(w.ClientApps, b.tenant.ID, b.app.ID)},
		{Method: "Groups", Do: keptCase(w.Groups, b.tenant.ID, b.group.ID)},
		{Method: "TwoFactors", Do: keptCase(w.TwoFactors, b.tenant.ID, b.letter.ID)},
		{Method: "Users", Do: func(ctx context.Context, see see) {
			see(w.Users().Page(ctx, page.Query{Filter: map[string]string{"tenant": b.tenant.ID}}, nil))
			see(w.Users().Page(ctx, page.Query{Filter: map[string]string{"group": b.group.ID}}, nil))
			see(w.Users().Page(ctx, page.Query{}, []string{b.tenant.ID}))
			keptCase(w.Users, b.tenant.ID, b.anna.ID)(ctx, see)
		}},
	}
}

// keptCase does to something all that administrators can do to it.
func keptCase[V any](of func() Kept[V], tenant, id string) func(ctx context.Context, see func(...any)) {
	return func(ctx context.Context, see func(...any)) {
		k := of()
		see(k.Page(ctx, page.Query{}, nil))
		see(k.Get(ctx, id))
		yes := func(ok bool, err error) {
			if ok && err == nil {
				see("globex")
			}
		}
		yes(k.In(ctx, id, []string{tenant}))
		see(k.Delete(ctx, id, 0))
		if k.Restore != nil {
			see(k.Restore(ctx, id))
		}
	}
}

func nobodyEnrolled(context.Context, []string) (map[string]map[string]int, error) { return nil, nil }

// changesOf are changes at everything of a customer's.
func changesOf(b *customer) []Change {
	enforced := true
	var out []Change
	for l, id := range map[Level]string{
		LevelSubscription: b.sub.ID, LevelTenant: b.tenant.ID, LevelIDP: b.idp.ID, LevelClientApp: b.app.ID, LevelGroup: b.group.ID, LevelUser: b.anna.ID,
	} {
		out = append(out, Change{PutAssignment: &Assignment{TwoFactorID: b.letter.ID, Level: l, TargetID: id, Required: true}})
		out = append(out, Change{Demand: &Demand{Level: l, TargetID: id, EnforceMFA: &enforced}})
		out = append(out, Change{PutExemption: &Exemption{Level: l, TargetID: id, Until: firstOfMay.AddDate(1, 0, 0)}})
		out = append(out, Change{RemoveExemption: &Exemption{Level: l, TargetID: id}})
	}
	return append(out, Change{Switch: &Switch{TwoFactorID: b.letter.ID, To: SwitchDelete}})
}

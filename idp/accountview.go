package idp

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/phone"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// accountPage is what all account pages share.
func (s *IDP) accountPage(r *http.Request, m *member) ui.AccountPage {
	p := ui.AccountPage{Page: s.chrome(r, ""), Action: path(r, "/account"), UserName: m.attempt.name(), SignOutURL: path(r, "/end_session")}
	p.Lang = s.language(r, nil, func() string { return m.attempt.user.Locale })
	return p
}

// recentEvents is how much of his activity a user sees.
const recentEvents = 20

func (s *IDP) showAccount(w http.ResponseWriter, r *http.Request, m *member, status int, wrong string) error {
	ctx := r.Context()
	page := ui.Account{AccountPage: s.accountPage(r, m), Error: wrong}
	d := drawing{page.Page, s.Now()}
	held, err := s.Ceremony.Held(ctx, m.session.UserID)
	if err != nil {
		return err
	}
	user := m.attempt.user
	live, err := s.liveSessions(ctx, user.ID)
	if err != nil {
		return err
	}
	apps, err := s.appNames(ctx, live)
	if err != nil {
		return err
	}
	marks, err := s.remembered(ctx, user.ID)
	if err != nil {
		return err
	}
	events, err := s.Audit.Of(ctx, user.ID, recentEvents)
	if err != nil {
		return err
	}
	page.Sections = []ui.Section{s.factorsSection(r, d, m, held)}
	if spare, ok := s.sparesSection(d, m, held); ok {
		page.Sections = append(page.Sections, spare)
	}
	page.Sections = append(page.Sections, d.addresses(m, user), d.password())
	services, scheme, err := s.services(ctx, d, user.ID)
	if err != nil {
		return err
	}
	if scheme != "" {
		page.Sections = append(page.Sections, services)
		page.FormAlso = scheme
	}
	page.Sections = append(page.Sections, d.sessions(live, apps, m.session.ID))
	granted, any, err := s.consentsSection(ctx, d, user.ID)
	if err != nil {
		return err
	}
	if any {
		page.Sections = append(page.Sections, granted)
	}
	if len(marks) > 0 {
		page.Sections = append(page.Sections, d.remembered(marks))
	}
	page.Sections = append(page.Sections, d.activity(events))
	s.UI.Render(w, r, status, page)
	return nil
}

// drawing puts what there is into words.
type drawing struct {
	ui.Page
	now time.Time
}

func (d drawing) when(it ui.Item, key string, at time.Time) ui.Item {
	it.Meta, it.Exact = d.Say(key, "when", d.Ago(d.now, at)), at.UTC().Format("2006-01-02 15:04:05 UTC")
	return it
}

// factorsSection lists what the user proves himself with, and what he could add.
func (s *IDP) factorsSection(r *http.Request, d drawing, m *member, held []ceremony.Held) ui.Section {
	sec := ui.Section{Title: d.Say("account.factors"), Intro: d.Say("account.factors-intro"), Empty: d.Say("account.factors-empty")}
	held = slices.DeleteFunc(slices.Clone(held), func(e ceremony.Held) bool {
		c, _ := m.verdict.known(e.TwoFactorID)
		return c.Fallback
	})
	for _, e := range held {
		c, ok := m.verdict.known(e.TwoFactorID)
		it := ui.Item{Title: e.Label}
		if c.Name != e.Label {
			it.Detail = c.Name
		}
		if !ok || c.HostBound && e.Host != tenants.RealmFrom(r.Context()).Host {
			it.Detail = d.Say("account.not-here")
		}
		if e.Preferred {
			it.Badge = d.Say("account.preferred")
		}
		if e.LastUsedAt != nil {
			it = d.when(it, "account.last-used", *e.LastUsedAt)
		} else {
			it = d.when(it, "account.added", e.CreatedAt)
		}
		it.Actions = append(it.Actions, ui.Action{Label: d.Say("account.rename"), Do: ui.DoRename, ID: e.ID})
		if !e.Preferred && len(held) > 1 {
			it.Actions = append(it.Actions, ui.Action{Label: d.Say("account.prefer"), Do: ui.DoPrefer, ID: e.ID})
		}
		if !ok {
			it.Actions = append(it.Actions, ui.Action{Label: d.Say("account.remove"), Do: ui.DoRemove, ID: e.ID, Danger: true})
			sec.Items = append(sec.Items, it)
			continue
		}
		if inst, err := s.Tenants.Open(r.Context(), e.TwoFactorID); err == nil {
			if _, ok := inst.Factor.(twofactor.Resyncer); ok {
				it.Actions = append(it.Actions, ui.Action{Label: d.Say("account.resync"), Do: ui.DoResync, ID: e.ID})
			}
		}
		it.Actions = append(it.Actions, ui.Action{Label: d.Say("account.remove"), Do: ui.DoRemove, ID: e.ID, Danger: true})
		sec.Items = append(sec.Items, it)
	}
	for _, c := range m.enrollable() {
		sec.Adds = append(sec.Adds, ui.Action{Label: d.Say("account.add", "thing", c.Name), Do: ui.DoAdd, ID: wantEnroll + " " + c.ID})
	}
	return sec
}

// enrollable are the instances of which the user may set up one more, best first.
func (m *member) enrollable() []tenants.Candidate {
	var out []tenants.Candidate
	for _, list := range [][]tenants.Candidate{m.verdict.policy.Offered, m.verdict.policy.Weaker, m.verdict.policy.Settable} {
		for _, c := range list {
			if c.Enrolls && !c.Fallback {
				out = append(out, c)
			}
		}
	}
	return out
}

// sparesSection shows what stands in for a lost factor: how much is left of it.
func (s *IDP) sparesSection(d drawing, m *member, held []ceremony.Held) (ui.Section, bool) {
	sec := ui.Section{Title: d.Say("account.spares"), Intro: d.Say("account.spares-intro"), Empty: d.Say("account.spares-empty")}
	for _, list := range [][]tenants.Candidate{m.verdict.policy.Offered, m.verdict.policy.Weaker, m.verdict.policy.Spares} {
		for _, c := range list {
			if !c.Fallback || !c.Enrolls {
				continue
			}
			label := d.Say("account.add", "thing", c.Name)
			for _, e := range held {
				if e.TwoFactorID == c.ID {
					it := ui.Item{Title: c.Name, Detail: d.Say("account.spares-left", "n", max(e.Uses, 0))}
					sec.Items = append(sec.Items, d.when(it, "account.added", e.CreatedAt))
					label = d.Say("account.renew", "thing", c.Name)
				}
			}
			sec.Adds = append(sec.Adds, ui.Action{Label: label, Do: ui.DoAdd, ID: wantEnroll + " " + c.ID})
		}
	}
	return sec, len(sec.Adds) > 0
}

func (d drawing) addresses(m *member, u tenants.User) ui.Section {
	sec := ui.Section{Title: d.Say("account.addresses"), Intro: d.Say("account.addresses-intro")}
	for _, a := range []struct {
		kind   twofactor.Attribute
		title  string
		value  string
		proven bool
	}{{twofactor.NeedsEmail, d.Say("account.mail"), u.Email, u.EmailVerified}, {twofactor.NeedsPhone, d.Say("account.phone"), phone.Written(u.Phone), u.PhoneVerified}} {
		it := ui.Item{Title: a.title, Detail: a.value}
		label := d.Say("account.change")
		switch {
		case a.value == "":
			it.Detail, label = d.Say("account.none"), d.Say("account.set")
		case !a.proven:
			it.Badge, label = d.Say("account.unproven"), d.Say("account.prove")
		}
		if len(proving(m.verdict, a.kind)) > 0 {
			it.Actions = []ui.Action{{Label: label, Do: ui.DoAdd, ID: wantProve + " " + string(a.kind)}}
		}
		sec.Items = append(sec.Items, it)
	}
	return sec
}

func (d drawing) password() ui.Section {
	return ui.Section{Title: d.Say("account.password"), Adds: []ui.Action{{Label: d.Say("account.password-change"), Do: ui.DoAnswer}}}
}

// appNames are the client apps that hold each of some sessions of a user of the tenant
// in ctx, as people call them.
func (s *IDP) appNames(ctx context.Context, live []sessionRow) (map[string][]string, error) {
	var sids, ids []string
	for _, row := range live {
		sids = append(sids, row.ID)
	}
	apps, err := s.appsIn(ctx, []string{db.ScopeOf(ctx).Tenant}, sids)
	if err != nil {
		return nil, err
	}
	for _, of := range apps {
		ids = append(ids, of...)
	}
	slices.Sort(ids)
	called, err := s.Tenants.Called(ctx, "client_app", slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for sid, of := range apps {
		for _, app := range of {
			if n, ok := called[app]; ok && !n.Gone {
				out[sid] = append(out[sid], n.Name)
			}
		}
		slices.Sort(out[sid])
	}
	return out, nil
}

// sessions lists where a user is signed in, with the apps that hold each session.
func (d drawing) sessions(live []sessionRow, apps map[string][]string, mine string) ui.Section {
	sec := ui.Section{Title: d.Say("account.sessions"), Intro: d.Say("account.sessions-intro")}
	for _, row := range live {
		it := d.when(ui.Item{Title: browserName(row.UserAgent), Detail: row.Address}, "account.last-used", row.SeenAt)
		if names := apps[row.ID]; len(names) > 0 {
			it.Detail = d.Say("account.session-apps", "address", row.Address, "apps", strings.Join(names, ", "))
		}
		if row.ID == mine {
			it.Badge = d.Say("account.this-browser")
		} else {
			it.Actions = []ui.Action{{Label: d.Say("account.end"), Do: ui.DoEnd, ID: row.ID}}
		}
		sec.Items = append(sec.Items, it)
	}
	if len(live) > 1 {
		sec.Adds = []ui.Action{{Label: d.Say("account.end-others"), Do: ui.DoEnd}}
	}
	return sec
}

func (d drawing) remembered(marks []rememberedRow) ui.Section {
	sec := ui.Section{Title: d.Say("account.remembered"), Intro: d.Say("account.remembered-intro")}
	for _, row := range marks {
		it := d.when(ui.Item{Title: browserName(row.UserAgent), Detail: d.Say("account.until", "date", d.Date(row.ExpiresAt))}, "account.last-used", row.SeenAt)
		it.Actions = []ui.Action{{Label: d.Say("account.forget"), Do: ui.DoForget, ID: row.ID}}
		sec.Items = append(sec.Items, it)
	}
	return sec
}

// told are the events that a user is shown of himself; the rest is for administrators.
var told = map[string]string{
	"sign_in.done": "activity.sign-in", "sign_in.wrong_password": "activity.wrong-password", "sign_in.no_factor": "activity.refused", "sign_in.no_access": "activity.barred",
	"factor.wrong": "activity.wrong-code", "factor.locked": "activity.locked", "factor.enrolled": "activity.enrolled",
	"factor.removed": "activity.removed", "factor.bypassed": "activity.bypassed", "factor.spent": "activity.spent", "factor.reset": "activity.reset",
	"address.proven": "activity.address", "password.changed": "activity.password", "password.reset": "activity.password-reset",
	"password.reset_asked": "activity.reset-asked", "browser.remembered": "activity.remembered",
	"identity.linked": "activity.linked", "identity.unlinked": "activity.unlinked", "session.ended": "activity.ended",
	"consent.given": "activity.allowed", "consent.withdrawn": "activity.withdrawn",
}

func (d drawing) activity(events []audit.Event) ui.Section {
	sec := ui.Section{Title: d.Say("account.activity"), Empty: d.Say("account.activity-empty")}
	for _, e := range events {
		key, ok := told[e.Kind]
		if !ok {
			continue
		}
		it := ui.Item{Title: d.Say(key), Detail: e.Address, Meta: d.Ago(d.now, e.At), Exact: e.At.UTC().Format("2006-01-02 15:04:05 UTC")}
		sec.Items = append(sec.Items, it)
	}
	return sec
}

// browserName is what people call their browser, as far as it tells.
func browserName(userAgent string) string {
	name := "Browser"
	for _, b := range [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(userAgent, b[0]) {
			name = b[1]
			break
		}
	}
	for _, o := range [][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Macintosh", "Mac"}, {"Linux", "Linux"}} {
		if strings.Contains(userAgent, o[0]) {
			return name + ", " + o[1]
		}
	}
	return name
}

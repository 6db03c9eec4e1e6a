package console

import (
	"net/http"
	"time"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/tenants"
	"twofold/ui"
)

// home is the first page of a subscription: the way from nothing to the first sign-in,
// and once that is behind what somebody should know today.
func home(d *desk) error {
	if d.mayAll(admin.SubscriptionWrite) && !(d.sub.Name == firstTenant && len(d.all) > 1) {
		p, err := d.Admin.Progress(d.r.Context(), d.who, d.sub.ID)
		if err != nil {
			return err
		}
		if !p.Done() {
			return d.render(http.StatusOK, d.checklist(p))
		}
	}
	return overview(d)
}

// checklist leads from an empty subscription to the first user who is signed in to the
// first app. Each step has the one place to do it.
func (d *desk) checklist(p admin.Progress) ui.AdminChecklist {
	v := ui.AdminChecklist{AdminPage: d.frame("Set up " + titleOf(d.sub.Title, d.sub.Name))}
	v.Intro = "From nothing to the first user who signs in to the first app with a second factor. Each step opens the page to do it on."
	if d.operates() {
		s := ui.AdminStep{
			Title: "Create a subscription", Text: "One for each customer, or one for your own organisation. It owns all that follows.", Done: d.sub.Name != firstTenant,
			Do: ui.AdminButton{Label: "Create subscription", URL: pathSubscriptions + "/new"},
		}
		v.Steps = append(v.Steps, s)
	}
	add := func(done bool, title, text, label, path string, parts ...string) {
		v.Steps = append(v.Steps, ui.AdminStep{Title: title, Text: text, Done: done, Do: ui.AdminButton{Label: label, URL: d.path(path, parts...)}})
	}
	add(p.Tenant, "Create a tenant", "A realm with an address and a look of its own, where users sign in.", "Create tenant", "tenants", "new")
	add(p.IDP, "Create an identity provider", "Where users prove who they are: a local one keeps their passwords here. Assign it to the tenant.", "Create identity provider", "idps", "new")
	add(p.ClientApp, "Create a client app", "The web app that sends its users here to sign in. Assign it to the tenant.", "Create client app", "client-apps", "new")
	add(p.User, "Create a user", "A member of the tenant, with a password.", "Create user", "users", "new")
	made, ready, valid := p.Instance != nil, p.State.Word == "ready", p.Instance != nil && p.State.Word != "invalid" && p.State.Word != "inactive"
	add(made, "Create a TwoFactor instance", "A kind of second factor, such as a code by mail or an authenticator app.", "Create TwoFactor instance", "two-factors", "new")
	configure, test := "two-factors", "two-factors"
	var parts, of []string
	text := "Fill in what its type needs."
	if made {
		parts, of = []string{p.Instance.ID, "edit"}, []string{p.Instance.ID}
		if !valid && p.State.Reason != "" {
			text = capital(p.State.Reason) + "."
		}
	}
	add(valid, "Configure it", text, "Configure it", configure, parts...)
	add(valid && ready, "Test it", "A test message to your own address says at once what is wrong, if anything is.", "Test it", test, of...)
	add(p.Assigned, "Assign it", "To the tenant, an app, a group or a user. From then on it is offered, or asked for.", "Create assignment", "assignments", "new")
	add(p.SignedIn, "See the first sign-in", "Sign in to the app as the user. Explain says beforehand who is asked for what, and the audit trail tells how it went.", "Explain", "explain")
	return v
}

// overview is calm: only what somebody should know is on it.
func overview(d *desk) error {
	o, err := d.Admin.Overview(d.r.Context(), d.who, d.sub.ID)
	if err != nil {
		return err
	}
	v := ui.AdminDetail{AdminPage: d.frame(titleOf(d.sub.Title, d.sub.Name))}
	v.Parts = append(v.Parts, d.numbers(o)...)
	v.Parts = append(v.Parts, d.troubles(o)...)
	if p := d.oversight(o); len(p.Facts) > 0 {
		v.Parts = append(v.Parts, p)
	}
	if top := d.who.Top(db.Scope{Subscription: d.sub.ID}); top != tenants.RoleSystemAdmin && top != tenants.RoleSubscriptionAdmin {
		v.Intro = roleMeans(top)
	}
	if d.may(admin.UserHelp) {
		v.Main = &ui.AdminButton{Label: "Find a user", URL: d.path("users")}
	}
	return d.render(http.StatusOK, v)
}

// numbers are how many things there are, each with the list behind it.
func (d *desk) numbers(o admin.Overview) []ui.AdminPart {
	p := ui.AdminPart{}
	add := func(n *admin.Number, one, more, path string) {
		if n == nil {
			return
		}
		label := more
		if n.N == 1 {
			label = one
		}
		if n.More {
			label += " at least"
		}
		p.Figures = append(p.Figures, ui.AdminFigure{Value: n.N, Label: label, URL: d.path(path)})
	}
	if d.may(admin.ClientAppRead) { // who may not does not work with them
		add(o.Tenants, "tenant", "tenants", "tenants")
	}
	add(o.ClientApps, "client app", "client apps", "client-apps")
	add(o.Ready, "second factor ready", "second factors ready", "two-factors")
	if n := len(o.Instances); n > 0 {
		p.Figures = append(p.Figures, ui.AdminFigure{Value: n, Label: "to look at", Tone: ui.ToneWarn, URL: d.path("two-factors")})
	}
	if len(p.Figures) == 0 {
		return nil
	}
	return []ui.AdminPart{p}
}

// troubles are what needs somebody: instances, messages, exemptions.
func (d *desk) troubles(o admin.Overview) []ui.AdminPart {
	var out []ui.AdminPart
	add := func(title, intro string, more ui.Link, items []ui.AdminItem) {
		if len(items) > 0 {
			out = append(out, ui.AdminPart{Title: title, Intro: intro, Items: items, More: more})
		}
	}
	var items []ui.AdminItem
	for _, i := range o.Instances {
		state := ui.StateBadge(i.State.Word)
		items = append(items, ui.AdminItem{Title: i.Name, URL: d.path("two-factors", i.ID), Badge: &state, Detail: capital(i.State.Reason)})
	}
	add("Second factors to look at", "What is invalid or failing is offered to nobody, or fails for everybody.", ui.Link{}, items)
	if items = nil; o.Failed != nil {
		for _, m := range o.Failed.Items {
			e := d.sent(m, o.Failed.Names)
			items = append(items, ui.AdminItem{Title: e.Kind + " to " + m.Masked, URL: d.path("messages", m.ID), Badge: e.Badge, Detail: e.Text, Time: e.Time})
		}
	}
	add("Messages that failed lately", "", ui.Link{Text: "All that failed", URL: d.path("messages") + "?state=failed"}, items)
	items = nil
	for _, e := range o.SMS {
		words := eventOf(e.Kind)
		items = append(items, ui.AdminItem{Title: words.words, URL: d.path("audit", e.ID), Time: d.when(e.At)})
	}
	add("Text messages in the last day", "The rules of the tenants held these back, or are about to.", ui.Link{Text: "All of them", URL: d.path("audit") + "?kind=sms."}, items)
	items = nil
	for _, e := range o.Ending {
		items = append(items, ui.AdminItem{Title: titleOf(e.Reason, "Exemption"), URL: d.path("exemptions", e.ID), Detail: "Ends " + e.Until.UTC().Format("2 January 2006")})
	}
	add("Exemptions that end soon", "After the end a second factor is asked for again.", ui.Link{}, items)
	return out
}

// oversight is what is well, for those who look after it.
func (d *desk) oversight(o admin.Overview) ui.AdminPart {
	p := ui.AdminPart{Title: "Oversight"}
	if o.Failed != nil && len(o.Failed.Items) == 0 {
		p.Facts = append(p.Facts, ui.AdminFact{Name: "Messages", AdminCell: ui.AdminCell{Text: "None has failed", URL: d.path("messages")}})
	}
	if !o.MayVerify {
		return p
	}
	f := ui.AdminFact{Name: "Audit chain", AdminCell: ui.AdminCell{Text: "Never verified", URL: d.log("audit/verify")}}
	switch v := o.Verified; {
	case v == nil:
	case v.Broken > 0:
		f.Badge, f.Text, f.Second = &ui.AdminBadge{Tone: ui.ToneBad, Text: "Broken"}, "At entry "+ui.Figures(int(v.Broken)), "Verified "+d.when(v.At).Text
	default:
		f.Text, f.Second = many(int(v.Events), "entry holds", "entries hold"), "Verified "+d.when(v.At).Text
		if d.now().Sub(v.At) > verifyEvery {
			f.Badge = &ui.AdminBadge{Tone: ui.ToneWarn, Text: "Long ago"}
		}
	}
	p.Facts = append(p.Facts, f)
	return p
}

// verifyEvery is after how long a check of the chain is called long ago.
const verifyEvery = 31 * 24 * time.Hour

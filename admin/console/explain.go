package console

import (
	"net/http"
	"slices"
	"strings"

	"twofold/admin"
	"twofold/tenants"
	"twofold/ui"
)

// explain answers who is asked for a second factor, and why: by the rules that judge
// sign-ins, against the database as it is now (SPEC §4).
func explain(d *desk) error {
	if !d.may(admin.PolicyRead) {
		return errMayNot
	}
	q := d.r.URL.Query()
	p := ui.AdminExplain{AdminPage: d.frame("Explain")}
	p.Intro = "Who is asked for a second factor when signing in, for which, and why: by the same rules, as things are now."
	asked := q.Get("user") != ""
	why := admin.WhyAsked{TenantID: q.Get("tenant"), IDPID: q.Get("idp"), ClientAppID: q.Get("client_app")}
	user, errs := d.whoAsked(&why, q.Get("user"), asked)
	ask, err := d.askExplain(why, q.Get("user"), user)
	if err != nil {
		return err
	}
	p.Ask, p.Ask.Errors = ask, errs
	if !asked || len(errs) > 0 {
		return d.render(status(errs), p)
	}
	e, err := d.Admin.Explain(d.r.Context(), d.who, d.sub.ID, why)
	if err != nil {
		errs, ok := atFields(err)
		if !ok {
			return err
		}
		p.Ask.Errors = errs
		return d.render(http.StatusUnprocessableEntity, p)
	}
	if p.Chain, err = d.chain(why, user, e); err != nil {
		return err
	}
	return d.render(http.StatusOK, p)
}

// whoAsked finds the user, by id or login name, and a tenant of his if none was named.
func (d *desk) whoAsked(why *admin.WhyAsked, given string, asked bool) (tenants.User, []ui.FieldError) {
	if !asked {
		return tenants.User{}, nil
	}
	id, err := d.findTarget(tenants.LevelUser, given)
	if err != nil {
		return tenants.User{}, []ui.FieldError{{Field: "user", Message: "There is no user with this login name."}}
	}
	u, err := d.Admin.Users().Get(d.r.Context(), d.who, d.sub.ID, id)
	if err != nil {
		return u, []ui.FieldError{{Field: "user", Message: "There is no user with this login name."}}
	}
	why.UserID = u.ID
	if *why, err = d.Admin.Settle(d.r.Context(), d.who, d.sub.ID, *why); err != nil || why.TenantID == "" {
		return u, []ui.FieldError{{Field: "tenant", Message: "He is a member of no tenant that you may ask about."}}
	}
	return u, nil
}

// askExplain is the form: it asks by GET, so that an answer has an address.
func (d *desk) askExplain(why admin.WhyAsked, given string, u tenants.User) (ui.AdminMiniForm, error) {
	f := ui.AdminMiniForm{Action: d.path("explain"), Get: true, Label: "Explain", Main: true}
	if u.Name != "" {
		given = u.Name
	}
	f.Fields = append(f.Fields, required(text("user", "User", given, "The login name.")))
	for _, x := range []struct {
		level             tenants.Level
		name, value, help string
	}{
		{tenants.LevelTenant, "tenant", why.TenantID, "Where he signs in. None: the first that he is a member of."},
		{tenants.LevelIDP, "idp", why.IDPID, "None: the first by which he can sign in there."},
		{tenants.LevelClientApp, "client_app", why.ClientAppID, "None: his own account pages."},
	} {
		options, more, err := d.targetsAt(x.level)
		if err != nil {
			return f, err
		}
		field := choose(x.name, levelName(x.level), x.value, x.help, options...)
		if more {
			field = text(x.name, levelName(x.level), x.value, x.help)
		}
		f.Fields = append(f.Fields, field)
	}
	return f, nil
}

// chain draws the answer: every level that bears on the sign-in, what it adds, and what
// comes of it.
func (d *desk) chain(why admin.WhyAsked, u tenants.User, e tenants.Explanation) (*ui.AdminChain, error) {
	instances, err := d.instances()
	if err != nil {
		return nil, err
	}
	names, err := d.names([]target{{Level: tenants.LevelTenant, ID: why.TenantID}, {Level: tenants.LevelIDP, ID: why.IDPID}, {Level: tenants.LevelClientApp, ID: why.ClientAppID}})
	if err != nil {
		return nil, err
	}
	c := &ui.AdminChain{Result: result(e)}
	for _, l := range []tenants.Station{
		{Level: tenants.LevelSubscription, ID: d.sub.ID, Name: titleOf(d.sub.Title, d.sub.Name)},
		{Level: tenants.LevelTenant, ID: why.TenantID, Name: names[why.TenantID]},
		{Level: tenants.LevelIDP, ID: why.IDPID, Name: names[why.IDPID]},
		{Level: tenants.LevelClientApp, ID: why.ClientAppID, Name: names[why.ClientAppID]},
		{Level: tenants.LevelGroup},
		{Level: tenants.LevelUser, ID: u.ID, Name: u.Name},
	} {
		c.Levels = append(c.Levels, d.levels(l, e)...)
	}
	byName := map[string]string{}
	for _, i := range instances {
		byName[strings.TrimSuffix(i.Label, " (inactive)")] = i.Value
	}
	for _, name := range e.Offered {
		c.Offered = append(c.Offered, ui.AdminOffer{Name: name, URL: d.instancePath(byName[name])})
	}
	for _, x := range e.Unusable {
		offer := ui.AdminOffer{Name: x.Name, URL: d.instancePath(x.ID), Detail: capital(x.Reason)}
		if slices.Contains(e.Settable, x.Name) {
			offer.Detail += ", but can do so"
		}
		c.Unusable = append(c.Unusable, offer)
	}
	return c, nil
}

func (d *desk) instancePath(id string) string {
	if id == "" {
		return ""
	}
	return d.path("two-factors", id)
}

// levels are the stations of one kind, those of groups in their order; one that adds
// nothing is drawn too, for the answer to "but I set it there".
func (d *desk) levels(known tenants.Station, e tenants.Explanation) []ui.AdminLevel {
	var out []ui.AdminLevel
	for _, l := range e.Chain {
		if l.Level != known.Level {
			continue
		}
		v := ui.AdminLevel{Kind: levelName(l.Level), Name: l.Name, URL: d.levelPath(l.Level, l.ID)}
		if l.Level == tenants.LevelSubscription {
			v.Name = known.Name
		}
		for _, adds := range l.Adds {
			v.Adds = append(v.Adds, ui.AdminAdds{Text: capital(adds)})
		}
		out = append(out, v)
	}
	if len(out) == 0 && known.ID != "" {
		out = append(out, ui.AdminLevel{Kind: levelName(known.Level), Name: known.Name, URL: d.levelPath(known.Level, known.ID)})
	}
	return out
}

// result is what comes out at the end, and how good that is.
func result(e tenants.Explanation) ui.AdminResult {
	r := ui.AdminResult{Tone: ui.ToneGood, Heading: capital(e.Result) + "."}
	switch {
	case e.NoAccess:
		r.Tone, r.Text = ui.ToneBad, "When he has shown who he is, he is told so, and led back to the app. Add him or a group of his on the app's page to let him in."
		return r
	case strings.HasPrefix(e.Result, "refused"):
		r.Tone, r.Text = ui.ToneBad, "The sign-in fails closed: he is told so, and it stands in the audit trail. Give him a factor that he can use, or an exemption."
	case len(e.Offered) == 0 && len(e.Settable) > 0 && e.Grace == "" && e.Required:
		r.Tone, r.Text = ui.ToneWarn, "He is led through setting one up before he may go on."
	case e.Exempt != "":
		r.Tone, r.Text = ui.ToneWarn, "The reason given: "+e.Exempt
	case !e.Required && e.Demands == "":
		r.Tone = ui.TonePlain
	}
	if e.Demands != "" {
		r.Text = strings.TrimSpace(r.Text + " It must reach " + acrName(e.Demands) + ".")
	}
	return r
}

// acrName is what a demand is called in forms.
func acrName(acr string) string {
	for _, o := range strengths() {
		if o.Value == acr {
			return o.Label
		}
	}
	return acr
}

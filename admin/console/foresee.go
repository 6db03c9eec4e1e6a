package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// outlook is what a change would do, ready to be shown before it is made (SPEC §4).
type outlook struct {
	d      *desk
	change tenants.Change
	tenants.Preview
	names map[string]string // of tenants, IDPs and apps that people sign in to
}

// foresee asks what a change would do.
func (d *desk) foresee(c tenants.Change) (*outlook, error) {
	p, err := d.Admin.Foresee(d.r.Context(), d.who, d.sub.ID, c)
	if err != nil {
		return nil, err
	}
	return &outlook{d: d, change: c, Preview: p}, nil
}

// locksOut reports whether somebody could sign in no more.
func (o *outlook) locksOut() bool {
	return slices.ContainsFunc(o.Groups, func(g tenants.AffectedGroup) bool {
		return (g.Effect == tenants.EffectRefused || g.Effect == tenants.EffectShutOut) && g.Count > 0
	})
}

// effectWords are what an effect is called: as a figure, and as the head of a list.
func effectWords(e tenants.Effect) (figure, head string, tone ui.AdminTone) {
	switch e {
	case tenants.EffectRefused:
		return "cannot satisfy it", "They could not sign in", ui.ToneBad
	case tenants.EffectShutOut:
		return "lose access", "They could not use the app any more", ui.ToneBad
	case tenants.EffectLetIn:
		return "get access", "They could use the app, and may not now", ui.TonePlain
	case tenants.EffectSetUp:
		return "must set one up first", "They must set up a second factor at their next sign-in", ui.ToneWarn
	case tenants.EffectPostpone:
		return "may postpone", "They must set up a second factor, but not at once", ui.TonePlain
	case tenants.EffectNewly:
		return "asked newly", "They are asked for a second factor that they have", ui.TonePlain
	case tenants.EffectOther:
		return "asked otherwise", "They are asked as before, but for another choice or strength", ui.TonePlain
	case tenants.EffectFreed:
		return "asked no more", "They are asked for no second factor any more", ui.ToneWarn
	}
	return string(e), string(e), ui.TonePlain
}

// figures are the counts, each with the list behind it.
func (o *outlook) figures() []ui.AdminFigure {
	out := []ui.AdminFigure{{Value: o.Reached, Label: plural(o.Reached, "person signs in there", "people sign in there")}}
	for _, g := range o.Groups {
		if g.Count > 0 {
			label, _, tone := effectWords(g.Effect)
			out = append(out, ui.AdminFigure{Value: g.Count, Label: label, Tone: tone, URL: o.listURL(g.Effect)})
		}
	}
	return out
}

// sampled is how many people of a list are shown on the page that asks.
const sampled = 10

// parts are the first of each list.
func (o *outlook) parts() ([]ui.AdminPart, error) {
	if o.Affected == 0 {
		return []ui.AdminPart{{Notice: &ui.Notice{Kind: ui.Good, Text: "It changes nothing for anybody who can sign in now."}}}, nil
	}
	var out []ui.AdminPart
	for _, g := range o.Groups {
		if g.Count == 0 {
			continue
		}
		_, head, _ := effectWords(g.Effect)
		rows, err := o.rows(g.People.Items[:min(sampled, len(g.People.Items))])
		if err != nil {
			return nil, err
		}
		part := ui.AdminPart{ID: "effect-" + strings.ReplaceAll(string(g.Effect), "_", "-"), Title: fmt.Sprintf("%s: %s", head, ui.Figures(g.Count)), Table: affectedTable(head, rows)}
		if g.Count > len(rows) {
			part.More = ui.Link{Text: "All " + ui.Figures(g.Count), URL: o.listURL(g.Effect)}
		}
		out = append(out, part)
	}
	return out, nil
}

// affectedTable leaves out the column of reasons where nobody has one.
func affectedTable(head string, rows []ui.AdminRow) *ui.AdminTable {
	t := &ui.AdminTable{Caption: head, Columns: affectedColumns(), Rows: rows}
	last := len(t.Columns) - 1
	if slices.ContainsFunc(rows, func(r ui.AdminRow) bool { return !r.Cells[last].Blank() }) {
		return t
	}
	t.Columns = t.Columns[:last]
	for i := range rows {
		rows[i].Cells = rows[i].Cells[:last]
	}
	return t
}

func affectedColumns() []ui.AdminColumn {
	return []ui.AdminColumn{{Label: "User"}, {Label: "Signing in to"}, {Label: "Now"}, {Label: "Then"}, {Label: "Why"}}
}

// outcomeWords are what a sign-in comes to.
func outcomeWords(o tenants.Outcome) string {
	switch o {
	case tenants.OutcomeNone:
		return "No second factor"
	case tenants.OutcomeAsked:
		return "Asked for one"
	case tenants.OutcomePostpone:
		return "May set one up later"
	case tenants.OutcomeSetUp:
		return "Must set one up"
	case tenants.OutcomeRefused:
		return "Refused"
	case tenants.OutcomeNoAccess:
		return "No access"
	}
	return string(o)
}

// rows are people with what they meet.
func (o *outlook) rows(people []tenants.Affected) ([]ui.AdminRow, error) {
	if err := o.name(people); err != nil {
		return nil, err
	}
	out := make([]ui.AdminRow, len(people))
	for i, p := range people {
		where := o.names[p.TenantID]
		if p.ClientAppID != "" {
			where = o.names[p.ClientAppID] + " at " + where
		}
		why := strings.Join(p.Reasons, "; ")
		if !p.GraceUntil.IsZero() {
			why = "Until " + p.GraceUntil.UTC().Format("2 January 2006") + ". " + why
		}
		if p.ResetPending {
			why = strings.TrimSpace("His factors were reset: a bypass comes first. " + why)
		}
		out[i] = ui.AdminRow{URL: o.d.path("users", p.ID), Cells: []ui.AdminCell{
			{Text: p.Name, Second: p.DisplayName}, {Text: where}, {Text: outcomeWords(p.Before)}, {Text: outcomeWords(p.After)}, {Text: why},
		}}
	}
	return out, nil
}

// name finds what the sign-ins are called, in two queries.
func (o *outlook) name(people []tenants.Affected) (err error) {
	var targets []target
	for _, p := range people {
		targets = append(targets, target{Level: tenants.LevelTenant, ID: p.TenantID})
		if p.ClientAppID != "" {
			targets = append(targets, target{Level: tenants.LevelClientApp, ID: p.ClientAppID})
		}
	}
	o.names, err = o.d.names(targets)
	return err
}

// listURL is the page of one list behind a figure.
func (o *outlook) listURL(e tenants.Effect) string {
	change, _ := json.Marshal(o.change) // plain data
	return o.d.path("preview") + "?" + url.Values{"change": {string(change)}, "effect": {string(e)}}.Encode()
}

// foreseenList is the list behind a figure of a preview.
func foreseenList(d *desk) error {
	q := d.r.URL.Query()
	var c tenants.Change
	if err := json.Unmarshal([]byte(q.Get("change")), &c); err != nil {
		return problem.New(problem.Invalid, "form", "This address is not complete. Go back to the preview and open the list from there.")
	}
	effect := tenants.Effect(q.Get("effect"))
	found, err := d.Admin.ForeseeList(d.r.Context(), d.who, d.sub.ID, c, effect, d.query(nil))
	if err != nil {
		return err
	}
	o := &outlook{d: d, change: c}
	rows, err := o.rows(found.Items)
	if err != nil {
		return err
	}
	_, head, _ := effectWords(effect)
	v := ui.AdminList{
		AdminPage: d.frame(head), AdminQuery: ui.AdminQuery{Path: d.path("preview"), Values: q, Keep: []string{"change", "effect"}, Next: found.Next, Noun: "user", Nouns: "users"},
		Table: ui.AdminTable{Caption: head, Columns: affectedColumns(), Rows: rows, Empty: ui.AdminEmpty{Title: "Nobody", Text: "The change affects nobody in this way any more."}},
	}
	v.Intro = "Nothing has been changed yet. This is what would be."
	return d.render(http.StatusOK, v)
}

// asks are the words of a preview that a form shows before it saves.
type asks struct {
	heading, action, version, back string
	do, backLabel                  string // may be empty
	crumbs                         []ui.Link
}

// drawPreview shows what a form's change would do, and keeps the form in hidden fields.
func (o *outlook) drawPreview(a asks) error {
	parts, err := o.parts()
	if err != nil {
		return err
	}
	p := ui.AdminPreview{
		AdminPage: o.d.frame(a.heading), Figures: o.figures(), Parts: parts, Action: a.action, Version: a.version, Do: a.do, Label: "Save it", Danger: o.locksOut(), BackURL: a.back,
		BackLabel: a.backLabel,
		Hidden:    append(o.d.kept(), ui.Pair{Name: ui.FieldConfirmed, Value: "true"}),
	}
	p.Crumbs, p.Intro = a.crumbs, "Nothing has been saved yet. This is whom it affects, as things are now."
	if p.Danger {
		p.Label = "Save it, and lock them out"
	}
	return o.d.render(http.StatusOK, p)
}

// kept are the fields of the form that was posted. Forms with secrets must not be kept.
func (d *desk) kept() []ui.Pair {
	var out []ui.Pair
	for name, values := range d.r.PostForm {
		if name == ui.FieldVersion || name == ui.FieldDo || name == ui.FieldConfirmed || name == ui.FieldToken {
			continue
		}
		for _, v := range values {
			out = append(out, ui.Pair{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(out, func(a, b ui.Pair) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// confirmed reports whether the form was confirmed after its preview.
func (d *desk) confirmed() bool { return one(d.r, ui.FieldConfirmed) == "true" }

// typed is what was posted, to go back to the form with.
func (d *desk) typed() url.Values {
	out := url.Values{}
	for _, p := range d.kept() {
		out.Add(p.Name, p.Value)
	}
	return out
}

// outlookParts show what a change would do on a page that asks anyway.
func (d *desk) outlookParts(c tenants.Change) ([]ui.AdminPart, error) {
	o, err := d.foresee(c)
	if err != nil {
		return nil, err
	}
	return o.drawn()
}

// drawn are the figures and the lists.
func (o *outlook) drawn() ([]ui.AdminPart, error) {
	parts, err := o.parts()
	if err != nil {
		return nil, err
	}
	return append([]ui.AdminPart{{ID: "affects", Title: "Whom it affects", Figures: o.figures()}}, parts...), nil
}

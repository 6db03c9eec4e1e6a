package console

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/ui"
)

// mountTrail puts the audit trail on a router: that of a subscription, or that of the
// server.
func (c *Console) mountTrail(r *mux.Router, operation string) {
	r.HandleFunc("/audit", c.at(trail)).Methods(http.MethodGet, http.MethodHead).Name(operation + ".list")
	r.HandleFunc("/audit/export", c.at(exportTrail)).Methods(http.MethodGet).Name(operation + ".export")
	r.HandleFunc("/audit/verify", c.at(askVerify)).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/audit/verify", c.at(verifyTrail)).Methods(http.MethodPost).Name(operation + ".verify")
	r.HandleFunc("/audit/{id}", c.at(trailEntry)).Methods(http.MethodGet, http.MethodHead).Name(operation + ".get")
}

// log is the path of a log: of the subscription, or of the server.
func (d *desk) log(rest string, parts ...string) string {
	if d.sub.ID != "" {
		return d.path(rest, parts...)
	}
	p := "/admin/" + rest
	for _, s := range parts {
		p += "/" + url.PathEscape(s)
	}
	return p
}

func trail(d *desk) error {
	filters, err := d.trailFilters()
	if err != nil {
		return err
	}
	q, err := d.trailQuery(filters)
	if err != nil {
		return err
	}
	found, err := d.Admin.AuditTrail(d.r.Context(), d.who, d.sub.ID, q)
	if err != nil {
		return err
	}
	v := ui.AdminTimeline{
		AdminPage: d.frame("Audit trail"),
		AdminQuery: ui.AdminQuery{
			Path: d.log("audit"), Values: d.r.URL.Query(), Filters: filters, Next: found.Next, Noun: "entry", Nouns: "entries",
		},
		Empty: ui.AdminEmpty{Title: "Nothing has happened yet", Text: "Each sign-in, each event of a second factor and each change is kept here."},
	}
	v.Intro = "Who did what, and when. Secrets and codes are never kept here."
	if d.sub.ID == "" {
		v.Intro = "What belongs to the whole server and to no subscription. Each subscription has a trail of its own."
	}
	v.More = []ui.AdminButton{{Label: "Export as JSON lines", URL: d.log("audit/export") + asked(d.r, filters)}}
	if d.mayAll(admin.AuditRead) {
		v.More = append(v.More, ui.AdminButton{Label: "Verify the chain", URL: d.log("audit/verify")})
	}
	for _, e := range found.Items {
		entry := d.entry(e, found.Names)
		entry.Facts = append(entry.Facts, ui.AdminFact{Name: "Entry", AdminCell: ui.AdminCell{Text: "All about this entry", URL: d.log("audit", e.ID)}})
		v.Entries = append(v.Entries, entry)
	}
	return d.render(http.StatusOK, v)
}

// nobody is whom a filter by a name that nobody has asks for.
const nobody = "nobody"

// altered is what an entry keeps of a change to the configuration.
type altered struct {
	Entity, Name, ID string
	Before, After    map[string]any
}

// entry is an event as the timeline shows it.
func (d *desk) entry(e audit.Event, names admin.Names) ui.AdminEntry {
	words := eventOf(e.Kind)
	out := ui.AdminEntry{Time: d.when(e.At), Kind: words.words, Stable: e.Kind}
	if words.tone != "" {
		out.Badge = &ui.AdminBadge{Tone: words.tone, Text: map[ui.AdminTone]string{ui.ToneWarn: "Notable", ui.ToneBad: "Look at this"}[words.tone]}
	}
	out.Actor, out.ActorURL = d.actor(names, e.Actor)
	out.About, out.AboutURL = d.called(names, "user", e.User)
	if e.User == e.Actor {
		out.About, out.AboutURL = "", ""
	}
	detail := map[string]any{}
	_ = json.Unmarshal([]byte(e.Detail), &detail) // what somebody has altered says nothing
	var without []string
	switch {
	case strings.HasPrefix(e.Kind, "config."):
		var c altered
		_ = json.Unmarshal([]byte(e.Detail), &c)
		d.changed(&out, e, c)
		without = []string{"entity", "name", "id", "before", "after"}
	case strings.HasPrefix(e.Kind, "role."):
		out.Text = roleName(tenants.Role(wordsOf(detail["role"])))
		if out.About == "" {
			out.About, out.AboutURL = d.called(names, wordsOf(detail["subject_kind"]), wordsOf(detail["subject"]))
		}
		without = []string{"role", "subject", "subject_kind", "home", "tenant"}
	case e.Kind == "sign_in.done", e.Kind == "sign_in.no_factor", e.Kind == "sign_in.no_access":
		if why, ok := detail["explanation"].(map[string]any); ok {
			out.Text = capital(wordsOf(why["result"]))
		}
		acr, _ := detail["acr"].(string)
		detail["strength"], detail["proven_by"] = strengthOf(acr), methods(textsOf(detail["amr"]))
		without = []string{"explanation", "acr", "amr"}
	default:
		out.Text = wordsOf(detail["reason"])
	}
	out.Facts = d.origin(e, names)
	if text, url := d.called(names, "two_factor", wordsOf(detail["two_factor"])); text != "" {
		out.Facts = append(out.Facts, ui.AdminFact{Name: "TwoFactor instance", AdminCell: ui.AdminCell{Text: text, URL: url}})
	}
	out.Facts = append(out.Facts, factsOf(detail, append(without, "two_factor")...)...)
	return out
}

// textsOf are the texts of a list.
func textsOf(v any) (out []string) {
	list, _ := v.([]any)
	for _, x := range list {
		out = append(out, wordsOf(x))
	}
	return out
}

// changed says what was changed, and how.
func (d *desk) changed(out *ui.AdminEntry, e audit.Event, c altered) {
	it := entityOf(c.Entity)
	out.Kind = it.noun + " " + strings.ToLower(out.Kind[:1]) + out.Kind[1:]
	out.About = c.Name
	if it.path != "" && d.sub.ID != "" && d.may(readOf(c.Entity)) && c.ID != "" && e.Kind != "config.deleted" {
		out.AboutURL = d.path(it.path, c.ID)
	}
	fields := slices.Collect(maps.Keys(c.After))
	for f := range c.Before {
		if _, ok := c.After[f]; !ok {
			fields = append(fields, f)
		}
	}
	slices.Sort(fields)
	for _, f := range fields {
		out.Changes = append(out.Changes, ui.AdminChange{Field: plainWords(f), Before: wordsOf(c.Before[f]), After: wordsOf(c.After[f])})
	}
}

// origin is where and in what an event happened.
func (d *desk) origin(e audit.Event, names admin.Names) []ui.AdminFact {
	var out []ui.AdminFact
	add := func(name, text, url string, mono bool) {
		if text != "" {
			out = append(out, ui.AdminFact{Name: name, AdminCell: ui.AdminCell{Text: text, URL: url, Mono: mono}})
		}
	}
	if e.User != "" {
		text, url := d.called(names, "user", e.User)
		add("User", text, url, false)
	}
	text, url := d.called(names, "client_app", e.ClientApp)
	add("Client app", text, url, false)
	text, url = d.called(names, "tenant", e.TenantID)
	add("Tenant", text, url, false)
	add("From", e.Address, "", true)
	add("Reference number", e.Request, "", true)
	return out
}

// trailEntry tells all about one event.
func trailEntry(d *desk) error {
	e, names, err := d.Admin.AuditEvent(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	entry := d.entry(e, names)
	v := ui.AdminDetail{AdminPage: d.frame(entry.Kind)}
	v.State, v.Intro = entry.Badge, entry.Text
	v.Crumbs = []ui.Link{{Text: "Audit trail", URL: d.log("audit")}}
	v.Facts = append(v.Facts, ui.AdminFact{Name: "When", AdminCell: ui.AdminCell{Text: entry.Time.Exact}},
		ui.AdminFact{Name: "Kind", AdminCell: ui.AdminCell{Text: e.Kind, Mono: true}})
	if entry.Actor != "" {
		v.Facts = append(v.Facts, ui.AdminFact{Name: "By", AdminCell: ui.AdminCell{Text: entry.Actor, URL: entry.ActorURL}})
	}
	if entry.About != "" {
		v.Facts = append(v.Facts, ui.AdminFact{Name: "About", AdminCell: ui.AdminCell{Text: entry.About, URL: entry.AboutURL}})
	}
	v.Facts = append(v.Facts, entry.Facts...)
	if len(entry.Changes) > 0 {
		v.Parts = append(v.Parts, ui.AdminPart{Title: "What changed", Difference: entry.Changes})
	}
	var of struct{ Explanation *tenants.Explanation }
	if json.Unmarshal([]byte(e.Detail), &of) == nil && of.Explanation != nil {
		chain := d.explained(*of.Explanation)
		v.Parts = append(v.Parts, ui.AdminPart{Title: "Why", Intro: "What each level asked of this sign-in, as it was then.", Chain: &chain})
	}
	line, err := json.MarshalIndent(audit.LineOf(e), "", "  ")
	if err != nil {
		return err
	}
	v.Parts = append(v.Parts, ui.AdminPart{Title: "As it is kept", Code: string(line), CodeLabel: "The entry as JSON"})
	return d.render(http.StatusOK, v)
}

// explained draws why a sign-in was asked for what it was asked for.
func (d *desk) explained(e tenants.Explanation) ui.AdminChain {
	out := ui.AdminChain{Result: ui.AdminResult{Heading: capital(e.Result)}}
	if strings.HasPrefix(e.Result, "refused") {
		out.Result.Tone = ui.ToneBad
	}
	if e.Demands != "" {
		out.Result.Text = "At least: " + strengthOf(e.Demands) + "."
	}
	for _, l := range e.Chain {
		it := entityOf(string(l.Level))
		level := ui.AdminLevel{Kind: it.noun, Name: l.Name}
		if it.path != "" && d.sub.ID != "" && d.may(readOf(string(l.Level))) {
			level.URL = d.path(it.path, l.ID)
		}
		for _, a := range l.Adds {
			level.Adds = append(level.Adds, ui.AdminAdds{Text: capital(a)})
		}
		out.Levels = append(out.Levels, level)
	}
	for _, name := range e.Offered {
		out.Offered = append(out.Offered, ui.AdminOffer{Name: name})
	}
	for _, u := range e.Unusable {
		out.Unusable = append(out.Unusable, ui.AdminOffer{Name: u.Name, Detail: u.Reason})
	}
	return out
}

// exportTrail streams what the filters ask for. When it breaks in the middle the
// connection is cut, so that nobody takes a part for the whole.
func exportTrail(d *desk) error {
	filters, err := d.trailFilters()
	if err != nil {
		return err
	}
	q, err := d.trailQuery(filters)
	if err != nil {
		return err
	}
	name := "twofold-audit-server"
	if d.sub.ID != "" {
		name = "twofold-audit-" + d.sub.Name
	}
	out := &web.Download{W: d.w, Media: "application/jsonl", Name: name + "-" + d.now().UTC().Format("20060102-150405") + ".jsonl"}
	_, err = d.Admin.ExportAudit(d.r.Context(), d.who, d.sub.ID, q, out)
	if err != nil && out.Begun {
		d.Log.ErrorContext(d.r.Context(), "export of the audit trail broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
	if err == nil && !out.Begun { // nothing matched: a file without lines
		_, err = out.Write(nil)
	}
	return err
}

// askVerify says what checking the chain means, and how it went last.
func askVerify(d *desk) error {
	last, err := d.Admin.LastVerified(d.r.Context(), d.who, d.sub.ID)
	if err != nil {
		return err
	}
	v := ui.AdminDetail{AdminPage: d.frame("Verify the chain")}
	v.Crumbs = []ui.Link{{Text: "Audit trail", URL: d.log("audit")}}
	v.Intro = "Each entry carries a seal over itself and over the entry before it, made with a key that cannot be read from the database alone."
	part := ui.AdminPart{
		Title: "Last check", Intro: "A check reads all entries. It finds what was altered, removed or put in by somebody who can write to the database. It cannot find what was never recorded, nor what somebody forged who has the master key too.",
		Buttons: []ui.AdminButton{{Label: "Verify the chain", URL: d.log("audit/verify"), Post: true}},
	}
	switch {
	case last == nil:
		part.Notice = &ui.Notice{Kind: ui.Info, Text: "It has not been checked here yet."}
	case last.Broken > 0:
		part.Notice = &ui.Notice{Kind: ui.Bad, Text: "The chain is broken at entry " + ui.Figures(int(last.Broken)) + ": " + last.Why + ". The " +
			many(int(last.Events), "entry", "entries") + " before it hold. Keep the database as it is, and compare with a backup or an earlier export."}
	default:
		part.Notice = &ui.Notice{Kind: ui.Good, Text: "All " + many(int(last.Events), "entry", "entries") + " hold: none was altered or removed since it was written."}
	}
	if last != nil {
		part.Facts = []ui.AdminFact{{Name: "Checked", AdminCell: ui.AdminCell{Time: d.when(last.At)}}}
	}
	v.Parts = []ui.AdminPart{part}
	return d.render(http.StatusOK, v)
}

func verifyTrail(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if _, err := d.Admin.VerifyAudit(d.r.Context(), d.who, d.sub.ID); err != nil {
		return err
	}
	return d.go303(d.log("audit/verify"))
}

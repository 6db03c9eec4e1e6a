package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/tenants"
	"twofold/ui"
)

// The pages of assignments: which TwoFactor instance reaches whom (SPEC §4).

func mountAssignments(c *Console, s *mux.Router) {
	s.HandleFunc("/preview", c.at(foreseenList)).Methods(http.MethodGet, http.MethodHead).Name("policy.preview.list")
	mount(c, s, assignments())
}

func assignments() resource[tenants.Assignment] {
	return resource[tenants.Assignment]{
		path: "assignments", title: "Assignments", noun: "assignment", nouns: "assignments", operation: "assignments", order: "created",
		intro:  "An assignment offers a TwoFactor instance to those whom it reaches, and may require one. All that reach a sign-in count together.",
		empty:  "Nobody is offered a TwoFactor instance before it is assigned: to everybody, to a tenant, to an app, to a group, or to one user.",
		things: func(d *desk) admin.Things[tenants.Assignment] { return d.Admin.Assignments() },
		name:   func(tenants.Assignment) string { return "Assignment" },
		columns: []ui.AdminColumn{
			{Label: "TwoFactor instance"}, {Label: "Assigned to"}, {Label: "Required"}, {Label: "Grace"}, {Label: "Created", Sort: "created", Down: true},
		},
		rows: assignmentRows, filters: assignmentFilters, form: assignmentForm, read: readAssignment, show: showAssignment,
		hidden: func(v tenants.Assignment) []ui.Pair {
			if v.ID != "" || v.Level == "" {
				return nil
			}
			return []ui.Pair{{Name: "level", Value: string(v.Level)}}
		},
		first: func(v tenants.Assignment) bool { return v.Level == "" },
		preview: func(_ *desk, before, after *tenants.Assignment) (*tenants.Change, error) {
			if after == nil {
				return &tenants.Change{RemoveAssignment: before}, nil
			}
			return &tenants.Change{PutAssignment: after}, nil
		},
		losses: func(*desk, tenants.Assignment) ([]string, error) {
			return []string{"Those whom it reaches are offered the instance no more, unless another assignment does."}, nil
		},
		fills: true,
	}
}

func assignmentFilters(d *desk) []ui.AdminFilter {
	instances, _ := d.instances()
	levels := make([]ui.AdminOption, 0, len(tenants.Levels()))
	for _, l := range tenants.Levels() {
		levels = append(levels, ui.AdminOption{Value: string(l), Label: levelName(l)})
	}
	out := append(offered(ui.AdminFilter{Name: "two_factor", Label: "TwoFactor instance", Options: instances}, false), ui.AdminFilter{Name: "level", Label: "Level", Options: levels})
	q := d.r.URL.Query()
	if id := q.Get("target"); id != "" {
		names, _ := d.names([]target{{Level: tenants.Level(q.Get("level")), ID: id}})
		label := names[id]
		if label == "" {
			label = id
		}
		out = append(out, ui.AdminFilter{Name: "target", Label: "Assigned to", Options: []ui.AdminOption{{Value: id, Label: label}}})
	}
	return out
}

// assignmentRows find the names for a whole page at once.
func assignmentRows(d *desk, vs []tenants.Assignment) (func(tenants.Assignment) []ui.AdminCell, error) {
	targets := make([]target, len(vs))
	for i, v := range vs {
		targets[i] = target{Level: v.Level, ID: v.TargetID}
	}
	names, err := d.names(targets)
	if err != nil {
		return nil, err
	}
	instances, err := d.instances()
	if err != nil {
		return nil, err
	}
	return func(v tenants.Assignment) []ui.AdminCell {
		return []ui.AdminCell{
			{Text: labelOf(instances, v.TwoFactorID)},
			{Text: names[v.TargetID], Second: levelName(v.Level)},
			badge(requiredBadge(v.Required)),
			{Text: graceWords(v)},
			{Time: d.when(v.CreatedAt)},
		}
	}, nil
}

func requiredBadge(on bool) ui.AdminBadge {
	if on {
		return ui.AdminBadge{Tone: ui.ToneGood, Text: "Required"}
	}
	return ui.AdminBadge{Text: "Optional"}
}

func graceWords(v tenants.Assignment) string {
	if !v.Required || v.GraceDays == 0 {
		return ""
	}
	return count(v.GraceDays, "day")
}

// assignmentForm asks first for what and where, then for whom: without script a page can
// only list the targets of a level that it knows.
func assignmentForm(d *desk, v tenants.Assignment, fresh bool) ([]ui.AdminSection, error) {
	instances, err := d.instances()
	if err != nil {
		return nil, err
	}
	instance := required(choose("two_factor", "TwoFactor instance", v.TwoFactorID, "", instances...))
	if !fresh {
		instance = fixed("TwoFactor instance", labelOf(instances, v.TwoFactorID), "")
	}
	if v.Level == "" {
		level := required(text("level", "Assign it to", "", ""))
		level.Draw, level.Options = ui.DrawRadios, levelOptions(d.assignable())
		return []ui.AdminSection{{Fields: []ui.AdminField{instance, level}}}, nil
	}
	where, err := d.targetField(v.Level, v.TargetID)
	if err != nil {
		return nil, err
	}
	if !fresh {
		names, err := d.names([]target{{Level: v.Level, ID: v.TargetID}})
		if err != nil {
			return nil, err
		}
		where = fixed(levelName(v.Level), names[v.TargetID], "")
	}
	return []ui.AdminSection{{Fields: []ui.AdminField{
		instance, where,
		toggle("required", "Required", v.Required, "Who signs in there needs a second factor: this one, or another that is assigned.", "It is offered to those who have it."),
		number("grace_days", "Grace", v.GraceDays, "days", "For how long who has nothing yet may sign in without, if it is required. 0: not at all."),
	}}}, nil
}

// assignable are the levels that the administrator may assign to.
func (d *desk) assignable() []tenants.Level {
	if d.mayAll(admin.AssignmentCreate) {
		return tenants.Levels()
	}
	return []tenants.Level{tenants.LevelTenant, tenants.LevelUser}
}

func readAssignment(d *desk, v *tenants.Assignment, fresh bool) []ui.FieldError {
	r := reading{d: d}
	if fresh {
		r.text("two_factor", &v.TwoFactorID)
		v.Level = tenants.Level(one(d.r, "level"))
		if !slices.Contains(tenants.Levels(), v.Level) {
			v.Level = ""
			r.wrong("level", "Choose whom it is for.")
		} else {
			r.target(v.Level, &v.TargetID)
		}
		if v.TwoFactorID == "" {
			r.wrong("two_factor", "Choose one.")
		}
	}
	r.toggle("required", &v.Required)
	r.number("grace_days", &v.GraceDays)
	return r.errs
}

// target reads the target of a level.
func (r *reading) target(l tenants.Level, into *string) {
	given := one(r.d.r, "target")
	id, err := r.d.findTarget(l, given)
	if err != nil {
		*into = given
		for _, e := range words(atFields(err)) {
			r.wrong("target", e.Message)
		}
		return
	}
	*into = id
}

// words are the words of an error for a field, whatever it is.
func words(errs []ui.FieldError, ok bool) []ui.FieldError {
	if !ok {
		return []ui.FieldError{{Message: "This could not be found just now. Try again."}}
	}
	return errs
}

func showAssignment(d *desk, v tenants.Assignment, p *ui.AdminDetail) error {
	names, err := d.names([]target{{Level: v.Level, ID: v.TargetID}})
	if err != nil {
		return err
	}
	instances, err := d.instances()
	if err != nil {
		return err
	}
	p.Heading = fmt.Sprintf("%s for %s", labelOf(instances, v.TwoFactorID), names[v.TargetID])
	p.Facts = []ui.AdminFact{
		{Name: "TwoFactor instance", AdminCell: ui.AdminCell{Text: labelOf(instances, v.TwoFactorID), URL: d.path("two-factors", v.TwoFactorID)}},
		{Name: levelName(v.Level), AdminCell: ui.AdminCell{Text: names[v.TargetID], URL: d.levelPath(v.Level, v.TargetID)}},
		{Name: "Required", AdminCell: badge(requiredBadge(v.Required))},
		{Name: "Created", AdminCell: ui.AdminCell{Time: d.when(v.CreatedAt)}},
	}
	if g := graceWords(v); g != "" {
		p.Facts = append(p.Facts, ui.AdminFact{Name: "Grace", AdminCell: ui.AdminCell{Text: g}})
	}
	if !d.mayAll(admin.AssignmentWrite) && v.Level != tenants.LevelTenant && v.Level != tenants.LevelUser {
		p.Main, p.Danger = nil, nil // set above
		p.Intro = fmt.Sprintf("Set by the %s. An administrator of the subscription may change it.", strings.ToLower(levelName(v.Level)))
	}
	return nil
}

// assignmentsPart are the TwoFactor instances that are assigned to one thing, for its own
// page: "Second factors here".
func assignmentsPart(d *desk, level tenants.Level, id string) (ui.AdminPart, error) {
	part := ui.AdminPart{ID: "second-factors", Title: "Second factors here"}
	q := page.Query{Filter: map[string]string{"level": string(level), "target": id}}
	of, err := d.Admin.Assignments().List(d.r.Context(), d.who, d.sub.ID, q)
	if err != nil {
		return part, err
	}
	fares, err := d.Admin.Fares(d.r.Context(), d.who, d.sub.ID)
	if err != nil {
		return part, err
	}
	instances, err := d.instances()
	if err != nil {
		return part, err
	}
	for _, v := range of.Items {
		part.Items = append(part.Items, d.assignmentItem(v, labelOf(instances, v.TwoFactorID), fares.States[v.TwoFactorID].Word))
	}
	if slices.Contains(d.assignable(), level) && d.may(admin.AssignmentCreate) {
		part.Buttons = []ui.AdminButton{{Label: "Assign a TwoFactor instance", URL: d.path("assignments", "new") + "?level=" + string(level) + "&target=" + id}}
	}
	if len(part.Items) == 0 {
		part.Empty = &ui.AdminEmpty{Title: "None assigned here", Text: "What is assigned to a level above, such as the subscription, counts here too."}
	}
	if of.Next != "" {
		part.More = ui.Link{Text: "All", URL: d.path("assignments") + "?level=" + string(level) + "&target=" + id}
	}
	return part, nil
}

// assignmentItem is one assignment on another page.
func (d *desk) assignmentItem(v tenants.Assignment, title, state string) ui.AdminItem {
	item := ui.AdminItem{Title: title, URL: d.path("assignments", v.ID), Detail: "Optional"}
	if v.Required {
		item.Detail = "Required"
		if g := graceWords(v); g != "" {
			item.Detail += ", with a grace of " + g
		}
	}
	if state != "" {
		b := ui.StateBadge(state)
		item.Badge = &b
	}
	if d.may(admin.AssignmentWrite) && slices.Contains(d.assignable(), v.Level) {
		item.Buttons = []ui.AdminButton{{Label: "Change", URL: d.path("assignments", v.ID, "edit")}, {Label: "Remove", URL: d.path("assignments", v.ID, "delete"), Danger: true}}
	}
	return item
}

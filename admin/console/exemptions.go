package console

import (
	"fmt"
	"slices"
	"time"

	"twofold/admin"
	"twofold/tenants"
	"twofold/ui"
)

// exemptions let a user, an app or an IDP off the requirement (SPEC §4, rule 4).
func exemptions() resource[tenants.Exemption] {
	return resource[tenants.Exemption]{
		path: "exemptions", title: "Exemptions", noun: "exemption", nouns: "exemptions", operation: "exemptions", order: "created",
		intro:  "An exemption lifts the requirement of a second factor, until a day. It never lifts how strong a sign-in must be.",
		empty:  "Where a second factor is required and somebody cannot have one for a while, exempt him here: with a reason, and an end.",
		things: func(d *desk) admin.Things[tenants.Exemption] { return d.Admin.Exemptions() },
		name:   func(tenants.Exemption) string { return "Exemption" },
		columns: []ui.AdminColumn{
			{Label: "Exempt"}, {Label: "State"}, {Label: "Until"}, {Label: "Reason"}, {Label: "Created", Sort: "created", Down: true},
		},
		rows: exemptionRows,
		filters: func(*desk) []ui.AdminFilter {
			levels := levelOptions(exemptible())
			for i := range levels {
				levels[i].Help = ""
			}
			return []ui.AdminFilter{{Name: "level", Label: "Level", Options: levels}}
		},
		form: exemptionForm, read: readExemption, show: showExemption, fills: true,
		hidden: func(v tenants.Exemption) []ui.Pair {
			if v.ID != "" || v.Level == "" {
				return nil
			}
			return []ui.Pair{{Name: "level", Value: string(v.Level)}}
		},
		first: func(v tenants.Exemption) bool { return v.Level == "" },
		preview: func(_ *desk, before, after *tenants.Exemption) (*tenants.Change, error) {
			if after == nil {
				return &tenants.Change{RemoveExemption: before}, nil
			}
			return &tenants.Change{PutExemption: after}, nil
		},
		losses: func(*desk, tenants.Exemption) ([]string, error) {
			return []string{"A second factor is required again, if anything requires one."}, nil
		},
	}
}

// exemptible are the levels that can be exempt.
func exemptible() []tenants.Level {
	return []tenants.Level{tenants.LevelUser, tenants.LevelClientApp, tenants.LevelIDP}
}

func exemptionRows(d *desk, vs []tenants.Exemption) (func(tenants.Exemption) []ui.AdminCell, error) {
	targets := make([]target, len(vs))
	for i, v := range vs {
		targets[i] = target{Level: v.Level, ID: v.TargetID}
	}
	names, err := d.names(targets)
	if err != nil {
		return nil, err
	}
	return func(v tenants.Exemption) []ui.AdminCell {
		return []ui.AdminCell{
			{Text: names[v.TargetID], Second: levelName(v.Level)}, badge(runs(v, d.now())), {Time: d.when(v.Until)}, {Text: v.Reason}, {Time: d.when(v.CreatedAt)},
		}
	}, nil
}

// runs says whether an exemption still counts. Those that ended stay in the list.
func runs(v tenants.Exemption, now time.Time) ui.AdminBadge {
	if v.Until.After(now) {
		return ui.AdminBadge{Tone: ui.ToneWarn, Text: "Exempt"}
	}
	return ui.AdminBadge{Tone: ui.ToneOff, Text: "Ended"}
}

func exemptionForm(d *desk, v tenants.Exemption, fresh bool) ([]ui.AdminSection, error) {
	if v.Level == "" {
		level := required(text("level", "Exempt", "", ""))
		level.Draw, level.Options = ui.DrawRadios, levelOptions(exemptible())
		return []ui.AdminSection{{Fields: []ui.AdminField{level}}}, nil
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
	until := required(text("until", "Until", "", "The last day on which it counts (UTC)."))
	until.Draw = ui.DrawDate
	if !v.Until.IsZero() {
		until.Value = v.Until.UTC().Format(time.DateOnly)
	}
	reason := required(text("reason", "Reason", v.Reason, "Kept in the audit trail, and shown wherever somebody asks why."))
	return []ui.AdminSection{{Fields: []ui.AdminField{where, until, reason}}}, nil
}

func readExemption(d *desk, v *tenants.Exemption, fresh bool) []ui.FieldError {
	r := reading{d: d}
	if fresh {
		v.Level = tenants.Level(one(d.r, "level"))
		if !slices.Contains(exemptible(), v.Level) {
			v.Level = ""
			r.wrong("level", "Choose what is exempt.")
			return r.errs
		}
		r.target(v.Level, &v.TargetID)
	}
	r.date("until", &v.Until)
	if r.text("reason", &v.Reason); v.Reason == "" {
		r.wrong("reason", "Give the reason.")
	}
	return r.errs
}

func showExemption(d *desk, v tenants.Exemption, p *ui.AdminDetail) error {
	names, err := d.names([]target{{Level: v.Level, ID: v.TargetID}, {Level: tenants.LevelUser, ID: v.CreatedBy}})
	if err != nil {
		return err
	}
	b := runs(v, d.now())
	p.Heading, p.State = fmt.Sprintf("Exemption of %s", names[v.TargetID]), &b
	by := names[v.CreatedBy]
	if by == "" {
		by = v.CreatedBy
	}
	p.Facts = []ui.AdminFact{
		{Name: levelName(v.Level), AdminCell: ui.AdminCell{Text: names[v.TargetID], URL: d.levelPath(v.Level, v.TargetID)}},
		{Name: "Until", AdminCell: ui.AdminCell{Time: d.when(v.Until)}},
		{Name: "Reason", AdminCell: ui.AdminCell{Text: v.Reason}},
		{Name: "Given by", AdminCell: ui.AdminCell{Text: by}},
		{Name: "Given", AdminCell: ui.AdminCell{Time: d.when(v.CreatedAt)}},
	}
	return nil
}

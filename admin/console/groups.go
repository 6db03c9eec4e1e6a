package console

import (
	"twofold/admin"
	"twofold/internal/page"
	"twofold/tenants"
	"twofold/ui"
)

func groups() resource[tenants.Group] {
	return resource[tenants.Group]{
		path: "groups", title: "Groups", noun: "group", nouns: "groups", operation: "groups", searches: "Find groups",
		level:  tenants.LevelGroup,
		intro:  "A role, or a second factor, can be given to a group of users at once.",
		empty:  "A group is a set of users. Give it a role or assign a second factor to it, and each member has it.",
		things: func(d *desk) admin.Things[tenants.Group] { return d.Admin.Groups() },
		name:   func(v tenants.Group) string { return v.Name },
		columns: []ui.AdminColumn{
			{Label: "Name", Sort: "name"}, {Label: "Created", Sort: "created", Down: true},
		},
		filters: accessFilter,
		cells: func(d *desk, v tenants.Group) []ui.AdminCell {
			return []ui.AdminCell{{Text: v.Name}, {Time: d.when(v.CreatedAt)}}
		},
		form: func(_ *desk, v tenants.Group, _ bool) ([]ui.AdminSection, error) {
			return []ui.AdminSection{{Fields: []ui.AdminField{required(text("name", "Name", v.Name, "Apps see it in the groups claim."))}}}, nil
		},
		read: func(d *desk, v *tenants.Group, _ bool) []ui.FieldError {
			r := reading{d: d}
			r.text("name", &v.Name)
			return r.errs
		},
		show: func(d *desk, v tenants.Group, p *ui.AdminDetail) error {
			members, err := d.Admin.Users().List(d.r.Context(), d.who, d.sub.ID, page.Query{Filter: map[string]string{"group": v.ID}})
			if err != nil {
				return err
			}
			ids := make([]string, len(members.Items))
			for i, u := range members.Items {
				ids[i] = u.ID
			}
			part, err := groupMembers().part(d, "groups", ids, ui.Link{Text: "All members", URL: d.path("users") + "?group=" + v.ID})
			if err != nil {
				return err
			}
			p.Facts = []ui.AdminFact{{Name: "Created", AdminCell: ui.AdminCell{Time: d.when(v.CreatedAt)}}, idFact(v.ID)}
			p.Parts = append(p.Parts, part)
			return d.rolesPart(tenants.SubjectGroup, v.ID, v.Name, p)
		},
		preview: func(_ *desk, before, after *tenants.Group) (*tenants.Change, error) {
			if after != nil {
				return nil, nil
			}
			return &tenants.Change{Regroup: &tenants.Regroup{GroupID: before.ID, To: tenants.RegroupDelete}}, nil
		},
		losses: func(*desk, tenants.Group) ([]string, error) {
			return []string{"The members lose the roles and second factors that they have by this group.", "A group that is deleted cannot be brought back."}, nil
		},
	}
}

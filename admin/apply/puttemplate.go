package apply

import (
	"context"

	"twofold/tenants"
)

// putTemplates puts words of messages. What a template's entry leaves out is
// inherited from then on: the parts are exactly these.
func (j *job) putTemplates(ctx context.Context) error {
	for _, s := range j.spec.Templates {
		want := tenants.Template{
			Level: tenants.Level(s.To.v.level), TargetID: j.targetID(s.To), Kind: s.Kind.v, Lang: s.Lang.v,
			Subject: s.Subject.v, Text: j.secret(s.Text), HTML: j.secret(s.HTML), SMS: j.secret(s.SMS),
		}
		d, err := j.store.PutTemplate(ctx, &want)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		// Words are long: the report and the trail say which parts changed.
		c := j.changed(kindTemplate, want.Kind+" in "+want.Lang, "", d.Created, notes(d.Fields))
		c.label = j.label(kindTemplate+" ") + want.Kind + " in " + want.Lang + " of " + s.To.v.String()
		c.name += " of " + s.To.v.String()
	}
	return nil
}

// platformTemplates puts words of messages for everybody.
func (r *run) platformTemplates(ctx context.Context) error {
	for _, s := range r.file.doc.Templates {
		want := tenants.Template{
			Level: tenants.LevelPlatform, Kind: s.Kind.v, Lang: s.Lang.v,
			Subject: s.Subject.v, Text: r.secret(s.Text), HTML: r.secret(s.HTML), SMS: r.secret(s.SMS),
		}
		d, err := r.store.PutTemplate(ctx, &want)
		if err != nil {
			if err := r.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		name := want.Kind + " in " + want.Lang + " of the platform"
		r.changes = append(r.changes, &change{kind: kindTemplate, name: name, label: kindTemplate + " " + name, created: d.Created, fields: notes(d.Fields)})
	}
	return r.problems.orNil()
}

// notes are the parts that a store says have changed.
func notes(changed []tenants.FieldChange) []field {
	var out []field
	for _, f := range changed {
		out = append(out, field{key: f.Name, note: noteOf(f.Old == "", f.New == "")})
	}
	return out
}

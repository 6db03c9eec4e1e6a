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

package apply

import (
	"cmp"
	"context"

	"twofold/internal/db"
	"twofold/tenants"
)

// settings puts base settings: the platform's if ctx has no subscription.
func (r *run) settings(ctx context.Context, b bases, label, owner, subscription string) error {
	if len(b.v) == 0 {
		return nil
	}
	have, err := r.store.BaseSettings(ctx)
	if err != nil {
		return err
	}
	for _, t := range b.v {
		set := r.options(t.options, t.factorType.v, have[t.factorType.v])
		d, err := r.store.PutSettings(ctx, t.factorType.v, set.fresh)
		if err != nil {
			return orProblems(r, r.refused(t.factorType.place, t, err))
		}
		r.changes = append(r.changes, &change{
			kind: kindSettings, name: t.factorType.v, subscription: subscription, in: owner,
			label: label + t.factorType.v, created: d.Created, fields: set.changes(d.Fields),
		})
		r.warnKept(label+t.factorType.v, "every instance that takes it from here is", set.lacking, cmp.Or(owner, "platform"), t.factorType.v)
	}
	return nil
}

func (j *job) putTwoFactors(ctx context.Context) error {
	for _, s := range j.spec.TwoFactors {
		have, exists := j.twoFactors[s.Name.v]
		if exists && have.Type != s.Type.v {
			j.found(s.Type.place, "cannot change; this instance is of type %s", have.Type)
			continue
		}
		want, old := have, tenants.Options{}
		if !exists {
			s = withDefaults(s)
			want = tenants.TwoFactor{Name: s.Name.v}
		} else {
			var err error
			if old, err = j.store.OptionsOf(ctx, have.ID); err != nil {
				return err
			}
		}
		want.Type = s.Type.v
		assign(&want.Active, s.Active)
		set := j.options(s.Options, s.Type.v, old)
		if !s.Options.set {
			set.fresh = old
		}
		d, err := j.store.PutTwoFactor(ctx, &want, set.fresh)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		j.put(kindTwoFactor, want.Name, want.ID)
		c := j.changed(kindTwoFactor, want.Name, want.ID, d.Created, append(compare(s, have, want, d.Created), set.changes(d.Fields)...))
		j.warnKept(c.label, "the instance is", set.lacking, j.spec.Name.v, want.Name)
	}
	return nil
}

func (j *job) putAssignments(ctx context.Context) error {
	all, err := j.store.ListAssignments(ctx)
	if err != nil {
		return err
	}
	had := map[tenants.Assignment]tenants.Assignment{}
	for _, a := range all {
		had[tenants.Assignment{TwoFactorID: a.TwoFactorID, Level: a.Level, TargetID: a.TargetID}] = a
	}
	for _, s := range j.spec.Assignments {
		want := tenants.Assignment{TwoFactorID: j.id(kindTwoFactor, s.TwoFactor.v), Level: tenants.Level(s.To.v.level), TargetID: j.targetID(s.To)}
		have, exists := had[want]
		if !exists {
			s = withDefaults(s)
		}
		want.Required, want.GraceDays = have.Required, have.GraceDays
		assign(&want.Required, s.Required)
		assign(&want.GraceDays, s.GraceDays)
		d, err := j.store.PutAssignment(ctx, &want)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		c := j.changed(kindAssignment, s.TwoFactor.v, want.ID, d.Created, compare(s, have, want, d.Created))
		c.name += " to " + s.To.v.String()
		c.label += " to " + s.To.v.String()
	}
	return nil
}

func (j *job) targetID(t target) string {
	if t.v.level == levelSubscription {
		return j.sub.ID
	}
	return j.id(t.v.level, t.v.name)
}

func (j *job) putExemptions(ctx context.Context) error {
	all, err := j.store.ListExemptions(ctx)
	if err != nil {
		return err
	}
	had := map[[2]string]tenants.Exemption{}
	for _, e := range all {
		had[[2]string{string(e.Level), e.TargetID}] = e
	}
	for _, s := range j.spec.Exemptions {
		want := tenants.Exemption{
			Level: tenants.Level(s.Of.v.level), TargetID: j.targetID(s.Of),
			Reason: s.Reason.v, Until: db.Micros(s.Until.v), CreatedBy: j.opts.Actor,
		}
		have := had[[2]string{string(want.Level), want.TargetID}]
		d, err := j.store.PutExemption(ctx, &want)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		c := j.changed(kindExemption, s.Of.v.String(), want.ID, d.Created, compare(s, have, want, d.Created))
		c.label = j.label(kindExemption+" of ") + s.Of.v.String()
		if !want.Until.After(j.store.Now()) {
			j.warn("%s has ended", c.label)
		}
	}
	return nil
}

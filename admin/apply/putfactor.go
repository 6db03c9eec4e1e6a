package apply

import (
	"context"
	"maps"
	"slices"

	"twofold/internal/db"
	"twofold/tenants"
)

// settings puts base settings: the platform's if ctx has no subscription.
func (r *run) settings(ctx context.Context, b bases, label, subscription string) error {
	for _, t := range b.v {
		options := r.options(t.options, t.factorType.v)
		d, err := r.store.PutSettings(ctx, t.factorType.v, options)
		if err != nil {
			return orProblems(r, r.refused(t.factorType.place, t, err))
		}
		fields := notes(d.Fields)
		if d.Created {
			for _, name := range slices.Sorted(maps.Keys(options)) {
				fields = append(fields, field{key: name, note: noteSet})
			}
		}
		r.changes = append(r.changes, &change{
			kind: kindSettings, name: t.factorType.v, subscription: subscription,
			label: label + t.factorType.v, created: d.Created, fields: fields,
		})
	}
	return nil
}

// notes are the options that a store says have changed. Their values are never
// shown: which of them are secret is the factor type's affair.
func notes(changed []tenants.FieldChange) []field {
	var out []field
	for _, f := range changed {
		out = append(out, field{key: f.Name, note: noteOf(f.Old == "", f.New == "")})
	}
	return out
}

func (j *job) putTwoFactors(ctx context.Context) error {
	for _, s := range j.spec.TwoFactors {
		have, exists := j.twoFactors[s.Name.v]
		if exists && have.Type != s.Type.v {
			j.found(s.Type.place, "cannot change; this instance is of type %s", have.Type)
			continue
		}
		want := have
		if !exists {
			s = withDefaults(s)
			want = tenants.TwoFactor{Name: s.Name.v}
		}
		want.Type = s.Type.v
		assign(&want.Active, s.Active)
		options := j.options(s.Options, s.Type.v)
		if !s.Options.set {
			var err error
			if options, err = j.store.OptionsOf(ctx, have.ID); err != nil {
				return err
			}
		}
		d, err := j.store.PutTwoFactor(ctx, &want, options)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		j.put(kindTwoFactor, want.Name, want.ID)
		fields := compare(s, have, want, d.Created)
		changed := slices.DeleteFunc(d.Fields, func(f tenants.FieldChange) bool {
			_, option := fieldNamed(j.store.Catalog[s.Type.v].Fields, f.Name)
			return !option
		})
		j.changed(kindTwoFactor, want.Name, want.ID, d.Created, append(fields, notes(changed)...))
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

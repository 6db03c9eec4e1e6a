package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
)

// TwoFactors are the use cases of TwoFactor instances, but for what touches their
// options: see CreateTwoFactor and UpdateTwoFactor.
func (a *Admin) TwoFactors() Things[tenants.TwoFactor] {
	kept := a.Tenants.TwoFactors()
	kept.Put = func(context.Context, *tenants.TwoFactor) (tenants.Difference, error) {
		return tenants.Difference{}, errors.New("admin: an instance is put with its options")
	}
	return Things[tenants.TwoFactor]{admin: a, kept: kept, name: func(v tenants.TwoFactor) string { return v.Name }}
}

// Instance is a TwoFactor as its edit view shows it.
type Instance struct {
	tenants.TwoFactor
	State   tenants.State
	Options []Option        // in the order of the type's fields
	Wrong   []problem.Field // what makes it invalid, by option
}

// Option is one option with its value and where that comes from. A secret has no value:
// only whether it is set.
type Option struct {
	Field     twofactor.Field
	Value     json.RawMessage // what is in force, without secrets; nil: nothing
	Own       json.RawMessage // what is set here, without secrets; nil: inherited
	Set       bool            // a value is in force, secret or not
	Source    tenants.Source
	Here      bool        // set here, secret or not
	Secrets   []string    // of an object: the names of its secrets that are in force
	Inherited Inheritance // what is in force if nothing is set here
}

// Inheritance is the value of an option at the levels above.
type Inheritance struct {
	Value  json.RawMessage // without secrets; nil: nothing
	Set    bool
	Source tenants.Source
}

// TwoFactor reads an instance with its options. Who runs a tenant sees that it is there
// and how it fares, not how it is configured.
func (a *Admin) TwoFactor(ctx context.Context, w Who, subscription, id string) (Instance, error) {
	v, err := a.TwoFactors().Get(ctx, w, subscription, id)
	if err != nil {
		return Instance{}, err
	}
	ctx = a.scope(ctx, subscription)
	out := Instance{TwoFactor: v}
	if out.State, err = a.Tenants.StateOf(ctx, id); err != nil {
		return Instance{}, err
	}
	if !w.May(TwoFactorWrite, db.Scope{Subscription: subscription}) {
		return out, nil
	}
	platform, sub, own, err := a.Tenants.Layers(ctx, id)
	if err != nil {
		return Instance{}, err
	}
	out.Options = optionsOf(a.Tenants.Catalog[v.Type].Fields, layer{own, tenants.SourceInstance}, layer{platform, tenants.SourcePlatform}, layer{sub, tenants.SourceSubscription})
	out.Wrong, err = a.Tenants.Check(ctx, v.Type, own)
	return out, err
}

// layer is what one level sets.
type layer struct {
	options tenants.Options
	source  tenants.Source
}

// optionsOf lays the levels over each other, without any secret: those above, the widest
// first, and the one that is looked at.
func optionsOf(fields []twofactor.Field, here layer, above ...layer) []Option {
	out := make([]Option, len(fields))
	for i, f := range fields {
		o := Option{Field: f, Source: tenants.SourceDefault}
		if f.Default != "" {
			o.Value, o.Set = defaultValue(f), true
		}
		take := func(l layer) {
			if v, ok := l.options[f.Name]; ok {
				o.Value, o.Set, o.Source, o.Secrets = shownValue(f, v), true, l.source, secretsIn(f, v)
			}
		}
		for _, l := range above {
			take(l)
		}
		o.Inherited = Inheritance{o.Value, o.Set, o.Source}
		take(here)
		if _, o.Here = here.options[f.Name]; o.Here {
			o.Own = o.Value
		}
		out[i] = o
	}
	return out
}

// secretsIn names the secrets of an object that have a value.
func secretsIn(f twofactor.Field, v json.RawMessage) []string {
	var out []string
	if f.Kind != twofactor.KindJSON {
		return nil
	}
	has := members(v)
	for _, inner := range f.Fields {
		if given := string(has[inner.Name]); inner.Secret && given != "" && given != `""` {
			out = append(out, inner.Name)
		}
	}
	return out
}

func defaultValue(f twofactor.Field) json.RawMessage {
	if f.Kind == twofactor.KindNumber || f.Kind == twofactor.KindBool || f.Kind == twofactor.KindJSON {
		return json.RawMessage(f.Default)
	}
	b, _ := json.Marshal(f.Default)
	return b
}

// shownValue is a value without its secrets, however deep they are.
func shownValue(f twofactor.Field, v json.RawMessage) json.RawMessage {
	if f.Secret {
		return nil
	}
	if f.Kind != twofactor.KindJSON {
		return v
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(v, &members) != nil {
		return nil // not what the type takes: nobody knows what is in it
	}
	shown := map[string]json.RawMessage{}
	for _, inner := range f.Fields {
		if m, ok := members[inner.Name]; ok {
			if s := shownValue(inner, m); s != nil {
				shown[inner.Name] = s
			}
		}
	}
	b, _ := json.Marshal(shown)
	return b
}

// TwoFactorChange is what is to become of an instance; nil leaves as it is.
type TwoFactorChange struct {
	Name   *string
	Active *bool
	// Options are merged into what is set here: null takes an option back, so that it is
	// inherited again; members of an object are merged too. A secret that is not named
	// stays, unless what it goes with changes: see UpdateTwoFactor.
	Options tenants.Options
}

// CreateTwoFactor makes an instance. It may lack what it needs; it is invalid then, and
// the answer says why (SPEC §3.1).
func (a *Admin) CreateTwoFactor(ctx context.Context, w Who, subscription, name, factorType string, active bool, options tenants.Options) (Instance, error) {
	e := Edit[tenants.TwoFactor]{Who: w, New: &tenants.TwoFactor{Name: name, Type: factorType, Active: active}}
	t := a.TwoFactors()
	if err := t.mayEdit(&e, "create", subscription); err != nil {
		return Instance{}, err
	}
	fields := a.Tenants.Catalog[factorType].Fields
	own, err := mergeOwn(fields, nil, options)
	if err != nil {
		return Instance{}, err
	}
	err = t.write(ctx, subscription, e, func(ctx context.Context) (tenants.Difference, error) {
		if err := a.mayKeepSecrets(ctx, fields, factorType, nil, own, options); err != nil {
			return tenants.Difference{}, err
		}
		d, err := a.Tenants.PutTwoFactor(ctx, e.New, own)
		if err == nil && !d.Created {
			err = errNameTaken
		}
		return d, err
	})
	if err != nil {
		return Instance{}, err
	}
	return a.TwoFactor(ctx, w, subscription, e.New.ID)
}

// UpdateTwoFactor changes an instance. A change of where it sends to, or as whom, needs
// its secrets again (SPEC §3.2): otherwise who may configure it, but does not know its
// password, could have it sent to a host of his own.
func (a *Admin) UpdateTwoFactor(ctx context.Context, w Who, subscription, id string, version int64, c TwoFactorChange) (Instance, error) {
	t := a.TwoFactors()
	old, err := t.Get(ctx, w, subscription, id)
	if err != nil {
		return Instance{}, err
	}
	v := old
	if c.Name != nil {
		v.Name = *c.Name
	}
	if c.Active != nil {
		v.Active = *c.Active
	}
	if version != 0 && version != old.Version {
		return Instance{}, &StaleError[tenants.TwoFactor]{Yours: v, Theirs: old}
	}
	e := Edit[tenants.TwoFactor]{Who: w, Old: &old, New: &v}
	if err := t.mayEdit(&e, "write", subscription); err != nil {
		return Instance{}, err
	}
	err = t.write(ctx, subscription, e, func(ctx context.Context) (tenants.Difference, error) {
		had, err := a.Tenants.OptionsOf(ctx, id)
		if err != nil {
			return tenants.Difference{}, err
		}
		fields := a.Tenants.Catalog[old.Type].Fields
		own, err := mergeOwn(fields, had, c.Options)
		if err != nil {
			return tenants.Difference{}, err
		}
		if err := a.mayKeepSecrets(ctx, fields, old.Type, had, own, c.Options); err != nil {
			return tenants.Difference{}, err
		}
		return a.Tenants.PutTwoFactor(ctx, &v, own)
	})
	if errors.Is(err, tenants.ErrStale) {
		if now, err := t.Get(ctx, w, subscription, id); err == nil {
			return Instance{}, &StaleError[tenants.TwoFactor]{Yours: v, Theirs: now}
		}
	}
	if err != nil {
		return Instance{}, err
	}
	return a.TwoFactor(ctx, w, subscription, id)
}

// mayKeepSecrets refuses a change that would use a secret elsewhere than where it was
// meant for.
func (a *Admin) mayKeepSecrets(ctx context.Context, fields []twofactor.Field, factorType string, had, own, given tenants.Options) error {
	platform, sub, err := a.Tenants.BaseLayers(ctx, factorType)
	if err != nil {
		return err
	}
	again := secretsAgain(fields, inForce(platform, sub, had), inForce(platform, sub, own), given)
	if len(again) == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Code: "secret_again", Message: again[0].Name + " " + again[0].Message, Fields: again}
}

func inForce(levels ...tenants.Options) tenants.Options {
	out := tenants.Options{}
	for _, l := range levels {
		for k, v := range l {
			out[k] = v
		}
	}
	return out
}

// mergeOwn merges a change into the options that are set here (RFC 7386): null takes an
// option back.
func mergeOwn(fields []twofactor.Field, had, change tenants.Options) (tenants.Options, error) {
	out := tenants.Options{}
	for k, v := range had {
		out[k] = v
	}
	for name, v := range change {
		i := slices.IndexFunc(fields, func(f twofactor.Field) bool { return f.Name == name })
		switch {
		case string(v) == "null":
			delete(out, name)
		case i >= 0 && fields[i].Kind == twofactor.KindJSON:
			var was, now map[string]json.RawMessage
			_ = json.Unmarshal(out[name], &was) // nothing there, or nothing that could be kept
			if err := json.Unmarshal(v, &now); err != nil {
				return nil, fieldError(name, "must be an object")
			}
			members, err := mergeOwn(fields[i].Fields, was, now)
			if err != nil {
				return nil, err
			}
			out[name], _ = json.Marshal(members)
		default:
			out[name] = v
		}
	}
	return out, nil
}

// secretsAgain lists the secrets that must be given again: those that are kept although
// something beside them changes that says where they are sent, or whose they are: the
// type knows which of its options those are. It counts for inherited secrets too.
func secretsAgain(fields []twofactor.Field, before, after, given tenants.Options) []problem.Field {
	moved := slices.ContainsFunc(fields, func(f twofactor.Field) bool {
		return f.Guards && compact(f, before[f.Name]) != compact(f, after[f.Name])
	})
	var out []problem.Field
	for _, f := range fields {
		switch {
		case f.Kind == twofactor.KindJSON:
			was, now, new := members(before[f.Name]), members(after[f.Name]), members(given[f.Name])
			for _, inner := range secretsAgain(f.Fields, was, now, new) {
				out = append(out, problem.Field{Name: f.Name + "." + inner.Name, Message: inner.Message})
			}
		case f.Secret && moved && len(before[f.Name]) > 0 && len(after[f.Name]) > 0:
			if _, again := given[f.Name]; !again {
				out = append(out, problem.Field{Name: f.Name, Message: "must be given again, because the account or the address it belongs to changes"})
			}
		}
	}
	return out
}

// compact is a value as it counts: that of the default where there is none.
func compact(f twofactor.Field, v json.RawMessage) string {
	if len(v) == 0 {
		v = defaultValue(f)
	}
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return string(v)
	}
	return b.String()
}

func members(v json.RawMessage) tenants.Options {
	var m tenants.Options
	_ = json.Unmarshal(v, &m)
	return m
}

// WouldBreak tells what refers to an instance: its assignments, and the instances whose
// deliveries fall through to it.
type WouldBreak struct {
	Assignments []tenants.Assignment
	FallThrough []tenants.TwoFactor
}

// Uses finds what refers to an instance.
func (a *Admin) Uses(ctx context.Context, w Who, subscription, id string) (u WouldBreak, err error) {
	v, err := a.TwoFactors().Get(ctx, w, subscription, id)
	if err != nil {
		return u, err
	}
	if !w.May(TwoFactorWrite, db.Scope{Subscription: subscription}) {
		return u, errMayNot
	}
	ctx = a.scope(ctx, subscription)
	all, err := a.Tenants.ListAssignments(ctx)
	if err != nil {
		return u, err
	}
	u.Assignments = slices.DeleteFunc(all, func(x tenants.Assignment) bool { return x.TwoFactorID != id })
	others, err := a.Tenants.ListTwoFactors(ctx)
	if err != nil {
		return u, err
	}
	for _, o := range others {
		inst, err := a.Tenants.Open(ctx, o.ID)
		var bad *tenants.InvalidError
		if errors.As(err, &bad) {
			continue
		}
		if err != nil {
			return u, err
		}
		if c, ok := inst.Factor.(twofactor.Chained); ok && c.OnFailure() == v.Name {
			u.FallThrough = append(u.FallThrough, o)
		}
	}
	return u, nil
}

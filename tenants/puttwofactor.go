package tenants

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// PutTwoFactor creates or changes an instance, found by name. Options are those
// set here; the rest is inherited. An incomplete instance is kept and is then
// invalid (SPEC §3.1), but an option its type does not have is refused.
func (s *Store) PutTwoFactor(ctx context.Context, v *TwoFactor, options Options) (Difference, error) {
	if err := checkEntity(v.Name, nil); err != nil {
		return Difference{}, err
	}
	if err := s.knownOptions(v.Type, options); err != nil {
		return Difference{}, err
	}
	want := *v
	var d Difference
	err := s.DB.Tx(ctx, func(ctx context.Context) (err error) {
		d, err = s.putTwoFactor(ctx, &want, options)
		return err
	})
	if err != nil {
		return Difference{}, err
	}
	*v = want
	return d, nil
}

func (s *Store) putTwoFactor(ctx context.Context, v *TwoFactor, options Options) (Difference, error) {
	var have twoFactorRow
	key := map[string]any{"name": v.Name}
	if v.ID != "" {
		key = map[string]any{"id": v.ID}
	}
	err := s.DB.For(ctx).Where(key).Take(&have).Error
	if err != nil && !db.IsNotFound(err) {
		return Difference{}, fmt.Errorf("tenants: put two factor: %w", err)
	}
	if err == nil && have.Type != v.Type {
		return Difference{}, invalid("type", "of an existing instance cannot change; it is "+have.Type)
	}
	row := twoFactorRow{TwoFactor: *v, OptionsSealed: have.OptionsSealed}
	d, err := put(ctx, s, &row, func(r *twoFactorRow) entity {
		return entity{
			id: &r.ID, stamp: &r.Stamp, trash: &r.Trash, key: map[string]any{"name": v.Name},
			keep: []string{"LastSentAt", "FailingSince", "LastError"}, columns: &r.TwoFactor,
		}
	})
	*v = row.TwoFactor
	if err != nil {
		return d, err
	}
	sub := db.ScopeOf(ctx).Subscription
	old, err := s.openOptions(row.OptionsSealed, "two_factors", sub, v.ID)
	if err != nil {
		return d, err
	}
	changed := changedOptions(old, options)
	if len(changed) == 0 && !d.Created {
		return d, nil
	}
	d.Fields = append(d.Fields, changed...)
	was := v.Version
	if !d.Created && was == have.Version {
		v.Version++ // once for one change, however much of it there is
	}
	// What was wrong with the old options says nothing about the new ones.
	v.UpdatedAt, v.LastSentAt, v.FailingSince, v.LastError = db.Micros(s.Now()), nil, nil, ""
	err = db.One(s.DB.For(ctx).Model(&twoFactorRow{}).Where("id = ? AND version = ?", v.ID, was).UpdateColumns(map[string]any{
		"options_sealed": s.sealOptions(options, "two_factors", sub, v.ID), "version": v.Version, "updated_at": v.UpdatedAt,
		"last_sent_at": nil, "failing_since": nil, "last_error": "",
	}))
	if err != nil {
		return d, taken(err)
	}
	return d, nil
}

// PutSettings sets the base settings of a factor type: of the subscription in ctx,
// or of the platform when ctx has none.
func (s *Store) PutSettings(ctx context.Context, factorType string, options Options) (Difference, error) {
	if err := s.knownOptions(factorType, options); err != nil {
		return Difference{}, err
	}
	sub := db.ScopeOf(ctx).Subscription
	ctx = db.AllTenants(ctx)
	now := db.Micros(s.Now())
	var have settingsRow
	err := s.DB.For(ctx).Where("subscription_id = ? AND factor_type = ?", sub, factorType).Take(&have).Error
	sealed := s.sealOptions(options, "settings", sub, factorType)
	if db.IsNotFound(err) {
		return Difference{Created: true}, s.createSettings(ctx, sub, settingsRow{sub, factorType, sealed, now, 1})
	}
	if err != nil {
		return Difference{}, fmt.Errorf("tenants: put settings: %w", err)
	}
	old, err := s.openOptions(have.OptionsSealed, "settings", sub, factorType)
	if err != nil {
		return Difference{}, err
	}
	d := Difference{Fields: changedOptions(old, options)}
	if !d.Changed() {
		return d, nil
	}
	err = db.One(s.DB.For(ctx).Model(&settingsRow{}).Where("subscription_id = ? AND factor_type = ? AND version = ?", sub, factorType, have.Version).
		Updates(map[string]any{"options_sealed": sealed, "updated_at": now, "version": have.Version + 1}))
	if err != nil {
		return d, taken(err)
	}
	return d, nil
}

func (s *Store) createSettings(ctx context.Context, sub string, row settingsRow) error {
	var err error
	if sub == "" {
		// The platform's row has no owner, so the guard cannot set one.
		var gone []string
		err = s.DB.QueryRaw(ctx, &gone, `INSERT INTO settings (subscription_id, factor_type, options_sealed, updated_at, version)
VALUES (?, ?, ?, ?, ?) RETURNING factor_type`, row.SubscriptionID, row.FactorType, row.OptionsSealed, row.UpdatedAt, row.Version)
	} else {
		err = s.DB.For(ctx).Create(&row).Error
	}
	if err != nil {
		return fmt.Errorf("tenants: put settings: %w", err)
	}
	return nil
}

// knownOptions refuses what the type does not have, so that a misspelled option
// is an error and not an instance that is silently invalid.
func (s *Store) knownOptions(factorType string, options Options) error {
	p, ok := s.Catalog[factorType]
	if !ok {
		return invalid("type", fmt.Sprintf("must be one of %v", s.Catalog.Types()))
	}
	var fields []problem.Field
	for name := range options {
		if !slices.ContainsFunc(p.Fields, func(f twofactor.Field) bool { return f.Name == name }) {
			fields = append(fields, problem.Field{Name: name, Message: "is not an option of type " + factorType})
		}
	}
	if len(fields) > 0 {
		slices.SortFunc(fields, func(a, b problem.Field) int { return strings.Compare(a.Name, b.Name) })
		return &problem.Error{Kind: problem.Invalid, Code: "invalid", Message: fields[0].Name + " " + fields[0].Message, Fields: fields}
	}
	return nil
}

// changedOptions names what differs, never the values: some are secret.
func changedOptions(old, fresh Options) []FieldChange {
	var out []FieldChange
	for _, name := range sortedNames(old, fresh) {
		a, b := canonical(old[name]), canonical(fresh[name])
		switch {
		case a == b:
		case a == "":
			out = append(out, FieldChange{Name: name, New: "(set)"})
		case b == "":
			out = append(out, FieldChange{Name: name, Old: "(set)"})
		default:
			out = append(out, FieldChange{Name: name, Old: "(set)", New: "(changed)"})
		}
	}
	return out
}

func sortedNames(maps ...Options) []string {
	var names []string
	for _, m := range maps {
		for n := range m {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return names
}

func canonical(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	b, _ := json.Marshal(v)
	return string(b)
}

package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// PutTemplate creates or changes a template, found by level, target, kind and
// language. What CheckTemplate has against it is refused by part.
func (s *Store) PutTemplate(ctx context.Context, v *Template) (Difference, error) {
	want := *v
	want.Lang = NormalLang(want.Lang)
	if err := s.checkTemplate(want); err != nil {
		return Difference{}, err
	}
	var d Difference
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.mayTemplate(ctx, want); err != nil {
			return err
		}
		var err error
		d, err = s.putTemplate(ctx, &want)
		return err
	})
	if err != nil {
		return Difference{}, err
	}
	*v = want
	s.changed(ctx)
	return d, nil
}

// DeleteTemplate removes a template: what it set is inherited again. It is no error
// if there is none.
func (s *Store) DeleteTemplate(ctx context.Context, v Template) (Difference, error) {
	v.Lang = NormalLang(v.Lang)
	var d Difference
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.mayTemplate(ctx, v); err != nil {
			return err
		}
		have, err := s.takeTemplate(ctx, v)
		if db.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("tenants: delete template: %w", err)
		}
		d = changedParts(have.template(), Template{})
		return db.One(s.templateAt(ctx, v).Where("version = ?", have.Version).Delete(&templateRow{}))
	})
	switch {
	case errors.Is(err, db.ErrStale):
		return Difference{}, taken(err)
	case err != nil:
		return Difference{}, err
	}
	s.changed(ctx)
	return d, nil
}

// NormalLang spells a language tag as templates are found by it.
func NormalLang(tag string) string { return strings.ToLower(strings.ReplaceAll(tag, "_", "-")) }

// checkTemplate holds a template to the rules of its form and of its words.
func (s *Store) checkTemplate(t Template) error {
	switch {
	case !validLocale(t.Lang):
		return invalid("lang", "must be a language tag such as de or de-CH")
	case t.empty():
		return invalid("subject", "or another part must be set; delete the template to inherit all")
	case s.CheckTemplate == nil:
		return errors.New("tenants: put template: nothing checks templates")
	}
	var fields []problem.Field
	for _, f := range s.CheckTemplate(t) {
		fields = append(fields, problem.Field{Name: f.Field, Message: f.Message})
	}
	if len(fields) > 0 {
		return &problem.Error{Kind: problem.Invalid, Code: "invalid", Message: fields[0].Name + " " + fields[0].Message, Fields: fields}
	}
	return nil
}

// mayTemplate refuses a level or a target that is not within ctx's scope: who acts
// for a tenant changes that tenant's, and only who acts for no subscription the
// platform's.
func (s *Store) mayTemplate(ctx context.Context, t Template) error {
	scope := db.ScopeOf(ctx)
	switch {
	case !slices.Contains(templateLevels[:], t.Level):
		return invalid("level", fmt.Sprintf("must be one of %v", templateLevels))
	case t.Level == LevelPlatform && (scope != db.Scope{}):
		return invalid("level", "must not be platform: it is for operators")
	case t.Level == LevelPlatform && t.TargetID != "":
		return invalid("target", "must be empty for the platform")
	case t.Level == LevelPlatform:
		return nil
	case scope.Subscription == "":
		return db.ErrNoScope
	case scope.Tenant != "" && (t.Level != LevelTenant || t.TargetID != scope.Tenant):
		return invalid("target", "does not exist")
	}
	return s.mustHave(ctx, t.Level, t.TargetID)
}

// templateAt finds the row of t's key. The platform's rows have no owner: there the
// condition is the guard.
func (s *Store) templateAt(ctx context.Context, t Template) *gorm.DB {
	if t.Level == LevelPlatform {
		ctx = db.AllTenants(ctx)
	}
	return s.DB.For(ctx).Where("subscription_id = ? AND level = ? AND target_id = ? AND kind = ? AND lang = ?",
		db.ScopeOf(ctx).Subscription, t.Level, t.TargetID, t.Kind, t.Lang)
}

func (s *Store) takeTemplate(ctx context.Context, t Template) (row templateRow, err error) {
	err = s.templateAt(ctx, t).Take(&row).Error
	return row, err
}

func (s *Store) putTemplate(ctx context.Context, v *Template) (Difference, error) {
	have, err := s.takeTemplate(ctx, *v)
	v.UpdatedAt, v.Version = db.Micros(s.Now()), 1
	if db.IsNotFound(err) {
		d := changedParts(Template{}, *v)
		d.Created = true
		return d, s.createTemplate(ctx, *v)
	}
	if err != nil {
		return Difference{}, fmt.Errorf("tenants: put template: %w", err)
	}
	d := changedParts(have.template(), *v)
	if !d.Changed() {
		*v = have.template()
		return d, nil
	}
	v.Version = have.Version + 1
	err = db.One(s.templateAt(ctx, *v).Model(&templateRow{}).Where("version = ?", have.Version).UpdateColumns(map[string]any{
		"subject": v.Subject, "body_text": v.Text, "body_html": v.HTML, "sms": v.SMS, "updated_at": v.UpdatedAt, "version": v.Version,
	}))
	if err != nil {
		return Difference{}, taken(err)
	}
	return d, nil
}

func (s *Store) createTemplate(ctx context.Context, v Template) error {
	row := templateRow{
		db.ScopeOf(ctx).Subscription, v.Level, v.TargetID, v.Kind, v.Lang, v.Subject, v.Text, v.HTML, v.SMS, v.UpdatedAt, v.Version,
	}
	var err error
	if row.SubscriptionID == "" {
		// The platform's row has no owner, so the guard cannot set one.
		var gone []string
		err = s.DB.QueryRaw(ctx, &gone, `INSERT INTO message_templates
(subscription_id, level, target_id, kind, lang, subject, body_text, body_html, sms, updated_at, version)
VALUES ('', ?, '', ?, ?, ?, ?, ?, ?, ?, ?) RETURNING kind`,
			row.Level, row.Kind, row.Lang, row.Subject, row.BodyText, row.BodyHTML, row.SMS, row.UpdatedAt, row.Version)
	} else {
		err = s.DB.For(ctx).Create(&row).Error
	}
	if err != nil {
		return taken(err)
	}
	return nil
}

// changedParts lists the parts that differ, by the names that administrators know.
func changedParts(old, fresh Template) Difference {
	var d Difference
	for _, f := range []FieldChange{
		{"subject", old.Subject, fresh.Subject}, {"text", old.Text, fresh.Text}, {"html", old.HTML, fresh.HTML}, {"sms", old.SMS, fresh.SMS},
	} {
		if f.Old != f.New {
			d.Fields = append(d.Fields, f)
		}
	}
	return d
}

package admin

import (
	"context"
	"slices"

	"twofold/internal/db"
	"twofold/tenants"
	"twofold/twofactor"
)

// Preview puts a letter with sample values into words, as it would go out with these
// parts. It is set where everything is wired.
type Preview func(ctx context.Context, t tenants.Template, medium twofactor.Medium) (twofactor.Message, error)

// templateScope is where a template of a level belongs: a tenant's may be changed by who
// runs it; all others take the subscription, or the server.
func templateScope(subscription string, t tenants.Template) db.Scope {
	if t.Level == tenants.LevelTenant {
		return db.Scope{Subscription: subscription, Tenant: t.TargetID}
	}
	return db.Scope{Subscription: subscription}
}

// Templates lists the templates of a subscription that w may see, or with an empty one
// those of the whole server.
func (a *Admin) Templates(ctx context.Context, w Who, subscription string) ([]tenants.Template, error) {
	mine := w.Tenants(TemplateRead, subscription)
	if mine != nil && len(mine) == 0 {
		return nil, hidden(w, subscription)
	}
	all, err := a.Tenants.Templates(a.scope(ctx, subscription))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(t tenants.Template) bool {
		return mine != nil && !(t.Level == tenants.LevelTenant && slices.Contains(mine, t.TargetID)) && t.Level != tenants.LevelSubscription
	}), nil
}

// SetTemplate saves a template, found by level, target, kind and language; one whose
// parts are all empty is taken away, so that everything is inherited again. version is
// the one that was seen; 0: there was none.
func (a *Admin) SetTemplate(ctx context.Context, w Who, subscription string, t tenants.Template, version int64) (tenants.Template, error) {
	if err := a.may(w, TemplateWrite, TemplateRead, templateScope(subscription, t)); err != nil {
		return t, err
	}
	ctx = a.scope(ctx, subscription)
	err := a.DB.Tx(ctx, func(ctx context.Context) error {
		have, err := a.template(ctx, t)
		if err != nil {
			return err
		}
		if have.Version != version {
			return &StaleError[tenants.Template]{Yours: t, Theirs: have}
		}
		var d tenants.Difference
		if t.Subject+t.Text+t.HTML+t.SMS == "" {
			d, err = a.Tenants.DeleteTemplate(ctx, t)
		} else {
			d, err = a.Tenants.PutTemplate(ctx, &t)
		}
		if err != nil || !d.Changed() {
			return err
		}
		about := thing{"template", string(t.Level) + " " + t.Kind + " " + t.Lang, t.TargetID}
		return a.record(ctx, w, "config.changed", about, d.Fields)
	})
	return t, err
}

// template is the one of a level, zero if there is none.
func (a *Admin) template(ctx context.Context, t tenants.Template) (tenants.Template, error) {
	all, err := a.Tenants.Templates(ctx)
	if err != nil {
		return tenants.Template{}, err
	}
	for _, have := range all {
		if have.Level == t.Level && have.TargetID == t.TargetID && have.Kind == t.Kind && have.Lang == tenants.NormalLang(t.Lang) {
			return have, nil
		}
	}
	return tenants.Template{}, nil
}

// PreviewTemplate shows what would go out with these parts. Nothing is saved.
func (a *Admin) PreviewTemplate(ctx context.Context, w Who, subscription string, t tenants.Template, medium twofactor.Medium) (twofactor.Message, error) {
	if err := a.may(w, TemplateRead, TemplateRead, templateScope(subscription, t)); err != nil {
		return twofactor.Message{}, err
	}
	if err := a.maySeeTarget(ctx, w, subscription, t); err != nil {
		return twofactor.Message{}, atField(err, "target")
	}
	ctx = a.scope(ctx, subscription)
	if t.Level == tenants.LevelTenant {
		ctx = a.realmOf(ctx, []string{t.TargetID})
	}
	return a.Preview(ctx, t, medium)
}

// maySeeTarget finds whose messages a template is for as w sees it.
func (a *Admin) maySeeTarget(ctx context.Context, w Who, subscription string, t tenants.Template) (err error) {
	switch t.Level {
	case tenants.LevelTenant:
		_, err = a.TenantsOf().Get(ctx, w, subscription, t.TargetID)
	case tenants.LevelClientApp:
		_, err = a.ClientApps().Get(ctx, w, subscription, t.TargetID)
	case tenants.LevelSubscription:
		if t.TargetID != subscription {
			err = errUnknown
		}
	case tenants.LevelPlatform, tenants.LevelIDP, tenants.LevelGroup, tenants.LevelUser:
	}
	return err
}

package tenants

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// templates is a world whose templates must not say "bad".
func templates(t *testing.T, f func(t *testing.T, w *world, c *customer)) {
	t.Helper()
	each(t, func(t *testing.T, w *world) {
		w.CheckTemplate = func(v Template) []twofactor.FieldError {
			if strings.Contains(v.Text, "bad") {
				return []twofactor.FieldError{{Field: "text", Message: "is bad"}, {Field: "sms", Message: "is no better"}}
			}
			return nil
		}
		f(t, w, w.customer("acme"))
	})
}

// setAll puts one template at each level, in English and German.
func (w *world) setAll(c *customer) {
	w.t.Helper()
	for _, lang := range []string{"en", "de"} {
		for _, p := range []struct {
			ctx context.Context
			v   Template
		}{
			{w.t.Context(), Template{Level: LevelPlatform}},
			{c.admin, Template{Level: LevelSubscription, TargetID: c.sub.ID}},
			{c.admin, Template{Level: LevelTenant, TargetID: c.tenant.ID}},
			{c.admin, Template{Level: LevelClientApp, TargetID: c.app.ID}},
		} {
			p.v.Kind, p.v.Lang, p.v.Subject = "code", lang, string(p.v.Level)+" "+lang
			done[Difference](w.t)(w.PutTemplate(p.ctx, &p.v))
		}
	}
}

func subjects(l []Template, err error) string {
	out := make([]string, len(l))
	for i, v := range l {
		out[i] = v.Subject
	}
	if err != nil {
		return err.Error()
	}
	return strings.Join(out, ", ")
}

func TestTemplatesFor(t *testing.T) {
	templates(t, func(t *testing.T, w *world, c *customer) {
		if got := subjects(w.TemplatesFor(c.ctx, "code")); got != "" {
			t.Errorf("before: %s", got)
		}
		w.setAll(c)
		other := w.customer("globex")
		w.setAllOf(other)
		const outer = "tenant de, tenant en, subscription de, subscription en, platform de, platform en"
		for name, q := range map[string]struct {
			ctx  context.Context
			kind string
			want string
		}{
			"app":           {WithClientApp(c.ctx, c.app.ID), "code", "client_app de, client_app en, " + outer},
			"no app":        {c.ctx, "code", outer},
			"another's app": {WithClientApp(c.ctx, other.app.ID), "code", outer},
			"another kind":  {c.ctx, "reset", ""},
			"no tenant":     {c.admin, "code", "subscription de, subscription en, platform de, platform en"},
			"another":       {other.ctx, "code", "globex, platform de, platform en"},
		} {
			for range 2 { // the second answer may be a remembered one
				if got := subjects(w.TemplatesFor(q.ctx, q.kind)); got != q.want {
					t.Errorf("%s: %s", name, got)
				}
			}
		}
		if _, err := w.TemplatesFor(t.Context(), "code"); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("without a tenant: %v", err)
		}
	})
}

// setAllOf gives another customer a template of its own.
func (w *world) setAllOf(c *customer) {
	done[Difference](w.t)(w.PutTemplate(c.ctx, &Template{Level: LevelTenant, TargetID: c.tenant.ID, Kind: "code", Lang: "en", Subject: c.tenant.Name}))
}

func TestTemplatesList(t *testing.T) {
	templates(t, func(t *testing.T, w *world, c *customer) {
		w.setAll(c)
		second := Tenant{Name: "second", Active: true}
		done[Difference](t)(w.PutTenant(c.admin, &second))
		spare := ClientApp{
			Name: "spare", Type: AppWeb, ClientID: "spare", AuthMethod: AuthBasic, IDTokenAlg: "RS256",
			GrantTypes: List{GrantCode}, RedirectURIs: List{"https://spare.example/cb"}, Active: true,
		}
		done[Difference](t)(w.PutClientApp(c.admin, &spare))
		for _, v := range []Template{
			{Level: LevelTenant, TargetID: second.ID, Kind: "code", Lang: "en", Subject: "second"},
			{Level: LevelClientApp, TargetID: spare.ID, Kind: "code", Lang: "en", Subject: "spare"},
		} {
			done[Difference](t)(w.PutTemplate(c.admin, &v))
		}
		has := func(ctx context.Context, want, lacks string) {
			t.Helper()
			got := subjects(w.Templates(ctx))
			for _, s := range strings.Split(want, ", ") {
				if !strings.Contains(got, s) {
					t.Errorf("lacks %s: %s", s, got)
				}
			}
			for _, s := range strings.Split(lacks, ", ") {
				if strings.Contains(got, s) {
					t.Errorf("has %s: %s", s, got)
				}
			}
		}
		has(c.admin, "client_app de, tenant en, subscription en, second, spare", "platform")
		has(c.ctx, "client_app de, tenant en, subscription en", "platform, second, spare")
		has(t.Context(), "platform en, platform de", "client_app, tenant, subscription, second, spare")
		if _, err := w.Templates(db.WithScope(t.Context(), db.Scope{Tenant: c.tenant.ID})); err == nil {
			t.Error("a tenant without a subscription has a list")
		}
	})
}

func TestPutTemplate(t *testing.T) {
	templates(t, func(t *testing.T, w *world, c *customer) {
		for name, at := range map[string]struct {
			ctx context.Context
			v   Template
		}{
			"platform":     {t.Context(), Template{Level: LevelPlatform}},
			"subscription": {c.admin, Template{Level: LevelSubscription, TargetID: c.sub.ID}},
			"tenant":       {c.ctx, Template{Level: LevelTenant, TargetID: c.tenant.ID}},
			"client app":   {c.admin, Template{Level: LevelClientApp, TargetID: c.app.ID}},
		} {
			t.Run(name, func(t *testing.T) { w.t = t; w.putTwice(at.ctx, at.v) })
		}
	})
}

// putTwice puts, puts the same, changes and deletes.
func (w *world) putTwice(ctx context.Context, v Template) {
	t := w.t
	v.Kind, v.Lang, v.Subject, v.HTML = "code", "de_CH", "One", "<p>One</p>"
	first := v
	d, err := w.PutTemplate(ctx, &first)
	must(t, err)
	if !d.Created || first.Version != 1 || first.Lang != "de-ch" || !first.UpdatedAt.Equal(firstOfMay) {
		t.Errorf("created %+v: %+v", d, first)
	}
	w.clock.Advance(time.Hour)
	again := v
	d, err = w.PutTemplate(ctx, &again)
	must(t, err)
	if d.Changed() || again.Version != 1 || !again.UpdatedAt.Equal(first.UpdatedAt) {
		t.Errorf("the same again %+v: %+v", d, again)
	}
	changed := v
	changed.Subject, changed.HTML, changed.SMS = "Two", "", "Three"
	d, err = w.PutTemplate(ctx, &changed)
	must(t, err)
	want := Difference{Fields: []FieldChange{{"subject", "One", "Two"}, {"html", "<p>One</p>", ""}, {"sms", "", "Three"}}}
	if diff := cmp.Diff(want, d); diff != "" || changed.Version != 2 {
		t.Errorf("changed to %+v (-want +got):\n%s", changed, diff)
	}
	d, err = w.DeleteTemplate(ctx, v)
	must(t, err)
	want = Difference{Fields: []FieldChange{{"subject", "Two", ""}, {"sms", "Three", ""}}}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	d, err = w.DeleteTemplate(ctx, v)
	must(t, err)
	if d.Changed() {
		t.Errorf("deleted again: %+v", d)
	}
	w.clock.Advance(-time.Hour)
}

func TestPutTemplateRefuses(t *testing.T) {
	templates(t, func(t *testing.T, w *world, c *customer) {
		other := w.customer("globex")
		second := Tenant{Name: "second", Active: true}
		done[Difference](t)(w.PutTenant(c.admin, &second))
		for name, bad := range map[string]struct {
			ctx    context.Context
			v      Template
			fields string
		}{
			"platform by a subscription":   {c.admin, Template{Level: LevelPlatform, Subject: "x"}, "level"},
			"platform by a tenant":         {c.ctx, Template{Level: LevelPlatform, Subject: "x"}, "level"},
			"platform with a target":       {t.Context(), Template{Level: LevelPlatform, TargetID: c.sub.ID, Subject: "x"}, "target"},
			"subscription by a tenant":     {c.ctx, Template{Level: LevelSubscription, TargetID: c.sub.ID, Subject: "x"}, "target"},
			"client app by a tenant":       {c.ctx, Template{Level: LevelClientApp, TargetID: c.app.ID, Subject: "x"}, "target"},
			"another tenant by a tenant":   {c.ctx, Template{Level: LevelTenant, TargetID: second.ID, Subject: "x"}, "target"},
			"another subscription":         {c.admin, Template{Level: LevelSubscription, TargetID: other.sub.ID, Subject: "x"}, "target"},
			"another subscription's":       {c.admin, Template{Level: LevelTenant, TargetID: other.tenant.ID, Subject: "x"}, "target"},
			"another subscription's app":   {c.admin, Template{Level: LevelClientApp, TargetID: other.app.ID, Subject: "x"}, "target"},
			"level without templates":      {c.admin, Template{Level: LevelUser, TargetID: c.anna.ID, Subject: "x"}, "level"},
			"no level":                     {c.admin, Template{Subject: "x"}, "level"},
			"nothing set":                  {c.ctx, Template{Level: LevelTenant, TargetID: c.tenant.ID}, "subject"},
			"what the words' rules refuse": {c.ctx, Template{Level: LevelTenant, TargetID: c.tenant.ID, Text: "bad"}, "text sms"},
			"language":                     {c.ctx, Template{Level: LevelTenant, TargetID: c.tenant.ID, Lang: "no language", Subject: "x"}, "lang"},
		} {
			bad.v.Kind = "code"
			if bad.v.Lang == "" {
				bad.v.Lang = "en"
			}
			_, err := w.PutTemplate(bad.ctx, &bad.v)
			var p *problem.Error
			if !errors.As(err, &p) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var fields []string
			for _, f := range p.Fields {
				fields = append(fields, f.Name)
			}
			if got := strings.Join(fields, " "); got != bad.fields {
				t.Errorf("%s: names %s", name, got)
			}
		}
		mine := Template{Level: LevelTenant, TargetID: c.tenant.ID, Kind: "code", Lang: "en", Subject: "x"}
		if _, err := w.PutTemplate(t.Context(), &mine); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("without a scope: %v", err)
		}
		w.CheckTemplate = nil
		if _, err := w.PutTemplate(c.ctx, &mine); err == nil {
			t.Error("saved although nothing checks")
		}
	})
}

// TestTemplatesAreRemembered: for CacheFor and no longer; what this process changed
// is there at once.
func TestTemplatesAreRemembered(t *testing.T) {
	templates(t, func(t *testing.T, w *world, c *customer) {
		v := Template{Level: LevelTenant, TargetID: c.tenant.ID, Kind: "code", Lang: "en", Subject: "One"}
		if got := subjects(w.TemplatesFor(c.ctx, "code")); got != "" {
			t.Error(got)
		}
		done[Difference](t)(w.PutTemplate(c.ctx, &v))
		if got := subjects(w.TemplatesFor(c.ctx, "code")); got != "One" {
			t.Errorf("after a change here: %s", got)
		}
		// Another replica changes it.
		must(t, w.DB.For(c.ctx).Model(&templateRow{}).Where("kind = ?", "code").UpdateColumn("subject", "Two").Error)
		if got := subjects(w.TemplatesFor(c.ctx, "code")); got != "One" {
			t.Errorf("at once: %s", got)
		}
		err := w.DB.Tx(c.ctx, func(ctx context.Context) error {
			if got := subjects(w.TemplatesFor(ctx, "code")); got != "Two" {
				return fmt.Errorf("in a transaction: %s", got)
			}
			return nil
		})
		must(t, err)
		w.clock.Advance(CacheFor)
		if got := subjects(w.TemplatesFor(c.ctx, "code")); got != "Two" {
			t.Errorf("after a while: %s", got)
		}
	})
}

func TestClientAppInContext(t *testing.T) {
	if got := ClientAppFrom(t.Context()); got != "" {
		t.Errorf("none: %q", got)
	}
	if got := ClientAppFrom(WithClientApp(t.Context(), "app")); got != "app" {
		t.Errorf("got %q", got)
	}
}

package rest

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"time"

	"twofold/admin"
	"twofold/internal/id"
	"twofold/tenants"
	"twofold/twofactor"
)

// TemplateUpdate is what a message template is made of: what it is for, and its parts.
type TemplateUpdate struct {
	Level    string `json:"level" enum:"platform,subscription,tenant,client_app" doc:"Whose messages it is for; the nearest to the user counts."`
	TargetID string `json:"target" maxLength:"36" doc:"Id of what level names; empty for the platform."`
	Kind     string `json:"kind" enum:"code,enrol,reset,notice" doc:"What kind of message it is."`
	Lang     string `json:"lang" maxLength:"35" doc:"Its language." example:"de"`
	Subject  string `json:"subject" maxLength:"1000" doc:"Of a mail; empty: inherited."`
	Text     string `json:"text" maxLength:"20000" doc:"Of a mail, as plain text; empty: inherited."`
	HTML     string `json:"html" maxLength:"40000" doc:"Of a mail, as HTML; empty: inherited."`
	SMS      string `json:"sms" maxLength:"1000" doc:"Of a text message; empty: inherited."`
}

// Template is a message template.
type Template struct {
	TemplateUpdate
	UpdatedAt time.Time `json:"updated_at" doc:"When it was changed last."`
	Version   int64     `json:"version" doc:"Raised by each change; the ETag."`
}

// TemplatePreviewCreate asks for a look at a template that need not be saved.
type TemplatePreviewCreate struct {
	TemplateUpdate
	Medium string `json:"medium" enum:"mail,sms" doc:"How it travels."`
}

// TemplatePreview is a message with sample values.
type TemplatePreview struct {
	Subject string `json:"subject" doc:"Of a mail."`
	Text    string `json:"text" doc:"Plain text."`
	HTML    string `json:"html" doc:"Of a mail."`
}

func (a *API) templates() {
	must := []string{"level", "kind", "lang"}
	for _, at := range []struct{ id, path, where string }{
		{"templates", "/subscriptions/{subscription}/templates", "of a subscription"}, {"platform_templates", "/templates", "of the whole server"},
	} {
		act[none, Items[Template]](a, spec{id: at.id + ".list", method: http.MethodGet, path: at.path, summary: "List the message templates " + at.where, action: admin.TemplateRead},
			func(ctx context.Context, c *call, _ none) (*answer, error) {
				all, err := a.Admin.Templates(ctx, c.who, c.subscription)
				return items(all, func(t tenants.Template) Template { return take[Template](&t) }), err
			})
		act[TemplateUpdate, Template](a, spec{
			id: at.id + ".set", method: http.MethodPut, path: at.path, summary: "Save a message template " + at.where, action: admin.TemplateWrite, must: must, etag: true, ifMatch: true, stale: reflect.TypeFor[Stale[Template]](),
			about: "It is found by level, target, kind and language. One that has no part is taken away, so that everything is inherited again. " +
				"Send If-Match with the version that you have seen, quoted, or \"0\" if there was none.",
		}, a.setTemplate)
		act[TemplatePreviewCreate, TemplatePreview](a, spec{
			id: at.id + ".preview", method: http.MethodPost, path: at.path + "/preview", summary: "Show a message as it would go out", action: admin.TemplateRead,
			about: "Nothing is saved.", must: append(must, "medium"),
		}, func(ctx context.Context, c *call, b TemplatePreviewCreate) (*answer, error) {
			t, err := templateOf(c, b.TemplateUpdate)
			if err != nil {
				return nil, err
			}
			m, err := a.Admin.PreviewTemplate(ctx, c.who, c.subscription, t, twofactor.Medium(b.Medium))
			return &answer{body: TemplatePreview{m.Subject, m.Text, m.HTML}}, err
		})
	}
}

// templateOf reads which template is meant, at the level of the address.
func templateOf(c *call, b TemplateUpdate) (t tenants.Template, err error) {
	give(&t, &b)
	switch platform := t.Level == tenants.LevelPlatform; {
	case platform != (c.subscription == ""):
		return t, invalid(Fault{"level", "is not of this address"})
	case !platform && !id.Valid(t.TargetID):
		return t, invalid(Fault{"target", "does not exist"})
	}
	return t, nil
}

func (a *API) setTemplate(ctx context.Context, c *call, b TemplateUpdate) (*answer, error) {
	t, err := templateOf(c, b)
	if err != nil {
		return nil, err
	}
	version := int64(0)
	if strings.TrimSpace(c.Header.Get("If-Match")) != `"0"` {
		if version, err = ifMatch(c.Request); err != nil {
			return nil, err
		}
		if version == 0 { // "*": whatever there is
			return nil, failure(http.StatusPreconditionFailed, "if_match_any", `A template is not overwritten unseen: send the version, or "0" if there is none.`)
		}
	}
	t, err = a.Admin.SetTemplate(ctx, c.who, c.subscription, t, version)
	var stale *admin.StaleError[tenants.Template]
	if errors.As(err, &stale) {
		f := asFailure(stale.Unwrap())
		mine := take[Template](&stale.Yours)
		f.more = Stale[Template]{Yours: &mine, Theirs: take[Template](&stale.Theirs), ETag: etag(stale.Theirs.Version)}
		f.header.Set("ETag", etag(stale.Theirs.Version))
		return nil, f
	}
	return &answer{body: take[Template](&t), version: t.Version}, err
}

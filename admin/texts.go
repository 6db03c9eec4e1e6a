package admin

import (
	"context"
	"slices"
	"strings"

	"twofold/internal/db"
	"twofold/tenants"
)

// Letters is what there is to know of letters: their kinds, and the texts that the house
// comes with. It is set where everything is wired.
type Letters struct {
	Kinds     func() []string
	Languages func() []string
	Variables func(kind string) []string
	Default   func(kind, lang string) tenants.Template // its parts; empty where there is none
}

// Text is a template as its edit view shows it.
type Text struct {
	Own       tenants.Template         // zero parts where nothing is set
	Inherited map[string]InheritedText // by part: what counts where Own has none
	Variables []string
}

// InheritedText is a part as it comes from above. Level is empty for what Twofold comes
// with.
type InheritedText struct {
	Source string
	Level  tenants.Level
	Lang   string
}

// Text reads the template of a level, target, kind and language, with what it inherits: in
// its language from the levels above, then the house's own; only then in English
// (docs/adr/0021). A client app's own tenants come between too, which it may have many of.
func (a *Admin) Text(ctx context.Context, w Who, subscription string, key tenants.Template) (Text, error) {
	if err := a.may(w, TemplateRead, TemplateRead, templateScope(subscription, key)); err != nil {
		return Text{}, err
	}
	if !slices.Contains(a.Letters.Kinds(), key.Kind) {
		return Text{}, errUnknown
	}
	key.Lang = tenants.NormalLang(key.Lang)
	above, err := a.textsAbove(ctx, subscription, key)
	if err != nil {
		return Text{}, err
	}
	out := Text{Inherited: map[string]InheritedText{}, Variables: a.Letters.Variables(key.Kind)}
	if out.Own, err = a.template(a.scope(ctx, subscription), key); err != nil {
		return Text{}, err
	}
	if out.Own.Kind == "" {
		out.Own = tenants.Template{Level: key.Level, TargetID: key.TargetID, Kind: key.Kind, Lang: key.Lang}
	}
	for _, t := range above {
		for part, source := range map[string]string{"subject": t.Subject, "text": t.Text, "html": t.HTML, "sms": t.SMS} {
			if _, known := out.Inherited[part]; source != "" && !known {
				out.Inherited[part] = InheritedText{source, t.Level, t.Lang}
			}
		}
	}
	return out, nil
}

// textsAbove are the templates that a level inherits from, the nearest first.
func (a *Admin) textsAbove(ctx context.Context, subscription string, key tenants.Template) ([]tenants.Template, error) {
	var levels []tenants.Template
	if subscription != "" && key.Level != tenants.LevelSubscription {
		own, err := a.Tenants.Templates(a.scope(ctx, subscription))
		if err != nil {
			return nil, err
		}
		levels = slices.DeleteFunc(own, func(t tenants.Template) bool { return t.Level != tenants.LevelSubscription })
	}
	if key.Level != tenants.LevelPlatform {
		all, err := a.Tenants.Templates(db.WithScope(ctx, db.Scope{}))
		if err != nil {
			return nil, err
		}
		levels = append(levels, all...)
	}
	var out []tenants.Template
	for _, lang := range languageChain(key.Lang) {
		for _, t := range levels {
			if t.Kind == key.Kind && t.Lang == lang {
				out = append(out, t)
			}
		}
		out = append(out, a.Letters.Default(key.Kind, lang))
	}
	return out, nil
}

// languageChain are the languages to look in: de-ch, de, en.
func languageChain(lang string) []string {
	var out []string
	for lang != "" {
		out = append(out, lang)
		cut := strings.LastIndexByte(lang, '-')
		lang = lang[:max(cut, 0)]
	}
	if !slices.Contains(out, "en") {
		out = append(out, "en")
	}
	return out
}

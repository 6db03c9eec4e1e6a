package letters

import (
	"context"

	"twofold/twofactor"
)

// Preview is the letter with sample values as it would go out if these parts were
// saved at the nearest level for this language; what they leave out comes from where
// it comes from now. Parts that Check refuses give a *twofactor.OptionsError.
func (c Composer) Preview(ctx context.Context, kind string, medium twofactor.Medium, locale string, p Parts) (twofactor.Message, error) {
	if found := Check(kind, p); len(found) > 0 {
		return twofactor.Message{}, &twofactor.OptionsError{Errors: found}
	}
	host := c.Host
	if host == "" {
		host = "id.example.org"
	}
	l := twofactor.Letter{Kind: kind, Medium: medium, Locale: locale, Vars: sampleVars(host)}
	vars, err := c.values(l)
	if err != nil {
		return twofactor.Message{}, err
	}
	preview := Override{"preview", chain(locale)[0], p}
	w := writer{Composer: c, kind: kind, vars: vars, sources: sources(kind, locale, append([]Override{preview}, c.overrides(ctx, kind)...))}
	return w.write(ctx, medium)
}

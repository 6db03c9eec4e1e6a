package webauthn

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"twofold/twofactor"
)

//go:embed texts
var textFiles embed.FS

// readTexts panics on a text that is missing: a programming mistake.
func readTexts() twofactor.Texts {
	dir, err := fs.Sub(textFiles, "texts")
	if err != nil {
		panic("webauthn: texts: " + err.Error())
	}
	return twofactor.MustTexts(dir)
}

// data is what the script needs.
type data struct {
	Mode      mode                         `json:"mode"`
	PublicKey any                          `json:"publicKey"` // options of navigator.credentials
	Texts     map[string]map[string]string `json:"texts"`     // by language, then by what went wrong
}

// prompt puts a question to the browser. The page has no field for it: the script
// adds the answer to the form.
func (f *factor) prompt(c challenge, locale string, publicKey any) (twofactor.Challenge, error) {
	state, err := json.Marshal(c)
	if err != nil {
		return twofactor.Challenge{}, fmt.Errorf("webauthn: keep a challenge: %w", err)
	}
	d, err := json.Marshal(data{Mode: c.Mode, PublicKey: publicKey, Texts: f.failures(c.Mode, locale)})
	if err != nil {
		return twofactor.Challenge{}, fmt.Errorf("webauthn: put a challenge: %w", err)
	}
	return twofactor.Challenge{
		State:     state,
		Prompt:    twofactor.Prompt{Message: f.texts.Say(locale, string(c.Mode)), Script: "webauthn.js", Data: d},
		ExpiresAt: f.env.Now().Add(lifetime),
	}, nil
}

// failures are the sentences of the script, in the user's language. Of somebody not
// yet known only the page knows the language.
func (f *factor) failures(m mode, locale string) map[string]map[string]string {
	out := maps.Clone(f.texts)
	if m != modeIdentify {
		lang, _, _ := strings.Cut(strings.ToLower(locale), "-")
		if _, ok := out[lang]; !ok {
			lang = "en"
		}
		maps.DeleteFunc(out, func(l string, _ map[string]string) bool { return l != lang })
	}
	for lang, sentences := range out {
		own := map[string]string{}
		for _, name := range []string{"cancelled", "exists", "unsupported", "address", "background", "failed", "again"} {
			own[name] = sentences[name]
		}
		out[lang] = own
	}
	return out
}

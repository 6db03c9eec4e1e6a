package twofactor

import (
	"encoding/json"
	"io/fs"
	"path"
	"strings"
)

// Texts are a factor's own sentences: for each language a file LANG.json with an
// object of key to sentence, where {name} stands for a variable.
type Texts map[string]map[string]string

// MustTexts reads all LANG.json at the root of fsys. It panics on a file that cannot
// be read, on a missing en.json, and on a language that lacks or adds a key:
// programming mistakes.
func MustTexts(fsys fs.FS) Texts {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		panic("twofactor: texts: " + err.Error())
	}
	t := Texts{}
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			panic("twofactor: texts: " + err.Error())
		}
		m := map[string]string{}
		if err := json.Unmarshal(raw, &m); err != nil {
			panic("twofactor: texts " + name + ": " + err.Error())
		}
		t[strings.TrimSuffix(path.Base(name), ".json")] = m
	}
	t.mustAgree()
	return t
}

func (t Texts) mustAgree() {
	if len(t["en"]) == 0 {
		panic("twofactor: texts: no en.json")
	}
	for lang, m := range t {
		for key := range t["en"] {
			if m[key] == "" {
				panic("twofactor: texts: " + lang + " lacks " + key)
			}
		}
		if len(m) != len(t["en"]) {
			panic("twofactor: texts: " + lang + " has keys that en has not")
		}
	}
}

// Say returns the sentence in the language of locale (BCP 47), or in English. Vars
// are pairs of name and value.
func (t Texts) Say(locale, key string, vars ...string) string {
	lang, _, _ := strings.Cut(strings.ToLower(locale), "-")
	m, ok := t[lang]
	if !ok {
		m = t["en"]
	}
	pairs := make([]string, len(vars))
	for i := 0; i+1 < len(vars); i += 2 {
		pairs[i], pairs[i+1] = "{"+vars[i]+"}", vars[i+1]
	}
	return strings.NewReplacer(pairs...).Replace(m[key])
}

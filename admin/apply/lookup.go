package apply

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"
)

// lookUp finds the texts of all secrets that are kept elsewhere, so that a
// missing one is noticed before anything is written.
func (r *run) lookUp() {
	for _, o := range r.file.origins {
		text, why := r.fetch(o.origin)
		if why != "" {
			r.found(o.place, "%s", why)
			continue
		}
		r.texts[o.place] = text
	}
	for _, s := range r.file.doc.Subscriptions {
		for _, c := range s.ClientApps {
			r.checkSecrets(c)
		}
	}
}

func (r *run) fetch(o origin) (text, why string) {
	if o.env != "" {
		v, ok := "", false
		if r.opts.Env != nil {
			v, ok = r.opts.Env(o.env)
		}
		switch {
		case !ok:
			return "", fmt.Sprintf("the environment has no %s", o.env)
		case v == "":
			return "", fmt.Sprintf("%s is empty in the environment", o.env)
		}
		return v, ""
	}
	path := o.file
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.file.name), path)
	}
	if r.opts.ReadFile == nil {
		return "", fmt.Sprintf("the file %s cannot be read", o.file)
	}
	data, err := r.opts.ReadFile(path)
	// Editors end a file with a line break that is no part of the secret.
	v := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case err != nil:
		return "", fmt.Sprintf("the file %s cannot be read", o.file)
	case v == "":
		return "", fmt.Sprintf("the file %s is empty", o.file)
	case !utf8.ValidString(v):
		return "", fmt.Sprintf("the file %s is not text", o.file)
	}
	return v, ""
}

// secret is the text of a source.
func (r *run) secret(s source) string {
	if s.v.elsewhere() {
		return r.texts[s.place]
	}
	return s.v.literal
}

// minSecret is the least length of a client secret. 32 characters of hexadecimal
// are 128 bits, which nobody guesses.
const minSecret = 32

func (r *run) checkSecrets(c clientApp) {
	if s := r.secret(c.ClientSecret); s != "" && len(s) < minSecret {
		r.found(c.ClientSecret.place, "must be at least %d characters, made at random", minSecret)
	}
}

// keyPlace is where spec, a struct of spec.go, has its value for key; or where it
// would be, if the file does not give it.
func keyPlace(at place, spec any, key string) place {
	v := reflect.ValueOf(spec)
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("key") != key {
			continue
		}
		// The place is an unexported field, so its parts are read one by one. It is
		// empty if the value is a default.
		if p := v.Field(i).FieldByName("place"); p.IsValid() && p.Field(0).Int() > 0 {
			return place{line: int(p.Field(0).Int()), column: int(p.Field(1).Int()), path: p.Field(2).String()}
		}
	}
	return at.under(key)
}

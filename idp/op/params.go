package op

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of single parameters in bytes.
const (
	maxParam     = 2048
	maxLongParam = 8 << 10 // claims and id_token_hint
	maxBody      = 64 << 10
)

// params are the parameters of one request, each present at most once.
type params struct {
	values   url.Values
	repeated []string // names that came twice (RFC 6749 §3.1)
	damaged  []string // names whose value is too long or no text
}

// browserParams reads what a browser brought: the query of a GET, the body of a
// POST, never a mixture. ok is false if it cannot be read at all.
func browserParams(r *http.Request) (params, bool) {
	if r.Method != http.MethodPost {
		v, err := url.ParseQuery(r.URL.RawQuery)
		return newParams(v), err == nil && len(r.URL.RawQuery) <= maxBody
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	err := r.ParseForm()
	return newParams(r.PostForm), err == nil
}

func newParams(v url.Values) params {
	p := params{values: v}
	for name, list := range v {
		if len(list) > 1 && name != paramResource { // RFC 8707 §2
			p.repeated = append(p.repeated, name)
		}
		limit := maxParam
		if name == "claims" || name == "id_token_hint" {
			limit = maxLongParam
		}
		for _, s := range list {
			if len(s) > limit || !isText(s) {
				p.damaged = append(p.damaged, name)
			}
		}
	}
	return p
}

// isText reports whether both databases can keep s: UTF-8 without NUL.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// get returns a parameter; an empty one counts as absent (RFC 6749 §3.1).
func (p params) get(name string) string { return p.values.Get(name) }

// sound reports whether a parameter came at most once and can be used.
func (p params) sound(name string) bool {
	return !slices.Contains(p.repeated, name) && !slices.Contains(p.damaged, name)
}

// fault says what is wrong with the parameters as such, or nothing.
func (p params) fault() string {
	switch {
	case len(p.repeated) > 0:
		return "a parameter is repeated"
	case len(p.damaged) > 0:
		return "a parameter is too long or not text"
	}
	return ""
}

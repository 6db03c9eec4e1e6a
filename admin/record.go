package admin

import (
	"context"
	"strings"
	"unicode"

	"twofold/internal/audit"
	"twofold/tenants"
)

// thing is what an entry in the trail is about.
type thing struct{ kind, name, id string }

// change is what the trail keeps of a change to the configuration: the same as of one
// by a file. Of secrets it says that they changed; of addresses it shows only an end.
type change struct {
	Entity string            `json:"entity"`
	Name   string            `json:"name"`
	ID     string            `json:"id,omitempty"`
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
	Note   string            `json:"note,omitempty"`
}

// record puts a change into the trail. It takes part in the caller's transaction, at
// its end: it locks the subscription's chain.
func (a *Admin) record(ctx context.Context, w Who, kind string, about thing, fields []tenants.FieldChange) error {
	c := change{Entity: about.kind, Name: Masked(about.name), ID: about.id, Before: map[string]string{}, After: map[string]string{}}
	for _, f := range fields {
		key := snake(f.Name)
		if f.Old != "" {
			c.Before[key] = recorded(key, f.Old)
		}
		if f.New != "" || f.Old != "" {
			c.After[key] = recorded(key, f.New)
		}
	}
	e := audit.Event{Kind: kind, Actor: w.ID}
	switch about.kind {
	case "user":
		e.User = about.id
	case "client_app":
		e.ClientApp = about.id
	case "tenant":
		e.TenantID = about.id
	}
	return a.Audit.Record(ctx, e, c)
}

// recorded is a value as the trail may keep it.
func recorded(key, v string) string {
	switch {
	case key == "phone" && len(v) > 2:
		return "•••" + v[len(v)-2:]
	case strings.Contains(v, "@") && !strings.Contains(v, "://"):
		return Masked(v)
	}
	return v
}

// Masked shows the domain alone of what may be a mail address: login names are.
func Masked(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return "•••" + s[at:]
	}
	return s
}

// snake turns a field's name in Go into the one that administrators know: EnforceMFA
// is enforce_mfa. Names of options stay: they begin no column of ours.
func snake(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

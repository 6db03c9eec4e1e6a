package admin

import (
	"context"
	"strings"

	"twofold/internal/page"
	"twofold/tenants"
)

// Found is something that a search has found.
type Found struct {
	Kind   string // "user", "client_app", …
	ID     string
	Name   string
	Second string // what tells it from others of that name; may be empty
}

// Hits are the first of what was found of one kind.
type Hits struct {
	Kind  string
	Items []Found
	More  bool
}

// eachHits is how many of a kind a search shows.
const eachHits = 8

// Search finds things of a subscription by what their names, addresses or client ids
// begin with: a query each, and only of what w may see. An id finds what it is of.
func (a *Admin) Search(ctx context.Context, w Who, subscription, text string) ([]Hits, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	q := page.Query{Search: text, Limit: eachHits}
	var out []Hits
	for _, find := range []func() (Hits, error){
		func() (Hits, error) {
			return hits(ctx, a.Users(), w, subscription, q, func(v tenants.User) Found { return Found{Name: v.Name, Second: v.DisplayName} })
		},
		func() (Hits, error) {
			return hits(ctx, a.Groups(), w, subscription, q, func(v tenants.Group) Found { return Found{Name: v.Name} })
		},
		func() (Hits, error) {
			return hits(ctx, a.TenantsOf(), w, subscription, q, func(v tenants.Tenant) Found { return Found{Name: v.Name, Second: v.Title} })
		},
		func() (Hits, error) {
			return hits(ctx, a.IDPs(), w, subscription, q, func(v tenants.IDP) Found { return Found{Name: v.Name, Second: v.Title} })
		},
		func() (Hits, error) {
			return hits(ctx, a.ClientApps(), w, subscription, q, func(v tenants.ClientApp) Found { return Found{Name: v.Name, Second: v.Title} })
		},
		func() (Hits, error) {
			return hits(ctx, a.TwoFactors(), w, subscription, q, func(v tenants.TwoFactor) Found { return Found{Name: v.Name, Second: v.Type} })
		},
	} {
		h, err := find()
		if err != nil {
			return nil, err
		}
		if len(h.Items) > 0 {
			out = append(out, h)
		}
	}
	return out, nil
}

// hits asks for one kind; what w may not read is not found.
func hits[V any](ctx context.Context, t Things[V], w Who, subscription string, q page.Query, show func(V) Found) (Hits, error) {
	h := Hits{Kind: t.Kind()}
	in := w.Tenants(t.action("read"), subscription)
	if in != nil && len(in) == 0 {
		return h, nil
	}
	p, err := t.List(ctx, w, subscription, q)
	if err != nil {
		return h, err
	}
	if v, err := t.Get(ctx, w, subscription, q.Search); err == nil { // an id, as it stands in logs
		p.Items = append(p.Items, v)
	}
	for _, v := range p.Items {
		f := show(v)
		f.Kind, f.ID = t.Kind(), t.ID(&v)
		if f.Second == f.Name {
			f.Second = ""
		}
		h.Items = append(h.Items, f)
	}
	h.More = p.Next != ""
	return h, nil
}

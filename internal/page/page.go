// Package page is how long lists are asked for: a few rows at a time, from a cursor
// that only the list which gave it takes back.
package page

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"twofold/internal/problem"
	"twofold/internal/seal"
)

// Bounds of Query.Limit.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// Query asks for one page of a list. The zero value asks for the first.
type Query struct {
	Search string            // what a name or address begins with; empty: all
	Filter map[string]string // by the names that the list documents
	Sort   string            // a name that the list documents; "-" before it turns it round; empty: the usual order
	After  string            // Page.Next of the page before; empty: the first page
	Limit  int               // 1 to MaxLimit; 0: DefaultLimit
}

// Page is a part of a list.
type Page[V any] struct {
	Items []V
	Next  string // cursor of the page that follows; empty: there is none
}

// Map turns the items of a page into something else.
func Map[V, W any](p Page[V], f func(V) W) Page[W] {
	out := Page[W]{Items: make([]W, len(p.Items)), Next: p.Next}
	for i, v := range p.Items {
		out.Items[i] = f(v)
	}
	return out
}

// List names one list: what it is of, whose it is, and what may be asked of it.
type List struct {
	Seal    *seal.Sealer
	Name    string   // "users"
	Owner   string   // whose rows these are, such as a subscription's id
	Sorts   []string // without "-", the usual one first; put "-" before it if it is usually turned round
	Filters []string
}

// Asked is a Query that its list understands.
type Asked struct {
	Query
	By    string   // one of the list's sorts, without "-"
	Down  bool     // the last comes first
	Keys  []string // where the page before ended: what Cursor was given; nil: at the beginning
	place string
	list  List
}

var (
	errCursor = invalid("after", "cursor_invalid", "is not a cursor of this list; begin at the first page")
	errLimit  = invalid("limit", "limit_invalid", "must be from 1 to 200")
	errSearch = invalid("search", "search_invalid", "is too long: 254 characters at most")
)

// Ask checks q against what the list takes. A cursor of another list, of another owner
// or of other filters is refused: it would point into the middle of nowhere.
func (l List) Ask(q Query) (Asked, error) {
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	q.Search = strings.TrimSpace(q.Search)
	switch {
	case q.Limit < 1 || q.Limit > MaxLimit:
		return Asked{}, errLimit
	case len(q.Search) > 254 || strings.ContainsRune(q.Search, 0):
		return Asked{}, errSearch
	}
	for name := range q.Filter {
		if !slices.Contains(l.Filters, name) {
			return Asked{}, invalid(name, "filter_unknown", "is not a filter of this list")
		}
	}
	a := Asked{Query: q, list: l}
	if q.Sort == "" {
		q.Sort = l.Sorts[0]
	}
	a.By, a.Down = strings.CutPrefix(q.Sort, "-")
	if !slices.Contains(l.Sorts, a.By) && !slices.Contains(l.Sorts, "-"+a.By) {
		return Asked{}, invalid("sort", "sort_unknown", "must be one of "+strings.Join(l.Sorts, ", "))
	}
	parts := []string{l.Name, l.Owner, q.Sort, q.Search}
	for _, k := range slices.Sorted(maps.Keys(q.Filter)) {
		parts = append(parts, k, q.Filter[k])
	}
	place, _ := json.Marshal(parts) // strings always marshal
	a.place = string(place)
	if q.After == "" {
		return a, nil
	}
	text, sum, _ := strings.Cut(q.After, ".")
	keys, err1 := base64.RawURLEncoding.DecodeString(text)
	mac, err2 := base64.RawURLEncoding.DecodeString(sum)
	if err1 != nil || err2 != nil || !l.Seal.CheckMAC(mac, "cursor", a.place, string(keys)) || json.Unmarshal(keys, &a.Keys) != nil || len(a.Keys) == 0 {
		return Asked{}, errCursor
	}
	return a, nil
}

// Cursor is where a page that ends with these keys ends.
func (a Asked) Cursor(keys ...string) string {
	text, _ := json.Marshal(keys)
	mac := a.list.Seal.MAC("cursor", a.place, string(text))
	return base64.RawURLEncoding.EncodeToString(text) + "." + base64.RawURLEncoding.EncodeToString(mac)
}

// Cut makes a page of rows, of which one more than the limit was asked for; keys are
// those of a row.
func Cut[V any](a Asked, rows []V, keys func(V) []string) Page[V] {
	if len(rows) <= a.Limit {
		return Page[V]{Items: rows}
	}
	rows = rows[:a.Limit]
	return Page[V]{Items: rows, Next: a.Cursor(keys(rows[len(rows)-1])...)}
}

func invalid(field, code, message string) *problem.Error {
	return &problem.Error{
		Kind: problem.Invalid, Code: code, Message: field + " " + message,
		Fields: []problem.Field{{Name: field, Message: message}},
	}
}

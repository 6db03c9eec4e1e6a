package ui

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Names of the query of a list, as internal/page and the REST API call them.
const (
	FieldSearch = "search"
	FieldSort   = "sort"
	FieldAfter  = "after"
	FieldLimit  = "limit"
)

// AdminQuery is how a list was asked for. The whole state of a list lives in its
// URL: all links and forms of the list are made from Path and Values. Only names
// that the list knows are carried on.
type AdminQuery struct {
	Path        string     // of the list: "/admin/users"
	Values      url.Values // the query of the request, as it came
	Search      string     // label of the search field: "Find users"; empty: no such field
	Filters     []AdminFilter
	Keep        []string // more names of the query to carry on
	Order       string   // the order when the query names none: "-created"
	Next        string   // cursor of the page that follows; empty: none follows
	Total       int      // how many match, where that is known; 0: not known
	Noun, Nouns string   // "user", "users"
}

// AdminFilter is one filter: a select, or without Options a field.
type AdminFilter struct {
	Name, Label string
	Options     []AdminOption // Label and Value; "any" is offered besides
	Draw        AdminDraw     // of a field: DrawDate, or empty for text
}

// AdminOption is one thing to choose.
type AdminOption struct {
	Value, Label string
	Help         string // may be empty; not in selects
	Chosen       bool
}

// AdminChip is a filter that is set, with the way to remove it.
type AdminChip struct{ Label, Value, URL string }

// AdminHead is a column as the list draws it.
type AdminHead struct {
	AdminColumn
	URL, Sorted string // Sorted is a value of aria-sort
}

// Value is the value of a filter, a search or an order in the URL.
func (q AdminQuery) Value(name string) string { return q.Values.Get(name) }

// names are those that the list knows, but for its cursor.
func (q AdminQuery) names() []string {
	names := []string{FieldSearch, FieldSort, FieldLimit}
	for _, f := range q.Filters {
		names = append(names, f.Name)
	}
	return append(names, q.Keep...)
}

// link is the list's URL with changes: pairs of name and value; an empty value
// removes the name. The cursor is left out, since it belongs to one order and
// one choice.
func (q AdminQuery) link(changes ...string) string {
	v := url.Values{}
	for _, name := range q.names() {
		if s := q.Values.Get(name); s != "" {
			v.Set(name, s)
		}
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "" {
			v.Del(changes[i])
			continue
		}
		v.Set(changes[i], changes[i+1])
	}
	if len(v) == 0 {
		return q.Path
	}
	return q.Path + "?" + v.Encode()
}

// FirstURL leads to the first page; empty on the first page.
func (q AdminQuery) FirstURL() string {
	if q.Values.Get(FieldAfter) == "" {
		return ""
	}
	return q.link()
}

// NextURL leads to the next page; empty on the last.
func (q AdminQuery) NextURL() string {
	if q.Next == "" {
		return ""
	}
	return q.link(FieldAfter, q.Next)
}

// Chips are the filters that are set, the search among them.
func (q AdminQuery) Chips() []AdminChip {
	var chips []AdminChip
	if s := q.Value(FieldSearch); s != "" && q.Search != "" {
		chips = append(chips, AdminChip{"Search", s, q.link(FieldSearch, "")})
	}
	for _, f := range q.Filters {
		if s := q.Value(f.Name); s != "" {
			chips = append(chips, AdminChip{f.Label, f.words(s), q.link(f.Name, "")})
		}
	}
	return chips
}

// words are what the filter's value is called.
func (f AdminFilter) words(value string) string {
	for _, o := range f.Options {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}

// ID is the id of the filter's field.
func (f AdminFilter) ID() string { return "filter-" + f.Name }

// ClearURL leads to the list without filters and search.
func (q AdminQuery) ClearURL() string {
	changes := []string{FieldSearch, ""}
	for _, f := range q.Filters {
		changes = append(changes, f.Name, "")
	}
	return q.link(changes...)
}

// Kept are the hidden fields of the form with search and filters.
func (q AdminQuery) Kept() []Pair { return q.pairs(append([]string{FieldSort, FieldLimit}, q.Keep...)) }

// Matching are the hidden fields of a bulk form: what "all that match" means.
func (q AdminQuery) Matching() []Pair { return q.pairs(q.names()) }

func (q AdminQuery) pairs(names []string) []Pair {
	var pairs []Pair
	for _, name := range names {
		if s := q.Value(name); s != "" {
			pairs = append(pairs, Pair{name, s})
		}
	}
	return pairs
}

// Asks reports whether there is anything to search or to filter by.
func (q AdminQuery) Asks() bool { return q.Search != "" || len(q.Filters) > 0 }

// Shown says how much of the list is on the page, n rows.
func (q AdminQuery) Shown(n int) string {
	noun := q.Nouns
	if n == 1 && q.Total <= 1 || noun == "" {
		noun = q.Noun
	}
	switch {
	case q.Total > n:
		return fmt.Sprintf("%s of %s %s", Figures(n), Figures(q.Total), noun)
	case q.Next != "":
		return fmt.Sprintf("%s %s, more follow", Figures(n), noun)
	}
	return fmt.Sprintf("%s %s", Figures(n), noun)
}

// Figures is a number with its thousands set apart: "10,000".
func Figures(n int) string {
	s := fmt.Sprint(max(n, -n))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if n < 0 {
		return "-" + s
	}
	return s
}

// heads are the columns with their links and arrows.
func (q AdminQuery) heads(columns []AdminColumn) []AdminHead {
	order := q.Value(FieldSort)
	if order == "" {
		order = q.Order
	}
	by, down := strings.CutPrefix(order, "-")
	heads := make([]AdminHead, len(columns))
	for i, c := range columns {
		h := AdminHead{AdminColumn: c}
		if c.Sort != "" {
			turned, next := c.Down, c.Sort
			if by == c.Sort {
				h.Sorted, turned = "ascending", !down
				if down {
					h.Sorted = "descending"
				}
			}
			if turned {
				next = "-" + next
			}
			h.URL = q.link(FieldSort, next)
		}
		heads[i] = h
	}
	return heads
}

// AdminList is a page with one long list.
type AdminList struct {
	AdminPage
	AdminQuery
	Table AdminTable
	Bulk  *AdminBulk  // may be nil
	Parts []AdminPart // below the list
}

// AdminBulk offers to do something with the rows that are chosen. It posts FieldDo,
// FieldID of each row, or FieldAll and the filters of the URL, to Action.
type AdminBulk struct {
	Action  string
	Actions []AdminOption // Value is that of FieldDo, Label a verb
	All     bool          // offers all that match, the other pages too
}

// Template implements View.
func (AdminList) Template() string { return "admin-list" }

// Heads are the columns with their links.
func (v AdminList) Heads() []AdminHead { return v.heads(v.Table.Columns) }

// Chosen reports whether rows can be chosen.
func (v AdminList) Chosen() bool {
	return v.Bulk != nil && slices.ContainsFunc(v.Table.Rows, func(r AdminRow) bool { return r.ID != "" })
}

// AllWords offers all that match.
func (v AdminList) AllWords() string {
	switch {
	case v.Bulk == nil || !v.Bulk.All:
		return ""
	case v.Total > 0:
		return fmt.Sprintf("All %s that match", Figures(v.Total))
	}
	return "All that match, on every page"
}

package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"twofold/internal/page"
)

// filter narrows a list.
type filter struct {
	name, doc string
	choices   []string // nil: any text
}

func active() filter { return filter{"active", "Whether it is active.", []string{"true", "false"}} }

// checkQuery refuses parameters that nobody reads, that are given twice, or that no
// column can be compared with.
func checkQuery(r *http.Request, op *operation) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return failure(http.StatusBadRequest, "query", "The query of the address cannot be read.")
	}
	var faults []Fault
	for name, values := range q {
		switch {
		case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
			return failure(http.StatusBadRequest, "query", "The query of the address cannot be read.")
		case (!op.query || name == "search") && !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name }):
			faults = append(faults, Fault{name, "is not a parameter of this operation"})
		case len(values) > 1:
			faults = append(faults, Fault{name, "is given twice"})
		case !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0) || len(values[0]) > 2048:
			faults = append(faults, Fault{name, "is not text that can be looked for"})
		}
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Field, b.Field) })
		return invalid(faults...)
	}
	return nil
}

// pageQuery is what a list is asked for. Whether filters are known is for the list to say.
func pageQuery(r *http.Request) (page.Query, error) {
	out := page.Query{Filter: map[string]string{}}
	for name, values := range r.URL.Query() {
		switch v := values[0]; name {
		case "search":
			out.Search = v
		case "sort":
			out.Sort = v
		case "after":
			out.After = v
		case "limit":
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > page.MaxLimit {
				return out, invalid(Fault{"limit", "must be from 1 to " + strconv.Itoa(page.MaxLimit)})
			}
			out.Limit = n
		default:
			out.Filter[name] = v
		}
	}
	return out, nil
}

// nextPage is the address of the page after this one.
func nextPage(r *http.Request, cursor string) string {
	if cursor == "" {
		return ""
	}
	q := r.URL.Query()
	q.Set("after", cursor)
	return r.URL.EscapedPath() + "?" + q.Encode()
}

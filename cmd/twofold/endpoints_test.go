package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"twofold/internal/testkit"
)

// TestEndpointsAreDocumented holds docs/reference/endpoints.md against the routes below a
// tenant: nothing is served there that the page does not name.
func TestEndpointsAreDocumented(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.SQLite(t))
	served := map[string][]string{}
	w.check(w.root.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		path, below := strings.CutPrefix(template, "/t/{tenant}")
		if err != nil || !below || path == "" || route.GetHandler() == nil {
			return nil //nolint:nilerr // a subrouter
		}
		methods, _ := route.GetMethods() // none: it answers others with 405 by itself
		served[path] = append(served[path], methods...)
		return nil
	}))
	page, err := os.ReadFile("../../docs/reference/endpoints.md")
	w.check(err)
	said := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(/[^`]*)` \\| ([A-Z, ]+) \\|").FindAllStringSubmatch(string(page), -1) {
		said[row[1]] = strings.Split(row[2], ", ")
	}
	for path, methods := range served {
		methods = slices.DeleteFunc(methods, func(m string) bool { return m == "HEAD" })
		if len(methods) == 0 {
			methods = said[path]
		}
		slices.Sort(methods)
		served[path] = slices.Compact(methods)
	}
	if d := cmp.Diff(served, said); d != "" {
		t.Errorf("-served +documented:\n%s", d)
	}
}

package page_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/internal/seal"
)

func list(t testing.TB) page.List {
	t.Helper()
	s, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return page.List{Seal: s, Name: "users", Owner: "acme", Sorts: []string{"name", "created"}, Filters: []string{"active"}}
}

func TestCursor(t *testing.T) {
	l := list(t)
	q := page.Query{Search: "an", Filter: map[string]string{"active": "true"}, Sort: "-created", Limit: 2}
	a, err := l.Ask(q)
	if err != nil || a.By != "created" || !a.Down || a.Keys != nil {
		t.Fatalf("%+v, %v", a, err)
	}
	p := page.Cut(a, []string{"anna", "anton", "anya"}, func(s string) []string { return []string{s, "x"} })
	if !slices.Equal(p.Items, []string{"anna", "anton"}) || p.Next == "" {
		t.Fatalf("%+v", p)
	}
	q.After = p.Next
	if a, err = l.Ask(q); err != nil || !slices.Equal(a.Keys, []string{"anton", "x"}) {
		t.Fatalf("%+v, %v", a, err)
	}
	if p := page.Cut(a, []string{"anya"}, nil); p.Next != "" {
		t.Errorf("a page after the last: %+v", p)
	}
	for name, spoil := range map[string]func(*page.List, *page.Query){
		"another list":    func(l *page.List, _ *page.Query) { l.Name = "groups" },
		"another owner":   func(l *page.List, _ *page.Query) { l.Owner = "globex" },
		"another filter":  func(_ *page.List, q *page.Query) { q.Filter = map[string]string{"active": "false"} },
		"no filter":       func(_ *page.List, q *page.Query) { q.Filter = nil },
		"another search":  func(_ *page.List, q *page.Query) { q.Search = "b" },
		"another order":   func(_ *page.List, q *page.Query) { q.Sort = "created" },
		"cut":             func(_ *page.List, q *page.Query) { q.After = q.After[:len(q.After)-2] },
		"not a cursor":    func(_ *page.List, q *page.Query) { q.After = "x" },
		"without its sum": func(_ *page.List, q *page.Query) { q.After, _, _ = strings.Cut(q.After, ".") },
	} {
		t.Run(name, func(t *testing.T) {
			l, q := l, q
			spoil(&l, &q)
			wantCode(t, l, q, "cursor_invalid")
		})
	}
}

func TestAskRefuses(t *testing.T) {
	l := list(t)
	wantCode(t, l, page.Query{Limit: -1}, "limit_invalid")
	wantCode(t, l, page.Query{Limit: 201}, "limit_invalid")
	wantCode(t, l, page.Query{Sort: "password"}, "sort_unknown")
	wantCode(t, l, page.Query{Sort: "--name"}, "sort_unknown")
	wantCode(t, l, page.Query{Filter: map[string]string{"password": "x"}}, "filter_unknown")
	wantCode(t, l, page.Query{Search: strings.Repeat("x", 255)}, "search_invalid")
	if a, err := l.Ask(page.Query{}); err != nil || a.Limit != page.DefaultLimit || a.By != "name" || a.Down {
		t.Errorf("%+v, %v", a, err)
	}
}

func wantCode(t *testing.T, l page.List, q page.Query, code string) {
	t.Helper()
	_, err := l.Ask(q)
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != code || len(p.Fields) != 1 {
		t.Errorf("%+v: %v", q, err)
	}
}

func FuzzCursor(f *testing.F) {
	l := list(f)
	a, err := l.Ask(page.Query{})
	if err != nil {
		f.Fatal(err)
	}
	good := a.Cursor("anna", "1")
	f.Add(good)
	f.Add("W10.AA")
	f.Fuzz(func(t *testing.T, cursor string) {
		if a, err := l.Ask(page.Query{After: cursor}); err == nil && cursor != "" && cursor != good {
			t.Errorf("%q was taken: %q", cursor, a.Keys)
		}
	})
}

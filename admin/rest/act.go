package rest

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"twofold/admin"
	"twofold/internal/page"
)

// none is the body, or the answer, of an operation that has none.
type none struct{}

// spec describes an operation that is no part of crud.
type spec struct {
	id, method, path, summary, about string
	action                           admin.Action
	status                           int      // 0: 200, or 204 without an answer
	must                             []string // members of the body
	query                            []filter // parameters
	patch, once, ifMatch, etag       bool
	problems                         []int
	stale                            reflect.Type // of the 412; nil: a Problem
	list                             *lists       // it answers with a page of a list
	file                             *fileShape   // it takes a file
	lines                            bool         // it answers with lines of JSON, as they come
}

// lists is what may be asked of a list.
type lists struct {
	filters []filter
	sorts   []string // the usual one first, with - if it is usually turned round
}

// act adds an operation with a body of type B and an answer of type R.
func act[B, R any](a *API, s spec, do func(ctx context.Context, c *call, b B) (*answer, error)) {
	op := &operation{action: s.action, once: s.once, file: s.file}
	tag := s.id[:slices.Index([]byte(s.id), '.')]
	op.Operation = huma.Operation{
		OperationID: s.id, Method: s.method, Path: s.path, Summary: s.summary, Description: s.about, Tags: []string{tag},
		Responses: map[string]*huma.Response{},
	}
	d := documenter{a, op}
	answered := reflect.TypeFor[R]()
	if s.status == 0 {
		s.status = http.StatusOK
	}
	var headers []string
	if s.etag {
		headers = append(headers, "ETag")
	}
	switch {
	case s.lines:
		d.lines()
	case answered == reflect.TypeFor[none]():
		d.ok(http.StatusNoContent, nil, headers...)
	default:
		d.ok(s.status, answered, headers...)
	}
	if s.ifMatch {
		if s.stale == nil {
			s.stale = reflect.TypeFor[Problem]()
		}
		d.ifMatch(s.stale)
	}
	d.problems(s.problems...)
	if s.list != nil {
		op.query = true
		d.list(s.list.filters, s.list.sorts)
	}
	for _, f := range s.query {
		d.param("query", f.name, f.doc, slices.Contains(s.must, f.name), d.choice(f))
	}
	if reflect.TypeFor[B]() != reflect.TypeFor[none]() {
		op.body = shapeOf[R, B](a.doc, s.must, nil)
		op.body.patch = s.patch
	}
	op.handle = func(ctx context.Context, c *call) (*answer, error) {
		var b B
		if op.body != nil {
			if err := c.body.decode(&b); err != nil {
				return nil, err
			}
		}
		return do(ctx, c, b)
	}
	a.add(op)
}

// listed answers with a page of a list.
func listed[V, R any](c *call, p page.Page[V], show func(V) R) *answer {
	shown := page.Map(p, show)
	return &answer{body: List[R]{shown.Items, shown.Next}, next: nextPage(c.Request, shown.Next)}
}

// Items is a list that is short enough to be shown whole.
type Items[R any] struct {
	Items []R `json:"items" doc:"All of them."`
}

func items[V, R any](list []V, show func(V) R) *answer {
	out := Items[R]{Items: make([]R, len(list))}
	for i, v := range list {
		out.Items[i] = show(v)
	}
	return &answer{body: out}
}

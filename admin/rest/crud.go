package rest

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"twofold/admin"
	"twofold/internal/page"
)

// resource is one kind of thing of a subscription: V is what the house knows, R what is
// shown of it, C what a new one is made of, U what can be changed. C holds all of U; the
// fields of all are those of V (see carry.go).
type resource[V, R, C, U any] struct {
	one, many string // as administrators call it: "client app", "client apps"
	kind      string // "client_app"
	plural    string // "client_apps"
	path      string // below Root; empty: below its subscription, by its plural
	things    func() keeper[V]
	fresh     C        // a new one, unless the body says otherwise
	must      []string // members that a new one must be given
	complete  func(c *C, given body)
	filters   []filter
	sorts     []string   // the usual one first
	trash     bool       // what was deleted can be restored
	about     string     // what such a thing is, for the description
	show      func(*V) R // nil: by the names of fields
	// make makes a new one, change changes one; nil: things does.
	make   func(ctx context.Context, c *call, from C) (V, error)
	change func(ctx context.Context, c *call, version int64) (V, error)
}

// keeper are the use cases of a kind of thing. An empty subscription is the platform.
type keeper[V any] interface {
	List(ctx context.Context, w admin.Who, subscription string, q page.Query) (page.Page[V], error)
	Get(ctx context.Context, w admin.Who, subscription, id string) (V, error)
	Create(ctx context.Context, w admin.Who, subscription string, v *V) error
	Update(ctx context.Context, w admin.Who, subscription, id string, version int64, change func(*V) error) (V, error)
	Delete(ctx context.Context, w admin.Who, subscription, id string, version int64) error
	Restore(ctx context.Context, w admin.Who, subscription, id string) (V, error)
	Version(v *V) int64
	ID(v *V) string
}

// List is a page of a list.
type List[R any] struct {
	Items []R    `json:"items" doc:"Some, in the order asked for."`
	Next  string `json:"next" doc:"Give it as after to get the page that follows; empty: this is the last." example:""`
}

// Stale says that somebody else was faster. With both versions nothing is lost.
type Stale[R any] struct {
	Problem
	Yours  *R     `json:"yours,omitempty" doc:"What your change would have made of it."`
	Theirs R      `json:"theirs" doc:"What it is now."`
	ETag   string `json:"etag" doc:"The ETag that it has now." example:"\"4\""`
}

func (s Stale[R]) with(p Problem) any {
	s.Problem = p
	return s
}

// crud adds the operations of a resource.
func crud[V, R, C, U any](a *API, res resource[V, R, C, U]) {
	x := crudOf[V, R, C, U]{resource: res, api: a}
	if x.path == "" {
		x.path = "/subscriptions/{subscription}/" + dashed(res.plural)
	}
	if x.show == nil {
		x.show = func(v *V) R { return take[R](v) }
	}
	x.show(new(V)) // fails here, if ever, and not while serving
	if x.make == nil {
		give(new(V), new(C))
	}
	if x.change == nil {
		give(new(V), new(U))
	}
	x.create = shapeOf[R, C](a.doc, res.must, nil)
	x.update = shapeOf[R, U](a.doc, nil, members(reflect.TypeFor[C]()))
	x.update.patch = true
	a.add(x.op("list", "read", http.MethodGet, "", "List "+res.many, x.list))
	a.add(x.op("create", "create", http.MethodPost, "", "Create "+withArticle(res.one), x.post))
	a.add(x.op("get", "read", http.MethodGet, "/{id}", "Show "+withArticle(res.one), x.get))
	a.add(x.op("update", "write", http.MethodPatch, "/{id}", "Change "+withArticle(res.one), x.patch))
	a.add(x.op("delete", "delete", http.MethodDelete, "/{id}", "Delete "+withArticle(res.one), x.remove))
	if res.trash {
		a.add(x.op("restore", "delete", http.MethodPost, "/{id}/restore", "Restore "+withArticle(res.one), x.restore))
	}
}

type crudOf[V, R, C, U any] struct {
	resource[V, R, C, U]
	api            *API
	create, update *shape
}

func (x crudOf[V, R, C, U]) op(name, verb, method, path, summary string, do func(context.Context, *call) (*answer, error)) *operation {
	op := &operation{action: admin.Action(x.kind + "." + verb), handle: do}
	op.Operation = huma.Operation{
		OperationID: x.plural + "." + name, Method: method, Path: x.path + path, Summary: summary, Tags: []string{x.plural},
		DefaultStatus: http.StatusOK, Responses: map[string]*huma.Response{},
	}
	d := documenter{a: x.api, op: op}
	switch name {
	case "list":
		op.query, op.Description = true, x.about
		d.list(x.filters, x.sorts)
		d.ok(http.StatusOK, reflect.TypeFor[List[R]]())
	case "create":
		op.body, op.once = x.create, true
		d.ok(http.StatusCreated, reflect.TypeFor[R](), "ETag", "Location")
		d.problems(http.StatusConflict)
	case "get":
		d.ok(http.StatusOK, reflect.TypeFor[R](), "ETag")
		d.notModified()
	case "update":
		op.body = x.update
		d.ok(http.StatusOK, reflect.TypeFor[R](), "ETag")
		d.ifMatch(reflect.TypeFor[Stale[R]]())
		d.problems(http.StatusConflict)
	case "delete":
		d.ok(http.StatusNoContent, nil)
		d.ifMatch(reflect.TypeFor[Stale[R]]())
		d.problems(http.StatusConflict)
	case "restore":
		op.Description = "Brings back what was deleted in the last 30 days. It is inactive then."
		d.ok(http.StatusOK, reflect.TypeFor[R](), "ETag")
		d.problems(http.StatusConflict)
	}
	return op
}

func (x crudOf[V, R, C, U]) list(ctx context.Context, c *call) (*answer, error) {
	q, err := pageQuery(c.Request)
	if err != nil {
		return nil, err
	}
	p, err := x.things().List(ctx, c.who, c.subscription, q)
	if err != nil {
		return nil, err
	}
	return listed(c, p, func(v V) R { return x.show(&v) }), nil
}

func (x crudOf[V, R, C, U]) post(ctx context.Context, c *call) (*answer, error) {
	from := x.fresh
	if err := c.body.decode(&from); err != nil {
		return nil, err
	}
	if x.complete != nil {
		x.complete(&from, c.body)
	}
	v, err := x.made(ctx, c, from)
	if err != nil {
		return nil, err
	}
	t := x.things()
	return &answer{body: x.show(&v), version: t.Version(&v), location: c.URL.Path + "/" + t.ID(&v)}, nil
}

func (x crudOf[V, R, C, U]) made(ctx context.Context, c *call, from C) (v V, err error) {
	if x.make != nil {
		return x.make(ctx, c, from)
	}
	give(&v, &from)
	return v, x.things().Create(ctx, c.who, c.subscription, &v)
}

func (x crudOf[V, R, C, U]) get(ctx context.Context, c *call) (*answer, error) {
	v, err := x.things().Get(ctx, c.who, c.subscription, c.id)
	if err != nil {
		return nil, err
	}
	return x.shown(v), nil
}

func (x crudOf[V, R, C, U]) shown(v V) *answer {
	return &answer{body: x.show(&v), version: x.things().Version(&v)}
}

func (x crudOf[V, R, C, U]) patch(ctx context.Context, c *call) (*answer, error) {
	version, err := ifMatch(c.Request)
	if err != nil {
		return nil, err
	}
	v, err := x.changed(ctx, c, version)
	if err != nil {
		return nil, x.orStale(err, true)
	}
	return x.shown(v), nil
}

func (x crudOf[V, R, C, U]) changed(ctx context.Context, c *call, version int64) (V, error) {
	if x.change != nil {
		return x.change(ctx, c, version)
	}
	return x.things().Update(ctx, c.who, c.subscription, c.id, version, func(v *V) error {
		u := take[U](v)
		if err := c.body.decode(&u); err != nil {
			return err
		}
		give(v, &u)
		return nil
	})
}

func (x crudOf[V, R, C, U]) remove(ctx context.Context, c *call) (*answer, error) {
	version, err := ifMatch(c.Request)
	if err != nil {
		return nil, err
	}
	if err := x.things().Delete(ctx, c.who, c.subscription, c.id, version); err != nil {
		return nil, x.orStale(err, false)
	}
	return &answer{}, nil
}

func (x crudOf[V, R, C, U]) restore(ctx context.Context, c *call) (*answer, error) {
	v, err := x.things().Restore(ctx, c.who, c.subscription, c.id)
	if err != nil {
		return nil, err
	}
	return x.shown(v), nil
}

// orStale shows who was slower both versions.
func (x crudOf[V, R, C, U]) orStale(err error, yours bool) error {
	var stale *admin.StaleError[V]
	if !errors.As(err, &stale) {
		return err
	}
	f := asFailure(stale.Unwrap())
	more := Stale[R]{Theirs: x.show(&stale.Theirs), ETag: etag(x.things().Version(&stale.Theirs))}
	if yours {
		mine := x.show(&stale.Yours)
		more.Yours = &mine
	}
	f.more = more
	f.header.Set("ETag", more.ETag)
	return f
}

package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
)

// operation is one thing that the API does: how it is called and described, who may,
// and what answers.
type operation struct {
	huma.Operation
	action admin.Action // empty: whoever has a role
	body   *shape       // nil: it takes none
	file   *fileShape   // it takes a file; nil: none
	query  bool         // it is a list, with filters; others take the parameters that they describe
	once   bool         // it takes an Idempotency-Key
	handle func(ctx context.Context, c *call) (*answer, error)
}

// fresh reports whether users must have signed in lately: to read takes nothing away.
func (op *operation) fresh() bool { return admin.Sensitive(op.action) && op.Method != http.MethodGet }

// call is one request, read and found good.
type call struct {
	*http.Request
	w            http.ResponseWriter // for what must reach the connection; answers are returned
	op           *operation
	who          admin.Who
	scopes       []string
	subscription string // of the path
	id           string // of the path
	other        string // of the path: what is linked to it, or is its
	kind         string // of the path: a type of factor
	body         body
}

// answer is what an operation gives; status 0 is its usual one.
type answer struct {
	status   int
	version  int64  // the ETag; 0: none, and no lists have one
	location string // path of what was made
	next     string // address of the page that follows
	body     any    // nil: none
	stream   *stream
}

// serve runs an operation from the outside in: who asks, where, what.
func (a *API) serve(op *operation, w http.ResponseWriter, r *http.Request) {
	out, err := a.run(op, w, r)
	switch {
	case err != nil:
		a.fail(w, r, err)
	case out.stream != nil:
		a.pour(w, r, out.stream)
	default:
		a.write(op, w, r, out)
	}
}

func (a *API) run(op *operation, w http.ResponseWriter, r *http.Request) (out *answer, err error) {
	c := &call{Request: r, w: w, op: op}
	if err := a.authenticate(c); err != nil {
		return nil, err
	}
	if err := a.pace(c.who); err != nil {
		return nil, err
	}
	ctx := r.Context()
	if err := a.place(ctx, c); err != nil {
		return nil, err
	}
	if err := op.allowed(c); err != nil {
		return nil, err
	}
	if err := checkQuery(r, op); err != nil {
		return nil, err
	}
	if op.body != nil {
		if c.body, err = op.body.read(r); err != nil {
			return nil, err
		}
	}
	if op.file != nil {
		if err := op.file.allow(c); err != nil {
			return nil, err
		}
	}
	if key, given := r.Header["Idempotency-Key"]; given && op.once {
		return a.onlyOnce(ctx, c, key)
	}
	return op.handle(ctx, c)
}

// place reads the ids of the path. What cannot be an id names nothing, and where the
// caller has no role there is nothing for him. Only who may everywhere can name a
// subscription that there is not: for him it is looked up.
func (a *API) place(ctx context.Context, c *call) error {
	vars := mux.Vars(c.Request)
	for name, v := range vars {
		switch {
		case name == "type":
			c.kind = v // the catalogue knows which there are
		case !id.Valid(v):
			return errUnknown
		case name == "subscription":
			c.subscription = v
		case name == "id":
			c.id = v
		default:
			c.other = v
		}
	}
	in := db.Scope{Subscription: c.subscription}
	switch {
	case c.subscription == "":
		return nil
	case c.who.Top(in) == "":
		return errUnknown
	case c.who.Subscriptions(admin.SubscriptionRead) != nil:
		return nil
	}
	_, err := a.Admin.Tenants.Subscriptions().Get(db.WithScope(ctx, in), c.subscription)
	return err
}

var errMayNot = problem.New(problem.Forbidden, "may_not", "Your role does not allow this.")

// allowed refuses who has the operation's action nowhere in what the address names, before
// anything of the request is read. Where exactly he has it is for the use case to judge:
// so that what the document says of an operation is true, whatever a use case forgets.
func (op *operation) allowed(c *call) error {
	sub, customers := c.subscription, strings.HasPrefix(op.Path, Root+"/subscriptions")
	if sub == "" && customers {
		sub = c.id
	}
	var in []string // where he may; nil: everywhere
	switch {
	case op.action == "":
		return nil
	case sub != "":
		in = c.who.Tenants(op.action, sub)
	case customers:
		in = c.who.Subscriptions(op.action)
	case !c.who.May(op.action, db.Scope{}):
		return errUnknown // of the whole server
	}
	switch {
	case in == nil || len(in) > 0:
		return nil
	case sub != "" && c.who.Top(db.Scope{Subscription: sub}) == "":
		return errUnknown
	}
	return errMayNot
}

// add describes an operation and keeps it.
func (a *API) add(op *operation) {
	op.Path = Root + op.Path
	describe(a.doc, op)
	a.doc.AddOperation(&op.Operation)
	a.ops = append(a.ops, op)
}

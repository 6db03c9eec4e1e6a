package admin

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor/delivery"
)

// Names are what the ids of a page are called, by kind and id.
type Names map[string]map[string]tenants.Named

// Of is what a thing is called, and whether that is known.
func (n Names) Of(kind, id string) (tenants.Named, bool) {
	v, ok := n[kind][id]
	return v, ok
}

// named looks the ids of a page up, one statement for each kind that has any. It is for
// ids that stand in what somebody may read.
func (a *Admin) named(ctx context.Context, ids map[string][]string) (Names, error) {
	out := Names{}
	for kind, some := range ids {
		some = slices.DeleteFunc(some, func(s string) bool { return !id.Valid(s) }) // "operator", or nothing
		slices.Sort(some)
		if some = slices.Compact(some); len(some) == 0 {
			continue
		}
		var err error
		if out[kind], err = a.Tenants.Called(ctx, kind, some); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// reading is what somebody may read of a subscription's logs: the tenants that he is
// limited to, nil for all, and a context to ask in. With an empty subscription it is what
// belongs to none.
func (a *Admin) reading(ctx context.Context, w Who, do Action, subscription string) (context.Context, []string, error) {
	if subscription == "" {
		if !w.May(do, db.Scope{}) {
			return nil, nil, errMayNot
		}
		return audit.Platform(ctx), nil, nil
	}
	in := w.Tenants(do, subscription)
	if in != nil && len(in) == 0 {
		return nil, nil, hidden(w, subscription)
	}
	return a.scope(ctx, subscription), in, nil
}

// Trail is a page of an audit trail.
type Trail struct {
	page.Page[audit.Event]
	Names Names
}

// AuditTrail lists what happened in a subscription, newest first, or with an empty one
// what belongs to none. Who runs some tenants sees what happened in these. The filters
// are those of audit.Trail.Search.
func (a *Admin) AuditTrail(ctx context.Context, w Who, subscription string, q page.Query) (Trail, error) {
	ctx, in, err := a.reading(ctx, w, AuditRead, subscription)
	if err != nil {
		return Trail{}, err
	}
	found, err := a.Audit.Search(ctx, q, in)
	if err != nil {
		return Trail{}, err
	}
	names, err := a.namesOfEvents(ctx, w, found.Items)
	return Trail{found, names}, err
}

// AuditEvent finds one event that AuditTrail could list.
func (a *Admin) AuditEvent(ctx context.Context, w Who, subscription, eventID string) (audit.Event, Names, error) {
	ctx, in, err := a.reading(ctx, w, AuditRead, subscription)
	if err != nil {
		return audit.Event{}, nil, err
	}
	e, err := a.Audit.Get(ctx, eventID, in)
	if err != nil {
		return e, nil, err
	}
	names, err := a.namesOfEvents(ctx, w, []audit.Event{e})
	return e, names, err
}

// namesOfEvents looks up who and what events are about. Of people of other
// subscriptions, who administer the server, only those like them learn the names.
func (a *Admin) namesOfEvents(ctx context.Context, w Who, events []audit.Event) (Names, error) {
	ids := map[string][]string{}
	for _, e := range events {
		ids["user"] = append(ids["user"], e.Actor, e.User)
		ids["client_app"] = append(ids["client_app"], e.Actor, e.ClientApp)
		ids["tenant"] = append(ids["tenant"], e.TenantID)
		var in struct { // what details name by its id
			TwoFactor   string `json:"two_factor"`
			SubjectKind string `json:"subject_kind"`
			Subject     string `json:"subject"`
		}
		if err := json.Unmarshal([]byte(e.Detail), &in); err != nil {
			continue // somebody altered it: then it names nothing
		}
		ids["two_factor"] = append(ids["two_factor"], in.TwoFactor)
		switch in.SubjectKind {
		case tenants.SubjectUser, tenants.SubjectGroup, tenants.SubjectClientApp:
			ids[in.SubjectKind] = append(ids[in.SubjectKind], in.Subject)
		}
	}
	if w.May(AuditRead, db.Scope{}) {
		ctx = db.AllTenants(ctx)
	}
	return a.named(ctx, ids)
}

// ExportAudit writes all that AuditTrail would list as lines of JSON, oldest first. That
// somebody took it along is itself put into the trail, before the first line.
func (a *Admin) ExportAudit(ctx context.Context, w Who, subscription string, q page.Query, out io.Writer) (int64, error) {
	ctx, in, err := a.reading(ctx, w, AuditRead, subscription)
	if err != nil {
		return 0, err
	}
	if _, err := a.Audit.Search(ctx, page.Query{Filter: q.Filter, Limit: 1}, in); err != nil {
		return 0, err // wrong filters are found before anything is written
	}
	filter := map[string]string{}
	for name, v := range q.Filter {
		if v != "" {
			filter[name] = v
		}
	}
	if err := a.Audit.Record(ctx, audit.Event{Kind: "audit.exported", Actor: w.ID}, map[string]any{"filter": filter}); err != nil {
		return 0, err
	}
	return a.Audit.Export(ctx, out, q, in)
}

// kindVerified is the event of a check of a chain.
const kindVerified = "audit.verified"

// Verified is what a check of a chain came to.
type Verified struct {
	At     time.Time `json:"-"`
	By     string    `json:"-"`
	Events int64     `json:"events"`           // how many hold, from the first on
	Broken int64     `json:"broken,omitempty"` // number of the first that does not; 0: all hold
	Why    string    `json:"why,omitempty"`
}

// VerifyAudit checks the chain of a subscription, or with an empty one that of what
// belongs to none, and keeps what came of it in the trail. A chain is checked as a whole,
// by who may read all of it.
func (a *Admin) VerifyAudit(ctx context.Context, w Who, subscription string) (Verified, error) {
	ctx, in, err := a.reading(ctx, w, AuditRead, subscription)
	switch {
	case err != nil:
		return Verified{}, err
	case in != nil:
		return Verified{}, errMayNot
	}
	verdict, err := a.Audit.Check(ctx)
	if err != nil {
		return Verified{}, err
	}
	v := Verified{At: a.Now(), By: w.ID, Events: verdict.Events}
	if verdict.Broken != nil {
		v.Broken, v.Why = verdict.Broken.Seq, verdict.Broken.Why
		a.Log.ErrorContext(ctx, "audit chain broken", "chain", verdict.Chain, "event", v.Broken, "why", v.Why)
	}
	return v, a.Audit.Record(ctx, audit.Event{Kind: kindVerified, Actor: w.ID}, v)
}

// LastVerified is the last check of a chain; nil: there was none.
func (a *Admin) LastVerified(ctx context.Context, w Who, subscription string) (*Verified, error) {
	ctx, in, err := a.reading(ctx, w, AuditRead, subscription)
	if err != nil {
		return nil, err
	}
	if in != nil {
		return nil, errMayNot
	}
	found, err := a.Audit.Search(ctx, page.Query{Filter: map[string]string{audit.FilterKind: kindVerified}, Limit: 1}, nil)
	if err != nil || len(found.Items) == 0 {
		return nil, err
	}
	e := found.Items[0]
	v := Verified{At: e.At, By: e.Actor}
	if err := json.Unmarshal([]byte(e.Detail), &v); err != nil {
		return nil, nil //nolint:nilerr // somebody altered it: then it says nothing
	}
	return &v, nil
}

// Messages is a page of the delivery log.
type Messages struct {
	page.Page[delivery.Entry]
	Names Names
}

// MessageLog lists the messages of a subscription, newest first. The filters are those
// of delivery.Outbox.Messages.
func (a *Admin) MessageLog(ctx context.Context, w Who, subscription string, q page.Query) (Messages, error) {
	ctx, in, err := a.readingMessages(ctx, w, subscription)
	if err != nil {
		return Messages{}, err
	}
	found, err := a.Outbox.Messages(ctx, q, in)
	if err != nil {
		return Messages{}, err
	}
	names, err := a.namesOfMessages(ctx, found.Items)
	return Messages{found, names}, err
}

// Message tells all about one message, with those that took its place.
func (a *Admin) Message(ctx context.Context, w Who, subscription, messageID string) (delivery.Account, Names, error) {
	ctx, in, err := a.readingMessages(ctx, w, subscription)
	if err != nil {
		return delivery.Account{}, nil, err
	}
	m, err := a.Outbox.EntryByID(ctx, messageID, in)
	if err != nil {
		return m, nil, err
	}
	names, err := a.namesOfMessages(ctx, m.Chain)
	return m, names, err
}

func (a *Admin) readingMessages(ctx context.Context, w Who, subscription string) (context.Context, []string, error) {
	if subscription == "" {
		return nil, nil, errUnknown // all messages are some subscription's
	}
	return a.reading(ctx, w, MessageRead, subscription)
}

func (a *Admin) namesOfMessages(ctx context.Context, all []delivery.Entry) (Names, error) {
	ids := map[string][]string{}
	for _, m := range all {
		ids["user"] = append(ids["user"], m.UserID)
		ids["two_factor"] = append(ids["two_factor"], m.TwoFactorID)
		ids["tenant"] = append(ids["tenant"], m.TenantID)
	}
	return a.named(ctx, ids)
}

// UserNamed finds the id of a user of a subscription by his login name, for filters of
// logs; an id stands for itself. Who may not read users finds whom the log that he may
// read names anyway; who is not there is found as nobody.
func (a *Admin) UserNamed(ctx context.Context, w Who, subscription, name string) (string, error) {
	if w.Top(db.Scope{Subscription: subscription}) == "" {
		return "", errUnknown
	}
	if name == "" || id.Valid(name) || name == kindOperator || name == "system" {
		return name, nil
	}
	found, err := a.Tenants.UsersByName(a.scope(ctx, subscription), []string{name})
	if err != nil && !problem.Is(err, problem.Invalid) || len(found) == 0 {
		return "", err
	}
	return found[0].ID, nil
}

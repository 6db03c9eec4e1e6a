package rest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"twofold/admin"
	"twofold/internal/audit"
)

// AuditEvent is something that happened. Beside the names it has the members of a line
// of the export.
type AuditEvent struct {
	ID           string          `json:"id" doc:"Its id."`
	Chain        string          `json:"chain" doc:"Id of the subscription, or platform."`
	Seq          int64           `json:"seq" doc:"Its number in its chain, from 1 on."`
	At           time.Time       `json:"at" doc:"When it happened."`
	Subscription string          `json:"subscription" doc:"Id of the subscription; empty: it belongs to none."`
	Tenant       string          `json:"tenant" doc:"Id of the tenant; empty: it belongs to none."`
	Kind         string          `json:"kind" doc:"What happened." example:"sign_in.done"`
	Actor        string          `json:"actor" doc:"Who did it: id of a user or client app, operator, system, or empty."`
	User         string          `json:"user" doc:"Id of the user that it is about."`
	ClientApp    string          `json:"client_app" doc:"Id of the client app that it is about."`
	Address      string          `json:"address" doc:"Network address that it came from."`
	Request      string          `json:"request" doc:"Number of the request, which error pages and problems show." example:"ABCDE-FGHIJ"`
	Detail       json.RawMessage `json:"detail" doc:"What else is known: a JSON object, by its kind."`
	Previous     string          `json:"previous" doc:"MAC of the event before in its chain."`
	MAC          string          `json:"mac" doc:"Its own."`
	TenantName   string          `json:"tenant_name" doc:"What the tenant is called."`
	ActorName    string          `json:"actor_name" doc:"What the actor is called; empty: that is not known here."`
	UserName     string          `json:"user_name" doc:"What the user is called."`
	AppName      string          `json:"client_app_name" doc:"What the client app is called."`
}

// AuditVerified is what a check of a chain came to.
type AuditVerified struct {
	Chain  string `json:"chain" doc:"Id of the subscription, or platform."`
	OK     bool   `json:"ok" doc:"All events hold: none was altered or removed."`
	Events int64  `json:"events" doc:"How many hold, from the first on."`
	Broken int64  `json:"broken" doc:"Number of the first event that does not hold; 0: all do."`
	Why    string `json:"why" doc:"Why it does not hold."`
}

// verifyTime is how long a check of a chain may take: millions of events.
const verifyTime = 10 * time.Minute

// auditFilters are those of audit.Trail.Search.
var auditFilters = []filter{
	{audit.FilterKind, "What happened: as it is, or, with a dot at its end, what it begins with, such as factor.", nil},
	{audit.FilterActor, "Who did it: id of a user or client app, operator or system.", nil},
	{audit.FilterUser, "Id of the user that it is about.", nil},
	{audit.FilterClientApp, "Id of the client app that it is about.", nil},
	{audit.FilterTenant, "Id of the tenant.", nil},
	{audit.FilterRequest, "Number of the request.", nil},
	{audit.FilterFrom, "Then or later, such as 2027-01-31T12:00:00Z.", nil},
	{audit.FilterTo, "Before then.", nil},
}

func (a *API) audit() {
	for _, at := range []struct{ id, path, where, about string }{
		{"audit", "/subscriptions/{subscription}/audit", "of a subscription", "Who did what, and when, newest first. Who runs some tenants sees what happened there."},
		{"platform_audit", "/audit", "of the whole server", "What belongs to no subscription, newest first."},
	} {
		act[none, List[AuditEvent]](a, spec{
			id: at.id + ".list", method: http.MethodGet, path: at.path, summary: "List the audit trail " + at.where, action: admin.AuditRead, about: at.about,
			list: &lists{auditFilters, []string{"-seq"}},
		}, a.listAudit)
		// Before get, whose address it has too.
		act[none, none](a, spec{
			id: at.id + ".export", method: http.MethodGet, path: at.path + "/export", summary: "Export the audit trail " + at.where, action: admin.AuditRead, lines: true, query: auditFilters,
			about: "All that the filters let through, oldest first, a JSON object on each line, as it was when the export began. The trail notes who took it along. " +
				"An export that breaks off ends without the end of its last chunk: such a file is not whole.",
		}, a.exportAudit)
		act[none, AuditEvent](a, spec{
			id: at.id + ".get", method: http.MethodGet, path: at.path + "/{id}", summary: "Show an event of the audit trail " + at.where, action: admin.AuditRead,
		}, func(ctx context.Context, c *call, _ none) (*answer, error) {
			e, names, err := a.Admin.AuditEvent(ctx, c.who, c.subscription, c.id)
			return &answer{body: showEvent(e, names)}, err
		})
		act[none, AuditVerified](a, spec{
			id: at.id + ".verify", method: http.MethodPost, path: at.path + "/verify", summary: "Check the chain of the audit trail " + at.where, action: admin.AuditRead,
			about: "Reads all of it, and finds what was altered, removed or put in. By who may read all of it; what came of it is put into the trail.",
		}, func(ctx context.Context, c *call, _ none) (*answer, error) {
			ctx, cancel, err := c.mayTake(ctx, verifyTime)
			if err != nil {
				return nil, err
			}
			defer cancel()
			v, err := a.Admin.VerifyAudit(ctx, c.who, c.subscription)
			out := AuditVerified{Chain: c.subscription, OK: v.Broken == 0, Events: v.Events, Broken: v.Broken, Why: v.Why}
			if out.Chain == "" {
				out.Chain = "platform"
			}
			return &answer{body: out}, err
		})
	}
}

func (a *API) listAudit(ctx context.Context, c *call, _ none) (*answer, error) {
	q, err := pageQuery(c.Request)
	if err != nil {
		return nil, err
	}
	p, err := a.Admin.AuditTrail(ctx, c.who, c.subscription, q)
	return listed(c, p.Page, func(e audit.Event) AuditEvent { return showEvent(e, p.Names) }), err
}

func (a *API) exportAudit(ctx context.Context, c *call, _ none) (*answer, error) {
	q, err := pageQuery(c.Request)
	if err != nil {
		return nil, err
	}
	of := c.subscription
	if of == "" {
		of = "server"
	}
	return &answer{stream: &stream{
		media: mediaLines, name: "twofold-audit-" + of + "-" + a.Now().UTC().Format("20060102-150405") + ".jsonl",
		write: func(out io.Writer) error {
			_, err := a.Admin.ExportAudit(ctx, c.who, c.subscription, q, out)
			return err
		},
	}}, nil
}

func showEvent(e audit.Event, names admin.Names) AuditEvent {
	l := audit.LineOf(e)
	out := AuditEvent{
		ID: l.ID, Chain: l.Chain, Seq: l.Seq, At: l.At, Subscription: l.Subscription, Tenant: l.Tenant, Kind: l.Kind, Actor: l.Actor, User: l.User, ClientApp: l.ClientApp,
		Address: l.Address, Request: l.Request, Detail: l.Detail, Previous: l.Previous, MAC: l.MAC,
		TenantName: nameIn(names, "tenant", e.TenantID), ActorName: nameIn(names, "user", e.Actor), UserName: nameIn(names, "user", e.User), AppName: nameIn(names, "client_app", e.ClientApp),
	}
	if out.ActorName == "" {
		out.ActorName = nameIn(names, "client_app", e.Actor)
	}
	return out
}

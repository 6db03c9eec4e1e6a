package audit

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
)

// platformChain is the chain of what belongs to no subscription.
const platformChain = "platform"

type platformKey struct{}

// Platform returns a context that asks for what belongs to no subscription. It is for
// operators alone.
func Platform(ctx context.Context) context.Context {
	return context.WithValue(db.WithScope(ctx, db.Scope{}), platformKey{}, true)
}

// chainOf is the chain that ctx may see: its subscription's, or the platform's if that
// was asked for by name.
func chainOf(ctx context.Context) (string, error) {
	if s := db.ScopeOf(ctx).Subscription; s != "" {
		return s, nil
	}
	if asked, _ := ctx.Value(platformKey{}).(bool); asked && db.ScopeOf(ctx).Tenant == "" {
		return platformChain, nil
	}
	return "", db.ErrNoScope
}

// Filters of Search, by their names in page.Query.
const (
	FilterKind      = "kind"       // as it is, or what it begins with when it ends in a dot: "factor."
	FilterActor     = "actor"      // who did it
	FilterUser      = "user"       // whom it is about
	FilterClientApp = "client_app" // its id
	FilterTenant    = "tenant"     // its id
	FilterRequest   = "request"    // the number that an error page shows
	FilterFrom      = "from"       // RFC 3339: then, or later
	FilterTo        = "to"         // RFC 3339: before then
)

// Search lists what happened, newest first, in the subscription of ctx, or on the
// platform (see Platform). tenants limits it to these; nil: all of the subscription, and
// what happened in none of them. It takes three round trips, each along an index.
func (t *Trail) Search(ctx context.Context, q page.Query, tenants []string) (page.Page[Event], error) {
	s, a, err := t.ask(ctx, q, tenants)
	if err != nil {
		return page.Page[Event]{}, err
	}
	if a.Keys != nil {
		s.after, err = strconv.ParseInt(a.Keys[0], 10, 64)
		if err != nil {
			return page.Page[Event]{}, fmt.Errorf("audit: cursor: %w", err)
		}
	}
	s.down = a.Down
	var events []Event
	if err = t.prepare(ctx, s); err == nil {
		events, err = t.read(ctx, s, a.Limit+1)
	}
	if err != nil {
		return page.Page[Event]{}, fmt.Errorf("audit: search: %w", err)
	}
	return page.Cut(a, events, func(e Event) []string { return []string{strconv.FormatInt(e.Seq, 10)} }), nil
}

var errUnknown = problem.New(problem.NotFound, "event_unknown", "There is no such event.")

// Get returns an event that Search could find.
func (t *Trail) Get(ctx context.Context, eventID string, tenants []string) (Event, error) {
	s, _, err := t.ask(ctx, page.Query{}, tenants)
	if err != nil {
		return Event{}, err
	}
	var e Event
	err = t.DB.For(ctx).Where("id = ? AND chain = ?", eventID, s.chain).Take(&e).Error
	switch {
	case db.IsNotFound(err), err == nil && s.limited && !slices.Contains(s.tenants, e.TenantID):
		return Event{}, errUnknown
	case err != nil:
		return Event{}, fmt.Errorf("audit: get: %w", err)
	}
	return e, nil
}

// search is one that was understood.
type search struct {
	chain    string
	by       map[string]string // filters with a value, without times
	tenants  []string          // those that may be seen
	limited  bool              // to tenants
	from, to time.Time         // zero: none

	kinds    []string // that by[FilterKind] means, when the strips are of kinds
	low, end int64    // numbers: from low, before end; end 0: none
	after    int64    // the number that the page before ended with; 0: none
	down     bool
}

// ask understands q. A context in a tenant sees no more than the tenant.
func (t *Trail) ask(ctx context.Context, q page.Query, tenants []string) (*search, page.Asked, error) {
	chain, err := chainOf(ctx)
	if err != nil {
		return nil, page.Asked{}, err
	}
	list := page.List{
		Seal: t.Seal, Name: "audit", Owner: chain, Sorts: []string{"-seq"},
		Filters: []string{FilterKind, FilterActor, FilterUser, FilterClientApp, FilterTenant, FilterRequest, FilterFrom, FilterTo},
	}
	if q.Sort == "" {
		q.Sort = "-seq"
	}
	a, err := list.Ask(q)
	if err != nil {
		return nil, a, err
	}
	s := &search{chain: chain, by: map[string]string{}, tenants: tenants, limited: tenants != nil}
	s.only(db.ScopeOf(ctx).Tenant)
	s.only(q.Filter[FilterTenant])
	for name, v := range q.Filter {
		switch {
		case len(v) > 200 || strings.ContainsRune(v, 0) || !utf8.ValidString(v):
			return nil, a, invalid(name, "is too long or no text")
		case name != FilterTenant && name != FilterFrom && name != FilterTo && v != "":
			s.by[name] = v
		}
	}
	if s.from, err = moment(q, FilterFrom); err == nil {
		s.to, err = moment(q, FilterTo)
	}
	if err == nil && !s.from.IsZero() && !s.to.IsZero() && !s.from.Before(s.to) {
		err = invalid(FilterTo, "must be later than from")
	}
	return s, a, err
}

// only limits the search to one tenant more, if there is one.
func (s *search) only(tenant string) {
	switch {
	case tenant == "":
	case s.limited && !slices.Contains(s.tenants, tenant):
		s.tenants = nil
	default:
		s.tenants, s.limited = []string{tenant}, true
	}
}

func moment(q page.Query, name string) (time.Time, error) {
	text := q.Filter[name]
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1 {
		return time.Time{}, invalid(name, "must be a time such as 2026-03-01T12:00:00Z")
	}
	return db.Micros(at), nil
}

func invalid(field, message string) *problem.Error {
	return &problem.Error{
		Kind: problem.Invalid, Code: "filter_invalid", Message: field + " " + message,
		Fields: []problem.Field{{Name: field, Message: message}},
	}
}

// prepare looks up what the strips of s need: the kinds that a beginning means, and
// the numbers that its times mean.
func (t *Trail) prepare(ctx context.Context, s *search) error {
	if kind := s.by[FilterKind]; kind != "" && slices.Contains(s.columns(), "kind") {
		s.kinds = []string{kind}
		if strings.HasSuffix(kind, ".") {
			all, err := t.kindsOf(ctx, s.chain)
			if err != nil {
				return err
			}
			s.kinds = slices.DeleteFunc(all, func(k string) bool { return !strings.HasPrefix(k, kind) })
		}
	}
	return t.number(ctx, s)
}

// skew is by how much the order of times may differ from that of numbers: an event
// gets its time first and its number when its turn in the chain comes, and the clocks
// of replicas differ a little. Beyond it a search by time could miss an event.
const skew = time.Hour

// number finds a number that is below all events since s.from, and one that is above
// all before s.to.
func (t *Trail) number(ctx context.Context, s *search) error {
	if s.from.IsZero() && s.to.IsZero() {
		return nil
	}
	var parts []*gorm.DB
	edge := db.Strip{Columns: []string{"chain"}, Values: []any{s.chain}, Keys: []string{"at"}}
	if !s.from.IsZero() {
		before := edge
		before.To, before.Down = s.from.Add(-skew), true
		parts = append(parts, before.Of(t.DB.For(ctx).Model(&Event{}), 1))
	}
	if !s.to.IsZero() {
		edge.From = s.to.Add(skew)
		parts = append(parts, edge.Of(t.DB.For(ctx).Model(&Event{}), 1))
	}
	var edges []Event
	if err := t.DB.Merge(ctx, &edges, "seq", 2, parts); err != nil {
		return err
	}
	for _, e := range edges {
		if !s.from.IsZero() && e.At.Before(s.from) {
			s.low = e.Seq + 1
		} else {
			s.end = e.Seq
		}
	}
	return nil
}

// kindsOf lists the kinds that a chain has, by one step of its index each.
func (t *Trail) kindsOf(ctx context.Context, chain string) (kinds []string, err error) {
	err = t.DB.QueryRaw(ctx, &kinds, `WITH RECURSIVE k (kind) AS (
SELECT min(kind) FROM audit_events WHERE chain = ?
UNION ALL SELECT (SELECT min(kind) FROM audit_events WHERE chain = ? AND kind > k.kind) FROM k WHERE k.kind IS NOT NULL
) SELECT kind FROM k WHERE kind IS NOT NULL`, chain, chain)
	return kinds, err
}

// columns are those that the strips of s go by: what most likely is
// the rarest of what was asked for. What the server itself does is never rare.
func (s *search) columns() []string {
	common := s.by[FilterActor] == "system" || s.by[FilterActor] == "operator"
	switch {
	case s.by[FilterRequest] != "":
		return []string{"chain", "request_id"}
	case s.by[FilterUser] != "":
		return []string{"chain", "user_id"}
	case s.by[FilterActor] != "" && !common:
		return []string{"chain", "actor"}
	case s.by[FilterClientApp] != "":
		return []string{"chain", "client_app_id"}
	case s.by[FilterKind] != "" && s.limited:
		return []string{"tenant_id", "kind"}
	case s.by[FilterKind] != "":
		return []string{"chain", "kind"}
	case s.limited:
		return []string{"chain", "tenant_id"}
	case common:
		return []string{"chain", "actor"}
	}
	return []string{"chain"}
}

// columnOf is where a filter looks.
var columnOf = map[string]string{
	FilterActor: "actor", FilterUser: "user_id", FilterClientApp: "client_app_id", FilterRequest: "request_id",
}

// values are what the strips hold in these columns: one strip for each.
func (s *search) values(columns []string) [][]any {
	rows := [][]any{{}}
	for _, c := range columns {
		var has []string
		switch c {
		case "chain":
			has = []string{s.chain}
		case "tenant_id":
			has = s.tenants
		case "kind":
			has = s.kinds
		default:
			for name, column := range columnOf {
				if column == c {
					has = []string{s.by[name]}
				}
			}
		}
		var next [][]any
		for _, row := range rows {
			for _, v := range has {
				next = append(next, append(slices.Clone(row), v))
			}
		}
		rows = next
	}
	return rows
}

// sift looks at each event of a strip for what the strip does not promise.
func (s *search) sift(q *gorm.DB, columns []string) *gorm.DB {
	for name, column := range columnOf {
		if v := s.by[name]; v != "" && !slices.Contains(columns, column) {
			q = q.Where(db.Sieve(column+" = ?"), v)
		}
	}
	if kind := s.by[FilterKind]; kind != "" && !slices.Contains(columns, "kind") {
		if strings.HasSuffix(kind, ".") {
			q = q.Where(db.Sieve("substr(kind, 1, ?) = ?"), utf8.RuneCountInString(kind), kind)
		} else {
			q = q.Where(db.Sieve("kind = ?"), kind)
		}
	}
	if !slices.Contains(columns, "chain") {
		q = q.Where(db.Sieve("chain = ?"), s.chain)
	}
	if s.limited && !slices.Contains(columns, "tenant_id") {
		q = q.Where(db.Sieve("tenant_id IN ?"), s.tenants)
	}
	if !s.from.IsZero() {
		q = q.Where(db.Sieve("at >= ?"), s.from)
	}
	if !s.to.IsZero() {
		q = q.Where(db.Sieve("at < ?"), s.to)
	}
	return q
}

// read reads the next n events of s.
func (t *Trail) read(ctx context.Context, s *search, n int) ([]Event, error) {
	columns := s.columns()
	if s.limited && len(s.tenants) == 0 {
		return nil, nil
	}
	strip := db.Strip{Columns: columns, Keys: []string{"seq"}, Down: s.down}
	if s.low > 0 {
		strip.From = s.low
	}
	if s.end > 0 {
		strip.To = s.end
	}
	if s.after > 0 {
		strip.After = []any{s.after}
	}
	order := "seq"
	if s.down {
		order = "seq DESC"
	}
	var events []Event
	for some := range slices.Chunk(s.values(columns), db.MostParts) {
		var parts []*gorm.DB
		for _, strip.Values = range some {
			parts = append(parts, s.sift(strip.Of(t.DB.For(ctx).Model(&Event{}), n), columns))
		}
		var found []Event
		if err := t.DB.Merge(ctx, &found, order, n, parts); err != nil {
			return nil, err
		}
		events = append(events, found...)
	}
	if len(events) > n {
		slices.SortFunc(events, func(a, b Event) int {
			if s.down {
				a, b = b, a
			}
			return int(a.Seq - b.Seq)
		})
		events = events[:n]
	}
	return events, nil
}

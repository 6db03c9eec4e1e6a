package delivery

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
	"twofold/twofactor"
)

// Filters of Messages, by their names in page.Query.
const (
	FilterState      = "state"       // Queued …
	FilterTwoFactor  = "two_factor"  // the instance's id
	FilterUser       = "user"        // his id
	FilterTenant     = "tenant"      // its id
	FilterKind       = "kind"        // of the letter
	FilterMedium     = "medium"      // mail or sms
	FilterErrorClass = "error_class" // retry, recipient, account or content
	FilterFrom       = "from"        // RFC 3339: written then, or later
	FilterTo         = "to"          // RFC 3339: written before then
)

// columnOf is where a filter looks, in the order of how few rows it most likely leaves.
var columnOf = []struct{ filter, column string }{
	{FilterUser, "user_id"},
	{FilterErrorClass, "error_class"},
	{FilterState, "state"},
	{FilterTwoFactor, "two_factor_id"},
	{FilterTenant, "tenant_id"},
	{FilterKind, "kind"},
	{FilterMedium, "medium"},
}

// allowed are the values of the filters that have few.
var allowed = map[string][]string{
	FilterState:      {Queued, Sending, Sent, Failed, Expired},
	FilterMedium:     {string(twofactor.ByMail), string(twofactor.BySMS)},
	FilterErrorClass: {"retry", "recipient", "account", "content"},
}

// Messages lists the log of the subscription in ctx, newest first. tenants limits it to
// these; nil: all of the subscription. It takes one round trip, along an index.
func (o *Outbox) Messages(ctx context.Context, q page.Query, tenants []string) (page.Page[Entry], error) {
	s, a, err := o.ask(ctx, q, tenants)
	if err != nil {
		return page.Page[Entry]{}, err
	}
	rows, err := o.read(ctx, s, a)
	if err != nil {
		return page.Page[Entry]{}, fmt.Errorf("delivery: log: %w", err)
	}
	p := page.Cut(a, rows, func(r messageRow) []string { return []string{strconv.FormatInt(r.CreatedAt.UnixMicro(), 10), r.ID} })
	return page.Map(p, messageRow.entry), nil
}

// search is one that was understood.
type search struct {
	subscription string
	by           map[string]string // filters with a value, but for tenant, from and to
	tenants      []string
	limited      bool // to tenants
	from, to     any  // time.Time, or nil
}

// ask understands q. A context in a tenant sees no more than the tenant.
func (o *Outbox) ask(ctx context.Context, q page.Query, tenants []string) (search, page.Asked, error) {
	scope := db.ScopeOf(ctx)
	if scope.Subscription == "" {
		return search{}, page.Asked{}, db.ErrNoScope
	}
	list := page.List{Seal: o.Seal, Name: "messages", Owner: scope.Subscription, Sorts: []string{"-created"}, Filters: []string{FilterFrom, FilterTo}}
	for _, c := range columnOf {
		list.Filters = append(list.Filters, c.filter)
	}
	if q.Sort == "" {
		q.Sort = "-created"
	}
	a, err := list.Ask(q)
	if err != nil {
		return search{}, a, err
	}
	s := search{subscription: scope.Subscription, by: map[string]string{}, tenants: tenants, limited: tenants != nil}
	s.only(scope.Tenant)
	for name, v := range q.Filter {
		few := allowed[name]
		switch {
		case v == "":
		case len(v) > 200 || strings.ContainsRune(v, 0) || !utf8.ValidString(v):
			err = invalid(name, "is too long or no text")
		case few != nil && !slices.Contains(few, v):
			err = invalid(name, "must be one of "+strings.Join(few, ", "))
		case name == FilterTenant:
			s.only(v)
		case name == FilterFrom:
			s.from, err = moment(name, v)
		case name == FilterTo:
			s.to, err = moment(name, v)
		default:
			s.by[name] = v
		}
		if err != nil {
			return search{}, a, err
		}
	}
	if s.from != nil && s.to != nil && !s.from.(time.Time).Before(s.to.(time.Time)) {
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

func moment(name, text string) (any, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1 {
		return nil, invalid(name, "must be a time such as 2026-03-01T12:00:00Z")
	}
	return db.Micros(at), nil
}

func invalid(field, message string) *problem.Error {
	return &problem.Error{
		Kind: problem.Invalid, Code: "filter_invalid", Message: field + " " + message,
		Fields: []problem.Field{{Name: field, Message: message}},
	}
}

// strips are what to read along: the column that most likely leaves the fewest, and its
// values. What was sent is most of all, so that it leaves none out.
func (s search) strips() (column string, values []string) {
	for _, c := range columnOf {
		v := s.by[c.filter]
		switch {
		case c.filter == FilterTenant && s.limited:
			return c.column, s.tenants
		case v != "" && v != Sent:
			return c.column, []string{v}
		}
	}
	if v := s.by[FilterState]; v != "" {
		return "state", []string{v}
	}
	return "", []string{""}
}

// read reads a page and one row more.
func (o *Outbox) read(ctx context.Context, s search, a page.Asked) ([]messageRow, error) {
	all, column, values := db.AllTenants(ctx), "", []string(nil)
	if column, values = s.strips(); s.limited && len(s.tenants) == 0 {
		return nil, nil
	}
	strip := db.Strip{Columns: []string{"subscription_id"}, Keys: []string{"created_at", "id"}, From: s.from, To: s.to, Down: a.Down}
	if column != "" {
		strip.Columns = append(strip.Columns, column)
	}
	if a.Keys != nil {
		us, err := strconv.ParseInt(a.Keys[0], 10, 64)
		if err != nil || len(a.Keys) != 2 {
			return nil, fmt.Errorf("cursor: %w", err)
		}
		strip.After = []any{time.UnixMicro(us).UTC(), a.Keys[1]}
	}
	order, newer := "created_at, id", -1
	if a.Down {
		order, newer = "created_at DESC, id DESC", 1
	}
	var rows []messageRow
	for some := range slices.Chunk(values, db.MostParts) {
		var parts []*gorm.DB
		for _, v := range some {
			strip.Values = []any{s.subscription, v}[:len(strip.Columns)]
			parts = append(parts, s.sift(strip.Of(o.DB.For(all).Model(&messageRow{}).Omit("sealed"), a.Limit+1), column))
		}
		var found []messageRow
		if err := o.DB.Merge(all, &found, order, a.Limit+1, parts); err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	if len(values) > db.MostParts {
		slices.SortFunc(rows, func(x, y messageRow) int {
			if c := y.CreatedAt.Compare(x.CreatedAt); c != 0 {
				return newer * c
			}
			return newer * strings.Compare(y.ID, x.ID)
		})
		rows = rows[:min(len(rows), a.Limit+1)]
	}
	return rows, nil
}

// sift looks at each message of a strip for what the strip does not promise.
func (s search) sift(q *gorm.DB, column string) *gorm.DB {
	for _, c := range columnOf {
		if v := s.by[c.filter]; v != "" && c.column != column {
			q = q.Where(db.Sieve(c.column+" = ?"), v)
		}
	}
	if s.limited && column != "tenant_id" {
		q = q.Where(db.Sieve("tenant_id IN ?"), s.tenants)
	}
	return q
}

// Account is an entry with the story that it is a part of.
type Account struct {
	Entry
	// Chain are the messages that took each other's place, in their order, with this one
	// among them: the first was asked first, the last one carries the code. Of the tries
	// of each there are their number, the kinds of their failures, and their end.
	Chain []Entry
}

var errNoEntry = problem.New(problem.NotFound, "message_unknown", "There is no such message.")

// EntryByID tells all about a message that Messages could list.
func (o *Outbox) EntryByID(ctx context.Context, entryID string, tenants []string) (Account, error) {
	s, _, err := o.ask(ctx, page.Query{}, tenants)
	if err != nil {
		return Account{}, err
	}
	mine := func() *gorm.DB {
		q := o.DB.For(db.AllTenants(ctx)).Omit("sealed").Where("subscription_id = ?", s.subscription)
		if s.limited {
			q = q.Where("tenant_id IN ?", s.tenants)
		}
		return q
	}
	var row messageRow
	err = mine().Where("id = ?", entryID).Take(&row).Error
	if db.IsNotFound(err) {
		return Account{}, errNoEntry
	}
	rows := []messageRow{row}
	if err == nil && row.ChallengeID != "" {
		rows = nil
		err = mine().Where("tenant_id = ? AND challenge_id = ?", row.TenantID, row.ChallengeID).Find(&rows).Error
	}
	if err != nil {
		return Account{}, fmt.Errorf("delivery: entry: %w", err)
	}
	return Account{row.entry(), chainOf(row, rows)}, nil
}

// chainOf picks, of all messages of a challenge, those that took each other's place with
// row among them. What the user had sent again began a chain of its own.
func chainOf(row messageRow, rows []messageRow) []Entry {
	byID, after := map[string]messageRow{}, map[string]messageRow{}
	for _, r := range rows {
		byID[r.ID] = r
		if r.FellFrom != "" {
			after[r.FellFrom] = r
		}
	}
	first := row
	for range rows { // no ring, whatever the table holds
		before, ok := byID[first.FellFrom]
		if !ok {
			break
		}
		first = before
	}
	chain := []Entry{first.entry()}
	for r, ok := after[first.ID]; ok && len(chain) < len(rows); r, ok = after[r.ID] {
		chain = append(chain, r.entry())
	}
	return chain
}

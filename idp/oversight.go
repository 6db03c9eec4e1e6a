package idp

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"twofold/idp/signin"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
)

// Session is a live session, as administration sees it.
type Session struct {
	ID, TenantID, UserID, IDPID string
	Address, UserAgent          string // of the browser that it began in
	CreatedAt, SeenAt           time.Time
	AuthTime                    time.Time // of the last proof
	IdleExpiresAt, ExpiresAt    time.Time // whichever comes first ends it
	ACR                         string    // what its proofs reach
	AMR                         []string
	ClientApps                  []string // ids of those that somebody signed in to by it
}

// Filters of SessionList, by their names in page.Query.
const (
	FilterSessionUser   = "user"   // his id
	FilterSessionTenant = "tenant" // its id
)

// SessionList lists the live sessions in the subscription of ctx, youngest first. tenants
// limits it to these; nil: all of the subscription. It takes three round trips, and
// one more for each db.MostParts tenants beyond the first ones, each along an index.
func (s *IDP) SessionList(ctx context.Context, q page.Query, tenants []string) (page.Page[Session], error) {
	none := page.Page[Session]{Items: []Session{}}
	a, err := s.askSessions(ctx, q)
	if err != nil {
		return none, err
	}
	tenants, err = s.tenantsOf(ctx, tenants, a.Filter[FilterSessionTenant])
	if err != nil || len(tenants) == 0 {
		return none, err
	}
	rows, err := s.readSessions(ctx, a, tenants)
	if err != nil {
		return none, fmt.Errorf("idp: sessions: %w", err)
	}
	p := page.Cut(a, rows, func(r sessionRow) []string { return []string{strconv.FormatInt(r.CreatedAt.UnixMicro(), 10), r.ID} })
	return s.shown(ctx, p)
}

func (s *IDP) askSessions(ctx context.Context, q page.Query) (page.Asked, error) {
	sub := db.ScopeOf(ctx).Subscription
	if sub == "" {
		return page.Asked{}, db.ErrNoScope
	}
	list := page.List{Seal: s.Seal, Name: "sessions", Owner: sub, Sorts: []string{"-created"}, Filters: []string{FilterSessionUser, FilterSessionTenant}}
	if q.Sort == "" {
		q.Sort = "-created"
	}
	a, err := list.Ask(q)
	if err != nil {
		return a, err
	}
	for name, v := range q.Filter {
		if len(v) > 200 || strings.ContainsRune(v, 0) || !utf8.ValidString(v) {
			message := "is too long or no text"
			return a, &problem.Error{
				Kind: problem.Invalid, Code: "filter_invalid", Message: name + " " + message, Fields: []problem.Field{{Name: name, Message: message}},
			}
		}
	}
	return a, nil
}

// tenantsOf are the tenants of the subscription in ctx, in the order of their ids, that
// are among these, unless nil, and are that one, unless empty. A context in a tenant
// reaches no other one.
func (s *IDP) tenantsOf(ctx context.Context, among []string, one string) ([]string, error) {
	all, err := s.Tenants.ListTenants(ctx)
	if err != nil {
		return nil, err
	}
	in := db.ScopeOf(ctx).Tenant
	var ids []string
	for _, t := range all {
		if (among == nil || slices.Contains(among, t.ID)) && (one == "" || one == t.ID) && (in == "" || in == t.ID) {
			ids = append(ids, t.ID)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// readSessions reads a page of the live sessions of these tenants, and one more.
func (s *IDP) readSessions(ctx context.Context, a page.Asked, tenants []string) ([]sessionRow, error) {
	strip := db.Strip{Columns: []string{"tenant_id"}, Keys: []string{"created_at", "id"}, Down: a.Down}
	values := tenants
	if user := a.Filter[FilterSessionUser]; user != "" {
		strip.Columns, values = []string{"user_id"}, []string{user}
	}
	if a.Keys != nil {
		us, err := strconv.ParseInt(a.Keys[0], 10, 64)
		if err != nil || len(a.Keys) != 2 {
			return nil, fmt.Errorf("cursor: %w", err)
		}
		strip.After = []any{time.UnixMicro(us).UTC(), a.Keys[1]}
	}
	order, way := "created_at, id", 1
	if a.Down {
		order, way = "created_at DESC, id DESC", -1
	}
	// The conditions hold the rows to the tenants, which are all of one subscription.
	all, now := db.AllTenants(ctx), db.Micros(s.Now())
	var rows []sessionRow
	for some := range slices.Chunk(values, db.MostParts) {
		var parts []*gorm.DB
		for _, v := range some {
			strip.Values = []any{v}
			part := s.DB.For(all).Model(&sessionRow{}).Omit("token_hash").Where("ended_at IS NULL").
				Where(db.Sieve("expires_at > ? AND idle_expires_at > ?"), now, now)
			if strip.Columns[0] != "tenant_id" {
				part = part.Where(db.Sieve("tenant_id IN ?"), tenants)
			}
			parts = append(parts, strip.Of(part, a.Limit+1))
		}
		var found []sessionRow
		if err := s.DB.Merge(all, &found, order, a.Limit+1, parts); err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	if len(values) > db.MostParts {
		slices.SortFunc(rows, func(x, y sessionRow) int {
			if c := x.CreatedAt.Compare(y.CreatedAt); c != 0 {
				return way * c
			}
			return way * strings.Compare(x.ID, y.ID)
		})
		rows = rows[:min(len(rows), a.Limit+1)]
	}
	return rows, nil
}

// shown makes of rows what administration sees.
func (s *IDP) shown(ctx context.Context, p page.Page[sessionRow]) (page.Page[Session], error) {
	var in, ids []string
	for _, r := range p.Items {
		in, ids = append(in, r.TenantID), append(ids, r.ID)
	}
	slices.Sort(in)
	apps, err := s.appsIn(db.AllTenants(ctx), slices.Compact(in), ids)
	if err != nil {
		return page.Page[Session]{Items: []Session{}}, err
	}
	return page.Map(p, func(r sessionRow) Session {
		v := Session{
			ID: r.ID, TenantID: r.TenantID, UserID: r.UserID, IDPID: r.IDPID, Address: r.Address, UserAgent: r.UserAgent, CreatedAt: r.CreatedAt,
			SeenAt: r.SeenAt, AuthTime: r.AuthTime, IdleExpiresAt: r.IdleExpiresAt, ExpiresAt: r.ExpiresAt, ClientApps: apps[r.ID],
		}
		var proofs []signin.Proof
		if err := json.Unmarshal([]byte(r.Proofs), &proofs); err == nil { // else it proves nothing
			v.ACR, v.AMR = acrOf(signin.Reached(proofs)), signin.AMR(proofs)
		}
		return v
	}), nil
}

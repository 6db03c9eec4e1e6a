package tenants

import (
	"context"
	"strings"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/testkit"
)

// The users of a large server: most of one subscription, half of whom are members of one
// tenant and a handful of another; few are inactive, and one in a hundred is a machine.
const (
	manyUsers = `INSERT INTO users (id, subscription_id, name, kind, display_name, given_name, family_name, email, email_verified, phone, phone_verified,
  locale, last_two_factor_id, active, created_at, updated_at, version, credential_epoch, prove_first)
SELECT 'u' || (1000000 + i), CASE WHEN i % 10 = 9 THEN OTHER ELSE MINE END, 'user' || (i * 7919 % 1000003), CASE WHEN i % 100 = 3 THEN 'machine' ELSE 'person' END,
  'User ' || i, '', '', 'mail' || (i * 7919 % 1000003) || '@example.test', i % 3 = 0, '', false, '', '', i % 1000 <> 7, at, at, 1, 0, false FROM SERIES(100000, 60)`
	manyMembers = `INSERT INTO memberships (subscription_id, tenant_id, user_id) SELECT subscription_id, TENANT, id FROM users WHERE subscription_id = MINE AND WHICH`
	manyGroups  = `INSERT INTO group_members (subscription_id, group_id, user_id) SELECT subscription_id, GROUPID, id FROM users WHERE subscription_id = MINE AND id LIKE '%77'`
	manyFactors = `INSERT INTO enrollments (subscription_id, id, user_id, two_factor_id, label, handle, sealed, uses, preferred, version, created_at)
SELECT subscription_id, 'e' || id, id, FACTOR, '', '', '', 0, false, 1, created_at FROM users WHERE subscription_id = MINE AND id LIKE '%5'`
)

// TestUsersByTheHundredThousand: each page of the list goes by an index, whatever it is
// filtered by and however rare that is.
func TestUsersByTheHundredThousand(t *testing.T) {
	testkit.Later(t)
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		mine, other := w.customer("acme"), w.customer("globex")
		small := Tenant{Name: "small", Active: true}
		done[Difference](t)(w.PutTenant(mine.admin, &small))
		app := TwoFactor{Name: "app", Type: "enrolled", Active: true}
		done[Difference](t)(w.PutTwoFactor(mine.admin, &app, goodOptions))
		fill := func(table, q string, values map[string]string) {
			for k, v := range values {
				q = replaceAll(q, k, "'"+v+"'")
			}
			testkit.Bulk(t, url, table, q)
		}
		fill("users", manyUsers, map[string]string{"MINE": mine.sub.ID, "OTHER": other.sub.ID})
		fill("memberships", replaceAll(manyMembers, "WHICH", "id LIKE 'u%' AND id < 'u1050000'"), map[string]string{"MINE": mine.sub.ID, "TENANT": mine.tenant.ID})
		fill("memberships", replaceAll(manyMembers, "WHICH", "id IN ('u1000010', 'u1099990')"), map[string]string{"MINE": mine.sub.ID, "TENANT": small.ID})
		fill("group_members", manyGroups, map[string]string{"MINE": mine.sub.ID, "GROUPID": mine.group.ID})
		fill("enrollments", manyFactors, map[string]string{"MINE": mine.sub.ID, "FACTOR": app.ID})
		recorder := testkit.Record(t, w.DB.For(t.Context()))
		recorder.Take()
		var slowest time.Duration
		look := func(b testkit.Bounds, ctx context.Context, q page.Query, tenants []string) {
			t.Helper()
			for range 3 {
				began := time.Now()
				p, err := w.Users().Page(ctx, q, tenants)
				must(t, err)
				slowest = max(slowest, time.Since(began))
				testkit.CheckPlans(t, url, b, recorder.Take())
				if t.Failed() {
					t.Fatalf("%+v: %d users", q, len(p.Items))
				}
				if q.After = p.Next; q.After == "" {
					return
				}
			}
		}
		// What one column decides costs what it shows. What others hold is looked up for
		// each row on the way.
		strict, along := testkit.Bounds{Queries: 3, Rows: 3000}, testkit.Bounds{Queries: 3, Rows: 250_000}
		for _, sort := range []string{"", "-name", "created", "-created"} {
			look(strict, mine.admin, page.Query{Sort: sort}, nil)
			for _, f := range []map[string]string{
				{"active": "true"}, {"active": "false"}, {"kind": "machine"}, {"kind": "person"}, {"name": "user7919"},
			} {
				look(strict, mine.admin, page.Query{Sort: sort, Filter: f}, nil)
			}
			for _, f := range []map[string]string{
				{"email": "mail7919@example.test"},
				{"email": "none@example.test"},
				{"tenant": mine.tenant.ID},
				{"tenant": small.ID},
				{"tenant": other.tenant.ID},
				{"group": mine.group.ID},
				{"client_app": mine.app.ID},
				{"second_factor": "enabled"},
				{"second_factor": "none"},
				{"method": "enrolled"},
				{"method": "letter"},
				{"second_factor": "none", "tenant": mine.tenant.ID, "active": "true"},
			} {
				look(along, mine.admin, page.Query{Sort: sort, Filter: f}, nil)
			}
			look(along, mine.admin, page.Query{Sort: sort}, []string{mine.tenant.ID})
			look(along, mine.admin, page.Query{Sort: sort}, []string{small.ID})
		}
		for _, text := range []string{"user7919", "mail7919", "user", "nobody", "mail"} {
			look(along, mine.admin, page.Query{Search: text}, nil)
			look(along, mine.admin, page.Query{Search: text}, []string{mine.tenant.ID})
		}
		look(strict, db.WithScope(t.Context(), db.Scope{Subscription: "none"}), page.Query{}, nil)
		t.Logf("slowest page: %v", slowest)
		w.ownersByIndex(url, recorder, mine)
	})
}

// ownersByIndex: what links to a thing is found and counted by an index, from either end.
func (w *world) ownersByIndex(url string, recorder *testkit.Recorder, c *customer) {
	w.t.Helper()
	done[Difference](w.t)(w.Link(c.admin, LinkAppUser, c.app.ID, "u1000077"))
	done[Difference](w.t)(w.Link(c.admin, LinkAppGroup, c.app.ID, c.group.ID))
	for kind, other := range map[LinkKind]string{LinkTenantMember: "u1000010", LinkGroupMember: "u1000077", LinkTenantIDP: c.idp.ID, LinkTenantClientApp: c.app.ID, LinkUserIDP: c.idp.ID, LinkAppUser: "u1000077", LinkAppGroup: c.group.ID} {
		recorder.Take()
		ids, err := w.OwnersOf(c.admin, kind, other)
		must(w.t, err)
		n, err := w.CountOwners(c.admin, kind, other)
		must(w.t, err)
		if len(ids) == 0 || int64(len(ids)) != n {
			w.t.Errorf("%s: %d owners, counted %d", kind, len(ids), n)
		}
		testkit.CheckPlans(w.t, url, testkit.Bounds{Queries: 2, Rows: 100}, recorder.Take())
	}
}

func replaceAll(q, word, value string) string { return strings.ReplaceAll(q, word, value) }

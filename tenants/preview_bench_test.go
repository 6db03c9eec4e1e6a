package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"twofold/internal/id"
	"twofold/internal/testkit"
)

// BenchmarkPreview10000 foresees "enforce a second factor for this tenant" for 10,000
// users, of whom some have proven a phone, some set an app up and some neither.
func BenchmarkPreview10000(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, url(b))
			c := w.customer("acme")
			w.crowd(c, 10_000)
			enforce := true
			b.ReportAllocs()
			for b.Loop() {
				p, err := w.Preview(c.admin, Change{Demand: &Demand{Level: LevelTenant, TargetID: c.tenant.ID, EnforceMFA: &enforce}}, w.standing)
				if err != nil || p.Reached != 10_001 || p.Affected < 5_000 || p.Groups[0].Count == 0 {
					b.Fatalf("%d reached, %d affected, %v", p.Reached, p.Affected, err)
				}
			}
		})
	}
}

// crowd adds n persons to a customer's tenant, IDP, and three in five to its group: every second
// has proven a mobile phone, every third a mail address, and every tenth has set up the
// app that the group may use.
func (w *world) crowd(c *customer, n int) {
	w.t.Helper()
	call, app := TwoFactor{Name: "call", Type: "call", Active: true}, TwoFactor{Name: "app", Type: "enrolled", Active: true}
	for _, f := range []*TwoFactor{&call, &app} {
		done[Difference](w.t)(w.PutTwoFactor(c.admin, f, goodOptions))
	}
	for _, a := range []Assignment{
		{TwoFactorID: call.ID, Level: LevelTenant, TargetID: c.tenant.ID}, {TwoFactorID: c.letter.ID, Level: LevelIDP, TargetID: c.idp.ID},
	} {
		done[Difference](w.t)(w.PutAssignment(c.admin, &a))
	}
	var users []userRow
	var members []membershipRow
	var identities []identityRow
	var groups []groupMemberRow
	var enrolled []string
	for i := range n {
		u := User{
			ID: id.New(), Name: fmt.Sprintf("user%06d", i), Kind: Person, DisplayName: "A person", Email: fmt.Sprintf("user%d@acme.example", i), EmailVerified: i%3 == 0,
			Phone: fmt.Sprintf("+4179%07d", i), PhoneVerified: i%2 == 0, Active: true, Stamp: stamped(0),
		}
		users, members = append(users, userRow{User: u}), append(members, membershipRow{TenantID: c.tenant.ID, UserID: u.ID})
		identities = append(identities, identityRow{IDPID: c.idp.ID, Subject: u.Name, UserID: u.ID})
		if i%5 < 3 {
			groups = append(groups, groupMemberRow{GroupID: c.group.ID, UserID: u.ID})
		}
		if i%10 == 0 {
			enrolled = append(enrolled, fmt.Sprintf("('%s', '%s', '%s', '%s', '', '', '', 0, false, 1, '2026-01-01')", c.sub.ID, id.New(), u.ID, app.ID))
		}
	}
	must(w.t, w.DB.For(c.admin).CreateInBatches(users, 1000).Error)
	must(w.t, w.DB.For(c.ctx).CreateInBatches(members, 1000).Error)
	must(w.t, w.DB.For(c.admin).CreateInBatches(identities, 1000).Error)
	must(w.t, w.DB.For(c.admin).CreateInBatches(groups, 1000).Error)
	for some := range slices.Chunk(enrolled, 1000) {
		w.behind("INSERT INTO enrollments (subscription_id, id, user_id, two_factor_id, label, handle, sealed, uses, preferred, version, created_at) VALUES " + strings.Join(some, ", "))
	}
	done[Difference](w.t)(w.PutAssignment(c.admin, &Assignment{TwoFactorID: app.ID, Level: LevelGroup, TargetID: c.group.ID}))
}

// standing asks as ceremony does, whose table this is.
func (w *world) standing(ctx context.Context, userIDs []string) (map[string]map[string]int, error) {
	var rows []struct {
		UserID, TwoFactorID string
		N                   int
	}
	err := w.DB.QueryRaw(ctx, &rows, "SELECT user_id, two_factor_id, count(*) AS n FROM enrollments WHERE user_id IN ? AND uses <> -1 GROUP BY user_id, two_factor_id", userIDs)
	out := map[string]map[string]int{}
	for _, r := range rows {
		out[r.UserID] = map[string]int{r.TwoFactorID: r.N}
	}
	return out, err
}

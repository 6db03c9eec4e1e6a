package admin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/tenants"
)

// crowd makes users of acme, and returns their ids.
func (h *house) crowd(n int) (ids []string) {
	h.t.Helper()
	for i := range n {
		ids = append(ids, h.user("acme", fmt.Sprintf("crowd%02d", i)))
	}
	return ids
}

// work lets one replica work until nothing is left to do.
func (h *house) work(ctx context.Context) {
	h.t.Helper()
	for {
		if some, err := h.WorkJobs(ctx); err != nil || !some {
			must(h.t, err)
			return
		}
	}
}

func (h *house) job(w admin.Who, jobID string) admin.Job {
	h.t.Helper()
	j, _, err := h.Job(h.t.Context(), w, h.one, jobID)
	must(h.t, err)
	return j
}

func (h *house) active(search string) (n int) {
	h.t.Helper()
	p, err := h.Users().List(h.t.Context(), admin.Operator(), h.one, page.Query{Search: search, Filter: map[string]string{"active": "true"}, Limit: 200})
	must(h.t, err)
	return len(p.Items)
}

// TestBulk: each thing that can be done to many is done to those who match, to nobody
// else, and told.
func TestBulk(t *testing.T) {
	watched(t, func(t *testing.T, h *house, _ *[]string) {
		ctx := t.Context()
		w := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		ids := h.crowd(5)
		g := tenants.Group{Name: "many"}
		must(t, h.Groups().Create(ctx, w, h.one, &g))
		members := func() int {
			list, err := h.Linked(ctx, w, h.one, tenants.LinkGroupMember, g.ID)
			must(t, err)
			return len(list)
		}
		late := 0
		start := func(b admin.BulkUsers) admin.Job {
			t.Helper()
			j, err := h.StartBulk(ctx, w, h.one, b)
			must(t, err)
			if b.IDs == nil {
				late++
				h.user("acme", fmt.Sprint("crowd-late-", late)) // is none of them
			}
			h.work(ctx)
			return h.job(w, j.ID)
		}
		all := func(do string) admin.BulkUsers { return admin.BulkUsers{Do: do, GroupID: g.ID, Search: "crowd0"} }
		if j := start(all(admin.BulkDeactivate)); j.State != admin.JobDone || j.Done != 5 || j.Total != 5 || j.Failed != 0 || h.active("crowd0") != 0 || h.active("crowd-late") != 1 {
			t.Errorf("deactivate: %+v", j)
		}
		if j := start(admin.BulkUsers{Do: admin.BulkActivate, IDs: append(ids[:3:3], "no id", ids[0])}); j.Done != 3 || j.Total != 3 || h.active("crowd0") != 3 {
			t.Errorf("activate: %+v", j)
		}
		if j := start(all(admin.BulkAddToGroup)); j.Done != 5 || members() != 5 {
			t.Errorf("add: %+v", j)
		}
		if j := start(admin.BulkUsers{Do: admin.BulkTakeOut, GroupID: g.ID, Filter: map[string]string{"active": "false", "group": g.ID}}); j.Done != 2 || members() != 3 {
			t.Errorf("take out, by what changes with it: %+v %d", j, members())
		}
		if j := start(all(admin.BulkDelete)); j.Done != 5 || j.State != admin.JobDone {
			t.Errorf("delete: %+v", j)
		}
		// Who begins it is not among those that he shuts out.
		if j := start(admin.BulkUsers{Do: admin.BulkDeactivate, Search: "anna"}); j.Done != 0 || j.Failed != 1 || len(j.Failures) != 1 || j.Failures[0].ID != h.ids["anna"] {
			t.Errorf("oneself: %+v", j)
		}
		if ev := h.events(h.one); !strings.Contains(ev, "job.ended by anna") || !strings.Contains(ev, "job.started by anna") || !strings.Contains(ev, "config.deleted by anna") {
			t.Error(ev)
		}
		for code, b := range map[string]admin.BulkUsers{
			"invalid":        {Do: "explode"},
			"nobody_chosen":  {Do: admin.BulkDelete, IDs: []string{"x"}},
			"filter_unknown": {Do: admin.BulkDelete, Filter: map[string]string{"password": "x"}},
		} {
			_, err := h.StartBulk(ctx, w, h.one, b)
			wantCode(t, err, code)
		}
		h.clock.Advance(admin.FreshFor + time.Second)
		_, err := h.StartBulk(ctx, w, h.one, all(admin.BulkDelete))
		wantCode(t, err, "sign_in_again")
		n, err := h.CountUsers(ctx, w, h.one, page.Query{Search: "crowd"}, 2)
		if must(t, err); n != 3 {
			t.Errorf("%d, want more than 2", n)
		}
	})
}

// TestBulkRoles: a bulk action does no more than whoever began it may at the moment, and
// ends when he may nothing of it.
func TestBulkRoles(t *testing.T) {
	watched(t, func(t *testing.T, h *house, _ *[]string) {
		ctx := t.Context()
		h.crowd(3)
		root := admin.Operator()
		w := h.as("acme", h.named("tom"), tenants.RoleTenantAdmin, h.scope("acme"))
		desk := h.as("acme", h.named("hal"), tenants.RoleHelpDesk, h.scope("acme"))
		auditor := h.as("acme", h.named("aude"), tenants.RoleAuditor, db.Scope{Subscription: h.one})
		stranger := h.as("other", "olga", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.two})
		b := admin.BulkUsers{Do: admin.BulkDeactivate, Search: "crowd"}
		for code, who := range map[string][]admin.Who{"may_not": {desk, auditor}, "unknown": {stranger}} {
			for _, one := range who {
				_, err := h.StartBulk(ctx, one, h.one, b)
				wantCode(t, err, code)
			}
		}
		_, err := h.StartBulk(ctx, w, h.one, admin.BulkUsers{Do: admin.BulkAddToGroup, Search: "crowd"})
		wantCode(t, err, "may_not")

		// anna is a member of globex too: she is not his alone.
		j, err := h.StartBulk(ctx, w, h.one, admin.BulkUsers{Do: admin.BulkDeactivate, Search: "anna"})
		must(t, err)
		for _, one := range []admin.Who{desk, auditor, stranger} {
			_, _, err := h.Job(ctx, one, h.one, j.ID)
			wantCode(t, err, "unknown")
			wantCode(t, h.StopJob(ctx, one, h.one, j.ID), "unknown")
		}
		h.work(ctx)
		if j := h.job(w, j.ID); j.Failed != 1 || j.Done != 0 || h.active("anna") != 1 {
			t.Errorf("%+v", j)
		}

		j, err = h.StartBulk(ctx, w, h.one, b)
		must(t, err)
		given, err := h.Roles(ctx, root, h.one)
		must(t, err)
		for _, g := range given {
			if g.SubjectID == h.ids["tom"] {
				must(t, h.Revoke(ctx, root, g.ID))
			}
		}
		h.work(ctx)
		if j := h.job(root, j.ID); j.State != admin.JobRefused || j.Done != 0 || j.Why == "" || h.active("crowd") != 3 {
			t.Errorf("without the role: %+v", j)
		}
	})
}

// TestBulkGoesOn: a replica that dies leaves its job to another one, nobody has his turn
// twice, and a stop holds.
func TestBulkGoesOn(t *testing.T) {
	watched(t, func(t *testing.T, h *house, _ *[]string) {
		h.crowd(6)
		root := admin.Operator()
		j, err := h.StartBulk(t.Context(), root, h.one, admin.BulkUsers{Do: admin.BulkDelete, Search: "crowd"})
		must(t, err)
		// The first one dies at its third user.
		ctx, die := context.WithCancel(t.Context())
		seen := 0
		h.world.onEnd = func() error {
			if seen++; seen == 3 {
				die()
				return context.Canceled
			}
			return nil
		}
		if _, err := h.WorkJobs(ctx); err == nil {
			t.Error("a dying replica says that all is well")
		}
		if j := h.job(root, j.ID); j.Done != 2 || j.State != admin.JobRunning || j.Total != 6 || h.active("crowd") != 4 {
			t.Errorf("%+v %d", j, h.active("crowd"))
		}
		if some, err := h.WorkJobs(t.Context()); some || err != nil {
			t.Errorf("somebody else goes on at once: %v", err)
		}
		h.clock.Advance(time.Minute + time.Second)
		h.world.onEnd = nil
		h.work(t.Context())
		if j := h.job(root, j.ID); j.Done != 6 || j.Failed != 0 || j.State != admin.JobDone || j.EndedAt == nil || h.active("crowd") != 0 {
			t.Errorf("%+v", j)
		}

		for i := range 4 {
			h.user("acme", fmt.Sprintf("troop%02d", i))
		}
		j, err = h.StartBulk(t.Context(), root, h.one, admin.BulkUsers{Do: admin.BulkDelete, Search: "troop"})
		must(t, err)
		must(t, h.StopJob(t.Context(), root, h.one, j.ID))
		must(t, h.StopJob(t.Context(), root, h.one, j.ID)) // once more changes nothing
		h.work(t.Context())
		if j := h.job(root, j.ID); j.State != admin.JobStopped || j.Done != 0 || h.active("troop") != 4 {
			t.Errorf("%+v", j)
		}
		if n := strings.Count(h.events(h.one), "job.ended"); n != 2 {
			t.Errorf("%d ends", n)
		}
		for range 3 {
			_, err := h.StartBulk(t.Context(), root, h.one, admin.BulkUsers{Do: admin.BulkActivate, Search: "troop"})
			must(t, err)
		}
		_, err = h.StartBulk(t.Context(), root, h.one, admin.BulkUsers{Do: admin.BulkActivate, Search: "troop"})
		wantCode(t, err, "too_many_jobs")
		h.work(t.Context())
		h.clock.Advance(31 * 24 * time.Hour)
		must(t, h.SweepJobs(t.Context()))
		if all, err := h.Jobs(t.Context(), root, h.one); err != nil || len(all) != 0 {
			t.Errorf("%d left, %v", len(all), err)
		}
	})
}

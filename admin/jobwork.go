package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
)

// errNotMine ends the work on a job that was stopped, or that another replica has now.
var errNotMine = errors.New("admin: the job is no longer mine")

// WorkJobs goes on with one job that no replica works on, until it is over, it is
// stopped, or ctx ends. It reports whether there was one.
func (a *Admin) WorkJobs(ctx context.Context) (bool, error) {
	all, now := db.AllTenants(ctx), db.Micros(a.Now())
	var row jobRow
	err := a.DB.For(all).Where("state = ? AND lease_until <= ?", JobRunning, now).Order("lease_until").Limit(1).Take(&row).Error
	if db.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("admin: jobs: %w", err)
	}
	ctx = a.scope(ctx, row.SubscriptionID)
	lease := id.New()
	took := a.DB.For(ctx).Model(&jobRow{}).Where("id = ? AND state = ? AND lease_until <= ?", row.ID, JobRunning, now).
		Updates(map[string]any{"lease": lease, "lease_until": now.Add(jobLease)})
	if took.Error != nil || took.RowsAffected != 1 {
		return false, took.Error // another one was faster
	}
	row.Lease = lease
	w := &jobWork{Admin: a, row: row}
	err = w.run(ctx)
	if errors.Is(err, errNotMine) {
		return true, nil
	}
	return true, err
}

// jobWork is one replica's work on one job.
type jobWork struct {
	*Admin
	row   jobRow
	tries int
}

func (w *jobWork) run(ctx context.Context) error {
	if err := w.count(ctx); err != nil {
		return w.refused(ctx, err)
	}
	for {
		who, err := w.actor(ctx)
		if err != nil {
			return w.refused(ctx, err)
		}
		users, next, err := w.piece(ctx, who)
		if err != nil {
			return w.refused(ctx, err)
		}
		for _, u := range users {
			if err := w.one(ctx, u); err != nil {
				return w.refused(ctx, err)
			}
		}
		if next == "" {
			return w.DB.Tx(ctx, func(ctx context.Context) error { return w.endJob(ctx, w.row.ID, w.row.Lease, JobDone, "") })
		}
		if err := w.note(ctx, map[string]any{"place": next}); err != nil {
			return err
		}
		w.row.Place = next
	}
}

// refused ends the job when whoever began it may no longer do it. Any other error is for
// the next try, of any replica, once the lease has run out.
func (w *jobWork) refused(ctx context.Context, err error) error {
	var p *problem.Error
	if !errors.As(err, &p) || p.Kind == problem.Internal || p.Kind == problem.Unavailable {
		return err
	}
	return w.DB.Tx(ctx, func(ctx context.Context) error { return w.endJob(ctx, w.row.ID, w.row.Lease, JobRefused, p.Message) })
}

// actor is who began the job, as he is now; an error where he may do nothing of it.
func (w *jobWork) actor(ctx context.Context) (Who, error) {
	who, err := w.actorOf(ctx, w.row)
	if err != nil {
		return who, err
	}
	if in := who.Tenants(bulkActions[w.row.Kind], w.row.SubscriptionID); in != nil && len(in) == 0 {
		return who, errMayNot
	}
	return who, nil
}

// note keeps how far the job is, while it is this replica's.
func (w *jobWork) note(ctx context.Context, set map[string]any) error {
	set["lease_until"] = db.Micros(w.Now().Add(jobLease))
	res := w.DB.For(ctx).Model(&jobRow{}).Where("id = ? AND lease = ? AND state = ?", w.row.ID, w.row.Lease, JobRunning).Updates(set)
	switch {
	case res.Error != nil:
		return fmt.Errorf("admin: note job: %w", res.Error)
	case res.RowsAffected != 1:
		return errNotMine
	}
	return nil
}

// count finds out how many there are, once. Whoever is made later is none of them.
func (w *jobWork) count(ctx context.Context) error {
	if w.row.Total > 0 || w.row.LastID != "" {
		return nil
	}
	who, err := w.actor(ctx)
	if err != nil {
		return err
	}
	place, total := "", int64(0)
	for {
		p, err := w.list(ctx, who, place)
		if err != nil {
			return err
		}
		for _, u := range p.Items {
			if u.ID < w.row.ID {
				total++
			}
		}
		if p.Next == "" {
			break
		}
		place = p.Next
		if err := w.note(ctx, map[string]any{}); err != nil {
			return err
		}
	}
	w.row.Total = total
	return w.note(ctx, map[string]any{"total": total})
}

func (w *jobWork) list(ctx context.Context, who Who, place string) (page.Page[tenants.User], error) {
	q := page.Query{Search: w.row.Search, Sort: "created", After: place, Limit: jobPiece}
	if err := json.Unmarshal([]byte(w.row.Filter), &q.Filter); err != nil {
		return page.Page[tenants.User]{}, fmt.Errorf("admin: job %s: %w", w.row.ID, err)
	}
	return w.Users().List(ctx, who, w.row.SubscriptionID, q)
}

// piece are the ids that come next, in their order, and the place after them; empty: the
// end.
func (w *jobWork) piece(ctx context.Context, who Who) (ids []string, next string, err error) {
	if w.row.IDs != "" {
		err := json.Unmarshal([]byte(w.row.IDs), &ids)
		return w.left(ids), "", err
	}
	p, err := w.list(ctx, who, w.row.Place)
	if problem.From(err).Code == "cursor_invalid" && w.row.Place != "" {
		// His tenants are others now, so the list is another: from its beginning, without
		// those that had their turn.
		w.row.Place = ""
		p, err = w.list(ctx, who, "")
	}
	if err != nil {
		return nil, "", err
	}
	for _, u := range p.Items {
		ids = append(ids, u.ID)
	}
	if n := len(ids); n > 0 && ids[n-1] >= w.row.ID {
		p.Next = "" // all that follow were made after the job
	}
	return w.left(ids), p.Next, nil
}

// left are those that have not had their turn and were there when the job began.
func (w *jobWork) left(ids []string) []string {
	return slices.DeleteFunc(ids, func(s string) bool { return s <= w.row.LastID || s >= w.row.ID })
}

// one does it to one user, in one transaction with the note that it is done: whenever the
// replica dies, he has his turn once.
func (w *jobWork) one(ctx context.Context, userID string) error {
	for w.tries = 0; ; w.tries++ {
		who, err := w.actor(ctx)
		if err != nil {
			return err
		}
		err = w.DB.Tx(ctx, func(ctx context.Context) error {
			if err := w.note(ctx, map[string]any{"done": w.row.Done + 1, "last_id": userID}); err != nil {
				return err
			}
			return w.do(ctx, who, userID)
		})
		if err == nil {
			w.row.Done, w.row.LastID = w.row.Done+1, userID
			return nil
		}
		var p *problem.Error
		switch {
		case errors.Is(err, errNotMine), ctx.Err() != nil:
			return err
		case errors.As(err, &p) && p.Kind != problem.Internal && p.Kind != problem.Unavailable:
			return w.failed(ctx, userID, p.Message)
		case w.tries+1 >= longestPatience:
			w.Log.ErrorContext(ctx, "bulk action failed for a user", "job", w.row.ID, "user", userID, "error", err)
			return w.failed(ctx, userID, "Something went wrong on our side.")
		}
	}
}

func (w *jobWork) failed(ctx context.Context, userID, why string) error {
	var all []Failure
	if err := json.Unmarshal([]byte(w.row.Failures), &all); err != nil {
		return fmt.Errorf("admin: job %s: %w", w.row.ID, err)
	}
	if len(all) < mostFailures {
		all = append(all, Failure{ID: userID, Why: why})
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := w.note(ctx, map[string]any{"failed": w.row.Failed + 1, "failures": string(text), "last_id": userID}); err != nil {
		return err
	}
	w.row.Failed, w.row.Failures, w.row.LastID = w.row.Failed+1, string(text), userID
	return nil
}

// do is what the same person would do on the user's own page.
func (w *jobWork) do(ctx context.Context, who Who, userID string) (err error) {
	sub := w.row.SubscriptionID
	if who.Kind == tenants.SubjectUser && who.ID == userID && (w.row.Kind == BulkDeactivate || w.row.Kind == BulkDelete) {
		return errOneself
	}
	switch w.row.Kind {
	case BulkActivate, BulkDeactivate:
		_, err = w.Users().Update(ctx, who, sub, userID, 0, func(u *tenants.User) error { u.Active = w.row.Kind == BulkActivate; return nil })
	case BulkDelete:
		err = w.Users().Delete(ctx, who, sub, userID, 0)
	case BulkAddToGroup, BulkTakeOut:
		_, err = w.Link(ctx, who, sub, tenants.LinkGroupMember, w.row.GroupID, userID, w.row.Kind == BulkAddToGroup)
	default:
		err = fmt.Errorf("admin: %q is no bulk action", w.row.Kind)
	}
	return err
}

package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
)

// What a bulk action does to each user.
const (
	BulkActivate    = "activate"
	BulkDeactivate  = "deactivate"
	BulkAddToGroup  = "add_to_group"
	BulkTakeOut     = "remove_from_group"
	BulkDelete      = "delete"
	mostAtOnce      = page.MaxLimit // users that are named one by one
	mostRunning     = 3             // bulk actions of a subscription
	mostFailures    = 50            // that are kept with their reasons
	keepJobs        = 30 * 24 * time.Hour
	jobLease        = time.Minute
	jobPiece        = page.MaxLimit
	longestPatience = 3 // tries of one user before he counts as failed
)

// States of a job.
const (
	JobRunning = "running"
	JobDone    = "done"
	JobStopped = "stopped" // by somebody
	JobRefused = "refused" // whoever began it may no longer do it
)

// BulkUsers is something to be done to many users: to those whose ids are named, or to
// all that a list of users with this search and these filters holds.
type BulkUsers struct {
	Do      string
	GroupID string // where Do needs one
	IDs     []string
	Search  string
	Filter  map[string]string
}

// Job is a bulk action and how far it is.
type Job struct {
	ID, SubscriptionID, Kind, GroupID string
	ActorKind, ActorID, ActorName     string
	State, Why                        string // Why: of what was refused
	Total                             int64  // 0: not counted yet
	Done, Failed                      int64  // those that failed are not among those done
	Failures                          []Failure
	CreatedAt                         time.Time
	EndedAt                           *time.Time
}

// Failure is a user for whom it did not work out.
type Failure struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

// jobRow is a job as it is kept. What it acts on has no secrets.
type jobRow struct {
	ID                 string `gorm:"primaryKey"`
	SubscriptionID     string
	Kind               string
	GroupID            string
	ActorKind          string
	ActorID            string
	ActorName          string
	HomeSubscriptionID string
	HomeTenantID       string
	IDs                string `gorm:"column:ids"` // JSON array, in order; empty: by search and filter
	Search             string
	Filter             string // JSON object
	State              string
	Why                string
	Total              int64
	Done               int64
	Failed             int64
	Failures           string // JSON array
	Place              string // cursor of the page of the list that is worked on
	LastID             string // of the last user that was worked on
	Lease              string // of the replica that works on it
	LeaseUntil         time.Time
	CreatedAt          time.Time
	EndedAt            *time.Time
}

func (jobRow) TableName() string { return "admin_jobs" }

func (r jobRow) job() Job {
	j := Job{
		ID: r.ID, SubscriptionID: r.SubscriptionID, Kind: r.Kind, GroupID: r.GroupID, ActorKind: r.ActorKind, ActorID: r.ActorID, ActorName: r.ActorName,
		State: r.State, Why: r.Why, Total: r.Total, Done: r.Done, Failed: r.Failed, CreatedAt: r.CreatedAt, EndedAt: r.EndedAt,
	}
	_ = json.Unmarshal([]byte(r.Failures), &j.Failures) // written by this package
	return j
}

// bulkActions say what each bulk action takes.
var bulkActions = map[string]Action{
	BulkActivate: UserWrite, BulkDeactivate: UserWrite, BulkAddToGroup: GroupWrite, BulkTakeOut: GroupWrite, BulkDelete: UserDelete,
}

var (
	errManyJobs = problem.New(problem.Conflict, "too_many_jobs", "Other bulk actions are still at work here. Wait until one of them is done.")
	errNoUsers  = problem.New(problem.Invalid, "nobody_chosen", "Choose at least one user.")
	errOneself  = problem.New(problem.Forbidden, "not_oneself", "This is yourself: do that on the page of the user.")
)

// StartBulk begins to do something to many users. Each of them is handled by the same
// use case as if he were the only one, with the roles that w has at that moment.
func (a *Admin) StartBulk(ctx context.Context, w Who, subscription string, b BulkUsers) (Job, error) {
	do, ok := bulkActions[b.Do]
	if !ok {
		return Job{}, fieldError("do", "is no bulk action")
	}
	if err := a.mayBulk(ctx, w, subscription, do, b); err != nil {
		return Job{}, err
	}
	row, err := a.newJob(w, b)
	if err != nil {
		return Job{}, err
	}
	ctx = a.scope(ctx, subscription)
	err = a.DB.Tx(ctx, func(ctx context.Context) error {
		var running int64
		if err := a.DB.For(ctx).Model(&jobRow{}).Where("state = ?", JobRunning).Count(&running).Error; err != nil {
			return fmt.Errorf("admin: jobs: %w", err)
		}
		if running >= mostRunning {
			return errManyJobs
		}
		if err := a.DB.For(ctx).Create(&row).Error; err != nil {
			return fmt.Errorf("admin: start job: %w", err)
		}
		return a.recordJob(ctx, "job.started", row, map[string]any{"users": len(b.IDs), "search": Masked(b.Search), "filter": b.Filter})
	})
	return row.job(), err
}

func (a *Admin) mayBulk(ctx context.Context, w Who, subscription string, do Action, b BulkUsers) error {
	if in := w.Tenants(do, subscription); in != nil && (len(in) == 0 || do == GroupWrite) {
		return hidden(w, subscription)
	}
	if Sensitive(do) && !w.Fresh(a.Now()) {
		return ErrAgain
	}
	if do == GroupWrite {
		if _, err := a.Groups().Get(ctx, w, subscription, b.GroupID); err != nil {
			return atField(err, "group")
		}
		if b.Do == BulkAddToGroup {
			if err := a.joinsRole(a.scope(ctx, subscription), w, b.GroupID); err != nil {
				return err
			}
		}
	}
	// The list refuses what it cannot be asked for.
	_, err := a.Users().List(ctx, w, subscription, page.Query{Search: b.Search, Filter: b.Filter, Sort: "created", Limit: 1})
	return err
}

func (a *Admin) newJob(w Who, b BulkUsers) (jobRow, error) {
	now := db.Micros(a.Now())
	row := jobRow{
		ID: id.New(), Kind: b.Do, GroupID: b.GroupID, ActorKind: w.Kind, ActorID: w.ID, ActorName: w.Name, HomeSubscriptionID: w.Home.Subscription,
		HomeTenantID: w.Home.Tenant, Search: b.Search, State: JobRunning, Failures: "[]", Filter: "{}", LeaseUntil: now, CreatedAt: now,
	}
	if b.IDs != nil {
		ids := slices.DeleteFunc(slices.Clone(b.IDs), func(s string) bool { return !id.Valid(s) })
		slices.Sort(ids)
		ids = slices.Compact(ids)
		switch {
		case len(ids) == 0:
			return row, errNoUsers
		case len(ids) > mostAtOnce:
			return row, fieldError("id", fmt.Sprintf("names more than %d users: choose all that match instead", mostAtOnce))
		}
		text, err := json.Marshal(ids)
		row.IDs, row.Total = string(text), int64(len(ids))
		return row, err
	}
	text, err := json.Marshal(b.Filter)
	if row.Filter = string(text); b.Filter == nil {
		row.Filter = "{}"
	}
	return row, err
}

func (a *Admin) recordJob(ctx context.Context, kind string, row jobRow, detail map[string]any) error {
	detail["job"], detail["do"] = row.ID, row.Kind
	if row.GroupID != "" {
		detail["group"] = row.GroupID
	}
	return a.Audit.Record(ctx, audit.Event{Kind: kind, Actor: row.ActorID}, detail)
}

// CountUsers counts the users that a list with this search and these filters holds, up
// to a bound: more are counted as one above it.
func (a *Admin) CountUsers(ctx context.Context, w Who, subscription string, q page.Query, most int) (n int, err error) {
	q.Sort, q.After, q.Limit = "created", "", page.MaxLimit
	for {
		p, err := a.Users().List(ctx, w, subscription, q)
		if err != nil {
			return 0, err
		}
		if n += len(p.Items); p.Next == "" || n > most {
			return min(n, most+1), nil
		}
		q.After = p.Next
	}
}

// Job finds a bulk action: of one's own, or of a subscription that one runs.
func (a *Admin) Job(ctx context.Context, w Who, subscription, jobID string) (Job, Names, error) {
	row, err := a.jobRow(ctx, w, subscription, jobID)
	if err != nil {
		return Job{}, nil, err
	}
	j := row.job()
	ids := map[string][]string{"group": {j.GroupID}}
	for _, f := range j.Failures {
		ids["user"] = append(ids["user"], f.ID)
	}
	names, err := a.named(a.scope(ctx, subscription), ids)
	return j, names, err
}

// Jobs lists the newest bulk actions of a subscription that w may see.
func (a *Admin) Jobs(ctx context.Context, w Who, subscription string) ([]Job, error) {
	if in := w.Tenants(UserRead, subscription); in != nil && len(in) == 0 {
		return nil, hidden(w, subscription)
	}
	q := a.DB.For(a.scope(ctx, subscription))
	if !w.May(SubscriptionWrite, db.Scope{Subscription: subscription}) {
		q = q.Where("actor_kind = ? AND actor_id = ?", w.Kind, w.ID)
	}
	var rows []jobRow
	if err := q.Order("id DESC").Limit(mostFailures).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("admin: jobs: %w", err)
	}
	out := make([]Job, len(rows))
	for i, r := range rows {
		out[i] = r.job()
	}
	return out, nil
}

func (a *Admin) jobRow(ctx context.Context, w Who, subscription, jobID string) (row jobRow, err error) {
	if w.Top(db.Scope{Subscription: subscription}) == "" {
		return row, errUnknown
	}
	err = a.DB.For(a.scope(ctx, subscription)).Where("id = ?", jobID).Take(&row).Error
	mine := row.ActorKind == w.Kind && row.ActorID == w.ID
	switch {
	case db.IsNotFound(err), err == nil && !mine && !w.May(SubscriptionWrite, db.Scope{Subscription: subscription}):
		return row, errUnknown
	case err != nil:
		return row, fmt.Errorf("admin: job: %w", err)
	}
	return row, nil
}

// StopJob stops a bulk action. What is done stays done; the user at hand is the last.
func (a *Admin) StopJob(ctx context.Context, w Who, subscription, jobID string) error {
	if _, err := a.jobRow(ctx, w, subscription, jobID); err != nil {
		return err
	}
	return a.DB.Tx(a.scope(ctx, subscription), func(ctx context.Context) error {
		return a.endJob(ctx, jobID, "", JobStopped, "stopped by "+w.Name)
	})
}

// endJob ends a job once: of any number at the same time, one. lease, where it is given,
// must still be the holder's.
func (a *Admin) endJob(ctx context.Context, jobID, lease, state, why string) error {
	now := db.Micros(a.Now())
	var rows []jobRow
	q := a.DB.For(ctx).Model(&rows).Clauses(db.Returning()).Where("id = ? AND state = ?", jobID, JobRunning)
	if lease != "" {
		q = q.Where("lease = ?", lease)
	}
	if err := q.Updates(map[string]any{"state": state, "why": why, "ended_at": now}).Error; err != nil {
		return fmt.Errorf("admin: end job: %w", err)
	}
	if len(rows) != 1 {
		return nil
	}
	r := rows[0]
	return a.recordJob(ctx, "job.ended", r, map[string]any{"state": state, "why": why, "done": r.Done, "failed": r.Failed})
}

// SweepJobs forgets bulk actions that ended long ago, in all subscriptions.
func (a *Admin) SweepJobs(ctx context.Context) error {
	if err := a.DB.For(db.AllTenants(ctx)).Where("ended_at <= ?", a.Now().Add(-keepJobs)).Delete(&jobRow{}).Error; err != nil {
		return fmt.Errorf("admin: sweep jobs: %w", err)
	}
	return nil
}

// actorOf is who began a job, with the roles that he has now. He proved himself freshly
// when he began it.
func (a *Admin) actorOf(ctx context.Context, r jobRow) (Who, error) {
	switch r.ActorKind {
	case kindOperator:
		return Operator(), nil
	case tenants.SubjectUser:
		return a.Who(ctx, Signed{
			Home: db.Scope{Subscription: r.HomeSubscriptionID, Tenant: r.HomeTenantID}, UserID: r.ActorID, AuthTime: a.Now(), ACR: twofactor.Strength2FA.ACR(),
		})
	}
	return a.Who(ctx, Signed{Home: db.Scope{Subscription: r.HomeSubscriptionID, Tenant: r.HomeTenantID}, ClientAppID: r.ActorID})
}

package rest

import (
	"context"
	"net/http"
	"time"

	"twofold/admin"
	"twofold/internal/id"
)

// JobCreate is something to be done to many users.
type JobCreate struct {
	Do       string            `json:"do" enum:"activate,deactivate,add_to_group,remove_from_group,delete" doc:"What is done to each."`
	Group    string            `json:"group" format:"uuid" doc:"Id of the group, for what is done with one."`
	Users    []string          `json:"users" maxItems:"200" doc:"Ids of the users. Send these or matching."`
	Matching map[string]string `json:"matching" doc:"Or all users that users.list gives with these parameters: search and its filters, each as text. Without any: all users." example:"{\"active\":\"false\"}"`
}

// Job is a bulk action on users, and how far it is.
type Job struct {
	ID        string       `json:"id" doc:"Its id."`
	Do        string       `json:"do" doc:"What is done to each." example:"deactivate"`
	Group     string       `json:"group" doc:"Id of the group."`
	Actor     string       `json:"actor" doc:"Id of who began it."`
	ActorName string       `json:"actor_name" doc:"What that one was called then."`
	State     string       `json:"state" enum:"running,done,stopped,refused" doc:"How far it is; refused: whoever began it may no longer do it."`
	Why       string       `json:"why" doc:"Why it did not go to its end."`
	Total     int64        `json:"total" doc:"How many users it is about; 0: not counted yet."`
	Done      int64        `json:"done" doc:"Those for whom it is done."`
	Failed    int64        `json:"failed" doc:"Those for whom it did not work out; they are not among those done."`
	Failures  []JobFailure `json:"failures" doc:"The first fifty of these."`
	CreatedAt time.Time    `json:"created_at" doc:"When it began."`
	EndedAt   *time.Time   `json:"ended_at,omitempty" doc:"When it ended."`
}

// JobFailure is a user for whom it did not work out.
type JobFailure struct {
	ID  string `json:"user" doc:"Id of the user."`
	Why string `json:"why" doc:"Why."`
}

func (a *API) jobs() {
	const path = "/subscriptions/{subscription}/jobs"
	act[none, Items[Job]](a, spec{
		id: "jobs.list", method: http.MethodGet, path: path, summary: "List the newest bulk actions", action: admin.UserRead,
		about: "Those of the caller, or, for who runs the subscription, of everybody. They are forgotten 30 days after their end.",
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		all, err := a.Admin.Jobs(ctx, c.who, c.subscription)
		return items(all, showJob), err
	})
	act[JobCreate, Job](a, spec{
		id: "jobs.create", method: http.MethodPost, path: path, summary: "Do something to many users", action: admin.UserWrite, must: []string{"do"}, once: true, status: http.StatusCreated,
		problems: []int{http.StatusConflict},
		about: "It runs on after the answer: ask for it by its Location. Each user is handled as by the operation on one, with the roles that the caller has at that moment: " +
			"it takes user.write, user.delete or group.write. To delete asks users for a sign-in of the last 5 minutes. Three at a time run in a subscription.",
	}, func(ctx context.Context, c *call, b JobCreate) (*answer, error) {
		bulk, err := bulkOf(c, b)
		if err != nil {
			return nil, err
		}
		j, err := a.Admin.StartBulk(ctx, c.who, c.subscription, bulk)
		return &answer{body: showJob(j), location: c.URL.Path + "/" + j.ID}, err
	})
	act[none, Job](a, spec{id: "jobs.get", method: http.MethodGet, path: path + "/{id}", summary: "Show a bulk action", action: admin.UserRead},
		func(ctx context.Context, c *call, _ none) (*answer, error) {
			j, _, err := a.Admin.Job(ctx, c.who, c.subscription, c.id)
			return &answer{body: showJob(j)}, err
		})
	act[none, Job](a, spec{
		id: "jobs.stop", method: http.MethodPost, path: path + "/{id}/stop", summary: "Stop a bulk action", action: admin.UserRead,
		about: "What is done stays done. One that has ended stays as it is.",
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		if err := a.Admin.StopJob(ctx, c.who, c.subscription, c.id); err != nil {
			return nil, err
		}
		j, _, err := a.Admin.Job(ctx, c.who, c.subscription, c.id)
		return &answer{body: showJob(j)}, err
	})
}

// bulkOf reads whom a bulk action is about. Everybody must be asked for by name: a member
// that was forgotten must not mean all.
func bulkOf(c *call, b JobCreate) (admin.BulkUsers, error) {
	out := admin.BulkUsers{Do: b.Do, GroupID: b.Group}
	var faults []Fault
	grouping := b.Do == admin.BulkAddToGroup || b.Do == admin.BulkTakeOut
	switch {
	case grouping && !id.Valid(b.Group):
		faults = append(faults, Fault{"group", "is required for this"})
	case !grouping && c.body.given("group"):
		faults = append(faults, Fault{"group", "is not part of this"})
	}
	switch named, matching := c.body.given("users"), c.body.given("matching"); {
	case named == matching:
		faults = append(faults, Fault{"users", "or matching is required, and not both"})
	case named:
		out.IDs = b.Users
		for _, u := range b.Users {
			if !id.Valid(u) {
				faults = append(faults, Fault{"users", "holds what is not an id"})
				break
			}
		}
		if len(b.Users) == 0 {
			faults = append(faults, Fault{"users", "names nobody"})
		}
	default:
		out.Search, out.Filter = b.Matching["search"], map[string]string{}
		for name, v := range b.Matching {
			if name != "search" {
				out.Filter[name] = v
			}
		}
	}
	if len(faults) > 0 {
		return out, invalid(faults...)
	}
	return out, nil
}

func showJob(j admin.Job) Job {
	out := Job{
		ID: j.ID, Do: j.Kind, Group: j.GroupID, Actor: j.ActorID, ActorName: j.ActorName, State: j.State, Why: j.Why, Total: j.Total, Done: j.Done, Failed: j.Failed,
		Failures: []JobFailure{}, CreatedAt: j.CreatedAt, EndedAt: j.EndedAt,
	}
	for _, f := range j.Failures {
		out.Failures = append(out.Failures, JobFailure(f))
	}
	return out
}

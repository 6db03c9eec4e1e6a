package console

import (
	"net/http"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/ui"
)

// mountJobs puts the pages of bulk actions on the router of a subscription.
func (c *Console) mountJobs(s *mux.Router) {
	s.HandleFunc("/jobs", c.at(jobs)).Methods(http.MethodGet, http.MethodHead).Name("jobs.list")
	s.HandleFunc("/jobs/{id}", c.at(job)).Methods(http.MethodGet, http.MethodHead).Name("jobs.get")
	s.HandleFunc("/jobs/{id}/stop", c.at(stopJob)).Methods(http.MethodPost).Name("jobs.stop")
}

// refreshEvery is after how many seconds the page of a job at work is asked for again.
const refreshEvery = 2

// jobWords are what a bulk action does, and of whom it was done.
func jobWords(kind string) (doing, noun string) {
	switch kind {
	case admin.BulkActivate:
		return "Activating users", "Users activated"
	case admin.BulkDeactivate:
		return "Deactivating users", "Users deactivated"
	case admin.BulkAddToGroup:
		return "Adding users to a group", "Users added to a group"
	case admin.BulkTakeOut:
		return "Taking users out of a group", "Users taken out of a group"
	case admin.BulkDelete:
		return "Deleting users", "Users deleted"
	}
	return plainWords(kind), plainWords(kind)
}

func jobState(j admin.Job) ui.AdminBadge {
	switch j.State {
	case admin.JobRunning:
		return ui.AdminBadge{Text: "At work"}
	case admin.JobStopped:
		return ui.AdminBadge{Tone: ui.ToneWarn, Text: "Stopped"}
	case admin.JobRefused:
		return ui.AdminBadge{Tone: ui.ToneBad, Text: "Not allowed any more"}
	}
	if j.Failed > 0 {
		return ui.AdminBadge{Tone: ui.ToneWarn, Text: "Done, with failures"}
	}
	return ui.AdminBadge{Tone: ui.ToneGood, Text: "Done"}
}

// startBulk begins a bulk action and leads to its page.
func (d *desk) startBulk(b admin.BulkUsers) error {
	j, err := d.Admin.StartBulk(d.r.Context(), d.who, d.sub.ID, b)
	if err != nil {
		return err
	}
	return d.go303(d.path("jobs", j.ID))
}

func job(d *desk) error {
	j, names, err := d.Admin.Job(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	doing, done := jobWords(j.Kind)
	v := ui.AdminProgress{AdminPage: d.frame(done), Done: int(j.Done + j.Failed), Total: int(j.Total), Failed: int(j.Failed)}
	if group, _ := d.called(names, "group", j.GroupID); group != "" {
		v.Intro = "The group is " + group + "."
	}
	v.Crumbs = []ui.Link{{Text: "Users", URL: d.path("users")}, {Text: "Bulk actions", URL: d.path("jobs")}}
	state := jobState(j)
	v.State, v.Reason = &state, capital(j.Why)
	for _, f := range j.Failures {
		name, url := d.called(names, "user", f.ID)
		v.Failures = append(v.Failures, ui.AdminItem{Title: name, URL: url, Detail: f.Why})
	}
	if j.State == admin.JobRunning {
		v.Heading, v.Refresh = doing, refreshEvery
		if j.Total == 0 {
			v.Text = "Counting"
		}
		v.Buttons = []ui.AdminButton{{Label: "Stop", URL: d.path("jobs", j.ID, "stop"), Post: true}}
	} else {
		v.Buttons = []ui.AdminButton{{Label: "Back to the users", URL: d.path("users")}}
	}
	d.w.Header().Set("Cache-Control", "no-store")
	return d.render(http.StatusOK, v)
}

func stopJob(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if err := d.Admin.StopJob(d.r.Context(), d.who, d.sub.ID, d.id()); err != nil {
		return err
	}
	return d.done(d.path("jobs", d.id()), "It was stopped. What is done stays done.", nil)
}

func jobs(d *desk) error {
	list, err := d.Admin.Jobs(d.r.Context(), d.who, d.sub.ID)
	if err != nil {
		return err
	}
	v := ui.AdminDetail{AdminPage: d.frame("Bulk actions")}
	v.Crumbs = []ui.Link{{Text: "Users", URL: d.path("users")}}
	t := &ui.AdminTable{
		Caption: "Bulk actions", Columns: []ui.AdminColumn{{Label: "What"}, {Label: "State"}, {Label: "Done", Figure: true}, {Label: "Failed", Figure: true}, {Label: "By"}, {Label: "Begun"}},
		Empty: ui.AdminEmpty{Title: "No bulk actions", Text: "What is done to many users at once is listed here for 30 days. Choose users in their list to begin.", Do: &ui.AdminButton{Label: "Users", URL: d.path("users")}},
	}
	for _, j := range list {
		_, done := jobWords(j.Kind)
		by := j.ActorName
		if j.ActorKind == "operator" {
			by = "The operator"
		}
		t.Rows = append(t.Rows, ui.AdminRow{URL: d.path("jobs", j.ID), Cells: []ui.AdminCell{
			{Text: done}, badge(jobState(j)), {Text: ui.Figures(int(j.Done))}, {Text: ui.Figures(int(j.Failed))}, {Text: by}, {Time: d.when(j.CreatedAt)},
		}})
	}
	v.Parts = []ui.AdminPart{{Table: t}}
	return d.render(http.StatusOK, v)
}

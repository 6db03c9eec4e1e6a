package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"twofold/admin"
)

// Bounds of an import over HTTP. Longer files go by the command line.
const (
	maxImportBody      = 32 << 20
	importTime         = 10 * time.Minute
	maxImportPasswords = 1000
)

// ImportDone is what an import did, or in a dry run would do.
type ImportDone struct {
	DryRun    bool          `json:"dry_run" doc:"Nothing was changed."`
	Read      int           `json:"read" doc:"Lines with a user."`
	Created   int           `json:"created" doc:"Users that were made."`
	Updated   int           `json:"updated" doc:"Users that were there and got what their line gives."`
	Unchanged int           `json:"unchanged" doc:"Users that were there and had all of it."`
	Skipped   int           `json:"skipped" doc:"Users that were there and stay as they are."`
	Faulty    int           `json:"faulty" doc:"Lines that are at fault: nothing of them is imported."`
	Kept      int           `json:"kept" doc:"Users whose line gives a password, and who keep the one that they have."`
	Faults    []ImportFault `json:"faults" doc:"What is wrong with lines, at most 1000."`
	Stopped   string        `json:"stopped,omitempty" doc:"Why the rest was not read. What stands before is done."`
}

// ImportFault is what is wrong with a line.
type ImportFault struct {
	Line    int    `json:"line" doc:"Its number; the first is 1."`
	Field   string `json:"field,omitempty" doc:"Name of the field; absent: the line as a whole."`
	Message string `json:"message" doc:"What is wrong with it."`
}

const importAbout = "The body is a file of at most 50,000 users and 32 MiB: JSON lines, an object to a line, or CSV with a line of column names. " +
	"Which it is is seen by itself. Lines that are at fault are left out and listed; the others are imported, some hundred at a time. " +
	"Plain passwords are hashed one after the other: at most 1000, at about 40 ms each; hashes of other systems cost nothing. " +
	"Updating asks users for a sign-in of the last 5 minutes. The guide to importing users has the fields and the hashes."

func (a *API) imports() {
	act[none, ImportDone](a, spec{
		id: "users.import", method: http.MethodPost, path: "/subscriptions/{subscription}/users/import", summary: "Import users from a file", action: admin.UserCreate, about: importAbout,
		file: &fileShape{media: []string{mediaLines, "application/x-ndjson", "text/csv"}, limit: maxImportBody, doc: "JSON lines or CSV."},
		query: []filter{
			{"dry_run", "Find all that is wrong, change nothing.", []string{"true", "false"}},
			{
				"existing", "What becomes of who is there already: he stays as he is, gets what his line gives, or his line is at fault. skip if absent.",
				[]string{admin.ImportSkip, admin.ImportUpdate, admin.ImportFail},
			},
			{"tenant", "Name of the tenant of those whose line names none.", nil},
		},
	}, a.importUsers)
}

func (a *API) importUsers(ctx context.Context, c *call, _ none) (*answer, error) {
	q := c.URL.Query()
	o := admin.Import{Existing: q.Get("existing"), Passwords: maxImportPasswords}
	switch q.Get("dry_run") {
	case "true":
		o.DryRun = true
	case "", "false":
	default:
		return nil, invalid(Fault{"dry_run", "must be true or false"})
	}
	if t := q.Get("tenant"); t != "" {
		o.Tenants = []string{t}
	}
	ctx, cancel, err := c.mayTake(ctx, importTime)
	if err != nil {
		return nil, err
	}
	defer cancel()
	r, err := a.Admin.ImportUsers(ctx, c.who, c.subscription, c.Request.Body, o)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		r.Stopped = "The body is larger than 32 MiB. Divide the file."
	case err != nil:
		return nil, err
	}
	out := ImportDone{
		DryRun: r.DryRun, Read: r.Read, Created: r.Created, Updated: r.Updated, Unchanged: r.Unchanged, Skipped: r.Skipped, Faulty: r.Faulty, Kept: r.PasswordsKept,
		Faults: make([]ImportFault, len(r.Faults)), Stopped: r.Stopped,
	}
	for i, f := range r.Faults {
		out.Faults[i] = ImportFault(f)
	}
	return &answer{body: out}, nil
}

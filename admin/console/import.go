package console

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/ui"
)

// Users from a file. It is read as it arrives and kept nowhere: it may hold passwords. So
// who has checked a file chooses it once more to import it.

const (
	fieldFile       = "file"
	fieldExisting   = "existing"
	fieldDefault    = "tenant"
	doCheck         = "check"
	doImport        = "import"
	maxImportUpload = 32 << 20
	maxImportPlain  = 500 // passwords, at about 40 ms each
	importPatience  = 10 * time.Minute
	faultsShown     = 200
)

func mountImport(c *Console, s *mux.Router) {
	s.HandleFunc("/users/import", c.at(func(d *desk) error { return askImport(d, importAsked{do: doCheck}, nil) })).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc("/users/import", c.at(importUsers)).Methods(http.MethodPost).Name("users.import")
}

// importPart leads from the list of users to the import.
func importPart(d *desk) []ui.AdminPart {
	if !d.may(admin.UserCreate) {
		return nil
	}
	return []ui.AdminPart{{
		Title: "Many users at once", Intro: "They can come from a file of another system, with their passwords as it keeps them.",
		Buttons: []ui.AdminButton{{Label: "Import users", URL: d.path("users", "import")}},
	}}
}

// importAsked is what is asked of an import besides its file.
type importAsked struct{ do, existing, tenant string }

func askImport(d *desk, asked importAsked, errs []ui.FieldError) error {
	if !d.may(admin.UserCreate) {
		return errMayNot
	}
	places, _, err := choices(d, tenantsPages())
	if err != nil {
		return err
	}
	var in []ui.AdminOption
	for _, p := range places {
		in = append(in, ui.AdminOption{Value: p.Label, Label: p.Label})
	}
	do := choose("do", "What to do", titleOf(asked.do, doCheck), "", ui.AdminOption{Value: doCheck, Label: "Check the file", Help: "Finds all that is wrong. Nothing is changed."},
		ui.AdminOption{Value: doImport, Label: "Import the users", Help: "Lines that are wrong are left out, and listed."})
	do.Draw = ui.DrawRadios
	existing := required(choose(fieldExisting, "Users who are there already", titleOf(asked.existing, admin.ImportSkip), "Who has a password keeps it in any case.",
		ui.AdminOption{Value: admin.ImportSkip, Label: "Leave them as they are"}, ui.AdminOption{Value: admin.ImportUpdate, Label: "Give them what their line gives"},
		ui.AdminOption{Value: admin.ImportFail, Label: "Report their lines"}))
	file := required(text(fieldFile, "File", "", "CSV with a line of column names, or JSON lines: at most 50,000 users and 32 MiB."))
	file.Draw, file.Accept = ui.DrawFile, ".csv,.jsonl,.ndjson,.json,.txt,text/csv,application/x-ndjson"
	p := ui.AdminForm{
		AdminPage: d.frame("Import users"), Action: d.path("users", "import"), Errors: errs, Save: "Go on", CancelURL: d.path("users"),
		Sections: []ui.AdminSection{{Fields: []ui.AdminField{
			do, existing, choose(fieldDefault, "Tenant", asked.tenant, "Of those whose line names none.", in...), file,
		}}},
		Parts: []ui.AdminPart{importColumns()},
	}
	p.Intro = "Hashes of bcrypt, PBKDF2, scrypt and Argon2 are taken as they are: people go on with their passwords. Passwords in plain text take time: at most " + strconv.Itoa(maxImportPlain) + " at once."
	p.Crumbs = []ui.Link{{Text: "Users", URL: d.path("users")}}
	return d.render(status(errs), p)
}

// importColumns tells what a file may hold.
func importColumns() ui.AdminPart {
	t := &ui.AdminTable{Caption: "Columns", Columns: []ui.AdminColumn{{Label: "Column"}, {Label: "What it is"}}}
	for _, f := range admin.ImportFields() {
		t.Rows = append(t.Rows, ui.AdminRow{Cells: []ui.AdminCell{{Text: f.Name}, {Text: f.Help}}})
	}
	return ui.AdminPart{Title: "Columns", Intro: "Only name is required. Several names in one cell of CSV are separated by |; in JSON they are a list.", Table: t}
}

// importUsers reads the form as it arrives: what is asked first, the file last.
func importUsers(d *desk) error {
	if err := d.cross.Check(d.r); err != nil {
		return problem.Wrap(problem.Forbidden, "cross_origin", "This form was sent from another site.", err)
	}
	if !d.may(admin.UserCreate) {
		return errMayNot
	}
	web.AllowBody(d.w, d.r, maxImportUpload)
	until, conn := time.Now().Add(importPatience), http.NewResponseController(d.w) //nolint:forbidigo // the kernel knows no other clock
	if err := errors.Join(conn.SetReadDeadline(until), conn.SetWriteDeadline(until)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	asked, file, err := readImportForm(d.r)
	if err != nil {
		return problem.Wrap(problem.Invalid, "form", "The form could not be read.", err)
	}
	if file == nil {
		return askImport(d, asked, []ui.FieldError{{Field: fieldFile, Message: "Choose a file."}})
	}
	o := admin.Import{Existing: asked.existing, DryRun: asked.do != doImport, Passwords: maxImportPlain}
	if asked.tenant != "" {
		o.Tenants = []string{asked.tenant}
	}
	ctx, cancel := context.WithDeadline(d.r.Context(), until)
	defer cancel()
	r, err := d.Admin.ImportUsers(ctx, d.who, d.sub.ID, file, o)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		r.Stopped = "The file is larger than 32 MiB. Divide it."
	case err != nil:
		if errs, ok := atFields(err); ok {
			for i := range errs {
				errs[i].Field = strings.Replace(errs[i].Field, "tenants", fieldDefault, 1)
			}
			return askImport(d, asked, errs)
		}
		return err
	}
	return showImport(d, r)
}

// readImportForm reads up to the file, which is left to be read; nil: there is none.
func readImportForm(r *http.Request) (asked importAsked, file *multipart.Part, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return asked, nil, err
	}
	for {
		p, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return asked, nil, nil
		case err != nil:
			return asked, nil, err
		case p.FormName() == fieldFile && p.FileName() == "":
			return asked, nil, nil
		case p.FormName() == fieldFile:
			return asked, p, nil
		}
		value, err := io.ReadAll(io.LimitReader(p, 1024))
		if err != nil {
			return asked, nil, err
		}
		switch p.FormName() {
		case "do":
			asked.do = string(value)
		case fieldExisting:
			asked.existing = string(value)
		case fieldDefault:
			asked.tenant = string(value)
		}
	}
}

func showImport(d *desk, r admin.ImportResult) error {
	title := "Users imported"
	if r.DryRun {
		title = "File checked"
	}
	v := ui.AdminDetail{AdminPage: d.frame(title)}
	v.Crumbs = []ui.Link{{Text: "Users", URL: d.path("users")}, {Text: "Import users", URL: d.path("users", "import")}}
	v.Notice = importNotice(r)
	for _, f := range []struct {
		name  string
		count int
	}{
		{"Lines", r.Read},
		{yesNo(r.DryRun, "Would be created", "Created"), r.Created},
		{yesNo(r.DryRun, "Would be updated", "Updated"), r.Updated},
		{"Have all of it", r.Unchanged},
		{"Left as they are", r.Skipped},
		{"Keep their password", r.PasswordsKept},
		{"Lines at fault", r.Faulty},
	} {
		if f.count > 0 {
			v.Facts = append(v.Facts, ui.AdminFact{Name: f.name, AdminCell: ui.AdminCell{Text: ui.Figures(f.count)}})
		}
	}
	if len(r.Faults) > 0 {
		v.Parts = append(v.Parts, faultPart(r))
	}
	v.Parts = append(v.Parts, ui.AdminPart{Buttons: []ui.AdminButton{
		{Label: yesNo(r.DryRun, "Choose the file again to import it", "Import another file"), URL: d.path("users", "import")}, {Label: "Back to the users", URL: d.path("users")},
	}})
	d.w.Header().Set("Cache-Control", "no-store")
	return d.render(http.StatusOK, v)
}

func importNotice(r admin.ImportResult) *ui.Notice {
	switch {
	case r.Stopped != "":
		return &ui.Notice{Kind: ui.Bad, Text: "The file was not read to its end. " + r.Stopped}
	case r.Faulty > 0 && r.DryRun:
		return &ui.Notice{Kind: ui.Bad, Text: count(int64(r.Faulty), "line") + " at fault. An import would leave them out. Nothing was changed."}
	case r.Faulty > 0:
		return &ui.Notice{Kind: ui.Bad, Text: count(int64(r.Faulty), "line") + " at fault, and left out. Put them right and import the file again: who is there already is left as he is."}
	case r.DryRun:
		return &ui.Notice{Kind: ui.Good, Text: "All lines are right. Nothing was changed."}
	}
	return &ui.Notice{Kind: ui.Good, Text: "All lines were imported."}
}

func faultPart(r admin.ImportResult) ui.AdminPart {
	t := &ui.AdminTable{Caption: "Lines at fault", Columns: []ui.AdminColumn{{Label: "Where"}, {Label: "Column"}, {Label: "What is wrong"}}}
	for _, f := range r.Faults[:min(faultsShown, len(r.Faults))] {
		t.Rows = append(t.Rows, ui.AdminRow{Cells: []ui.AdminCell{{Text: "Line " + strconv.Itoa(f.Line)}, {Text: titleOf(f.Field, "The whole line")}, {Text: capital(f.Message)}}})
	}
	part := ui.AdminPart{Title: "Lines at fault", Table: t}
	if len(r.Faults) > faultsShown {
		part.Intro = "These are the first " + strconv.Itoa(faultsShown) + "."
	}
	return part
}

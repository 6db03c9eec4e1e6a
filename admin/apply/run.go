package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"twofold/internal/audit"
	"twofold/internal/problem"
	"twofold/tenants"
)

// Options of a run; the zero value changes the database for "operator" and knows
// no environment and no files.
type Options struct {
	// DryRun does everything, reports it, and takes it back.
	DryRun bool
	// Expect is the report of a dry run that somebody agreed to: if the changes are
	// others now, nothing is changed and the error is ErrMoved.
	Expect *Report
	// OnGrant is told of each role that is given, in the transaction; nil: whoever has
	// one cannot sign in to the administration yet, which is a warning.
	OnGrant func(ctx context.Context, g tenants.Grant) error
	// Actor is who does it, for the audit trail.
	Actor string
	// Env looks up what {env: NAME} stands for.
	Env func(name string) (string, bool)
	// ReadFile reads what {file: PATH} stands for. Relative paths have been joined
	// to the folder of the file by then.
	ReadFile func(path string) ([]byte, error)
}

// Report is what a run did, or would do.
type Report struct {
	Entries  []Entry  // the same, grouped and in full
	Changes  []string // "+ tenant acme", "~ user bob: active true → false"
	Warnings []string // "! two_factor sms is invalid: …"
}

// Lines are the changes, or one line that there are none, then the warnings.
func (r Report) Lines() []string {
	changes := r.Changes
	if len(changes) == 0 {
		changes = []string{"= nothing to change"}
	}
	return slices.Concat(changes, r.Warnings)
}

// String is the report as people read it.
func (r Report) String() string { return r.Text(false) }

// ErrMoved reports that the database is not what it was at the dry run.
var ErrMoved = errors.New("apply: the database was changed meanwhile, so the difference is another now; nothing was changed")

// errDryRun takes a transaction back that has done all it should.
var errDryRun = errors.New("apply: dry run")

// run is one run over a file.
type run struct {
	finder
	store    *tenants.Store
	file     *File
	opts     Options
	texts    map[place]string // what secrets kept elsewhere are
	changes  []*change
	warnings []string
}

// Run brings the database to what f says, in one transaction: if anything is
// wrong nothing changes. What is wrong with the file is a Problems; any other
// error means that the database failed. Every change is recorded in the trail, in
// the same transaction.
func Run(ctx context.Context, store *tenants.Store, trail *audit.Trail, f *File, opts Options) (Report, error) {
	if opts.Actor == "" {
		opts.Actor = "operator"
	}
	// A Store remembers what it reads. What is read here may be taken back, so it
	// is remembered by a Store that is thrown away.
	r := &run{finder: finder{file: f.name}, store: tenants.New(store.Config), file: f, opts: opts, texts: map[place]string{}}
	r.lookUp()
	r.checkOptions()
	if err := r.problems.orNil(); err != nil {
		return Report{}, err
	}
	err := store.DB.Tx(ctx, func(ctx context.Context) error {
		if err := r.write(ctx); err != nil {
			return err
		}
		if err := r.record(ctx, trail); err != nil {
			return err
		}
		if opts.Expect != nil && !slices.Equal(opts.Expect.Changes, r.report().Changes) {
			return ErrMoved
		}
		if opts.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return Report{}, err
	}
	store.Forget()
	return r.report(), nil
}

// write puts everything, in the order in which one thing needs another.
func (r *run) write(ctx context.Context) error {
	jobs := make([]*job, len(r.file.doc.Subscriptions))
	for i := range jobs {
		j, err := r.open(ctx, &r.file.doc.Subscriptions[i])
		if err != nil {
			return err
		}
		jobs[i] = j
	}
	// No name may lead nowhere before the first thing is written.
	if err := r.problems.orNil(); err != nil {
		return err
	}
	if err := r.settings(ctx, r.file.doc.Settings, "platform settings of ", "", ""); err != nil {
		return err
	}
	if err := r.platformTemplates(ctx); err != nil {
		return err
	}
	for _, j := range jobs {
		if err := j.write(ctx); err != nil {
			return err
		}
	}
	return r.putRoles(ctx, jobs)
}

// refused turns what a store said into a problem of the file, at the key that it
// names if the file gives it. It returns an error if the run cannot go on.
func (r *run) refused(at place, spec any, err error) error {
	var p *problem.Error
	if !errors.As(err, &p) || (p.Kind != problem.Invalid && p.Kind != problem.Conflict) {
		return fmt.Errorf("apply: %s: %w", at.path, err)
	}
	if p.Kind == problem.Conflict {
		key, message := "name", p.Message
		if _, app := spec.(clientApp); app {
			key = "client_id"
		}
		if p.Code == "taken" {
			message = "is taken already on this server"
		}
		r.found(keyPlace(at, spec, key), "%s", message)
		return r.problems.orNil() // the transaction is over
	}
	message := p.Message
	if len(p.Fields) > 0 {
		at, message = keyPlace(at, spec, p.Fields[0].Name), p.Fields[0].Message
	}
	r.found(at, "%s", message)
	return nil
}

func (r *run) report() Report {
	rep := Report{Entries: r.entries(), Warnings: r.warnings}
	for _, c := range r.changes {
		if c.any() {
			rep.Changes = append(rep.Changes, c.line())
		}
	}
	return rep
}

// warn notes what is no mistake of the file, but will be of use to its author.
func (r *run) warn(format string, args ...any) {
	r.warnings = append(r.warnings, "! "+fmt.Sprintf(format, args...))
}

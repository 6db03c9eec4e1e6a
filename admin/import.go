package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"twofold/internal/problem"
	"twofold/tenants"
)

// Import says how users are brought in.
type Import struct {
	Existing string   // what becomes of who is there already: ImportSkip …; empty is ImportSkip
	Tenants  []string // names of the tenants of those whose line names none
	DryRun   bool     // find all that is wrong, change nothing
	// Passwords is how many plain ones there may be; 0: any number. Each costs about 40 ms
	// of a core, and they take turns with people who sign in.
	Passwords int
	// Progress is told after each chunk how far it is; nil: nobody asks.
	Progress func(ImportResult)
}

// What an import does with a user who is there already.
const (
	ImportSkip   = "skip"   // he stays as he is
	ImportUpdate = "update" // he gets what his line gives; nothing is taken from him
	ImportFail   = "fail"   // his line is at fault
)

// Bounds of an import.
const (
	MaxImport       = 50_000 // users
	maxImportFaults = 1000   // that are listed; the lines are counted all the same
	importChunk     = 500    // users of one transaction
)

// ImportFault is what is wrong with a line of a file.
type ImportFault struct {
	Line    int    `json:"line"`
	Field   string `json:"field,omitempty"` // empty: the line as a whole
	Message string `json:"message"`
}

func (f ImportFault) String() string {
	if f.Field == "" {
		return fmt.Sprintf("line %d: %s", f.Line, f.Message)
	}
	return fmt.Sprintf("line %d: %s: %s", f.Line, f.Field, f.Message)
}

// ImportResult is what an import did, or in a dry run would do. What stands before
// Stopped is done: who imports the file again with ImportSkip goes on behind it.
type ImportResult struct {
	DryRun        bool
	Read          int // lines with a user
	Created       int
	Updated       int
	Unchanged     int // by ImportUpdate
	Skipped       int
	Faulty        int           // lines that are at fault: nothing of them is imported
	PasswordsKept int           // of users who had one already: an import replaces none
	Faults        []ImportFault // the first thousand
	Stopped       string        // why the rest of the file was not read; empty: it was
}

// importing is one import at work.
type importing struct {
	*Admin
	who          Who
	subscription string
	opts         Import
	mine         []string // tenants that who may create users in; nil: all
	result       ImportResult
	plain        int // passwords so far

	tenants, groups, idps map[string]string   // ids by name
	names                 map[string]string   // and the other way round
	known                 map[string][]string // local IDPs of a tenant, by ids
	realms                map[string]tenants.Realm
	seen                  map[string]int // lines by name
}

// ImportUsers brings users in from a file of JSON lines or CSV, MaxImport at most, in
// transactions of some hundred. Lines that are at fault are left out and listed; the
// others are imported. Of each user the trail has an entry. An error that it returns
// ended it: the result tells what was done before.
func (a *Admin) ImportUsers(ctx context.Context, w Who, subscription string, r io.Reader, opts Import) (ImportResult, error) {
	if opts.Existing == "" {
		opts.Existing = ImportSkip
	}
	m := &importing{
		Admin: a, who: w, subscription: subscription, opts: opts, result: ImportResult{DryRun: opts.DryRun, Faults: []ImportFault{}},
		known: map[string][]string{}, realms: map[string]tenants.Realm{}, seen: map[string]int{},
	}
	if err := m.may(); err != nil {
		return m.result, err
	}
	ctx = a.scope(ctx, subscription)
	if err := m.prepare(ctx); err != nil {
		return m.result, err
	}
	err := m.run(ctx, r)
	var stop importStop
	if errors.As(err, &stop) {
		m.result.Stopped, err = string(stop), nil
	}
	return m.result, err
}

// may decides the whole import; each line is decided again by what it names. To change
// who is there takes a fresh sign-in: it may give him his first password.
func (m *importing) may() error {
	m.mine = m.who.Tenants(UserCreate, m.subscription)
	update := m.opts.Existing == ImportUpdate
	switch {
	case !slices.Contains([]string{ImportSkip, ImportUpdate, ImportFail}, m.opts.Existing):
		return fieldError("existing", "must be skip, update or fail")
	case m.mine != nil && len(m.mine) == 0:
		if r := m.who.Tenants(UserRead, m.subscription); r != nil && len(r) == 0 {
			return hidden(m.who, m.subscription)
		}
		return errMayNot
	case update && !m.who.Fresh(m.Now()):
		return ErrAgain
	}
	return nil
}

// prepare finds what lines may name. Who runs some tenants knows no others.
func (m *importing) prepare(ctx context.Context) error {
	if _, err := m.Admin.Tenants.Subscriptions().Get(ctx, m.subscription); err != nil {
		return err
	}
	m.tenants, m.groups, m.idps, m.names = map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	list, err1 := m.Admin.Tenants.ListTenants(ctx)
	groups, err2 := m.Admin.Tenants.ListGroups(ctx)
	idps, err3 := m.Admin.Tenants.ListIDPs(ctx)
	links, err4 := m.Admin.Tenants.TenantIDPs(ctx)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	local := map[string]bool{}
	for _, i := range idps {
		if local[i.ID] = i.Type == tenants.IDPLocal && !i.Deleted(); local[i.ID] {
			m.idps[i.Name], m.names[i.ID] = i.ID, i.Name
		}
	}
	for _, t := range list {
		if !t.Deleted() && (m.mine == nil || slices.Contains(m.mine, t.ID)) {
			m.tenants[t.Name], m.names[t.ID] = t.ID, t.Name
		}
	}
	for _, l := range links {
		if local[l.ID] {
			m.known[l.TenantID] = append(m.known[l.TenantID], l.ID)
		}
	}
	for _, g := range groups {
		m.groups[g.Name], m.names[g.ID] = g.ID, g.Name
	}
	for _, name := range m.opts.Tenants {
		if m.tenants[name] == "" {
			return fieldError("tenants", fmt.Sprintf("there is no tenant %q", shownField(name)))
		}
	}
	return nil
}

func (m *importing) run(ctx context.Context, r io.Reader) error {
	lines, err := readImport(r)
	if err != nil {
		return err
	}
	for more := true; more; {
		var chunk []*importEntry
		for len(chunk) < importChunk {
			e, err := lines.next()
			if err == nil && e != nil && m.result.Read+len(chunk) == MaxImport {
				err = importStop("There are more than 50,000 users. Divide the file: what stands before was read.")
			}
			if err != nil {
				if err := m.chunk(ctx, chunk); err != nil {
					return err
				}
				return err
			}
			if more = e != nil; !more {
				break
			}
			chunk = append(chunk, e)
		}
		if err := m.chunk(ctx, chunk); err != nil {
			return err
		}
		if m.opts.Progress != nil {
			m.opts.Progress(m.result)
		}
	}
	return nil
}

// newcomer is a line that is right so far, with what becomes of it.
type newcomer struct {
	*importEntry
	tenants.Arrival
	old         *tenants.User // who is there already
	gives       bool          // a password, in plain text or hashed
	hasPassword bool          // who is there
}

// chunk imports some lines, the new users of them in one transaction.
func (m *importing) chunk(ctx context.Context, entries []*importEntry) error {
	m.result.Read += len(entries)
	right, err := m.check(ctx, entries)
	if err != nil {
		return err
	}
	var fresh []*newcomer
	for _, n := range right {
		if n.old == nil {
			fresh = append(fresh, n)
		}
	}
	if err := m.together(ctx, fresh); err != nil {
		return err
	}
	for _, n := range right {
		if n.old == nil {
			continue
		}
		if err := m.update(ctx, n); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if len(e.faults) > 0 {
			m.result.Faulty++
			room := maxImportFaults - len(m.result.Faults)
			m.result.Faults = append(m.result.Faults, e.faults[:min(room, len(e.faults))]...)
		}
	}
	return nil
}

// together brings new users in by one transaction. If something goes wrong that nothing
// told before, such as a name taken meanwhile, each is tried alone, so that only the one
// at fault is left out.
func (m *importing) together(ctx context.Context, list []*newcomer) error {
	if len(list) == 0 {
		return nil
	}
	err := m.commit(ctx, func(ctx context.Context) error { return m.bring(ctx, list) })
	var p *problem.Error
	switch {
	case err == nil:
		m.result.Created += len(list)
		return nil
	case len(list) == 1:
		return list[0].refused(err)
	case !errors.As(err, &p) || p.Kind == problem.Internal:
		return err
	}
	for _, n := range list {
		if err := m.together(ctx, []*newcomer{n}); err != nil {
			return err
		}
	}
	return nil
}

var errDryRun = errors.New("admin: import: a dry run is taken back")

// commit does something in one transaction, which in a dry run is taken back.
func (m *importing) commit(ctx context.Context, do func(context.Context) error) error {
	err := m.DB.Tx(ctx, func(ctx context.Context) error {
		if err := do(ctx); err != nil || !m.opts.DryRun {
			return err
		}
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

// bring makes new users. The trail comes last: it locks the subscription's chain.
func (m *importing) bring(ctx context.Context, list []*newcomer) error {
	if err := m.groupsOpen(ctx, list); err != nil {
		return err
	}
	arrivals := make([]*tenants.Arrival, len(list))
	for i, n := range list {
		arrivals[i] = &n.Arrival
	}
	if err := m.Admin.Tenants.Arrive(ctx, arrivals); err != nil {
		return err
	}
	for _, n := range list {
		if err := m.record(ctx, m.who, "config.created", thing{"user", n.User.Name, n.User.ID}, n.described(m)); err != nil {
			return err
		}
	}
	return nil
}

// groupsOpen refuses groups that have a role which who imports could not give, and lets
// who gets a role use it.
func (m *importing) groupsOpen(ctx context.Context, list []*newcomer) error {
	done := map[string]bool{}
	for _, n := range list {
		for _, g := range n.Groups {
			if done[g] {
				continue
			}
			done[g] = true
			err := m.mayTouch(ctx, m.who, tenants.SubjectGroup, g)
			if problem.Is(err, problem.Forbidden) {
				return fieldError("groups", "one of them has a role that is wider than yours")
			}
			if err != nil {
				return err
			}
			if err := m.letIn(ctx, tenants.LinkGroupMember, g, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// busyWait is how long an import stands back where people wait for their sign-ins.
const busyWait = 500 * time.Millisecond

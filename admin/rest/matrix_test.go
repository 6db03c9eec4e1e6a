package rest_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"twofold/internal/db"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestRoleMatrix holds every operation of the document against every role, in its own
// scope, in another tenant of its subscription, in a subscription of somebody else's, and
// with ids of somebody else's at an address of its own. Who may is by SPEC: see
// testkit.MayDo. Each denied request must leave the whole database as it is.
//
// An operation without a fixture fails the test, so whoever adds one thinks of it.
func TestRoleMatrix(t *testing.T) {
	testkit.Later(t)
	t.Parallel() // beside others: it is long
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		m := newRoleMatrix(t, url)
		for _, f := range m.cases() {
			t.Run(f.name, func(t *testing.T) { m.run(t, f) })
		}
		t.Logf("%d operations, %d cases: %d allowed, %d refused with nothing changed; crossings: %d", len(m.ops), m.allowed+m.refused, m.allowed, m.refused, m.crossings)
		if m.crossings > 0 || m.allowed == 0 || m.refused == 0 {
			t.Errorf("%d crossings", m.crossings)
		}
	})
}

// TestSensitiveOperations: who signed in more than five minutes ago is asked for a fresh
// sign-in by all that is sensitive and by nothing else. Machines prove themselves each time.
func TestSensitiveOperations(t *testing.T) {
	testkit.Later(t)
	t.Parallel() // beside others: it is long
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		m := newRoleMatrix(t, url)
		m.fresh = false
		asked := 0
		for _, f := range m.cases() {
			op := m.ops[f.op]
			sensitive := testkit.IsSensitive(op.Action) && op.method != http.MethodGet // to read takes nothing away
			if op.Fresh != sensitive {
				t.Errorf("%s: the document says that a fresh sign-in is needed: %v", f.op, op.Fresh)
			}
			sensitive = sensitive || f.fresh
			for _, who := range m.roles {
				if !m.expected(f, who, m.own) {
					continue
				}
				req := f.do(m.site(m.own, true))
				if sensitive && !who.machine {
					m.changes.Since()
				}
				r := m.send(who, op, m.own, req)
				if sensitive && !who.machine {
					asked++
					changed := m.changes.Since()
					if want := `error="insufficient_user_authentication"`; r.StatusCode != http.StatusUnauthorized || !strings.Contains(r.Header.Get("WWW-Authenticate"), want) || len(changed) > 0 {
						t.Errorf("%s by %s with an old sign-in: %d %s, changed: %v", f.name, who.name, r.StatusCode, r.text, changed)
					}
				} else if !f.fine(r) {
					t.Errorf("%s by %s with an old sign-in: %d %s", f.name, who.name, r.StatusCode, r.text)
				}
			}
		}
		t.Logf("%d requests were asked for a fresh sign-in", asked)
	})
}

// roleMatrix is a world with somebody of every role.
type roleMatrix struct {
	*world
	ops       map[string]operation
	roles     []somebody
	own       place // of the roles
	beside    place // another tenant of their subscription
	foreign   place // another subscription
	changes   *testkit.Changes
	made      int // things, so that each has a name of its own
	allowed   int // cases
	refused   int
	crossings int
}

// operation is one of the document.
type operation struct {
	described
	path, method string
}

// somebody has one role. letter is that of testkit.MayDo; empty: none that counts here.
type somebody struct {
	name, token string
	letter      string
	reach       reach
	machine     bool
}

// reach is where a role counts.
type reach int

const (
	elsewhere reach = iota
	oneTenant
	subscription
	server
)

// place is a tenant in its subscription.
type place struct{ name, sub, tenant string }

func newRoleMatrix(t *testing.T, url string) *roleMatrix {
	t.Helper()
	m := &roleMatrix{world: newWorld(t, url), ops: map[string]operation{}}
	for path, methods := range readDocument(t, m.api).Paths {
		for method, op := range methods {
			m.ops[op.OperationID] = operation{op, path, strings.ToUpper(method)}
		}
	}
	m.customer(t, "three", "yonder")
	m.own, m.beside = place{"own", "one", "acme"}, place{"beside", "one", "globex"}
	m.foreign = place{"foreign", "two", "other"}
	m.roles = []somebody{
		{"SystemAdmin", "root one", "S", server, false},
		{"SubscriptionAdmin", "sub one", "A", subscription, false},
		{"TenantAdmin", "ten one", "T", oneTenant, false},
		{"HelpDesk of the subscription", "desk one", "H", subscription, false},
		{"HelpDesk of the tenant", "help one", "H", oneTenant, false},
		{"Auditor of the subscription", "aud one", "U", subscription, false},
		{"Auditor of the tenant", "reader one", "U", oneTenant, false},
		{"Auditor of the server", "watch one", "U", server, false},
		{"SubscriptionAdmin of a third", "stranger one", "", elsewhere, false},
		{"machine with SubscriptionAdmin", "app one", "A", subscription, true},
	}
	at := m.site(m.own, false)
	for _, name := range []string{"desk", "reader", "watch", "stranger"} {
		m.ids[name+" one"] = at.user().ID
	}
	grant := func(sub, tenant string, role tenants.Role, kind, subject string) {
		t.Helper()
		v := tenants.Grant{SubscriptionID: m.ids[sub], TenantID: m.ids[tenant], Role: role, SubjectKind: kind, SubjectID: m.ids[subject], HomeID: m.ids["one"], CreatedBy: "test"}
		put(t)(m.store.PutGrant(t.Context(), &v))
	}
	grant("one", "", tenants.RoleHelpDesk, tenants.SubjectUser, "desk one")
	grant("one", "acme", tenants.RoleAuditor, tenants.SubjectUser, "reader one")
	grant("", "", tenants.RoleAuditor, tenants.SubjectUser, "watch one")
	grant("three", "", tenants.RoleSubscriptionAdmin, tenants.SubjectUser, "stranger one")
	grant("one", "", tenants.RoleSubscriptionAdmin, tenants.SubjectClientApp, "app one")
	m.realSessions()
	for _, name := range []string{"root one", "sub one"} { // who sends a test must have an address
		u, err := m.store.Users().Get(at.ctx(), m.ids[name])
		must(t, err)
		u.EmailVerified = true
		put(t)(m.store.PutUser(at.ctx(), &u))
	}
	// What requests leave behind whatever becomes of them.
	m.changes = testkit.WatchChanges(t, url, "audit_events", "audit_chains", "rate_counters", "idempotency_keys")
	return m
}

// realSessions makes the sessions of the world know which tenants there are: any tenant of
// a subscription may have some.
func (m *roleMatrix) realSessions() {
	end := func(ctx context.Context, tenant, what string) error {
		if _, err := m.store.Tenants().Get(ctx, tenant); err != nil {
			return err
		}
		m.ended = append(m.ended, what)
		return nil
	}
	m.admin.Sessions.End = func(ctx context.Context, tenant, session, _, _ string) error {
		return end(ctx, tenant, "session "+session)
	}
	m.admin.Sessions.EndTenant = func(ctx context.Context, tenant, _, _ string) (int, error) {
		return 1, end(ctx, tenant, "sessions of "+tenant)
	}
}

// request is what a fixture asks for. The subscription of the path is the place's.
type request struct {
	path   map[string]string // its variables
	query  string
	body   string
	header []string // pairs
}

// fixture makes requests of an operation against real things.
type fixture struct {
	op   string
	name string // with what is special about it
	do   func(s *site) request
	// who may in his own scope, by the letters of testkit.MayDo; empty: as it says.
	who string
	// whole: it is of the subscription, and no tenant's matter: there is none beside.
	whole bool
	// list: its address is the subscription's, and it shows what is of one's own tenant.
	list bool
	// global: it is of no subscription.
	global bool
	// self: it shows the caller himself.
	self bool
	// entire: it is about all of a subscription: whose role counts in a tenant may not.
	entire bool
	// traceless: it changes nothing in the tables that are watched.
	traceless bool
	// late: ids of the body are looked at later, each as by the operation on one.
	late bool
	// fresh: just this asks for a fresh sign-in, though the operation does not.
	fresh bool
	// refusals are statuses beside 403 and 404 by which it is refused, with the reason.
	refusals map[int]string
	// fails are statuses that are fine for who may, with the reason.
	fails map[int]string
}

// cases are all fixtures. It fails for operations that have none, and for fixtures of no
// operation.
func (m *roleMatrix) cases() []fixture {
	all := fixtures()
	have := map[string]bool{}
	for i := range all {
		f := &all[i]
		f.op, _, _ = strings.Cut(f.name, ": ")
		if have[f.op] = true; m.ops[f.op].path == "" {
			m.t.Errorf("there is a fixture for %s, but no such operation", f.op)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.ops)) {
		op := m.ops[id]
		if !have[id] {
			m.t.Errorf("operation %s (%s %s, %s) has no fixture: add one to fixtures() in matrix_fixtures_test.go, and think of who may", id, op.method, op.path, op.Action)
		}
		if _, known := testkit.MayDo(op.Action); !known && op.Action != "" {
			m.t.Errorf("testkit.MayDo does not know who may do %s (%s)", op.Action, id)
		}
	}
	if m.t.Failed() {
		m.t.FailNow()
	}
	return all
}

// expected reports whether somebody may, in a place.
func (m *roleMatrix) expected(f fixture, who somebody, in place) bool {
	letters := f.who
	if action := m.ops[f.op].Action; letters == "" && action != "" {
		letters, _ = testkit.MayDo(action)
	}
	switch {
	case m.ops[f.op].Action == "", f.who == "*": // whoever has a role
		return true
	case who.letter == "" || !strings.Contains(letters, who.letter):
		return false
	case f.entire && who.reach == oneTenant:
		return false
	case f.global:
		return who.reach == server
	case who.reach == server, in == m.own:
		return true
	case in == m.beside:
		return who.reach == subscription || f.whole || f.list
	}
	return false
}

// run tries all roles in all places.
func (m *roleMatrix) run(t *testing.T, f fixture) {
	places := []place{m.own, m.beside, m.foreign}
	if f.global {
		places = places[:1]
	}
	for _, in := range places {
		req := f.do(m.site(in, false))
		m.changes.Since()
		m.ended = nil
		for _, who := range m.roles {
			if !m.expected(f, who, in) {
				m.denied(t, f, who, in, m.send(who, m.ops[f.op], in, req))
			}
		}
		m.unchanged(t, "refused in "+in.name)
		for _, who := range m.roles {
			if m.expected(f, who, in) {
				req := f.do(m.site(in, true))
				m.ended = nil
				leaves := who.letter == "S" && m.ops[f.op].method != http.MethodGet && !f.traceless // a trace
				if leaves {
					m.changes.Since()
				}
				m.permitted(t, f, who, in, req)
				if leaves && len(m.changes.Since()) == 0 && len(m.ended) == 0 {
					t.Errorf("the fixture proves nothing: it changes nothing for a SystemAdmin in %s either", in.name)
				}
			}
		}
	}
	m.crossed(t, f)
}

// permitted does what somebody may.
func (m *roleMatrix) permitted(t *testing.T, f fixture, who somebody, in place, req request) {
	t.Helper()
	m.allowed++
	r := m.send(who, m.ops[f.op], in, req)
	if !f.fine(r) {
		t.Errorf("%s may in %s, but: %d %s", who.name, in.name, r.StatusCode, r.text)
	}
	// What is hidden of other places is not in the answer.
	for _, other := range []place{m.own, m.beside, m.foreign} {
		words := []string{m.ids[other.tenant], "thing-of-" + other.tenant + "-"}
		if other == m.foreign || who.reach == elsewhere {
			words = append(words, m.ids[other.sub], "thing-of-"+other.sub+"-")
		}
		for _, word := range words {
			if !f.self && !who.sees(m, other, f) && strings.Contains(r.text, word) {
				m.crossings++
				t.Errorf("%s in %s reads of %s: %s", who.name, in.name, other.name, r.text)
			}
		}
	}
}

// sees reports whether somebody may read things like f's of a place.
func (who somebody) sees(m *roleMatrix, in place, f fixture) bool {
	switch who.reach {
	case server:
		return true
	case subscription:
		return in.sub == "one"
	case oneTenant:
		return in == m.own || in == m.beside && f.whole
	case elsewhere:
	}
	return false
}

// fine reports whether an answer is one for somebody who may.
func (f fixture) fine(r reply) bool {
	return r.StatusCode < http.StatusBadRequest || f.fails[r.StatusCode] != ""
}

// denied holds an answer to somebody who may not against what it must be.
func (m *roleMatrix) denied(t *testing.T, f fixture, who somebody, in place, r reply) {
	t.Helper()
	m.refused++
	there := who.reach == server || who.reach != elsewhere && in.sub == "one" // he knows the subscription
	ok := r.StatusCode == http.StatusNotFound
	if there || f.global {
		ok = ok || r.StatusCode == http.StatusForbidden || f.refusals[r.StatusCode] != ""
	}
	if !ok {
		if r.StatusCode < http.StatusBadRequest {
			m.crossings++
		}
		t.Errorf("%s may not in %s, but: %d %s", who.name, in.name, r.StatusCode, r.text)
	}
}

// unchanged holds that nothing has changed by all who were refused since it was looked at
// last: one look for all of them, for it reads every table.
func (m *roleMatrix) unchanged(t *testing.T, what string) {
	t.Helper()
	changed := append(m.changes.Since(), m.ended...)
	if m.ended = nil; len(changed) > 0 {
		m.crossings++
		t.Errorf("%s, and somebody has changed: %s", what, strings.Join(changed, "\n"))
	}
}

// crossed asks for things of another subscription at an address of one's own: nobody
// reaches them so, not even who could reach both.
func (m *roleMatrix) crossed(t *testing.T, f fixture) {
	op := m.ops[f.op]
	if f.global || f.late || !strings.Contains(op.path, "{subscription}/") {
		return
	}
	req := f.do(m.site(m.foreign, false))
	named := false // it names anything but the subscription
	for name := range req.path {
		named = named || name != "type"
	}
	named = named || strings.Contains(req.body+req.query, m.ids["other"]) || f.op == "policy.explain"
	if !named {
		return
	}
	m.changes.Since()
	m.ended = nil
	for _, who := range m.roles {
		m.refused++
		r := m.send(who, op, m.own, req)
		if r.StatusCode != http.StatusNotFound && r.StatusCode != http.StatusForbidden && !(r.StatusCode == http.StatusUnprocessableEntity && req.body != "") {
			m.crossings++
			t.Errorf("%s with ids of another subscription: %d %s", who.name, r.StatusCode, r.text)
		}
		if strings.Contains(r.text, "thing-of-other-") || strings.Contains(r.text, "thing-of-two-") {
			m.crossings++
			t.Errorf("%s reads by ids of another subscription: %s", who.name, r.text)
		}
	}
	m.unchanged(t, "refused by ids of another subscription")
}

// send does a request as somebody.
func (m *roleMatrix) send(who somebody, op operation, in place, req request) reply {
	path := op.path
	for name, v := range req.path {
		path = strings.ReplaceAll(path, "{"+name+"}", v)
	}
	path = strings.ReplaceAll(path, "{subscription}", m.ids[in.sub])
	if strings.Contains(path, "{") {
		m.t.Fatalf("%s: the fixture leaves variables: %s", op.OperationID, path)
	}
	if req.query != "" {
		path += "?" + req.query
	}
	header := req.header
	if slices.ContainsFunc(op.Parameters, func(p parameter) bool { return p.Name == "If-Match" }) && len(header) == 0 {
		header = []string{"If-Match", "*"}
	}
	return m.do(who.token, op.method, path, req.body, header...)
}

// site makes things in a place for a fixture. Spare ones are used up: what a request that
// is allowed destroys must not be what all others stand on.
type site struct {
	*roleMatrix
	place
	spare bool
}

func (m *roleMatrix) site(in place, spare bool) *site { return &site{m, in, spare} }

func (s *site) ctx() context.Context {
	return db.WithScope(s.t.Context(), db.Scope{Subscription: s.ids[s.sub]})
}

// next is a new name that tells where its thing is.
func (s *site) next() string {
	s.made++
	return fmt.Sprintf("thing-of-%s-%d", s.tenant, s.made)
}

// common is a new name of what all tenants of a subscription know.
func (s *site) common() string {
	s.made++
	return fmt.Sprintf("thing-of-%s-%d", s.sub, s.made)
}

package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/internal/testkit"
	"twofold/twofactor"
)

func TestMessages(t *testing.T) {
	each(t,
		test{"filters", messagesByFilter},
		test{"pages", messagesByPage},
		test{"refuses", messagesRefuse},
		test{"story", messageStory},
		test{"real chain", messageChain},
	)
}

// tenant adds one to the first subscription.
func (w *world) tenant(name string) {
	w.t.Helper()
	w.exec(`INSERT INTO tenants (id, subscription_id, name, title, accent, logo_url, enforce_mfa, min_acr, session_seconds, idle_seconds,
active, created_at, updated_at, version) VALUES ('` + name + `', 'sub-a', '` + name + `', '', '', '', false, '', 1, 1, true, '2026-01-01', '2026-01-01', 1)`)
}

// write puts rows into the log, a minute after each other, with ids m1, m2 and so on.
func (w *world) write(rows ...messageRow) {
	w.t.Helper()
	for i, r := range rows {
		w.clock.Advance(time.Minute)
		if r.TenantID == "" {
			r.TenantID = "acme"
		}
		if r.SubscriptionID = "sub-a"; r.TenantID == "globex" {
			r.SubscriptionID = "sub-b"
		}
		r.ID, r.Sealed, r.CreatedAt, r.ExpiresAt, r.NextAt = fmt.Sprint("m", i+1), "sealed", w.clock.Now(), w.clock.Now(), w.clock.Now()
		must(w.t, w.DB.For(db.AllTenants(w.t.Context())).Create(&r).Error)
	}
}

func entryIDs(list []Entry) string {
	var out []string
	for _, e := range list {
		out = append(out, e.ID)
	}
	return strings.Join(out, " ")
}

func messagesByFilter(t *testing.T, w *world) {
	began := w.clock.Now()
	w.tenant("acme2")
	w.write(
		messageRow{UserID: "anna", TwoFactorID: "mail", State: Sent, Kind: "code", Medium: "mail"},
		messageRow{UserID: "anna", TwoFactorID: "sms", State: Failed, Kind: "code", Medium: "sms", ErrorClass: "account"},
		messageRow{UserID: "ben", TwoFactorID: "sms", State: Sent, Kind: "code", Medium: "sms", TenantID: "acme2"},
		messageRow{UserID: "ben", TwoFactorID: "mail", State: Queued, Kind: "notice", ErrorClass: "retry", TenantID: "acme2"},
		messageRow{UserID: "anna", TwoFactorID: "mail", State: Failed, Kind: "code", Medium: "mail", ErrorClass: "account", TenantID: "globex"},
	)
	at := func(minutes int) string { return began.Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339) }
	type filter = map[string]string
	sub := in(t, db.Scope{Subscription: "sub-a"})
	for name, c := range map[string]struct {
		ctx     context.Context
		filter  filter
		tenants []string
		want    string
	}{
		"all":                   {sub, nil, nil, "m4 m3 m2 m1"},
		"empty":                 {sub, filter{"user": "", "from": "", "state": ""}, nil, "m4 m3 m2 m1"},
		"state":                 {sub, filter{"state": Failed}, nil, "m2"},
		"sent":                  {sub, filter{"state": Sent}, nil, "m3 m1"},
		"instance":              {sub, filter{"two_factor": "sms"}, nil, "m3 m2"},
		"user":                  {sub, filter{"user": "anna"}, nil, "m2 m1"},
		"tenant":                {sub, filter{"tenant": "acme2"}, nil, "m4 m3"},
		"another's tenant":      {sub, filter{"tenant": "globex"}, nil, ""},
		"kind":                  {sub, filter{"kind": "notice"}, nil, "m4"},
		"medium":                {sub, filter{"medium": "sms"}, nil, "m3 m2"},
		"class":                 {sub, filter{"error_class": "retry"}, nil, "m4"},
		"from":                  {sub, filter{"from": at(3)}, nil, "m4 m3"},
		"to":                    {sub, filter{"to": at(3)}, nil, "m2 m1"},
		"user in time":          {sub, filter{"user": "anna", "from": at(1), "to": at(2)}, nil, "m1"},
		"all at once":           {sub, filter{"user": "anna", "state": Failed, "two_factor": "sms", "tenant": "acme", "kind": "code", "medium": "sms", "error_class": "account", "from": at(1), "to": at(9)}, nil, "m2"},
		"sent by an instance":   {sub, filter{"state": Sent, "two_factor": "sms"}, nil, "m3"},
		"sent in a tenant":      {sub, filter{"state": Sent, "tenant": "acme"}, nil, "m1"},
		"tenants":               {sub, nil, []string{"acme2", "acme"}, "m4 m3 m2 m1"},
		"tenants, and foreign":  {sub, nil, []string{"acme2", "globex"}, "m4 m3"},
		"no tenants":            {sub, nil, []string{}, ""},
		"no tenants, user":      {sub, filter{"user": "anna"}, []string{}, ""},
		"tenants, user":         {sub, filter{"user": "anna"}, []string{"acme2"}, ""},
		"tenants, kind":         {sub, filter{"kind": "code"}, []string{"acme2", "acme"}, "m3 m2 m1"},
		"a tenant not of those": {sub, filter{"tenant": "acme"}, []string{"acme2"}, ""},
		"in a tenant":           {in(t, acme), nil, nil, "m2 m1"},
		"in one, of another":    {in(t, acme), filter{"tenant": "acme2"}, nil, ""},
		"another subscription":  {in(t, db.Scope{Subscription: "sub-b"}), filter{"user": "anna"}, nil, "m5"},
	} {
		p, err := w.Messages(c.ctx, page.Query{Filter: c.filter}, c.tenants)
		must(t, err)
		if got := entryIDs(p.Items); got != c.want || p.Next != "" {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		seen := map[string]bool{}
		for _, e := range p.Items {
			seen[e.ID] = true
			if a, err := w.EntryByID(c.ctx, e.ID, c.tenants); err != nil || a.ID != e.ID || a.TenantID != e.TenantID || e.TenantID == "" {
				t.Errorf("%s: %+v, %v", name, a, err)
			}
		}
		for i := 1; i < 6 && len(c.filter) == 0; i++ {
			id := fmt.Sprint("m", i)
			if _, err := w.EntryByID(c.ctx, id, c.tenants); !seen[id] && !problem.Is(err, problem.NotFound) {
				t.Errorf("%s: shows %s, %v", name, id, err)
			}
		}
	}
}

// Messages written at the same moment stand in one order on all pages.
func messagesByPage(t *testing.T, w *world) {
	var tenants []string
	for i := range db.MostParts + 20 {
		tenants = append(tenants, fmt.Sprintf("t%d", i))
	}
	for i := range 40 {
		if i < 5 {
			w.tenant(tenants[i])
		}
		r := messageRow{
			TenantID: fmt.Sprintf("t%d", i%5), SubscriptionID: "sub-a", ID: fmt.Sprintf("m%d", i*7%40), UserID: "anna", State: Sent, Kind: "code",
			CreatedAt: w.clock.Now().Add(time.Duration(i/8) * time.Minute), ExpiresAt: w.clock.Now(), NextAt: w.clock.Now(),
		}
		must(t, w.DB.For(db.AllTenants(t.Context())).Create(&r).Error)
	}
	sub := in(t, db.Scope{Subscription: "sub-a"})
	for _, tenants := range [][]string{nil, tenants[:3], tenants} {
		for _, filter := range []map[string]string{nil, {"user": "anna", "from": "2026-01-01T00:00:00Z"}, {"state": Sent}} {
			for _, sort := range []string{"-created", "created"} {
				whole, err := w.Messages(sub, page.Query{Limit: 100, Sort: sort, Filter: filter}, tenants)
				must(t, err)
				var got []Entry
				q := page.Query{Limit: 3, Sort: sort, Filter: maps.Clone(filter)}
				for {
					p, err := w.Messages(sub, q, tenants)
					must(t, err)
					if got = append(got, p.Items...); p.Next == "" {
						break
					}
					q.After = p.Next
				}
				if len(got) < 24 || entryIDs(got) != entryIDs(whole.Items) {
					t.Errorf("%d tenants, %v, %s: %s, want %s", len(tenants), filter, sort, entryIDs(got), entryIDs(whole.Items))
				}
			}
		}
	}
}

func messagesRefuse(t *testing.T, w *world) {
	sub := in(t, db.Scope{Subscription: "sub-a"})
	for field, v := range map[string]string{
		"state": "lost", "medium": "pigeon", "error_class": "x", "from": "today", "to": "2026-01-01", "user": "\x00", "tenant": strings.Repeat("x", 201), "code": "1",
	} {
		_, err := w.Messages(sub, page.Query{Filter: map[string]string{field: v}}, nil)
		var p *problem.Error
		if !errors.As(err, &p) || p.Kind != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Name != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	_, err := w.Messages(sub, page.Query{Filter: map[string]string{"from": "2026-01-02T00:00:00Z", "to": "2026-01-02T00:00:00Z"}}, nil)
	if !problem.Is(err, problem.Invalid) {
		t.Errorf("no time at all: %v", err)
	}
	for _, ctx := range []context.Context{t.Context(), in(t, db.Scope{Tenant: "acme"}), db.AllTenants(t.Context())} {
		_, err1 := w.Messages(ctx, page.Query{}, nil)
		if _, err2 := w.EntryByID(ctx, "m1", nil); !errors.Is(err1, db.ErrNoScope) || !errors.Is(err2, db.ErrNoScope) {
			t.Errorf("without a subscription: %v, %v", err1, err2)
		}
	}
}

// The story of a challenge whose messages were sent again and fell through.
func messageStory(t *testing.T, w *world) {
	w.write(
		messageRow{ChallengeID: "c", State: Failed},
		messageRow{ChallengeID: "c", State: Failed, FellFrom: "m1"},
		messageRow{ChallengeID: "c", State: Sent}, // asked for again
		messageRow{ChallengeID: "other", State: Sent},
		messageRow{ChallengeID: "c", State: Sent, FellFrom: "m2"},
		messageRow{State: Sent, Kind: "notice"},
		messageRow{State: Sent, Kind: "notice"},
		messageRow{ChallengeID: "ring", FellFrom: "m9"},
		messageRow{ChallengeID: "ring", FellFrom: "m8"},
		messageRow{ChallengeID: "late", FellFrom: "swept"},
	)
	for id, want := range map[string]string{
		"m1": "m1 m2 m5", "m2": "m1 m2 m5", "m5": "m1 m2 m5", "m3": "m3", "m4": "m4", "m6": "m6", "m7": "m7", "m10": "m10",
	} {
		a, err := w.EntryByID(in(t, acme), id, nil)
		if must(t, err); a.ID != id || entryIDs(a.Chain) != want {
			t.Errorf("%s: %s, want %s", id, entryIDs(a.Chain), want)
		}
	}
	if a, err := w.EntryByID(in(t, acme), "m8", nil); err != nil || len(a.Chain) != 2 {
		t.Errorf("a ring: %v, %v", entryIDs(a.Chain), err)
	}
}

// What the outbox itself writes is told as it was.
func messageChain(t *testing.T, w *world) {
	w.chain()
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrAccount, Stage: "send"})
	w.enqueue("c1")
	last := w.once("c1")
	a, err := w.EntryByID(in(t, acme), last.ID, []string{"acme"})
	must(t, err)
	if len(a.Chain) != 2 || a.Chain[0].TwoFactorID != "mail" || a.Chain[0].State != Failed || a.Chain[0].ErrorClass != "account" || a.Chain[0].Attempts != 1 ||
		a.Chain[1].TwoFactorID != "spare" || a.Chain[1].FellFrom != a.Chain[0].ID {
		t.Errorf("%+v", a.Chain)
	}
}

// many is the log of a busy server: two instances send most, and nearly all arrives.
const many = `INSERT INTO messages (tenant_id, id, subscription_id, two_factor_id, challenge_id, user_id, sealed, masked, state, attempts, next_at, expires_at,
provider_id, provider_status, segments, error_class, error, created_at, done_at, kind, medium, fell_from)
SELECT CASE WHEN s = 'sub-b' THEN 'globex' WHEN i % 10 < 7 THEN 'acme' ELSE 't' || (i % 29) END, 'm' || (1000000 + i), s,
  CASE WHEN i % 5 < 4 THEN 'mail' ELSE 'f' || (i % 23) END, 'c' || i, 'u' || (i % 3001), '', 'a•••', CASE WHEN i % 211 = 1 THEN 'failed' WHEN i % 5003 = 2 THEN 'expired' ELSE 'sent' END,
  1, at, at, '', '', 1, CASE WHEN i % 211 = 1 THEN 'recipient' WHEN s = 'sub-b' THEN 'content' ELSE '' END, '', at, at,
  CASE WHEN i % 4001 = 3 THEN 'reset' ELSE 'code' END, CASE WHEN i % 3 = 0 THEN 'sms' WHEN i % 211 = 1 THEN '' ELSE 'mail' END, ''
FROM (SELECT n.*, CASE WHEN i % 7 < 5 THEN 'sub-a' ELSE 'sub-b' END AS s FROM SERIES(200000, 12)) m`

func TestMessagesAtScale(t *testing.T) {
	testkit.Later(t)
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d, err := db.Open(t.Context(), url, db.Options{})
		must(t, err)
		t.Cleanup(func() { _ = d.Close() })
		w := newWorld(t, d)
		for i := range 29 {
			w.tenant(fmt.Sprint("t", i))
		}
		testkit.Bulk(t, url, "messages", many)
		recorder := testkit.Record(t, d.For(t.Context()))
		sub := in(t, db.Scope{Subscription: "sub-a"})
		look := func(filter map[string]string, tenants []string) {
			for _, times := range []map[string]string{nil, {"from": "2026-01-10T00:00:00Z", "to": "2026-01-11T00:00:00Z"}, {"from": "2030-01-01T00:00:00Z"}} {
				q := page.Query{Filter: maps.Clone(times)}
				if q.Filter == nil {
					q.Filter = map[string]string{}
				}
				maps.Copy(q.Filter, filter)
				for range 2 {
					p, err := w.Messages(sub, q, tenants)
					must(t, err)
					testkit.CheckPlans(t, url, testkit.Bounds{Queries: 1, Rows: 500}, recorder.Take())
					if q.After = p.Next; q.After == "" {
						break
					}
				}
				if t.Failed() {
					t.Fatalf("%v %v", q.Filter, tenants)
				}
			}
		}
		for name, values := range map[string][]string{
			"state": {Sent, Failed, Expired, Queued}, "two_factor": {"mail", "f7", "none"}, "user": {"u7", "none"}, "tenant": {"acme", "t7", "globex", "none"},
			"kind": {"code", "reset", "none"}, "medium": {"mail", "sms"}, "error_class": {"recipient", "content", "retry"},
		} {
			for _, v := range values {
				look(map[string]string{name: v}, nil)
			}
		}
		look(nil, nil)
		look(nil, []string{"acme", "t7", "none"})
		_, err = w.EntryByID(sub, "m1000003", nil)
		must(t, err)
		testkit.CheckPlans(t, url, testkit.Bounds{Queries: 2, Rows: 10}, recorder.Take())
	})
}

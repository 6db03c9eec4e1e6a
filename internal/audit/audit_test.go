package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/seal"
	"twofold/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

type kit struct {
	*audit.Trail
	clock *testkit.Clock
}

func each(t *testing.T, f func(t *testing.T, k kit)) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d, err := db.Open(t.Context(), url, db.Options{})
		must(t, err)
		t.Cleanup(func() { _ = d.Close() })
		clock := testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC))
		f(t, kit{&audit.Trail{DB: d, Seal: sealer(t, 1), Now: clock.Now}, clock})
	})
}

func sealer(t *testing.T, fills ...byte) *seal.Sealer {
	t.Helper()
	var keys [][]byte
	for _, f := range fills {
		keys = append(keys, bytes.Repeat([]byte{f}, seal.KeySize))
	}
	s, err := seal.New(keys...)
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func as(t *testing.T, subscription, tenant string) context.Context {
	return db.WithScope(t.Context(), db.Scope{Subscription: subscription, Tenant: tenant})
}

// fill records n events of tenant t1 in subscription s1.
func (k kit) fill(t *testing.T, n int) {
	t.Helper()
	ctx := audit.WithOrigin(as(t, "s1", "t1"), audit.Origin{Request: "req", Address: "203.0.113.7"})
	for i := range n {
		k.clock.Advance(time.Second)
		must(t, k.Record(ctx, audit.Event{Kind: "sign_in.done", Actor: "u1", User: "u1", ClientApp: "app"}, map[string]int{"i": i + 1}))
	}
}

func (k kit) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, q := range statements {
		_, err := k.DB.SQL().ExecContext(t.Context(), q)
		must(t, err)
	}
}

func TestRecord(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.fill(t, 1)
		must(t, k.Record(as(t, "s1", "t1"), audit.Event{Kind: "x", TenantID: "t2", Request: "own", Address: "own"}, nil))
		must(t, k.Record(as(t, "s1", "t1"), audit.Event{Kind: "x"}, map[string]any(nil)))
		must(t, k.Record(t.Context(), audit.Event{Kind: "server.started", Actor: "system"}, nil))
		if err := k.Record(t.Context(), audit.Event{Kind: "x"}, func() {}); err == nil {
			t.Error("a detail that is no JSON is kept")
		}
		var all []audit.Event
		must(t, k.DB.For(t.Context()).Order("id").Find(&all).Error)
		for i := range all {
			if !id.Valid(all[i].ID) || len(all[i].MAC) != 64 {
				t.Errorf("event %d: id %q, MAC %q", i, all[i].ID, all[i].MAC)
			}
			all[i].ID, all[i].MAC, all[i].Previous = "", "", fmt.Sprint(all[i].Previous != "")
		}
		at := k.clock.Now()
		want := []audit.Event{
			{Chain: "s1", Seq: 1, At: at, SubscriptionID: "s1", TenantID: "t1", Kind: "sign_in.done", Actor: "u1", User: "u1", ClientApp: "app", Address: "203.0.113.7", Request: "req", Detail: `{"i":1}`, Previous: "false"},
			{Chain: "s1", Seq: 2, At: at, SubscriptionID: "s1", TenantID: "t2", Kind: "x", Request: "own", Address: "own", Detail: "{}", Previous: "true"},
			{Chain: "s1", Seq: 3, At: at, SubscriptionID: "s1", TenantID: "t1", Kind: "x", Detail: "{}", Previous: "true"},
			{Chain: "platform", Seq: 1, At: at, Kind: "server.started", Actor: "system", Detail: "{}", Previous: "false"},
		}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Error(diff)
		}
		for _, chain := range []string{"s1", "platform"} {
			if err := k.Verify(t.Context(), chain); err != nil {
				t.Error(err)
			}
		}
	})
}

// tampers of a chain of five events; seq is where Verify must stop.
var tampers = map[string]struct {
	seq  int64
	why  string
	what []string
}{
	"altered":                  {3, "was altered", []string{"UPDATE audit_events SET detail = '{}' WHERE seq = 3"}},
	"first altered":            {1, "was altered", []string{"UPDATE audit_events SET actor = 'u2' WHERE seq = 1"}},
	"last altered":             {5, "was altered", []string{"UPDATE audit_events SET actor = 'u2' WHERE seq = 5"}},
	"MAC altered":              {3, "was altered", []string{"UPDATE audit_events SET mac = 'zz' WHERE seq = 3"}},
	"MAC of another":           {3, "was altered", []string{"UPDATE audit_events SET mac = (SELECT mac FROM audit_events WHERE seq = 2) WHERE seq = 3"}},
	"first removed":            {1, "missing", []string{"DELETE FROM audit_events WHERE seq = 1"}},
	"removed":                  {3, "missing", []string{"DELETE FROM audit_events WHERE seq = 3"}},
	"removed, closed up":       {3, "was altered", []string{"DELETE FROM audit_events WHERE seq = 3", "UPDATE audit_events SET seq = 3 WHERE seq = 4", "UPDATE audit_events SET seq = 4 WHERE seq = 5"}},
	"last removed":             {5, "missing at the end", []string{"DELETE FROM audit_events WHERE seq = 5"}},
	"all removed":              {1, "missing", []string{"DELETE FROM audit_events"}},
	"last removed, length too": {5, "end", []string{"DELETE FROM audit_events WHERE seq = 5", "UPDATE audit_chains SET seq = 4"}},
	"last removed, end forged": {5, "end", []string{
		"DELETE FROM audit_events WHERE seq = 5",
		"UPDATE audit_chains SET seq = 4, head = (SELECT mac FROM audit_events WHERE seq = 4)",
	}},
	"all removed, end too": {1, "end", []string{"DELETE FROM audit_events", "UPDATE audit_chains SET seq = 0"}},
	"end erased":           {6, "end", []string{"UPDATE audit_chains SET head = ''"}},
	"length altered":       {6, "end", []string{"UPDATE audit_chains SET seq = 4"}},
	"moved away":           {3, "missing", []string{"UPDATE audit_events SET chain = 's2' WHERE seq = 3"}},
	"inserted": {3, "was altered", []string{
		"UPDATE audit_events SET seq = 6 WHERE seq = 5", "UPDATE audit_events SET seq = 5 WHERE seq = 4",
		"UPDATE audit_events SET seq = 4 WHERE seq = 3", copyOf(2, 3), "UPDATE audit_chains SET seq = 6",
	}},
	"inserted at the end": {6, "was altered", []string{copyOf(5, 6)}},
	"swapped": {2, "was altered", []string{
		"UPDATE audit_events SET seq = 0 WHERE seq = 2", "UPDATE audit_events SET seq = 2 WHERE seq = 3",
		"UPDATE audit_events SET seq = 3 WHERE seq = 0",
	}},
}

func copyOf(seq, to int) string {
	return fmt.Sprintf(`INSERT INTO audit_events (id, chain, seq, at, subscription_id, tenant_id, kind, actor, user_id, client_app_id, address, request_id, detail, previous, mac)
SELECT 'forged', chain, %d, at, subscription_id, tenant_id, kind, actor, user_id, client_app_id, address, request_id, detail, previous, mac FROM audit_events WHERE seq = %d`, to, seq)
}

// altered are the tampers that change one column each.
func altered() map[string]string {
	m := map[string]string{"at": "UPDATE audit_events SET at = (SELECT at FROM audit_events WHERE seq = 2) WHERE seq = 3"}
	for _, column := range []string{"id", "subscription_id", "tenant_id", "kind", "actor", "user_id", "client_app_id", "address", "request_id", "detail", "previous"} {
		m[column] = "UPDATE audit_events SET " + column + " = 'x' WHERE seq = 3"
	}
	return m
}

func TestVerifyHoldsEveryColumn(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for column, what := range altered() {
			k.exec(t, "DELETE FROM audit_events", "DELETE FROM audit_chains")
			k.fill(t, 5)
			k.exec(t, what)
			var b *audit.Broken
			if err := k.Verify(t.Context(), "s1"); !errors.As(err, &b) || b.Seq != 3 || b.Why != "the event was altered" {
				t.Errorf("%s: got %v", column, err)
			}
		}
	})
}

func TestVerifyFindsWhatWasDone(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for name, c := range tampers {
			t.Run(name, func(t *testing.T) {
				k.exec(t, "DELETE FROM audit_events", "DELETE FROM audit_chains")
				k.fill(t, 5)
				must(t, k.Verify(t.Context(), "s1"))
				k.exec(t, c.what...)
				var b *audit.Broken
				err := k.Verify(t.Context(), "s1")
				if !errors.As(err, &b) || b.Seq != c.seq || !strings.Contains(b.Why, c.why) || b.Chain != "s1" {
					t.Errorf("got %v, want %q at %d", err, c.why, c.seq)
				}
				// What follows does not heal it.
				if err := k.Record(as(t, "s1", "t1"), audit.Event{Kind: "next"}, nil); err != nil {
					t.Logf("the next event is refused: %v", err)
				}
				if err := k.Verify(t.Context(), "s1"); !errors.As(err, &b) || b.Seq > c.seq {
					t.Errorf("after the next event: %v", err)
				}
			})
		}
	})
}

func TestVerify(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.fill(t, 3)
		must(t, k.Record(as(t, "s2", "t2"), audit.Event{Kind: "x"}, nil))
		if err := k.Verify(t.Context(), "unknown"); err == nil {
			t.Error("a chain that is not there holds")
		}
		for _, chain := range []string{"s1", "s2"} {
			must(t, k.Verify(t.Context(), chain))
		}
		k.Seal = sealer(t, 2, 1)
		k.fill(t, 1)
		must(t, k.Verify(t.Context(), "s1")) // after a rotation of the master key
		k.Seal = sealer(t, 3)
		var b *audit.Broken
		if err := k.Verify(t.Context(), "s1"); !errors.As(err, &b) || b.Seq != 1 {
			t.Errorf("without the keys: %v", err)
		}
	})
}

// Verify reads a page at a time, and events are recorded while it does.
func TestVerifyALongChainThatGrows(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		must(t, k.DB.Tx(as(t, "s1", "t1"), func(ctx context.Context) error {
			for i := range 501 {
				if err := k.Record(ctx, audit.Event{Kind: "x"}, i); err != nil {
					return err
				}
			}
			return nil
		}))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 40 {
				if err := k.Record(as(t, "s1", "t1"), audit.Event{Kind: "y"}, i); err != nil {
					t.Error(err)
				}
			}
		}()
		for going := true; going; {
			select {
			case <-done:
				going = false
			default:
			}
			must(t, k.Verify(t.Context(), "s1"))
		}
		k.exec(t, "DELETE FROM audit_events WHERE seq = 500")
		var b *audit.Broken
		if err := k.Verify(t.Context(), "s1"); !errors.As(err, &b) || b.Seq != 500 {
			t.Errorf("got %v", err)
		}
	})
}

func TestParallelRecords(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				tenant := fmt.Sprintf("t%d", i%3)
				if err := k.Record(as(t, "s1", tenant), audit.Event{Kind: "x"}, i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		must(t, k.Verify(t.Context(), "s1"))
		events, err := k.List(as(t, "s1", ""), 100)
		if err != nil || len(events) != 40 || events[0].Seq != 40 {
			t.Errorf("%d events, %v", len(events), err)
		}
	})
}

func TestRollbackLeavesNoEventAndNoGap(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		undo := errors.New("undo")
		k.fill(t, 2)
		for i := range 3 {
			err := k.DB.Tx(as(t, "s1", "t1"), func(ctx context.Context) error {
				must(t, k.Record(ctx, audit.Event{Kind: "never"}, i))
				must(t, k.Record(ctx, audit.Event{Kind: "never"}, i))
				return undo
			})
			if !errors.Is(err, undo) {
				t.Fatal(err)
			}
		}
		k.fill(t, 1)
		must(t, k.Verify(t.Context(), "s1"))
		events, err := k.List(as(t, "s1", ""), 100)
		must(t, err)
		var seqs []int64
		for _, e := range events {
			seqs = append(seqs, e.Seq)
			if e.Kind == "never" {
				t.Error("a rolled back event is there")
			}
		}
		if !slices.Equal(seqs, []int64{3, 2, 1}) {
			t.Errorf("numbers %v", seqs)
		}
	})
}

func TestListKeepsToTheScope(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, s := range [][2]string{{"s1", "t1"}, {"s1", "t2"}, {"s2", "t3"}, {"s1", ""}, {"", ""}, {"s1", "t1"}} {
			must(t, k.Record(as(t, s[0], s[1]), audit.Event{Kind: "x"}, s))
		}
		for _, c := range []struct {
			subscription, tenant string
			n                    int
			want                 []string
		}{
			{"s1", "t1", 10, []string{"s1 t1", "s1 t1"}},
			{"s1", "t1", 1, []string{"s1 t1"}},
			{"s1", "t2", 10, []string{"s1 t2"}},
			{"s1", "", 10, []string{"s1 t1", "s1 ", "s1 t2", "s1 t1"}}, // newest first
			{"s2", "", 10, []string{"s2 t3"}},
			{"s2", "t1", 10, nil},
			{"s3", "", 10, nil},
		} {
			events, err := k.List(as(t, c.subscription, c.tenant), c.n)
			must(t, err)
			var got []string
			for _, e := range events {
				var of [2]string
				must(t, json.Unmarshal([]byte(e.Detail), &of))
				if of != [2]string{e.SubscriptionID, e.TenantID} {
					t.Errorf("%v is filed under %s, %s", of, e.SubscriptionID, e.TenantID)
				}
				got = append(got, of[0]+" "+of[1])
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s %s: %q, want %q", c.subscription, c.tenant, got, c.want)
			}
		}
		if _, err := k.List(t.Context(), 10); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("without a scope: %v", err)
		}
	})
}

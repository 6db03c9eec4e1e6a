package audit_test

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/testkit"
)

// million is a trail as a large server has it after three months: most of it of one
// subscription, and there of two tenants; few kinds that are often and many that are
// rare; one that another subscription alone has, and one that went out of use.
const million = `INSERT INTO audit_events (id, chain, seq, at, subscription_id, tenant_id, kind, actor, user_id, client_app_id, address, request_id, detail, previous, mac)
SELECT 'e' || (1000000 + i), c, i, at, c, CASE WHEN c <> 'big' THEN 'of ' || c WHEN i % 10 < 5 THEN 't0' WHEN i % 10 < 7 THEN 't1' WHEN i % 97 = 1 THEN '' ELSE 't' || (i % 53) END,
  CASE WHEN c = 'mid' THEN 'other.kind' WHEN i < HALF AND i % 3 = 0 THEN 'gone.kind' WHEN i % 9 < 4 THEN 'sign_in.done' WHEN i % 9 < 6 THEN 'factor.sent'
    WHEN i % 9 = 6 THEN 'factor.kind' || (i % 12) WHEN i % 5000 = 7 THEN 'user.put' ELSE 'kind' || (i % 31) || '.x' END,
  CASE WHEN i % 3 = 1 THEN 'system' WHEN i % 20011 = 8 THEN 'adm1' ELSE 'u' || (i % 9973) END, 'u' || (i % 9973),
  CASE WHEN i % 2 = 1 THEN 'app0' WHEN i % 20021 = 8 THEN 'rare' ELSE 'app' || (i % 41) END, '203.0.113.7', 'r' || i,
  '{"session":"01930000-0000-7000-8000-000000000000","acr":"urn:twofold:2","amr":["pwd","otp"]}', MAC, MAC
FROM (SELECT n.*, CASE WHEN i % 11 < 8 THEN 'big' WHEN i % 11 < 10 THEN 'mid' ELSE 'small' || (i % 199) END AS c FROM SERIES(ALL, SECONDS)) m`

// TestSearchAMillion: a page of a search costs what it shows, in a trail of a million
// entries with TWOFOLD_SCALE=1, and of fewer without.
func TestSearchAMillion(t *testing.T) {
	testkit.Later(t)
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		began := time.Now()
		n := 200_000 // plans are the same
		if os.Getenv("TWOFOLD_SCALE") != "" {
			n = 1_000_000
		}
		fill := strings.NewReplacer("HALF", strconv.Itoa(n/2), "ALL", strconv.Itoa(n), "SECONDS", strconv.Itoa(8_000_000/n)).Replace(mac(million))
		testkit.Bulk(t, url, "audit_events", fill,
			"INSERT INTO audit_chains (id, seq, head) VALUES ('big', 1000000, ''), ('mid', 1000000, '')")
		t.Logf("filled in %v", time.Since(began))
		d, err := db.Open(t.Context(), url, db.Options{})
		must(t, err)
		t.Cleanup(func() { _ = d.Close() })
		trail := &audit.Trail{DB: d, Seal: sealer(t, 1), Now: time.Now}
		recorder := testkit.Record(t, d.For(t.Context()))
		var slowest time.Duration
		search := func(name, chain string, filter map[string]string, tenants []string) {
			for _, times := range []map[string]string{
				nil, {"from": "2026-02-01T00:00:00Z", "to": "2026-02-08T00:00:00Z"}, {"from": "2026-03-30T00:00:00Z"}, {"to": "2026-01-02T00:00:00Z"}, {"from": "2030-01-01T00:00:00Z"}, {"to": "2020-01-01T00:00:00Z"},
			} {
				q := page.Query{Filter: map[string]string{}}
				for _, m := range []map[string]string{filter, times} {
					for k, v := range m {
						q.Filter[k] = v
					}
				}
				for range 2 { // the first page, and the one that follows
					start := time.Now()
					p, err := trail.Search(as(t, chain, ""), q, tenants)
					must(t, err)
					slowest = max(slowest, time.Since(start))
					testkit.CheckPlans(t, url, testkit.Bounds{Queries: 3, Rows: 3000}, recorder.Take())
					if t.Failed() {
						t.Fatalf("%s %s %v %v: %d events", name, chain, q.Filter, tenants, len(p.Items))
					}
					if q.After = p.Next; q.After == "" {
						break
					}
				}
			}
		}
		for name, values := range map[string][]string{
			"kind":       {"sign_in.done", "factor.", "user.put", "other.kind", "gone.kind", "none", "none."},
			"actor":      {"system", "u77", "adm1", "none"},
			"user":       {"u77", "none"},
			"client_app": {"app0", "app7", "rare", "none"},
			"tenant":     {"t0", "t7", "of mid", "none"},
			"request":    {"r16", "none"},
		} {
			for _, v := range values {
				search(name, "big", map[string]string{name: v}, nil)
			}
		}
		for _, chain := range []string{"big", "mid", "small7", "none"} {
			search("all", chain, nil, nil)
		}
		search("tenants", "big", nil, []string{"t0", "t7", "t9"})
		for _, kind := range []string{"sign_in.done", "factor.", "other.kind", "none"} {
			search("tenants", "big", map[string]string{"kind": kind}, []string{"t7", "t1", "none"})
		}
		search("tenants", "big", map[string]string{"actor": "adm1"}, []string{"t7"})
		t.Logf("slowest page: %v", slowest)
		exports(t, trail, recorder)
	})
}

// exports reads a tenant of the million by pages, without having it all at once.
func exports(t *testing.T, trail *audit.Trail, recorder *testkit.Recorder) {
	t.Helper()
	n, err := trail.Export(as(t, "big", ""), io.Discard, page.Query{Filter: map[string]string{"tenant": "t7"}}, nil)
	must(t, err)
	if pages := len(recorder.Take()); n < 500 || pages < int(n/500) || pages > int(n/500)+3 {
		t.Errorf("%d events in %d statements", n, pages)
	}
}

func mac(q string) string {
	sum := fmt.Sprintf("'%064d'", 7)
	return strings.ReplaceAll(q, "MAC, MAC", sum+", "+sum)
}

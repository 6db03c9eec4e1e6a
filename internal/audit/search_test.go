package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
)

// story records eight events of s1, one of another subscription and one of the platform,
// a minute after each other.
func (k kit) story(t *testing.T) {
	t.Helper()
	for _, e := range []audit.Event{
		{TenantID: "t1", Kind: "sign_in.done", Actor: "anna", User: "anna", ClientApp: "shop"},
		{TenantID: "t1", Kind: "factor.sent", Actor: "system", User: "anna"},
		{TenantID: "t2", Kind: "factor.wrong", Actor: "ben", User: "ben", ClientApp: "shop", Request: "r4"},
		{TenantID: "t2", Kind: "factors.put", Actor: "root", User: "ben"},
		{Kind: "tenant.put", Actor: "root"},
		{TenantID: "t1", Kind: "factor.wrong", Actor: "anna", User: "anna", ClientApp: "mail", Request: "r4"},
		{TenantID: "t3", Kind: "sign_in.done", Actor: "carl", User: "carl", ClientApp: "mail"},
		{TenantID: "t1", Kind: "factor.sent", Actor: "system", User: "dora"},
	} {
		k.clock.Advance(time.Minute)
		must(t, k.Record(as(t, "s1", ""), e, map[string]string{"html": "<a&b>"}))
	}
	must(t, k.Record(as(t, "s2", "t9"), audit.Event{Kind: "factor.wrong", Actor: "anna", User: "anna", ClientApp: "shop", Request: "r4"}, nil))
	must(t, k.Record(t.Context(), audit.Event{Kind: "factor.wrong", Actor: "system"}, nil))
}

// numbers of events, as text.
func numbers(events []audit.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprint(e.Seq))
	}
	return strings.Join(out, " ")
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		began := k.clock.Now()
		k.story(t)
		at := func(minutes int) string {
			return began.Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339Nano)
		}
		type filter = map[string]string
		s1, none := as(t, "s1", ""), []string{}
		for name, c := range map[string]struct {
			ctx     context.Context
			filter  filter
			tenants []string
			want    string
		}{
			"all":                       {s1, nil, nil, "8 7 6 5 4 3 2 1"},
			"empty filters":             {s1, filter{"kind": "", "from": "", "tenant": ""}, nil, "8 7 6 5 4 3 2 1"},
			"kind":                      {s1, filter{"kind": "factor.wrong"}, nil, "6 3"},
			"kinds":                     {s1, filter{"kind": "factor."}, nil, "8 6 3 2"},
			"no kind":                   {s1, filter{"kind": "factor"}, nil, ""},
			"no kinds":                  {s1, filter{"kind": "facto."}, nil, ""},
			"actor":                     {s1, filter{"actor": "root"}, nil, "5 4"},
			"the server":                {s1, filter{"actor": "system"}, nil, "8 2"},
			"user":                      {s1, filter{"user": "anna"}, nil, "6 2 1"},
			"client app":                {s1, filter{"client_app": "mail"}, nil, "7 6"},
			"request":                   {s1, filter{"request": "r4"}, nil, "6 3"},
			"tenant":                    {s1, filter{"tenant": "t2"}, nil, "4 3"},
			"another's tenant":          {s1, filter{"tenant": "t9"}, nil, ""},
			"another's tenant, kind":    {s1, filter{"tenant": "t9", "kind": "factor.wrong"}, nil, ""},
			"from":                      {s1, filter{"from": at(6)}, nil, "8 7 6"},
			"to":                        {s1, filter{"to": at(3)}, nil, "2 1"},
			"from and to":               {s1, filter{"from": at(3), "to": at(7)}, nil, "6 5 4 3"},
			"kinds in time":             {s1, filter{"kind": "factor.", "from": at(3), "to": at(8)}, nil, "6 3"},
			"in another zone":           {s1, filter{"from": began.Add(8 * time.Minute).In(time.FixedZone("", 7200)).Format(time.RFC3339)}, nil, "8"},
			"all at once":               {s1, filter{"kind": "factor.wrong", "actor": "anna", "user": "anna", "client_app": "mail", "request": "r4", "tenant": "t1", "from": at(1), "to": at(9)}, nil, "6"},
			"all but one":               {s1, filter{"kind": "factor.sent", "actor": "anna", "user": "anna", "client_app": "mail", "request": "r4"}, nil, ""},
			"kinds of a user":           {s1, filter{"kind": "factor.", "user": "anna"}, nil, "6 2"},
			"of the server, by kind":    {s1, filter{"kind": "factor.sent", "actor": "system"}, nil, "8 2"},
			"of an app, by kind":        {s1, filter{"kind": "sign_in.done", "client_app": "shop"}, nil, "1"},
			"tenants":                   {s1, nil, []string{"t1", "t3"}, "8 7 6 2 1"},
			"tenants, and another's":    {s1, nil, []string{"t2", "t9"}, "4 3"},
			"no tenants":                {s1, nil, none, ""},
			"no tenants, kind":          {s1, filter{"kind": "factor."}, none, ""},
			"no tenants, user":          {s1, filter{"user": "anna"}, none, ""},
			"tenants, kinds":            {s1, filter{"kind": "factor."}, []string{"t1", "t2"}, "8 6 3 2"},
			"tenants, user":             {s1, filter{"user": "ben"}, []string{"t1"}, ""},
			"tenants, request":          {s1, filter{"request": "r4"}, []string{"t2", "t9"}, "3"},
			"tenants, the server":       {s1, filter{"actor": "system"}, []string{"t1", "t2"}, "8 2"},
			"tenants, actor":            {s1, filter{"actor": "root"}, []string{"t2"}, "4"},
			"tenants, client app":       {s1, filter{"client_app": "mail"}, []string{"t3"}, "7"},
			"a tenant of those":         {s1, filter{"tenant": "t1"}, []string{"t1", "t2"}, "8 6 2 1"},
			"a tenant not of those":     {s1, filter{"tenant": "t3"}, []string{"t1", "t2"}, ""},
			"in a tenant":               {as(t, "s1", "t2"), nil, nil, "4 3"},
			"in a tenant, of another":   {as(t, "s1", "t2"), filter{"tenant": "t1"}, nil, ""},
			"in a tenant, not of those": {as(t, "s1", "t2"), nil, []string{"t1"}, ""},
			"another subscription":      {as(t, "s2", ""), filter{"user": "anna"}, nil, "1"},
			"nobody's":                  {as(t, "s3", ""), filter{"kind": "factor."}, nil, ""},
			"the platform":              {audit.Platform(s1), filter{"kind": "factor."}, nil, "1"},
			"the platform, then not":    {db.WithScope(audit.Platform(s1), db.Scope{Subscription: "s2"}), nil, nil, "1"},
		} {
			q := page.Query{Filter: c.filter}
			p, err := k.Search(c.ctx, q, c.tenants)
			must(t, err)
			if got := numbers(p.Items); got != c.want || p.Next != "" {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
			q.Sort = "seq"
			p, err = k.Search(c.ctx, q, c.tenants)
			must(t, err)
			slices.Reverse(p.Items)
			if got := numbers(p.Items); got != c.want {
				t.Errorf("%s, oldest first: %q, want %q", name, got, c.want)
			}
			for _, e := range p.Items {
				if got, err := k.Get(c.ctx, e.ID, c.tenants); err != nil || got != e {
					t.Errorf("%s: %+v, %v", name, got, err)
				}
			}
		}
	})
}

func TestSearchRefuses(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.story(t)
		for field, values := range map[string][]string{
			"from":     {"yesterday", "2026-03-01", "2026-03-01T25:00:00Z", "0000-01-01T00:00:00Z"},
			"to":       {"x", "2026-02-01T00:00:00Z"},
			"kind":     {strings.Repeat("x", 201), "a\x00b", "\xff"},
			"user":     {"\x00"},
			"tenant":   {"\x00"},
			"password": {"x"},
		} {
			for _, v := range values {
				q := page.Query{Filter: map[string]string{field: v}}
				if field == "to" {
					q.Filter["from"] = "2026-02-01T00:00:00Z"
				}
				_, err := k.Search(as(t, "s1", ""), q, nil)
				var p *problem.Error
				if !errors.As(err, &p) || p.Kind != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Name != field {
					t.Errorf("%s=%q: %v", field, v, err)
				}
				if n, err := k.Export(as(t, "s1", ""), new(bytes.Buffer), q, nil); n != 0 || !errors.As(err, &p) {
					t.Errorf("export %s=%q: %v", field, v, err)
				}
			}
		}
		nobody := map[string]func(context.Context) error{
			"search": func(ctx context.Context) error { _, err := k.Search(ctx, page.Query{}, nil); return err },
			"get":    func(ctx context.Context) error { _, err := k.Get(ctx, "x", nil); return err },
			"export": func(ctx context.Context) error {
				_, err := k.Export(ctx, new(bytes.Buffer), page.Query{}, nil)
				return err
			},
			"check": func(ctx context.Context) error { _, err := k.Check(ctx); return err },
		}
		for name, call := range nobody {
			for _, ctx := range []context.Context{t.Context(), as(t, "", "t1"), db.AllTenants(t.Context()), db.WithScope(audit.Platform(t.Context()), db.Scope{Tenant: "t1"})} {
				if err := call(ctx); !errors.Is(err, db.ErrNoScope) {
					t.Errorf("%s without a subscription: %v", name, err)
				}
			}
		}
		p, err := k.Search(as(t, "s1", ""), page.Query{Limit: 1}, nil)
		must(t, err)
		_, err = k.Search(as(t, "s2", ""), page.Query{Limit: 1, After: p.Next}, nil)
		if !problem.Is(err, problem.Invalid) {
			t.Errorf("another's cursor: %v", err)
		}
		for name, c := range map[string]struct {
			ctx     context.Context
			tenants []string
		}{
			"another subscription": {as(t, "s2", ""), nil}, "the platform": {audit.Platform(t.Context()), nil},
			"another tenant": {as(t, "s1", "t2"), nil}, "not of those": {as(t, "s1", ""), []string{"t2"}}, "none": {as(t, "s1", ""), []string{}},
		} {
			if _, err := k.Get(c.ctx, p.Items[0].ID, c.tenants); !problem.Is(err, problem.NotFound) {
				t.Errorf("get in %s: %v", name, err)
			}
		}
	})
}

// All pages of a list are all of it, each event once, also where there are more strips
// than one statement takes.
func TestSearchByPages(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		must(t, k.DB.Tx(as(t, "s1", ""), func(ctx context.Context) error {
			for i := range 60 {
				k.clock.Advance(time.Minute)
				must(t, k.Record(ctx, audit.Event{Kind: fmt.Sprintf("a.%d", i%3), TenantID: fmt.Sprintf("t%d", i%7)}, i))
			}
			return nil
		}))
		var many []string
		for i := range 3*db.MostParts + 5 {
			many = append(many, fmt.Sprintf("t%d", i))
		}
		for _, tenants := range [][]string{nil, {"t1", "t4"}, many} {
			for _, filter := range []map[string]string{nil, {"kind": "a."}, {"kind": "a.1", "to": k.clock.Now().Format(time.RFC3339)}} {
				for _, sort := range []string{"-seq", "seq"} {
					whole, err := k.Search(as(t, "s1", ""), page.Query{Limit: 100, Filter: filter, Sort: sort}, tenants)
					must(t, err)
					var got []audit.Event
					q := page.Query{Limit: 7, Filter: maps.Clone(filter), Sort: sort}
					for {
						p, err := k.Search(as(t, "s1", ""), q, tenants)
						must(t, err)
						if got = append(got, p.Items...); p.Next == "" {
							break
						}
						q.After = p.Next
					}
					if len(got) < 5 || numbers(got) != numbers(whole.Items) {
						t.Errorf("%d tenants, %v, %s: %s, want %s", len(tenants), filter, sort, numbers(got), numbers(whole.Items))
					}
				}
			}
		}
	})
}

// A clock that is behind by less than an hour hides nothing from a search by time.
func TestSearchWithClocksThatDiffer(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for i := range 40 {
			back := time.Duration(i%2) * 55 * time.Minute
			k.clock.Advance(10*time.Minute - back)
			must(t, k.Record(as(t, "s1", "t1"), audit.Event{Kind: "x"}, nil))
			k.clock.Advance(back)
		}
		all, err := k.Search(as(t, "s1", ""), page.Query{}, nil)
		must(t, err)
		for i := range 10 {
			from := k.clock.Now().Add(-time.Duration(i*37) * time.Minute).Truncate(time.Second)
			to := from.Add(90 * time.Minute)
			var want []audit.Event
			for _, e := range all.Items {
				if !e.At.Before(from) && e.At.Before(to) {
					want = append(want, e)
				}
			}
			p, err := k.Search(as(t, "s1", ""), page.Query{Filter: map[string]string{"from": from.Format(time.RFC3339), "to": to.Format(time.RFC3339)}}, nil)
			must(t, err)
			if numbers(p.Items) != numbers(want) {
				t.Errorf("since %v: %s, want %s", from, numbers(p.Items), numbers(want))
			}
		}
	})
}

// lines reads an export.
func lines(t *testing.T, text string) (out []audit.Line) {
	t.Helper()
	for sc := bufio.NewScanner(strings.NewReader(text)); sc.Scan(); {
		var l audit.Line
		must(t, json.Unmarshal(sc.Bytes(), &l))
		out = append(out, l)
	}
	return out
}

func TestExport(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		if n, err := k.Export(as(t, "s1", ""), new(bytes.Buffer), page.Query{}, nil); n != 0 || err != nil {
			t.Errorf("of nothing: %d, %v", n, err)
		}
		k.story(t)
		var out bytes.Buffer
		n, err := k.Export(as(t, "s1", ""), &out, page.Query{Sort: "-seq", Limit: -1, After: "x"}, nil)
		must(t, err)
		all := lines(t, out.String())
		if n != 8 || len(all) != 8 || !strings.Contains(out.String(), `"seq":1,"at":"2026-03-01T12:01:00.123456Z","subscription":"s1","tenant":"t1","kind":"sign_in.done","actor":"anna"`) {
			t.Errorf("%d: %s", n, out.String())
		}
		previous := ""
		for i, l := range all {
			e, err := k.Get(as(t, "s1", ""), l.ID, nil)
			must(t, err)
			if l.Seq != int64(i+1) || l.Previous != previous || l.MAC != e.MAC || string(l.Detail) != e.Detail || !l.At.Equal(e.At) {
				t.Errorf("line %d: %+v, %+v", i, l, e)
			}
			previous = l.MAC
		}
		for want, c := range map[string]struct {
			filter  map[string]string
			tenants []string
		}{
			"2 3 6 8": {map[string]string{"kind": "factor."}, nil}, "3 4": {nil, []string{"t2", "t9"}}, "": {nil, []string{}}, "3": {map[string]string{"tenant": "t2", "kind": "factor."}, []string{"t2"}},
		} {
			out.Reset()
			_, err := k.Export(as(t, "s1", ""), &out, page.Query{Filter: c.filter}, c.tenants)
			must(t, err)
			var got []string
			for _, l := range lines(t, out.String()) {
				got = append(got, fmt.Sprint(l.Seq))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%v %v: %q, want %q", c.filter, c.tenants, got, want)
			}
		}
		k.exec(t, "UPDATE audit_events SET detail = '{' WHERE seq = 2")
		out.Reset()
		if n, err := k.Export(as(t, "s1", ""), &out, page.Query{}, nil); n != 8 || err != nil || string(lines(t, out.String())[1].Detail) != `"{"` {
			t.Errorf("altered: %d, %v", n, err)
		}
	})
}

// slowWriter records an event at each line, and fails in the end.
type slowWriter struct {
	n, most int
	each    func()
}

var errFull = errors.New("the disk is full")

func (w *slowWriter) Write(p []byte) (int, error) {
	if w.n++; w.n > w.most {
		return 0, errFull
	}
	w.each()
	return len(p), nil
}

// What happens during an export is not in it, and a writer that fails ends it.
func TestExportEnds(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.fill(t, 4)
		w := &slowWriter{most: 100, each: func() { k.fill(t, 1) }}
		if n, err := k.Export(as(t, "s1", ""), w, page.Query{}, nil); n != 4 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		w = &slowWriter{most: 2, each: func() {}}
		if n, err := k.Export(as(t, "s1", ""), w, page.Query{}, nil); n != 2 || !errors.Is(err, errFull) {
			t.Errorf("%d, %v", n, err)
		}
	})
}

func TestCheck(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		if v, err := k.Check(as(t, "s1", "")); err != nil || v != (audit.Verdict{Chain: "s1"}) {
			t.Errorf("of nothing: %+v, %v", v, err)
		}
		k.story(t)
		for _, want := range []audit.Verdict{{Chain: "s1", Events: 8}, {Chain: "s2", Events: 1}} {
			if v, err := k.Check(as(t, want.Chain, "")); err != nil || v != want {
				t.Errorf("%+v, %v", v, err)
			}
		}
		if v, err := k.Check(audit.Platform(t.Context())); err != nil || v != (audit.Verdict{Chain: "platform", Events: 1}) {
			t.Errorf("%+v, %v", v, err)
		}
		if _, err := k.Check(as(t, "s1", "t1")); !problem.Is(err, problem.Forbidden) {
			t.Errorf("in a tenant: %v", err)
		}
		k.exec(t, "UPDATE audit_events SET actor = 'x' WHERE chain = 's1' AND seq = 6")
		v, err := k.Check(as(t, "s1", ""))
		if err != nil || v.Events != 5 || v.Broken == nil || v.Broken.Seq != 6 {
			t.Errorf("altered: %+v, %v", v, err)
		}
		k.exec(t, "DELETE FROM audit_chains WHERE id = 's2'")
		if v, err = k.Check(as(t, "s2", "")); err != nil || v.Events != 1 || v.Broken == nil || v.Broken.Seq != 2 {
			t.Errorf("without its end: %+v, %v", v, err)
		}
	})
}

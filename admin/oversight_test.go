package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
)

// watched is a house whose sessions are only noted.
func watched(t *testing.T, f func(t *testing.T, h *house, asked *[]string)) {
	t.Helper()
	eachHouse(t, func(t *testing.T, h *house) {
		var asked []string
		h.Admin.Log, _ = testkit.Logs(t)
		h.Outbox = h.world.Ceremony.Outbox
		h.Admin.Sessions = admin.Sessions{
			List: func(ctx context.Context, q page.Query, in []string) (page.Page[admin.Session], error) {
				asked = append(asked, fmt.Sprint("list ", db.ScopeOf(ctx).Subscription == h.one, " ", in == nil, " ", len(in)))
				return page.Page[admin.Session]{Items: []admin.Session{{ID: "s", TenantID: h.realms["acme"].Tenant.ID, UserID: h.ids["anna"]}}}, nil
			},
			End: func(_ context.Context, tenant, session, actor, _ string) error {
				asked = append(asked, "end "+session+" by "+h.name(actor))
				return nil
			},
			EndTenant: func(context.Context, string, string, string) (int, error) {
				asked = append(asked, "tenant")
				return 3, nil
			},
			EndAll: func(context.Context, string, string) (int, error) { asked = append(asked, "all"); return 7, nil },
		}
		f(t, h, &asked)
	})
}

// TestOversightRoles: who may read which log, and end which sessions. An auditor does
// exactly two things.
func TestOversightRoles(t *testing.T) {
	watched(t, func(t *testing.T, h *house, _ *[]string) {
		ctx := t.Context()
		acme, globex := h.scope("acme"), h.scope("globex")
		auditor := h.as("acme", h.named("aude"), tenants.RoleAuditor, db.Scope{Subscription: h.one})
		tenantAdmin := h.as("acme", h.named("tom"), tenants.RoleTenantAdmin, acme)
		helpDesk := h.as("acme", h.named("hal"), tenants.RoleHelpDesk, acme)
		owner := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		stranger := h.as("other", "olga", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.two})
		root := admin.Operator()
		for _, c := range []struct {
			name string
			do   func(w admin.Who) error
			want map[string]string // who → code; none: ok
		}{
			{"read the trail", func(w admin.Who) error { _, err := h.AuditTrail(ctx, w, h.one, page.Query{}); return err }, map[string]string{"help desk": "may_not", "stranger": "unknown"}},
			{"export it", func(w admin.Who) error {
				_, err := h.ExportAudit(ctx, w, h.one, page.Query{}, &bytes.Buffer{})
				return err
			}, map[string]string{"help desk": "may_not", "stranger": "unknown"}},
			{"verify it", func(w admin.Who) error { _, err := h.VerifyAudit(ctx, w, h.one); return err }, map[string]string{"help desk": "may_not", "stranger": "unknown", "tenant admin": "may_not"}},
			{"read the last check", func(w admin.Who) error { _, err := h.LastVerified(ctx, w, h.one); return err }, map[string]string{"help desk": "may_not", "stranger": "unknown", "tenant admin": "may_not"}},
			{"read the server's trail", func(w admin.Who) error { _, err := h.AuditTrail(ctx, w, "", page.Query{}); return err }, map[string]string{"help desk": "may_not", "stranger": "may_not", "tenant admin": "may_not", "auditor": "may_not", "owner": "may_not"}},
			{"read the messages", func(w admin.Who) error { _, err := h.MessageLog(ctx, w, h.one, page.Query{}); return err }, map[string]string{"help desk": "may_not", "stranger": "unknown"}},
			{"list sessions", func(w admin.Who) error { _, err := h.SessionsIn(ctx, w, h.one, page.Query{}); return err }, map[string]string{"help desk": "may_not", "stranger": "unknown", "auditor": "may_not"}},
			{"end a session", func(w admin.Who) error { return h.EndSession(ctx, w, h.one, acme.Tenant, "s") }, map[string]string{"help desk": "unknown", "stranger": "unknown", "auditor": "unknown"}},
			{"end one of another tenant", func(w admin.Who) error { return h.EndSession(ctx, w, h.one, globex.Tenant, "s") }, map[string]string{"help desk": "unknown", "stranger": "unknown", "auditor": "unknown", "tenant admin": "unknown"}},
			{"end those of a tenant", func(w admin.Who) error { _, err := h.EndSessions(ctx, w, h.one, acme.Tenant); return err }, map[string]string{"help desk": "unknown", "stranger": "unknown", "auditor": "unknown"}},
			{"end those of a user", func(w admin.Who) error { _, err := h.EndSessionsOf(ctx, w, h.one, h.ids["bob"]); return err }, map[string]string{"help desk": "may_not", "stranger": "unknown", "auditor": "may_not"}},
			{"end all", func(w admin.Who) error { _, err := h.EndSessions(ctx, w, h.one, ""); return err }, map[string]string{"help desk": "unknown", "stranger": "unknown", "auditor": "unknown", "tenant admin": "unknown"}},
		} {
			for who, w := range map[string]admin.Who{"auditor": auditor, "tenant admin": tenantAdmin, "help desk": helpDesk, "owner": owner, "stranger": stranger, "operator": root} {
				t.Run(c.name+"/"+who, func(t *testing.T) { wantCode(t, c.do(w), c.want[who]) })
			}
		}
	})
}

// named makes a user of acme, and says his name again.
func (h *house) named(name string) string {
	h.t.Helper()
	h.user("acme", name)
	return name
}

// TestTrailOfTenant: who runs one tenant sees what happened there and nothing else, by
// each way there is.
func TestTrailOfTenant(t *testing.T) {
	watched(t, func(t *testing.T, h *house, asked *[]string) {
		ctx := t.Context()
		w := h.as("acme", h.named("tom"), tenants.RoleTenantAdmin, h.scope("acme"))
		for _, realm := range []string{"acme", "globex", "other"} {
			must(t, h.Admin.Audit.Record(h.in(realm), audit.Event{Kind: "sign_in.done", Actor: h.ids["anna"], User: h.ids["anna"]}, map[string]string{"mark": realm}))
		}
		got, err := h.AuditTrail(ctx, w, h.one, page.Query{})
		must(t, err)
		if len(got.Items) != 1 || got.Items[0].TenantID != h.realms["acme"].Tenant.ID {
			t.Errorf("%+v", got.Items)
		}
		if n, ok := got.Names.Of("user", h.ids["anna"]); !ok || n.Login != "anna" {
			t.Errorf("%+v", got.Names)
		}
		all, err := h.AuditTrail(ctx, admin.Operator(), h.one, page.Query{})
		must(t, err)
		for _, e := range all.Items {
			_, _, err := h.AuditEvent(ctx, w, h.one, e.ID)
			wantCode(t, err, map[bool]string{true: "", false: "event_unknown"}[e.TenantID == h.realms["acme"].Tenant.ID])
		}
		var out bytes.Buffer
		n, err := h.ExportAudit(ctx, w, h.one, page.Query{Filter: map[string]string{audit.FilterTenant: h.realms["globex"].Tenant.ID}}, &out)
		if must(t, err); n != 0 || out.Len() > 0 {
			t.Errorf("another tenant's: %s", out.String())
		}
		if _, err := h.ExportAudit(ctx, w, h.one, page.Query{}, &out); err != nil || !strings.Contains(out.String(), `"mark":"acme"`) || strings.Contains(out.String(), "globex") {
			t.Errorf("%v %s", err, out.String())
		}
		if ev := h.events(h.one); !strings.Contains(ev, "audit.exported by tom") {
			t.Error(ev)
		}
		_, err = h.SessionsIn(ctx, w, h.one, page.Query{})
		must(t, err)
		if !slices.Equal(*asked, []string{"list true false 1"}) {
			t.Error(*asked)
		}
	})
}

// TestVerify: what a check found is kept, and a broken chain is told honestly.
func TestVerify(t *testing.T) {
	watched(t, func(t *testing.T, h *house, _ *[]string) {
		ctx, w := t.Context(), h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		if last, err := h.LastVerified(ctx, w, h.one); last != nil || err != nil {
			t.Errorf("%+v %v", last, err)
		}
		h.user("acme", "carl")
		v, err := h.VerifyAudit(ctx, w, h.one)
		if must(t, err); v.Broken != 0 || v.Events == 0 {
			t.Errorf("%+v", v)
		}
		last, err := h.LastVerified(ctx, w, h.one)
		if must(t, err); last == nil || last.Events != v.Events || last.Broken != 0 || last.By != h.ids["anna"] {
			t.Errorf("%+v", last)
		}
		_, err = h.Admin.DB.SQL().ExecContext(ctx, "UPDATE audit_events SET actor = 'nobody' WHERE seq = 2 AND chain = '"+h.one+"'")
		must(t, err)
		_, err = h.VerifyAudit(ctx, w, h.one)
		must(t, err)
		if last, err = h.LastVerified(ctx, w, h.one); err != nil || last.Broken != 2 || last.Events != 1 || last.Why == "" {
			t.Errorf("%+v %v", last, err)
		}
	})
}

// TestMessageLog: messages come with names, of one's own tenants alone.
func TestMessageLog(t *testing.T) {
	watched(t, func(t *testing.T, h *house, _ *[]string) {
		ctx := t.Context()
		w := h.as("acme", h.named("tom"), tenants.RoleTenantAdmin, h.scope("acme"))
		for _, realm := range []string{"acme", "globex"} {
			must(t, h.Outbox.Enqueue(h.in(realm), delivery.Item{
				TwoFactorID: h.ids["token one"], UserID: h.ids["anna"], Kind: twofactor.LetterNotice, Message: twofactor.Message{To: "anna@example.test", Text: "the hidden words"},
			}))
		}
		got, err := h.MessageLog(ctx, w, h.one, page.Query{})
		if must(t, err); len(got.Items) != 1 || got.Items[0].TenantID != h.realms["acme"].Tenant.ID {
			t.Fatalf("%+v", got.Items)
		}
		if n, _ := got.Names.Of("two_factor", h.ids["token one"]); n.Name != "token of one" {
			t.Errorf("%+v", got.Names)
		}
		all, err := h.MessageLog(ctx, admin.Operator(), h.one, page.Query{})
		if must(t, err); len(all.Items) != 2 {
			t.Fatalf("%+v", all.Items)
		}
		for _, m := range all.Items {
			_, _, err := h.Message(ctx, w, h.one, m.ID)
			wantCode(t, err, map[bool]string{true: "", false: "message_unknown"}[m.TenantID == h.realms["acme"].Tenant.ID])
		}
		text, err := json.Marshal(all)
		if must(t, err); strings.Contains(string(text), "hidden words") || strings.Contains(string(text), "anna@example.test") {
			t.Errorf("%s", text)
		}
	})
}

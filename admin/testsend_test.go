package admin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/tenants"
	"twofold/twofactor"
)

// mailer makes an instance that sends mail.
func (h *house) mailer(name string, active bool, options tenants.Options) string {
	h.t.Helper()
	v := tenants.TwoFactor{Name: name, Type: "post", Active: active}
	put(h.t)(h.Admin.Tenants.PutTwoFactor(db.WithScope(h.t.Context(), db.Scope{Subscription: h.one}), &v, options))
	return v.ID
}

var valid = tenants.Options{"Greeting": []byte(`"Hello"`), "Key": []byte(`"k"`)}

func TestTestSend(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		w := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		id := h.mailer("Mail", true, valid)
		state := func() tenants.State {
			v, err := h.TwoFactor(ctx, w, h.one, id)
			must(t, err)
			return v.State
		}

		// To the administrator's own address, without a code, and the state follows.
		got, err := h.TestSend(ctx, w, h.one, id)
		must(t, err)
		sent := h.post.Sent()
		if !got.Sends || !got.Passed || got.To != "anna@example.test" || got.State.Word != "ready" || len(sent) != 1 || sent[0].To != "anna@example.test" {
			t.Fatalf("%+v %v", got, sent)
		}
		if strings.ContainsAny(sent[0].Text+sent[0].Subject, "0123456789") {
			t.Errorf("there is a code in it: %q", sent[0].Text)
		}

		// What goes wrong is told, and the state says it. One address says nothing.
		refused := &twofactor.SendError{Class: twofactor.ErrRecipient, Stage: "send", Status: 550, Code: "5.1.1", Help: "No such mailbox."}
		h.post.FailNext(refused)
		got, err = h.TestSend(ctx, w, h.one, id)
		must(t, err)
		if got.Passed || got.Status != 550 || got.Code != "5.1.1" || got.Class != "recipient" || got.Help != refused.Help || state().Word != "ready" {
			t.Errorf("%+v, state %+v", got, state())
		}
		h.post.FailNext(&twofactor.SendError{Class: twofactor.ErrAccount, Stage: "auth", Status: 535, Help: "The password is wrong."})
		got, err = h.TestSend(ctx, w, h.one, id)
		must(t, err)
		if got.Stage != "auth" || got.State.Word != "failing" || !strings.Contains(state().Reason, "auth, status 535") {
			t.Errorf("%+v", got)
		}
		h.clock.Advance(10 * time.Minute)
		// Of an error that nobody classified nothing is shown.
		h.post.FailNext(errors.New("the password hunter2 is wrong"))
		got, err = h.TestSend(ctx, w, h.one, id)
		must(t, err)
		if got.Class != "retry" || strings.Contains(got.Help+got.State.Reason+h.events(h.one), "hunter2") {
			t.Errorf("%+v", got)
		}
		if ev := h.events(h.one); strings.Count(ev, "two_factor.tested by anna") != 4 || strings.Contains(ev, "anna@example") {
			t.Error(ev)
		}
		h.inLog(w, id)
		// Mended.
		got, err = h.TestSend(ctx, w, h.one, id)
		must(t, err)
		if got.State.Word != "ready" {
			t.Errorf("%+v", got)
		}
	})
}

// inLog finds four tests in the delivery log, newest first, with the truth about each and
// nothing that must not be there.
func (h *house) inLog(w admin.Who, id string) {
	h.t.Helper()
	got, err := h.MessageLog(h.t.Context(), w, h.one, page.Query{Filter: map[string]string{"two_factor": id, "kind": "test"}})
	must(h.t, err)
	var lines []string
	for _, m := range got.Items {
		lines = append(lines, m.State+" "+m.ErrorClass)
		if m.Kind != "test" || m.Masked == "anna@example.test" || m.UserID != h.ids["anna"] || m.Medium != "mail" || m.Attempts != 1 || m.DoneAt == nil || strings.Contains(m.Error, "hunter2") {
			h.t.Errorf("%+v", m)
		}
	}
	if s := strings.Join(lines, ", "); s != "failed retry, failed account, failed recipient, sent " {
		h.t.Errorf("the log: %s", s)
	}
	// One who runs everything, but is of another subscription, tests: it is in the log of
	// the subscription that was tested all the same.
	root := h.as("other", "olga", tenants.RoleSystemAdmin, db.Scope{})
	h.clock.Advance(time.Second)
	_, err = h.TestSend(h.t.Context(), root, h.one, id)
	must(h.t, err)
	got, err = h.MessageLog(h.t.Context(), w, h.one, page.Query{Filter: map[string]string{"kind": "test"}, Limit: 1})
	must(h.t, err)
	if len(got.Items) != 1 || got.Items[0].UserID != h.ids["olga"] || got.Items[0].State != "sent" {
		h.t.Errorf("%+v", got.Items)
	}
	if due, err := h.Outbox.Pending(h.t.Context()); err != nil || due != 0 {
		h.t.Errorf("%d are queued, %v", due, err)
	}
}

func TestTestSendRefused(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		w := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		tenantAdmin := h.as("acme", "bob", tenants.RoleTenantAdmin, h.scope("acme"))
		stranger := h.as("other", "olga", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.two})
		id := h.mailer("Mail", true, valid)
		for _, c := range []struct {
			name, code, id string
			who            admin.Who
		}{
			{"who runs a tenant", "may_not", id, tenantAdmin},
			{"who runs another subscription", "unknown", id, stranger},
			{"the command line", "no_address", id, admin.Operator()},
			{"what is off", "two_factor_inactive", h.mailer("Off", false, valid), w},
			{"what is invalid", "two_factor_invalid", h.mailer("Bad", true, nil), w},
			{"what is not there", "unknown", "nobody", w},
		} {
			_, err := h.TestSend(ctx, c.who, h.one, c.id)
			if wantCode(t, err, c.code); t.Failed() {
				t.Fatal(c.name)
			}
		}
		// An address that is not proven is nobody's.
		u, err := h.Users().Get(ctx, w, h.one, h.ids["anna"])
		must(t, err)
		u.EmailVerified = false
		put(t)(h.Admin.Tenants.PutUser(db.WithScope(ctx, db.Scope{Subscription: h.one}), &u))
		_, err = h.TestSend(ctx, w, h.one, id)
		wantCode(t, err, "no_address")
		if n := len(h.post.Sent()); n != 0 {
			t.Errorf("%d sent", n)
		}
		// What sends nothing is tested by opening it.
		got, err := h.TestSend(ctx, w, h.one, h.ids["token one"])
		must(t, err)
		if got.Sends || !got.Passed || got.State.Word != "ready" {
			t.Errorf("%+v", got)
		}
	})
}

// TestForesee: who runs a tenant sees what a change means for its members, and of the
// others not even how many they are.
func TestForesee(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		change := tenants.Change{Demand: &tenants.Demand{Level: tenants.LevelSubscription, TargetID: h.one, EnforceMFA: new(true)}}
		all := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		some := h.as("acme", "bob", tenants.RoleTenantAdmin, h.scope("globex"))
		for _, c := range []struct {
			who  admin.Who
			want string
		}{{all, "anna bob"}, {some, "anna"}} {
			p, err := h.Foresee(ctx, c.who, h.one, change)
			must(t, err)
			list, err := h.ForeseeList(ctx, c.who, h.one, change, tenants.EffectRefused, page.Query{})
			must(t, err)
			var names []string
			for _, a := range list.Items {
				names = append(names, a.Name)
				if c.want == "anna" && a.TenantID != h.realms["globex"].Tenant.ID {
					t.Error("a sign-in elsewhere")
				}
			}
			if got := strings.Join(names, " "); got != c.want || p.Affected != len(names) || p.Reached != len(names) {
				t.Errorf("%s, %d of %d; want %s", got, p.Affected, p.Reached, c.want)
			}
		}
		auditor := h.as("other", "olga", tenants.RoleAuditor, db.Scope{Subscription: h.two})
		_, err := h.Foresee(ctx, auditor, h.one, change)
		wantCode(t, err, "unknown")
		_, err = h.ForeseeList(ctx, auditor, h.two, change, tenants.EffectRefused, page.Query{})
		wantCode(t, err, "may_not")
	})
}

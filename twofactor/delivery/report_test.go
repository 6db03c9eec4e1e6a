package delivery

import (
	"context"
	"strings"
	"testing"
	"time"

	"twofold/internal/problem"
	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

func TestReports(t *testing.T) {
	each(t,
		test{"delivered", reportDelivered},
		test{"not delivered", reportFailed},
		test{"refused", reportRefused},
		test{"at once", reportsAtOnce},
		test{"early", reportEarly},
		test{"early and of nothing", reportOfNothing},
	)
}

const hook = "https://id.example/t/acme/hooks/mail"

// report calls back like the provider would.
func (w *world) report(id, status, class string) {
	w.t.Helper()
	header, form := factortest.ReportForm(hook, id, status, class)
	must(w.t, w.Report(in(w.t, acme), "mail", hook, header, form))
}

func (w *world) sent(challenge string) Entry {
	w.t.Helper()
	w.enqueue(challenge)
	return w.once(challenge)
}

func reportDelivered(t *testing.T, w *world) {
	w.ReportURL = func(ctx context.Context, id string) string {
		if id != "mail" {
			t.Errorf("for %q", id)
		}
		return hook
	}
	e := w.sent("c1")
	if got := w.shelf.fake.Sent()[0].ReportURL; got != hook {
		t.Errorf("told to report to %q", got)
	}
	w.report(e.ID, "on its way", "")
	if got := w.entry("c1"); got.ProviderStatus != "on its way" || got.ReportedAt != nil || got.State != Sent {
		t.Errorf("%+v", got)
	}
	w.clock.Advance(time.Second)
	w.report(e.ID, "delivered", "")
	at := w.clock.Now()
	w.clock.Advance(time.Second)
	for _, late := range [][2]string{{"on its way", ""}, {"delivered", ""}, {"undelivered", "recipient"}} {
		w.report(e.ID, late[0], late[1])
	}
	if got := w.entry("c1"); got.ProviderStatus != "delivered" || got.ReportedAt == nil || !got.ReportedAt.Equal(at) || got.State != Sent {
		t.Errorf("%+v", got)
	}
	if strings.Contains(w.trail(), "factor.failed") {
		t.Error(w.trail())
	}
}

func reportFailed(t *testing.T, w *world) {
	w.chain()
	e := w.sent("c1")
	for range 3 {
		w.report(e.ID, "undelivered", "account")
	}
	log := w.log("c1")
	if len(log) != 2 || log[0].State != Failed || log[0].ErrorClass != "account" || log[0].ProviderStatus != "undelivered" || log[0].ReportedAt == nil || log[0].ProviderID != e.ID {
		t.Fatalf("%+v", log)
	}
	if log[1].FellFrom != e.ID || log[1].TwoFactorID != "spare" {
		t.Errorf("%+v", log[1])
	}
	if notes := w.shelf.noted(); len(notes) != 2 || !strings.Contains(notes[1], "account") {
		t.Errorf("%q", notes)
	}
	if trail := w.trail(); strings.Count(trail, "factor.failed") != 1 || strings.Count(trail, "factor.fell_through") != 1 || !strings.Contains(trail, `"reported":true`) {
		t.Error(trail)
	}
}

func reportRefused(t *testing.T, w *world) {
	e := w.sent("c1")
	header, form := factortest.ReportForm(hook, e.ID, "undelivered", "recipient")
	elsewhere, _ := factortest.ReportForm(hook+"2", "", "", "")
	_, unknown := factortest.ReportForm(hook, "none", "undelivered", "recipient")
	_, nameless := factortest.ReportForm(hook, "", "undelivered", "recipient")
	w.enqueue("waiting") // has no provider's id
	for name, c := range map[string]struct {
		ctx          context.Context
		instance     string
		header, form map[string][]string
		want         problem.Kind
	}{
		"not signed":       {in(t, acme), "mail", nil, form, problem.Forbidden},
		"signed elsewhere": {in(t, acme), "mail", elsewhere, form, problem.Forbidden},
		"unknown message":  {in(t, acme), "mail", header, unknown, problem.NotFound},
		"no message":       {in(t, acme), "mail", header, nameless, problem.NotFound},
		"another instance": {in(t, acme), "spare", header, form, problem.NotFound},
		"no instance":      {in(t, acme), "none", header, form, problem.NotFound},
		"another tenant":   {in(t, globex), "mail", header, form, problem.NotFound},
	} {
		if err := w.Report(c.ctx, c.instance, hook, c.header, c.form); !problem.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.Report(t.Context(), "mail", hook, header, form); err == nil {
		t.Error("without a tenant")
	}
	w.shelf.factor = nil
	if err := w.Report(in(t, acme), "mail", hook, header, form); !problem.Is(err, problem.NotFound) {
		t.Errorf("a factor that gets no reports: %v", err)
	}
	if got := w.log("c1"); got[0].State != Sent || got[0].ReportedAt != nil {
		t.Errorf("%+v", got)
	}
}

// Two replicas that hear the same fall through once.
func reportsAtOnce(t *testing.T, w *world) {
	w.chain()
	w.Fallback = func(_ context.Context, f Failure) (Takeover, error) { return w.takeover(f), nil }
	other := w.replica(Config{Instances: w.shelf, Fallback: w.Fallback})
	e := w.sent("c1")
	header, form := factortest.ReportForm(hook, e.ID, "undelivered", twofactor.ClassName(twofactor.ErrRecipient))
	errs := make(chan error, 8)
	for n := range 8 {
		go func() { errs <- []*Outbox{w.Outbox, other}[n%2].Report(in(t, acme), "mail", hook, header, form) }()
	}
	for range 8 {
		must(t, <-errs)
	}
	if log := w.log("c1"); len(log) != 2 {
		t.Errorf("%+v", log)
	}
	if n := strings.Count(w.trail(), "factor.failed"); n != 1 {
		t.Errorf("%d events", n)
	}
}

// A report that overtakes the provider's own answer waits for it.
func reportEarly(t *testing.T, w *world) {
	w.chain()
	for status, c := range map[string]struct{ class, state string }{"delivered": {"", Sent}, "undelivered": {"recipient", Failed}} {
		reported := make(chan error, 1)
		w.shelf.instead(func(_ context.Context, m twofactor.Message) (twofactor.Receipt, error) {
			header, form := factortest.ReportForm(hook, m.ID, status, c.class)
			other := w.replica(Config{Instances: w.shelf, Fallback: w.Fallback})
			go func() { reported <- other.Report(in(t, acme), "mail", hook, header, form) }()
			select {
			case err := <-reported:
				t.Errorf("%s: not waited for: %v", status, err)
			case <-time.After(2 * reportPause): // it has looked in vain
			}
			return twofactor.Receipt{ProviderID: m.ID, Status: "queued"}, nil
		})
		w.enqueue(status)
		w.work(t.Context(), key{acme.Tenant, w.entry(status).ID})
		must(t, <-reported)
		if e := w.log(status)[0]; e.State != c.state || e.ProviderStatus != status || e.ReportedAt == nil || e.ErrorClass != c.class {
			t.Errorf("%s: %+v", status, e)
		}
	}
	if st := w.status("undelivered"); st.Via != "spare" {
		t.Errorf("%+v", st)
	}
}

// One about a message that is not ours ends when there is nothing left that it could
// be about.
func reportOfNothing(t *testing.T, w *world) {
	header, form := factortest.ReportForm(hook, "none", "undelivered", "recipient")
	reported := make(chan error, 1)
	w.shelf.instead(func(_ context.Context, m twofactor.Message) (twofactor.Receipt, error) {
		go func() { reported <- w.Report(in(t, acme), "mail", hook, header, form) }()
		return twofactor.Receipt{ProviderID: m.ID}, nil
	})
	w.enqueue("c1")
	if e := w.once("c1"); e.State != Sent {
		t.Errorf("%+v", e)
	}
	if err := <-reported; !problem.Is(err, problem.NotFound) {
		t.Errorf("%v", err)
	}
	gone, cancel := context.WithCancel(in(t, acme))
	cancel()
	if err := w.Report(gone, "mail", hook, header, form); err == nil {
		t.Error("taken after the caller had gone")
	}
}

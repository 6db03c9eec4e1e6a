package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/twofactor/delivery"
)

// post sends a report as nobody but the test would.
func (w *chainWorld) post(address, signature string, form url.Values) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if signature != "" {
		req.Header.Set("X-Twilio-Signature", signature)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// reports calls back as Twilio does.
func (w *chainWorld) reports(m fakes.SMS, status string, code, want int) {
	w.t.Helper()
	got, err := w.twilio.Report(w.t.Context(), http.DefaultClient, m, status, code)
	if err != nil || got != want {
		w.t.Errorf("%s: %d, %v", status, got, err)
	}
}

// text waits for the newest text message that Twilio took for a user.
func (w *chainWorld) text(user string) fakes.SMS {
	w.t.Helper()
	to := w.phone(user)
	m, err := w.twilio.Wait(w.t.Context(), func(m fakes.SMS) bool { return m.To == to })
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// TestReportsOverHTTP: what Twilio tells of a message is in the delivery log; what it
// could not deliver falls through while the question is open. Whoever else says so
// changes nothing.
func TestReportsOverHTTP(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, databaseURL string) {
		w := newChainWorld(t, databaseURL, 1)
		w.tenant("acme", "anna", "bruno", "carla")
		w.tenant("globex", "dora")
		w.links()
		w.factor("Other", "twilio")
		w.assign("Twilio", "tenant acme", true)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)

		// On its way, and there.
		page := p.signIn(c, "anna").Follow()
		w.ended("anna")
		m := w.text("anna")
		address := w.url + "/t/acme/report/" + w.ids["two_factor Twilio"]
		if m.Callback != address {
			t.Errorf("told to call %s", m.Callback)
		}
		w.reports(m, "sent", 0, http.StatusNoContent)
		if e := w.log()[0]; e.ProviderStatus != "sent" || e.ReportedAt != nil || e.State != delivery.Sent {
			t.Errorf("%+v", e)
		}
		w.refusesReports(t, m, address)
		w.reports(m, "delivered", 0, http.StatusNoContent)
		before := w.log()[0]
		if before.ProviderStatus != "delivered" || before.ReportedAt == nil || before.ProviderID != m.ID {
			t.Errorf("%+v", before)
		}
		// A replay, and what comes too late, change nothing.
		w.clock.Advance(time.Second)
		w.reports(m, "delivered", 0, http.StatusNoContent)
		w.reports(m, "undelivered", 30005, http.StatusNoContent)
		if diff := cmp.Diff(before, w.log()[0]); diff != "" || len(w.log()) != 1 {
			t.Errorf("a late report changed the log: %s", diff)
		}
		p.letIn(page, w.code(w.phone("anna")))

		// Undelivered: the mail takes over, once, and the page knows.
		page = p.signIn(testkit.NewClient(t), "bruno").Follow()
		w.ended("bruno")
		m = w.text("bruno")
		for range 3 {
			w.reports(m, "undelivered", 30003, http.StatusNoContent)
		}
		code := w.code("bruno@example.test")
		w.ended("bruno")
		if diff := cmp.Diff([]string{"Twilio sms failed 1 retry", "Mail mail sent 1 "}, w.lines("bruno")); diff != "" {
			t.Error(diff)
		}
		w.told("factor.failed", `"reported":true`, `"provider_status":"undelivered"`, "code 30003")
		w.told("factor.fell_through", w.ids["two_factor Mail"])
		if cl := p.letIn(page, code); cl["acr"] != acr2FA {
			t.Errorf("acr %v", cl["acr"])
		}

		// Answered meanwhile: there is nothing to carry any more.
		page = p.signIn(testkit.NewClient(t), "carla").Follow()
		w.ended("carla")
		p.letIn(page, w.code(w.phone("carla")))
		w.reports(w.text("carla"), "failed", 30005, http.StatusNoContent)
		if diff := cmp.Diff([]string{"Twilio sms failed 1 recipient"}, w.lines("carla")); diff != "" {
			t.Error(diff)
		}
		if n := len(w.trail("factor.fell_through")); n != 1 {
			t.Errorf("%d fell through", n)
		}
	})
}

// refusesReports tries what is not to be believed.
func (w *chainWorld) refusesReports(t *testing.T, m fakes.SMS, address string) {
	t.Helper()
	before := w.log()
	form := w.twilio.ReportForm(m, "undelivered", 30003)
	good := w.twilio.Signature(address, form)
	stranger := m
	stranger.ID = "SM" + strings.Repeat("0", 32)
	unknown := w.twilio.ReportForm(stranger, "undelivered", 30003)
	changed := w.twilio.ReportForm(m, "failed", 30003)
	elsewhere := w.url + "/t/globex/report/" + w.ids["two_factor Twilio"]
	other := w.url + "/t/acme/report/" + w.ids["two_factor Other"]
	mail := w.url + "/t/acme/report/" + w.ids["two_factor Mail"]
	for name, r := range map[string]struct {
		address, signature string
		form               url.Values
		want               int
	}{
		"not signed":             {address, "", form, http.StatusForbidden},
		"signed by another":      {address, (&fakes.Twilio{AuthToken: "x"}).Signature(address, form), form, http.StatusForbidden},
		"changed":                {address, good, changed, http.StatusForbidden},
		"signed for elsewhere":   {elsewhere, good, form, http.StatusForbidden},
		"another tenant":         {elsewhere, w.twilio.Signature(elsewhere, form), form, http.StatusNotFound},
		"another instance":       {other, w.twilio.Signature(other, form), form, http.StatusNotFound},
		"one that has no report": {mail, w.twilio.Signature(mail, form), form, http.StatusNotFound},
		"no instance":            {w.url + "/t/acme/report/" + w.sub.ID, good, form, http.StatusNotFound},
		"no id":                  {w.url + "/t/acme/report/x", good, form, http.StatusNotFound},
		"unknown message":        {address, w.twilio.Signature(address, unknown), unknown, http.StatusNotFound},
		"nothing":                {address, w.twilio.Signature(address, url.Values{}), url.Values{}, http.StatusForbidden},
	} {
		if got := w.post(r.address, r.signature, r.form); got != r.want {
			t.Errorf("%s: %d, want %d", name, got, r.want)
		}
	}
	if diff := cmp.Diff(before, w.log()); diff != "" {
		t.Errorf("the log has changed: %s", diff)
	}
}

// TestReportOvertakes: Twilio calls back before its answer has been read, and is
// believed all the same.
func TestReportOvertakes(t *testing.T) {
	t.Parallel()
	w := newChainWorld(t, testkit.Postgres(t), 1)
	w.tenant("acme", "anna")
	w.links()
	w.assign("Twilio", "tenant acme", true)
	reported := make(chan struct{})
	w.answering = func(rw http.ResponseWriter, r *http.Request, twilio http.Handler) {
		rec := httptest.NewRecorder()
		twilio.ServeHTTP(rec, r)
		m := w.twilio.Sent()[0]
		go func() {
			defer close(reported)
			w.reports(m, "undelivered", 30005, http.StatusNoContent)
		}()
		select {
		case <-reported:
			t.Error("answered before the message was known")
		case <-time.After(200 * time.Millisecond): // it has been looked for in vain
		}
		rw.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		rw.WriteHeader(rec.Code)
		_, _ = rw.Write(rec.Body.Bytes())
	}
	p := w.rp("acme", "expenses")
	page := p.signIn(testkit.NewClient(t), "anna").Follow()
	code := w.code("anna@example.test")
	<-reported
	w.ended("anna")
	if diff := cmp.Diff([]string{"Twilio sms failed 1 recipient", "Mail mail sent 1 "}, w.lines("anna")); diff != "" {
		t.Error(diff)
	}
	if cl := p.letIn(page, code); cl["acr"] != acr2FA {
		t.Errorf("acr %v", cl["acr"])
	}
}

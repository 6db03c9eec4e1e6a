package twilio_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"twofold/internal/fakes"
	"twofold/twofactor"
	"twofold/twofactor/oob/oobtest"
	"twofold/twofactor/twilio"
)

const hook = "https://id.example/t/acme/hooks/0192?x=1"

// sent delivers a message that asks for reports to an address.
func sent(t *testing.T, address string) (*fakes.Twilio, twofactor.Reporter, fakes.SMS) {
	t.Helper()
	fake, env := start(t)
	f, ch := oobtest.Begin(t, twilio.Provider(), options(), env)
	m := *ch.Outgoing
	m.ReportURL = address
	receipt, err := f.(twofactor.Sender).Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	sms := fake.Sent()[0]
	if sms.Callback != address || sms.ID != receipt.ProviderID {
		t.Errorf("%+v, receipt %+v", sms, receipt)
	}
	return fake, f.(twofactor.Reporter), sms
}

func TestReport(t *testing.T) {
	fake, f, sms := sent(t, hook)
	for _, c := range []struct {
		status string
		code   int
		done   bool
		class  error
		want   string // the code kept
	}{
		{"sent", 0, false, nil, ""},
		{"delivered", 0, true, nil, ""},
		{"undelivered", 30003, true, twofactor.ErrRetry, "30003"},
		{"undelivered", 30005, true, twofactor.ErrRecipient, "30005"},
		{"undelivered", 30006, true, twofactor.ErrRecipient, "30006"},
		{"undelivered", 30007, true, twofactor.ErrContent, "30007"},
		{"failed", 30034, true, twofactor.ErrAccount, "30034"},
		{"failed", 0, true, twofactor.ErrRecipient, ""},
		{"canceled", 0, true, twofactor.ErrRecipient, ""},
	} {
		form := fake.ReportForm(sms, c.status, c.code)
		r, err := f.Report(hook, http.Header{"X-Twilio-Signature": {fake.Signature(hook, form)}}, form)
		if err != nil || r.ProviderID != sms.ID || r.Status != c.status || r.Done != c.done || !errors.Is(r.Failed, c.class) {
			t.Errorf("%s %d: %+v, %v", c.status, c.code, r, err)
		}
		var se *twofactor.SendError
		if errors.As(r.Failed, &se) && (se.Code != c.want || se.Help == "") {
			t.Errorf("%s %d: %+v", c.status, c.code, se)
		}
	}
	// A word of tomorrow is kept as none of ours.
	form := fake.ReportForm(sms, "<b>teleported</b>", 0)
	if r, err := f.Report(hook, http.Header{"X-Twilio-Signature": {fake.Signature(hook, form)}}, form); err != nil || r.Status != "unknown" || r.Done {
		t.Errorf("%+v, %v", r, err)
	}
}

// The example of Twilio's documentation on security.
func TestSignature(t *testing.T) {
	fake := &fakes.Twilio{AuthToken: "12345"}
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+12349013030"}, "Digits": {"1234"}, "From": {"+12349013030"}, "To": {"+18005551212"}}
	if got := fake.Signature("https://mycompany.com/myapp.php?foo=1&bar=2", form); got != "0/KCTR6DLpKmkAf8muzZqo1nDgQ=" {
		t.Errorf("got %s", got)
	}
}

func TestReportIsRefused(t *testing.T) {
	fake, f, sms := sent(t, hook)
	form := fake.ReportForm(sms, "undelivered", 30005)
	good := fake.Signature(hook, form)
	other := &fakes.Twilio{AccountSid: sid, AuthToken: "other"}
	changed := fake.ReportForm(sms, "delivered", 30005)
	signed := func(form url.Values, without string) (http.Header, url.Values) {
		form.Del(without)
		return http.Header{"X-Twilio-Signature": {fake.Signature(hook, form)}}, form
	}
	noID, noIDForm := signed(fake.ReportForm(sms, "sent", 0), "MessageSid")
	noStatus, noStatusForm := signed(fake.ReportForm(sms, "sent", 0), "MessageStatus")
	for name, c := range map[string]struct {
		url    string
		header http.Header
		form   url.Values
	}{
		"no signature":    {hook, nil, form},
		"empty":           {hook, http.Header{"X-Twilio-Signature": {""}}, form},
		"two":             {hook, http.Header{"X-Twilio-Signature": {good, good}}, form},
		"another token":   {hook, http.Header{"X-Twilio-Signature": {other.Signature(hook, form)}}, form},
		"another address": {hook + "&y=2", http.Header{"X-Twilio-Signature": {good}}, form},
		"another form":    {hook, http.Header{"X-Twilio-Signature": {good}}, changed},
		"no message":      {hook, noID, noIDForm},
		"no status":       {hook, noStatus, noStatusForm},
		"nothing":         {hook, nil, nil},
	} {
		if r, err := f.Report(c.url, c.header, c.form); !errors.Is(err, twofactor.ErrWrongAnswer) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// What the fake sends over the wire is what the factor accepts.
func TestReportOverHTTP(t *testing.T) {
	var f twofactor.Reporter
	var got []string
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	address := server.URL + "/hooks/1?a=b"
	mux.HandleFunc("POST /hooks/1", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		report, err := f.Report(address, r.Header, r.PostForm)
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		got = append(got, report.Status)
	})
	fake, reporter, sms := sent(t, address)
	f = reporter
	for _, status := range []string{"sent", "delivered"} {
		if code, err := fake.Report(t.Context(), server.Client(), sms, status, 0); err != nil || code != http.StatusOK {
			t.Errorf("%d, %v", code, err)
		}
	}
	if !slices.Equal(got, []string{"sent", "delivered"}) {
		t.Errorf("%q", got)
	}
}

func TestBadReportURL(t *testing.T) {
	_, env := start(t)
	f, ch := oobtest.Begin(t, twilio.Provider(), options(), env)
	m := *ch.Outgoing
	m.ReportURL = "/t/acme/hooks"
	if _, err := f.(twofactor.Sender).Send(t.Context(), m); !errors.Is(err, twofactor.ErrAccount) {
		t.Errorf("%v", err)
	}
}

func FuzzReport(f *testing.F) {
	fake := &fakes.Twilio{AccountSid: sid, AuthToken: token}
	f.Add(hook, "MessageSid=SM1&MessageStatus=sent", fake.Signature(hook, url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"sent"}}))
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, address, body, signature string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		_, env := start(t)
		factor, err := twilio.Provider().Open([]byte(options()), env)
		if err != nil {
			t.Fatal(err)
		}
		r, err := factor.(twofactor.Reporter).Report(address, http.Header{"X-Twilio-Signature": {signature}}, form)
		if err == nil && (signature != fake.Signature(address, form) || r.ProviderID == "" || r.Status == "") {
			t.Errorf("accepted %+v", r)
		}
	})
}

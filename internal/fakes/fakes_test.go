package fakes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/internal/fakes"
)

const sid = "AC0123456789abcdef0123456789abcdef"

// ask sends one request and returns status and body.
func ask(t *testing.T, c *http.Client, method, target, user, password, kind, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(user, "Bearer ") {
		req.Header.Set("Authorization", user)
	} else if user != "" {
		req.SetBasicAuth(user, password)
	}
	req.Header.Set("Content-Type", kind)
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(got)
}

func TestTwilioIsStrict(t *testing.T) {
	inbox := &fakes.Inbox{}
	fake := &fakes.Twilio{AccountSid: sid, AuthToken: "token", Senders: []string{"+15005550006", "Acme"}, Inbox: inbox}
	server := httptest.NewServer(fake)
	defer server.Close()
	const form, path = "application/x-www-form-urlencoded", "/2010-04-01/Accounts/" + sid + "/Messages.json"
	body := func(changes ...string) string {
		v := url.Values{"To": {"+41791234567"}, "From": {"+15005550006"}, "Body": {"Hello"}}
		for i := 0; i < len(changes); i += 2 {
			if changes[i+1] == "-" {
				v.Del(changes[i])
			} else {
				v.Set(changes[i], changes[i+1])
			}
		}
		return v.Encode()
	}
	for name, c := range map[string]struct {
		method, path, password, kind, body string
		status, code                       int
	}{
		"path":           {"POST", "/2010-04-01/Accounts/" + sid + "/Messages", "token", form, body(), 404, 20404},
		"other account":  {"POST", strings.Replace(path, "AC0", "AC1", 1), "token", form, body(), 404, 20404},
		"method":         {"GET", path, "token", form, "", 405, 20004},
		"password":       {"POST", path, "other", form, body(), 401, 20003},
		"content type":   {"POST", path, "token", "application/json", body(), 415, 20415},
		"no to":          {"POST", path, "token", form, body("To", "-"), 400, 21604},
		"to":             {"POST", path, "token", form, body("To", "0791234567"), 400, 21211},
		"no from":        {"POST", path, "token", form, body("From", "-"), 400, 21603},
		"two senders":    {"POST", path, "token", form, body("MessagingServiceSid", "MG"), 400, 21603},
		"from":           {"POST", path, "token", form, body("From", "12345678901234"), 400, 21212},
		"foreign from":   {"POST", path, "token", form, body("From", "+15005550007"), 400, 21606},
		"service":        {"POST", path, "token", form, body("From", "-", "MessagingServiceSid", "MGx"), 400, 21701},
		"no body":        {"POST", path, "token", form, body("Body", " "), 400, 21602},
		"long body":      {"POST", path, "token", form, body("Body", strings.Repeat("x", 1601)), 400, 21617},
		"validity":       {"POST", path, "token", form, body("ValidityPeriod", "0"), 400, 21621},
		"unknown field":  {"POST", path, "token", form, body("Foo", "1"), 400, 20001},
		"repeated field": {"POST", path, "token", form, body() + "&To=%2B41791234567", 400, 20001},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := ask(t, server.Client(), c.method, server.URL+c.path, sid, c.password, c.kind, c.body)
			if status != c.status || !strings.Contains(got, fmt.Sprintf(`"code":%d,`, c.code)) || !strings.Contains(got, `"more_info":"https://www.twilio.com/docs/errors/`) {
				t.Errorf("got %d %s", status, got)
			}
		})
	}
	if n := len(fake.Sent()); n != 0 {
		t.Fatalf("accepted %d", n)
	}
	status, got := ask(t, server.Client(), "POST", server.URL+path, sid, "token", form, body("From", "Acme", "ValidityPeriod", "300"))
	if status != 201 || !strings.Contains(got, `"status":"queued"`) || !strings.Contains(got, `"num_segments":"1"`) {
		t.Errorf("got %d %s", status, got)
	}
	if m := fake.Sent()[0]; m.ValidFor != 5*time.Minute || inbox.Messages()[0].Text != "Hello" || inbox.Messages()[0].Channel != fakes.ChannelSMS {
		t.Errorf("kept %+v", m)
	}
}

func TestECallIsStrict(t *testing.T) {
	fake := &fakes.ECall{Account: "acme", Password: "secret"}
	server := httptest.NewServer(fake)
	defer server.Close()
	const kind, path = "application/json", "/api/v2/message"
	const good = `{"channel":"Sms","from":"Acme","to":"+41791234567","content":{"type":"Text","text":"Hello"}}`
	for name, c := range map[string]struct {
		method, path, password, kind, body string
		status                             int
		parameter                          string
	}{
		"path":         {"POST", "/api/message", "secret", kind, good, 404, ""},
		"method":       {"PUT", path, "secret", kind, good, 405, ""},
		"password":     {"POST", path, "other", kind, good, 401, ""},
		"content type": {"POST", path, "secret", "text/plain", good, 415, ""},
		"no JSON":      {"POST", path, "secret", kind, `{`, 400, ""},
		"unknown":      {"POST", path, "secret", kind, strings.Replace(good, "{", `{"x":1,`, 1), 400, ""},
		"channel":      {"POST", path, "secret", kind, strings.Replace(good, "Sms", "sms", 1), 400, "Channel"},
		"type":         {"POST", path, "secret", kind, strings.Replace(good, `"Text"`, `"text"`, 1), 400, "Content.Type"},
		"text":         {"POST", path, "secret", kind, strings.Replace(good, "Hello", "", 1), 400, "Content.Text"},
		"no content":   {"POST", path, "secret", kind, `{"channel":"Sms","from":"Acme","to":"+41791234567"}`, 400, "Content"},
		"from":         {"POST", path, "secret", kind, strings.Replace(good, "Acme", "ABCDEFGHIJKL", 1), 400, "From"},
		"to":           {"POST", path, "secret", kind, strings.Replace(good, "+41", "041", 1), 400, "To"},
		"both":         {"POST", path, "secret", kind, strings.Replace(good, "{", `{"toList":["+41791234567"],`, 1), 400, "To"},
		"neither":      {"POST", path, "secret", kind, strings.Replace(good, `"to":"+41791234567",`, "", 1), 400, "To"},
		"in list":      {"POST", path, "secret", kind, strings.Replace(good, `"to":"+41791234567"`, `"toList":["x"]`, 1), 400, "ToList"},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := ask(t, server.Client(), c.method, server.URL+c.path, "acme", c.password, c.kind, c.body)
			if status != c.status || !strings.Contains(got, `"errorCode":`) || !strings.Contains(got, `"errorDetails":{"errors":[`) {
				t.Errorf("got %d %s", status, got)
			}
			if c.parameter != "" && !strings.Contains(got, `"parameter":"`+c.parameter+`"`) {
				t.Errorf("got %s", got)
			}
		})
	}
	for _, body := range []string{good, strings.Replace(good, "+41", "0041", 1), strings.Replace(good, `"to":"+41791234567"`, `"toList":["+41791234567"]`, 1)} {
		if status, got := ask(t, server.Client(), "POST", server.URL+path, "acme", "secret", kind, body); status != 200 || !strings.Contains(got, `"messageId":"`) {
			t.Errorf("got %d %s", status, got)
		}
	}
	if n := len(fake.Sent()); n != 3 {
		t.Errorf("kept %d", n)
	}
}

func TestMicrosoftIsStrict(t *testing.T) {
	fake := &fakes.Microsoft{TenantID: "tenant", ClientID: "client", ClientSecret: "secret", Mailbox: "noreply@acme.example"}
	server := httptest.NewTLSServer(fake)
	defer server.Close()
	token := func(changes ...string) (int, string) {
		body := strings.NewReplacer(changes...).Replace("client_id=client&client_secret=secret&grant_type=client_credentials&scope=" + url.QueryEscape(server.URL+"/.default"))
		return ask(t, server.Client(), "POST", server.URL+"/tenant/oauth2/v2.0/token", "", "", "application/x-www-form-urlencoded", body)
	}
	for name, c := range map[string][3]string{
		"client": {"client_id=client", "client_id=x", "unauthorized_client"},
		"secret": {"client_secret=secret", "client_secret=x", "invalid_client"},
		"grant":  {"client_credentials", "password", "unsupported_grant_type"},
		"scope":  {".default", "Mail.Send", "invalid_scope"},
	} {
		if status, got := token(c[0], c[1]); status < 400 || !strings.Contains(got, `"error":"`+c[2]+`"`) {
			t.Errorf("%s: %d %s", name, status, got)
		}
	}
	const good = `{"message":{"subject":"s","body":{"contentType":"Text","content":"c"},"toRecipients":[{"emailAddress":{"address":"a@b.example"}}]},"saveToSentItems":false}`
	send := func(bearer, mailbox, body string) (int, string) {
		return ask(t, server.Client(), "POST", server.URL+"/v1.0/users/"+mailbox+"/sendMail", bearer, "", "application/json", body)
	}
	if status, _ := send("Bearer ", "noreply@acme.example", good); status != 401 {
		t.Errorf("without any token: %d", status)
	}
	status, got := token()
	if status != 200 {
		t.Fatalf("token: %d %s", status, got)
	}
	_, rest, _ := strings.Cut(got, `"access_token":"`)
	bearer, _, _ := strings.Cut(rest, `"`)
	for name, c := range map[string]struct {
		bearer, mailbox, body string
		status                int
		code                  string
	}{
		"token":            {"other", "noreply@acme.example", good, 401, "InvalidAuthenticationToken"},
		"mailbox":          {bearer, "boss@acme.example", good, 404, "ErrorInvalidUser"},
		"keeps the code":   {bearer, "noreply@acme.example", strings.Replace(good, "false", "true", 1), 400, "ErrorInvalidRequest"},
		"keeps by default": {bearer, "noreply@acme.example", strings.Replace(good, `,"saveToSentItems":false`, "", 1), 400, "ErrorInvalidRequest"},
		"content type":     {bearer, "noreply@acme.example", strings.Replace(good, "Text", "text", 1), 400, "ErrorInvalidRequest"},
		"recipient":        {bearer, "noreply@acme.example", strings.Replace(good, "a@b.example", "x", 1), 400, "ErrorInvalidRecipients"},
		"unknown":          {bearer, "noreply@acme.example", strings.Replace(good, "{", `{"x":1,`, 1), 400, "UnableToDeserializePostBody"},
		"header":           {bearer, "noreply@acme.example", strings.Replace(good, `"subject"`, `"internetMessageHeaders":[{"name":"Subject","value":"x"}],"subject"`, 1), 400, "InvalidInternetMessageHeader"},
		"send as":          {bearer, "noreply@acme.example", strings.Replace(good, `"subject"`, `"from":{"emailAddress":{"address":"boss@acme.example"}},"subject"`, 1), 403, "ErrorSendAsDenied"},
	} {
		if status, got := send("Bearer "+c.bearer, c.mailbox, c.body); status != c.status || !strings.Contains(got, `"code":"`+c.code+`"`) {
			t.Errorf("%s: %d %s", name, status, got)
		}
	}
	if status, got := send("Bearer "+bearer, "noreply@acme.example", good); status != 202 || got != "" {
		t.Errorf("got %d %q", status, got)
	}
	if n := len(fake.Mails()); n != 1 {
		t.Errorf("kept %d", n)
	}
}

func TestSMTPIsStrict(t *testing.T) {
	inbox := &fakes.Inbox{}
	server, err := fakes.StartSMTP(fakes.SMTPOptions{User: "acme", Password: "secret", Inbox: inbox})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	addr := fmt.Sprintf("%s:%d", server.Host(), server.Port())
	auth := smtp.PlainAuth("", "acme", "secret", server.Host())
	const good = "From: a@b.example\r\nTo: c@d.example\r\nSubject: =?utf-8?q?S=C3=B6hne?=\r\nDate: Wed, 04 Mar 2026 05:06:07 +0000\r\n" +
		"Message-ID: <1@b.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
	for name, c := range map[string]struct {
		auth smtp.Auth
		mail string
		want string
	}{
		"no sign-in":     {nil, good, "530"},
		"wrong password": {smtp.PlainAuth("", "acme", "x", server.Host()), good, "535"},
		"no subject":     {auth, strings.Replace(good, "Subject", "X-Subject", 1), "554"},
		"two subjects":   {auth, "Subject: x\r\n" + good, "554"},
		"no date":        {auth, strings.Replace(good, "Wed, 04 Mar", "once", 1), "554"},
		"no text":        {auth, strings.Replace(good, "text/plain", "text/html", 1), "554"},
		"attachment":     {auth, strings.Replace(good, "text/plain", "image/png", 1), "554"},
	} {
		if err := smtp.SendMail(addr, c.auth, "a@b.example", []string{"c@d.example"}, []byte(c.mail)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if err := smtp.SendMail(addr, auth, "a@b.example", []string{"c@d.example"}, []byte(good)); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	got, err := server.Wait(ctx, func(m fakes.Mail) bool { return m.Subject == "Söhne" })
	if err != nil || got.Text != "Hello\n" || got.From != "a@b.example" || len(server.Mails()) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if m, err := inbox.Wait(ctx, func(m fakes.Message) bool { return m.To == "c@d.example" }); err != nil || m.Subject != "Söhne" {
		t.Errorf("inbox has %+v, %v", m, err)
	}
}

func TestInbox(t *testing.T) {
	var nothing *fakes.Inbox
	nothing.Add(fakes.Message{}) // a nil inbox swallows
	inbox := &fakes.Inbox{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := inbox.Wait(ctx, func(fakes.Message) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_, changed := inbox.Watch()
	inbox.Add(fakes.Message{Text: "0"})
	<-changed
	for i := 1; i <= 1100; i++ {
		inbox.Add(fakes.Message{Text: fmt.Sprint(i)})
	}
	if all := inbox.Messages(); len(all) != 1000 || all[999].Text != "1100" {
		t.Errorf("keeps %d, the last %q", len(all), all[len(all)-1].Text)
	}
}

package fakes

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Twilio is Twilio's Messages API, as far as sending goes (CONTRACTS §2). Serve
// it at the base URL of endpoint "twilio".
type Twilio struct {
	AccountSid, AuthToken string
	Senders               []string                 // numbers, names and services of the account; empty: any
	Now                   func() time.Time         // default time.Now
	Inbox                 *Inbox                   // may be nil
	Refuses               func(number string) bool // numbers that it cannot reach; may be nil

	Faults
	box box[SMS]
}

// Sent lists what was accepted, oldest first.
func (t *Twilio) Sent() []SMS { return t.box.all() }

// Wait returns the newest SMS that matches, now or as soon as there is one.
func (t *Twilio) Wait(ctx context.Context, match func(SMS) bool) (SMS, error) {
	return t.box.wait(ctx, match)
}

// twilioError is what Twilio says when it refuses.
type twilioError struct {
	Code     int    `json:"code"`
	Message  string `json:"message"`
	MoreInfo string `json:"more_info"`
	Status   int    `json:"status"`
}

func (t *Twilio) refuse(w http.ResponseWriter, status, code int, message string) {
	writeJSON(w, status, twilioError{code, message, "https://www.twilio.com/docs/errors/" + strconv.Itoa(code), status})
}

// ServeHTTP answers as Twilio would.
func (t *Twilio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/2010-04-01/Accounts/"+t.AccountSid+"/Messages.json" || r.URL.RawQuery != "" {
		t.refuse(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
		return
	}
	if r.Method != http.MethodPost {
		t.refuse(w, http.StatusMethodNotAllowed, 20004, "Method not allowed")
		return
	}
	if user, password, ok := r.BasicAuth(); !ok || user != t.AccountSid || password != t.AuthToken {
		t.refuse(w, http.StatusUnauthorized, 20003, "Authenticate")
		return
	}
	if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.refuse(w, http.StatusUnsupportedMediaType, 20415, "Unsupported media type")
		return
	}
	if err := r.ParseForm(); err != nil {
		t.refuse(w, http.StatusBadRequest, 20001, "The form cannot be read")
		return
	}
	if code, message := t.check(r.PostForm); code != 0 {
		t.refuse(w, http.StatusBadRequest, code, message)
		return
	}
	answered, taken := t.strike(w, r)
	sid := "SM" + randomHex()
	if taken {
		t.take(r.PostForm, sid)
	}
	if !answered {
		writeJSON(w, http.StatusCreated, t.resource(r.PostForm, sid))
	}
}

var serviceSid = regexp.MustCompile(`^MG[0-9a-f]{32}$`)

// check returns Twilio's error code for a form it would refuse.
func (t *Twilio) check(form url.Values) (code int, message string) {
	for name, values := range form {
		if !slices.Contains([]string{"To", "From", "MessagingServiceSid", "Body", "ValidityPeriod", "StatusCallback"}, name) {
			return 20001, "Unknown parameter " + name
		}
		if len(values) != 1 {
			return 20001, "Repeated parameter " + name
		}
	}
	from, service := form.Get("From"), form.Get("MessagingServiceSid")
	switch {
	case form.Get("To") == "":
		return 21604, "A 'To' phone number is required."
	case !e164.MatchString(form.Get("To")):
		return 21211, "The 'To' number " + form.Get("To") + " is not a valid phone number."
	case t.Refuses != nil && t.Refuses(form.Get("To")):
		return 21211, "The 'To' number " + form.Get("To") + " cannot be reached."
	case (from == "") == (service == ""):
		return 21603, "A 'From' or a 'MessagingServiceSid' is required."
	case from != "" && !e164.MatchString(from) && !(alphanumeric.MatchString(from) && hasLetter.MatchString(from)):
		return 21212, "The 'From' number is not a valid phone number, shortcode, or alphanumeric sender ID."
	case service != "" && !serviceSid.MatchString(service):
		return 21701, "The Messaging Service does not exist"
	case len(t.Senders) > 0 && !slices.Contains(t.Senders, from+service):
		return 21606, "The 'From' phone number is not a valid, message-capable Twilio phone number."
	case strings.TrimSpace(form.Get("Body")) == "":
		return 21602, "Message body is required."
	case utf8.RuneCountInString(form.Get("Body")) > 1600:
		return 21617, "The concatenated message body exceeds the 1600 character limit"
	}
	if v, given := form["ValidityPeriod"]; given {
		if n, err := strconv.Atoi(v[0]); err != nil || n < 1 || n > 36000 {
			return 21621, "The ValidityPeriod must be from 1 to 36000"
		}
	}
	if v, given := form["StatusCallback"]; given {
		if u, err := url.Parse(v[0]); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.Fragment != "" {
			return 21609, "The 'StatusCallback' URL " + v[0] + " is not a valid URL."
		}
	}
	return 0, ""
}

func (t *Twilio) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

func (t *Twilio) take(form url.Values, sid string) {
	seconds, _ := strconv.Atoi(form.Get("ValidityPeriod"))
	m := SMS{
		ID: sid, Provider: "twilio", From: form.Get("From") + form.Get("MessagingServiceSid"), To: form.Get("To"),
		Text: form.Get("Body"), At: t.now(), ValidFor: time.Duration(seconds) * time.Second,
		Callback: form.Get("StatusCallback"),
	}
	t.box.add(m)
	t.Inbox.Add(m.message())
}

// resource is the message as Twilio describes it in its 201.
func (t *Twilio) resource(form url.Values, sid string) map[string]any {
	status, service, segments := "queued", any(nil), "1"
	if form.Has("MessagingServiceSid") {
		// A service picks the sender later, so segments are not known yet.
		status, service, segments = "accepted", form.Get("MessagingServiceSid"), "0"
	}
	var from any
	if form.Has("From") {
		from = form.Get("From")
	}
	uri := fmt.Sprintf("/2010-04-01/Accounts/%s/Messages/%s.json", t.AccountSid, sid)
	return map[string]any{
		"sid": sid, "account_sid": t.AccountSid, "status": status, "to": form.Get("To"), "from": from,
		"messaging_service_sid": service, "body": form.Get("Body"), "num_segments": segments, "num_media": "0",
		"error_code": nil, "error_message": nil, "price": nil, "price_unit": "USD", "uri": uri,
		"date_created": t.now().UTC().Format(time.RFC1123Z), "date_updated": t.now().UTC().Format(time.RFC1123Z),
		"date_sent": nil, "direction": "outbound-api", "api_version": "2010-04-01",
		"subresource_uris": map[string]string{"media": strings.TrimSuffix(uri, ".json") + "/Media.json"},
	}
}

func randomHex() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

package fakes

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"regexp"
	"time"
)

// ECall is eCall's REST interface, as far as sending goes (CONTRACTS §1(a)).
// Serve it at the base URL of endpoint "ecall".
type ECall struct {
	Account, Password string
	Now               func() time.Time         // default time.Now
	Inbox             *Inbox                   // may be nil
	Refuses           func(number string) bool // numbers that it cannot reach; may be nil

	Faults
	box box[SMS]
}

// Sent lists what was accepted, oldest first.
func (e *ECall) Sent() []SMS { return e.box.all() }

// Wait returns the newest SMS that matches, now or as soon as there is one.
func (e *ECall) Wait(ctx context.Context, match func(SMS) bool) (SMS, error) {
	return e.box.wait(ctx, match)
}

type ecallMessage struct {
	Channel string   `json:"channel"`
	From    string   `json:"from"`
	To      *string  `json:"to"`
	ToList  []string `json:"toList"`
	Content *struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"content"`
}

type (
	ecallError struct {
		Code    string       `json:"errorCode"`
		Message string       `json:"errorMessage"`
		Details ecallDetails `json:"errorDetails"`
	}
	ecallDetails struct {
		Errors []ecallDetail `json:"errors"`
	}
	ecallDetail struct {
		Parameter string   `json:"parameter"`
		Messages  []string `json:"messages"`
	}
)

func (e *ECall) refuse(w http.ResponseWriter, status int, code, message string, details ...ecallDetail) {
	if details == nil {
		details = []ecallDetail{}
	}
	writeJSON(w, status, ecallError{code, message, ecallDetails{details}})
}

// ServeHTTP answers as eCall would.
func (e *ECall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/api/v2/message" || r.URL.RawQuery != "" {
		e.refuse(w, http.StatusNotFound, "NotFound", "Not found")
		return
	}
	if r.Method != http.MethodPost {
		e.refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "Method not allowed")
		return
	}
	if user, password, ok := r.BasicAuth(); !ok || user != e.Account || password != e.Password {
		e.refuse(w, http.StatusUnauthorized, "Unauthorized", "Credentials are missing or invalid.")
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		e.refuse(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", "Send JSON.")
		return
	}
	var m ecallMessage
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil || dec.More() {
		e.refuse(w, http.StatusBadRequest, "InvalidContent", "The content is not valid.")
		return
	}
	bad := m.check()
	if bad == nil && m.To != nil && e.Refuses != nil && e.Refuses(*m.To) {
		bad = []ecallDetail{{"To", []string{"'" + *m.To + "' cannot be reached."}}}
	}
	if bad != nil {
		e.refuse(w, http.StatusBadRequest, "InvalidContent", "The content is not valid.", bad...)
		return
	}
	answered, taken := e.strike(w, r)
	id := randomHex()
	if taken {
		e.take(m, id)
	}
	if !answered {
		writeJSON(w, http.StatusOK, map[string]string{"messageId": id})
	}
}

var (
	ecallNumber = regexp.MustCompile(`^\+?\d{1,16}$`)
	ecallName   = regexp.MustCompile(`^[ -~]{1,11}$`)
	ecallTo     = regexp.MustCompile(`^(\+|00)[1-9]\d{6,14}$`)
)

// check lists what eCall would complain about. Enumerations are case-sensitive.
func (m ecallMessage) check() []ecallDetail {
	var bad []ecallDetail
	add := func(parameter, message string) {
		bad = append(bad, ecallDetail{parameter, []string{message}})
	}
	if m.Channel != "Sms" {
		add("Channel", "'"+m.Channel+"' is not a channel.")
	}
	if !ecallNumber.MatchString(m.From) && !ecallName.MatchString(m.From) {
		add("From", "'"+m.From+"' is an invalid sender.")
	}
	switch {
	case (m.To == nil) == (m.ToList == nil):
		add("To", "Either To or ToList must be given.")
	case m.To != nil && !ecallTo.MatchString(*m.To):
		add("To", "'"+*m.To+"' is an invalid receiver.")
	}
	for _, to := range m.ToList {
		if !ecallTo.MatchString(to) {
			add("ToList", "'"+to+"' is an invalid receiver.")
		}
	}
	switch {
	case m.Content == nil:
		add("Content", "Content is required.")
	case m.Content.Type != "Text":
		add("Content.Type", "'"+m.Content.Type+"' is not a type.")
	case m.Content.Text == "":
		add("Content.Text", "Text is required.")
	}
	return bad
}

func (e *ECall) take(m ecallMessage, id string) {
	now := time.Now
	if e.Now != nil {
		now = e.Now
	}
	to := m.ToList
	if m.To != nil {
		to = []string{*m.To}
	}
	for _, number := range to {
		sms := SMS{ID: id, Provider: "ecall", From: m.From, To: number, Text: m.Content.Text, At: now()}
		e.box.add(sms)
		e.Inbox.Add(sms.message())
	}
}

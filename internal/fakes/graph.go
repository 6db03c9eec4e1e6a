package fakes

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// graphMail is the body of sendMail, as far as it is known here.
type graphMail struct {
	Message *struct {
		Subject *string `json:"subject"`
		Body    *struct {
			ContentType string `json:"contentType"`
			Content     string `json:"content"`
		} `json:"body"`
		From         *graphRecipient  `json:"from"`
		ToRecipients []graphRecipient `json:"toRecipients"`
		Headers      []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"internetMessageHeaders"`
	} `json:"message"`
	SaveToSentItems *bool `json:"saveToSentItems"`
}

type graphRecipient struct {
	EmailAddress struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	} `json:"emailAddress"`
}

func graphError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"code": code, "message": message, "innerError": map[string]string{"request-id": randomHex()},
	}})
}

func (m *Microsoft) sendMail(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	token := m.token
	m.mu.Unlock()
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
		graphError(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure.")
		return
	}
	user, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.EscapedPath(), "/v1.0/users/"), "/sendMail")
	if name, err := url.PathUnescape(user); !ok || err != nil || name != m.Mailbox {
		graphError(w, http.StatusNotFound, "ErrorInvalidUser", "The requested user is invalid.")
		return
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		graphError(w, http.StatusBadRequest, "RequestBroker--ParseUri", "POST JSON.")
		return
	}
	var body graphMail
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		graphError(w, http.StatusBadRequest, "UnableToDeserializePostBody", "were unable to deserialize")
		return
	}
	if status, code, message := m.check(body); status != 0 {
		graphError(w, status, code, message)
		return
	}
	answered, taken := m.strike(w, r)
	if taken {
		m.take(body)
	}
	if !answered {
		w.WriteHeader(http.StatusAccepted)
	}
}

// check returns Graph's error for a mail it would refuse, and for one that would
// leave its code in the mailbox, which is our own rule.
func (m *Microsoft) check(b graphMail) (status int, code, message string) {
	const bad = http.StatusBadRequest
	switch {
	case b.SaveToSentItems == nil || *b.SaveToSentItems:
		return bad, "ErrorInvalidRequest", "saveToSentItems must be given and false."
	case b.Message == nil || b.Message.Subject == nil || b.Message.Body == nil:
		return bad, "ErrorInvalidRequest", "message, subject and body are required."
	case b.Message.Body.ContentType != "Text" && b.Message.Body.ContentType != "HTML":
		return bad, "ErrorInvalidRequest", "contentType must be Text or HTML."
	case len(b.Message.ToRecipients) != 1:
		return bad, "ErrorInvalidRecipients", "At least one recipient isn't valid."
	}
	if a, err := mail.ParseAddress(b.Message.ToRecipients[0].EmailAddress.Address); err != nil || a.Name != "" {
		return bad, "ErrorInvalidRecipients", "At least one recipient isn't valid."
	}
	for _, h := range b.Message.Headers {
		if !strings.HasPrefix(strings.ToLower(h.Name), "x-") {
			return bad, "InvalidInternetMessageHeader", "The header name should start with 'x-'."
		}
	}
	if b.Message.From != nil && !m.maySendAs(b.Message.From.EmailAddress.Address) {
		return http.StatusForbidden, "ErrorSendAsDenied", "The user account does not have the right to send mail on behalf of the specified account."
	}
	return 0, "", ""
}

func (m *Microsoft) maySendAs(from string) bool {
	for _, own := range append([]string{m.Mailbox}, m.Aliases...) {
		if strings.EqualFold(own, from) {
			return true
		}
	}
	return false
}

func (m *Microsoft) take(b graphMail) {
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	got := Mail{From: m.Mailbox, To: []string{b.Message.ToRecipients[0].EmailAddress.Address}, Subject: *b.Message.Subject, At: now()}
	if b.Message.From != nil {
		got.From = b.Message.From.EmailAddress.Address
	}
	if b.Message.Body.ContentType == "HTML" {
		got.HTML = b.Message.Body.Content
	} else {
		got.Text = b.Message.Body.Content
	}
	m.box.add(got)
	m.Inbox.Add(Message{
		Channel: ChannelMail, Provider: "m365", From: got.From, To: got.To[0],
		Subject: got.Subject, Text: got.Text, HTML: got.HTML, At: got.At,
	})
}

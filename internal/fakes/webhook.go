package fakes

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Webhook is a customer's hook, as docs/guides/webhook.md asks for one. It answers
// at /hook. Its codes are no secret to the test.
type Webhook struct {
	Secret string
	Now    func() time.Time       // default time.Now
	Ask    string                 // in answer to start: "code" (default) or "number"
	Say    string                 // likewise, the message
	AMR    []string               // in answer to a check that approves
	Tamper func(r *WebhookAnswer) // changes what would be said, before it is signed; may be nil
	Inbox  *Inbox                 // gets what is to be delivered; may be nil

	Faults
	box box[WebhookCall]

	mu    sync.Mutex
	seen  map[string]bool
	asked map[string]*webhookQuestion // by reference
}

// WebhookCall is a call that the fake took for good.
type WebhookCall struct {
	Type      string       `json:"type"`
	ID        string       `json:"id"`
	At        int64        `json:"at"`
	MessageID string       `json:"message_id"`
	To        *WebhookUser `json:"to"`
	Text      string       `json:"text"`
	User      *WebhookUser `json:"user"`
	Realm     string       `json:"realm"`
	Number    string       `json:"number"`
	ExpiresAt int64        `json:"expires_at"`
	Reference string       `json:"reference"`
	Answer    string       `json:"answer"`
}

// WebhookUser is what a call tells about a user.
type WebhookUser struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Email  string `json:"email"`
	Phone  string `json:"phone"`
	Locale string `json:"locale"`
}

// WebhookAnswer is what the fake is about to say.
type WebhookAnswer struct {
	Call   WebhookCall
	Status int
	Header http.Header
	Body   []byte
	At     time.Time // when it was signed
	Secret string    // with what
}

type webhookQuestion struct {
	code, number string
	decision     string
}

// WebhookStranger is the id of a user whom the fake cannot reach.
const WebhookStranger = "stranger"

// Calls lists what was taken, oldest first.
func (w *Webhook) Calls() []WebhookCall { return w.box.all() }

// Code is the right answer to a question.
func (w *Webhook) Code(reference string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if q := w.asked[reference]; q != nil {
		return q.code
	}
	return ""
}

// Confirm is the user who enters a number in the hook's app: the wrong one denies.
func (w *Webhook) Confirm(reference, number string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.asked[reference]
	q.decision = "denied"
	if q.number == number {
		q.decision = "approved"
	}
}

// ServeHTTP answers as the guide asks.
func (w *Webhook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if w.Now != nil {
		now = w.Now()
	}
	c, status := w.read(r, now)
	if status != http.StatusOK {
		http.Error(rw, http.StatusText(status), status)
		return
	}
	if answered, taken := w.strike(rw, r); answered {
		if taken {
			w.box.add(c)
		}
		return
	}
	said, status := w.answer(c)
	if status != http.StatusOK {
		http.Error(rw, http.StatusText(status), status)
		return
	}
	w.box.add(c)
	if c.Type == "deliver" {
		w.Inbox.Add(Message{Channel: ChannelHook, Provider: "webhook", To: cmp.Or(c.To.Email, c.To.Phone, c.To.Name), Text: c.Text, At: now})
	}
	said["id"] = c.ID
	body, err := json.Marshal(said)
	if err != nil {
		http.Error(rw, "JSON", http.StatusInternalServerError)
		return
	}
	a := WebhookAnswer{Call: c, Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, At: now, Secret: w.Secret}
	if w.Tamper != nil {
		w.Tamper(&a)
	}
	if _, given := a.Header["Twofold-Signature"]; !given {
		a.Header.Set("Twofold-Signature", webhookSignature(a.Secret, a.At.Unix(), a.Body))
	}
	for name, values := range a.Header {
		rw.Header()[name] = values
	}
	rw.WriteHeader(a.Status)
	rw.Write(a.Body) //nolint:errcheck // the client may be gone
}

// read takes a call, or refuses it by a status.
func (w *Webhook) read(r *http.Request, now time.Time) (WebhookCall, int) {
	var c WebhookCall
	switch {
	case r.URL.Path != "/hook" || r.URL.RawQuery != "":
		return c, http.StatusNotFound
	case r.Method != http.MethodPost:
		return c, http.StatusMethodNotAllowed
	case r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "":
		return c, http.StatusBadRequest
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return c, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return c, http.StatusBadRequest
	}
	at, ok := webhookSigned(w.Secret, r.Header.Values("Twofold-Signature"), body)
	if age := now.Sub(time.Unix(at, 0)); !ok || age > 5*time.Minute || age < -5*time.Minute {
		return c, http.StatusUnauthorized
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil || dec.More() || c.At != at || !c.complete(now) {
		return c, http.StatusBadRequest
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[c.ID] {
		return c, http.StatusConflict
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[c.ID] = true
	return c, http.StatusOK
}

// complete reports whether a call has what its type must have, and nothing else.
func (c WebhookCall) complete(now time.Time) bool {
	if len(c.ID) < 22 {
		return false
	}
	ends := time.Unix(c.ExpiresAt, 0)
	timely := ends.After(now.Add(-time.Second)) && ends.Before(now.Add(11*time.Minute))
	switch c.Type {
	case "deliver":
		return c.MessageID != "" && c.MessageID != c.ID && c.To != nil && *c.To != WebhookUser{} && c.Text != "" && timely &&
			c.User == nil && c.Number+c.Reference+c.Answer+c.Realm == ""
	case "start":
		n, err := strconv.Atoi(c.Number)
		return c.User != nil && c.User.ID != "" && err == nil && n >= 100 && n <= 999 && timely &&
			c.To == nil && c.MessageID+c.Text+c.Reference+c.Answer == ""
	case "check":
		return c.Reference != "" && c.To == nil && c.User == nil && c.ExpiresAt == 0 && c.MessageID+c.Text+c.Number+c.Realm == ""
	}
	return false
}

// answer is what the fake says to a good call.
func (w *Webhook) answer(c WebhookCall) (map[string]any, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch c.Type {
	case "deliver":
		if c.To.ID == WebhookStranger {
			return map[string]any{"status": "unreachable"}, http.StatusOK
		}
		return map[string]any{"status": "accepted", "reference": "sent-" + randomHex()}, http.StatusOK
	case "start":
		return w.start(c), http.StatusOK
	}
	q := w.asked[c.Reference]
	if q == nil {
		return nil, http.StatusNotFound
	}
	decision := q.decision
	if decision == "" {
		decision = "denied"
		if c.Answer == q.code {
			decision = "approved"
		}
	}
	said := map[string]any{"decision": decision}
	if decision == "approved" && w.AMR != nil {
		said["amr"] = w.AMR
	}
	return said, http.StatusOK
}

func (w *Webhook) start(c WebhookCall) map[string]any {
	if c.User.ID == WebhookStranger {
		return map[string]any{"ask": "none"}
	}
	reference, ask := randomHex(), "code"
	n, _ := strconv.ParseUint(randomHex()[:8], 16, 64)
	q := &webhookQuestion{code: fmt.Sprintf("%06d", n%1_000_000)}
	if w.Ask == "number" {
		ask = "number"
		q = &webhookQuestion{number: c.Number, decision: "pending"}
	}
	if w.asked == nil {
		w.asked = map[string]*webhookQuestion{}
	}
	w.asked[reference] = q
	said := map[string]any{"ask": ask, "reference": reference}
	if w.Say != "" {
		said["message"] = w.Say
	}
	return said
}

// webhookSignature is the header over a body.
func webhookSignature(secret string, at int64, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strconv.FormatInt(at, 10) + "."))
	mac.Write(body)
	return "t=" + strconv.FormatInt(at, 10) + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// webhookSigned checks the header over a body and returns its time.
func webhookSigned(secret string, values []string, body []byte) (at int64, ok bool) {
	if len(values) != 1 {
		return 0, false
	}
	stamp, _, _ := strings.Cut(strings.TrimPrefix(values[0], "t="), ",")
	at, err := strconv.ParseInt(stamp, 10, 64)
	return at, err == nil && hmac.Equal([]byte(values[0]), []byte(webhookSignature(secret, at, body)))
}

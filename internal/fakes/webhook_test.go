package fakes_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
)

func TestWebhookIsStrict(t *testing.T) {
	const secret, kind = "secret", "application/json"
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	fake := &fakes.Webhook{Secret: secret, Now: func() time.Time { return now }}
	signed := func(at int64, body string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%d.%s", at, body)
		return fmt.Sprintf("t=%d,v1=%x", at, mac.Sum(nil))
	}
	post := func(method, path, kind, signature, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Twofold-Signature", signature)
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		return w
	}
	at := now.Unix()
	head := fmt.Sprintf(`"at":%d,"expires_at":%d`, at, at+300)
	deliver := `{"type":"deliver","id":"0123456789012345678901",` + head + `,"message_id":"m","to":{"id":"u"},"text":"t"}`
	start := `{"type":"start","id":"0123456789012345678901",` + head + `,"user":{"id":"u"},"number":"123"}`
	for name, c := range map[string]struct {
		method, path, kind, signature, body string
		status                              int
	}{
		"path":            {"POST", "/", kind, signed(at, deliver), deliver, 404},
		"query":           {"POST", "/hook?a=b", kind, signed(at, deliver), deliver, 404},
		"method":          {"PUT", "/hook", kind, signed(at, deliver), deliver, 405},
		"content type":    {"POST", "/hook", "text/plain", signed(at, deliver), deliver, 415},
		"no signature":    {"POST", "/hook", kind, "", deliver, 401},
		"wrong signature": {"POST", "/hook", kind, signed(at, start), deliver, 401},
		"old":             {"POST", "/hook", kind, signed(at-301, deliver), deliver, 401},
		"another time":    {"POST", "/hook", kind, signed(at-1, deliver), deliver, 400},
		"no JSON":         {"POST", "/hook", kind, signed(at, "{"), "{", 400},
	} {
		t.Run(name, func(t *testing.T) {
			if w := post(c.method, c.path, c.kind, c.signature, c.body); w.Code != c.status {
				t.Errorf("got %d", w.Code)
			}
		})
	}
	for name, body := range map[string]string{
		"unknown field":   strings.Replace(deliver, "{", `{"x":1,`, 1),
		"short id":        strings.Replace(deliver, "0123456789012345678901", "01", 1),
		"no message id":   strings.Replace(deliver, `"message_id":"m",`, "", 1),
		"to nobody":       strings.Replace(deliver, `{"id":"u"}`, `{}`, 1),
		"no text":         strings.Replace(deliver, `"t"}`, `""}`, 1),
		"too late":        strings.Replace(deliver, fmt.Sprint(at+300), fmt.Sprint(at-300), 1),
		"never ends":      strings.Replace(deliver, fmt.Sprint(at+300), fmt.Sprint(at+3000), 1),
		"two in one":      strings.Replace(deliver, `"text"`, `"answer":"1","text"`, 1),
		"unknown type":    strings.Replace(deliver, `"deliver"`, `"push"`, 1),
		"start of nobody": strings.Replace(start, `{"id":"u"}`, `{}`, 1),
		"no number":       strings.Replace(start, `"123"`, `"12"`, 1),
		"check of naught": fmt.Sprintf(`{"type":"check","id":"0123456789012345678901","at":%d}`, at),
	} {
		t.Run(name, func(t *testing.T) {
			if w := post("POST", "/hook", kind, signed(at, body), body); w.Code != http.StatusBadRequest {
				t.Errorf("got %d", w.Code)
			}
		})
	}
	if n := len(fake.Calls()); n != 0 {
		t.Fatalf("took %d", n)
	}
	w := post("POST", "/hook", kind, signed(at, deliver), deliver)
	if got := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(got, `"id":"0123456789012345678901"`) || w.Header().Get("Twofold-Signature") != signed(at, got) {
		t.Errorf("got %d %s, %v", w.Code, got, w.Header())
	}
	if w := post("POST", "/hook", kind, signed(at, deliver), deliver); w.Code != http.StatusConflict {
		t.Errorf("the same call again: %d", w.Code)
	}
	unknown := fmt.Sprintf(`{"type":"check","id":"0123456789012345678902","at":%d,"reference":"r"}`, at)
	if w := post("POST", "/hook", kind, signed(at, unknown), unknown); w.Code != http.StatusNotFound {
		t.Errorf("an unknown question: %d", w.Code)
	}
}

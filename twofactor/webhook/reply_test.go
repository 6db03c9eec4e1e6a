package webhook

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"twofold/twofactor"
)

const testSecret = twofactor.Secret("0123456789abcdef0123456789abcdef")

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// TestSignature holds the form that receivers of others are written to.
func TestSignature(t *testing.T) {
	const want = "t=1795694400,v1=48636e6c3f12e8560b97bb9a8c9eb85c4ed7927dfce4284617ff71d9b5f110c3"
	got := sign(testSecret, noon.Unix(), []byte(`{"id":"1"}`))
	if got != want {
		t.Errorf("got %s", got)
	}
	for name, value := range map[string]string{
		"upper case": "t=" + strings.ToUpper(got[2:]), "space": strings.Replace(got, ",", ", ", 1), "more": got + ",v1=00", "less": got[:len(got)-1],
		"plus": strings.Replace(got, "t=", "t=+", 1), "zero": strings.Replace(got, "t=", "t=0", 1), "no time": got[strings.Index(got, "v1"):], "empty": "",
	} {
		if checkSignature(testSecret, noon, http.Header{signatureHeader: {value}}, []byte(`{"id":"1"}`)) == nil {
			t.Errorf("%s: %q is taken", name, value)
		}
	}
	for age, good := range map[time.Duration]bool{0: true, tolerance: true, -tolerance: true, tolerance + time.Second: false, -tolerance - time.Second: false} {
		if err := checkSignature(testSecret, noon.Add(age), http.Header{signatureHeader: {got}}, []byte(`{"id":"1"}`)); (err == nil) != good {
			t.Errorf("%v old: %v", age, err)
		}
	}
}

// FuzzReply: only what was signed for this call counts, and then it has the form
// that is agreed. Signed bodies too may be anything: a hook may have been taken over.
func FuzzReply(f *testing.F) {
	for _, body := range []string{
		`{"id":"1","status":"accepted"}`, `{"id":"1","ask":"code","reference":"r","message":"Hello."}`, `{"id":"1","ask":"none"}`,
		`{"id":"1","decision":"approved","amr":["hwk","otp"]}`, `{"id":"1","decision":"approved","decision":"denied"}`, `null`, `[]`, "", "\xff",
		`{"id":"2","decision":"approved"}`, `{"type":"check","id":"1","reference":"r","answer":"1"}`,
	} {
		f.Add([]byte(body), "", true)
		f.Add([]byte(body), "t=1795694400,v1=00", false)
	}
	f.Fuzz(func(t *testing.T, body []byte, header string, signed bool) {
		if signed {
			header = sign(testSecret, noon.Unix(), body)
		}
		h := http.Header{signatureHeader: {header}, "Content-Type": {"application/json"}}
		for _, kind := range []string{callDeliver, callStart, callCheck} {
			r, err := readReply(testSecret, noon, call{Type: kind, ID: "1"}, h, body)
			if err != nil {
				var e *twofactor.SendError
				if !errors.As(err, &e) || errors.Is(err, twofactor.ErrWrongAnswer) || r.Decision != "" {
					t.Errorf("%s: %+v, %v", kind, r, err)
				}
				continue
			}
			if !signed || r.ID != "1" || !r.answers(kind) {
				t.Errorf("%s: believes %q: %+v", kind, body, r)
			}
			if strings.ContainsAny(r.Message, "\r\n\x00\u202e") && kind == callStart && r.Ask != askNone {
				t.Errorf("message %q", r.Message)
			}
			for _, m := range r.amr() {
				if m == "hwk" || m == "pwd" || m == "mfa" {
					t.Errorf("claims %s", m)
				}
			}
		}
	})
}

// zeros and then digits, to see the bytes that do not count.
func TestDigits(t *testing.T) {
	got, err := digits(strings.NewReader("\xfa\xff\x00\x07\x13\x64\xf9"+strings.Repeat("\x01", 20)), 5)
	if err != nil || got != "07909" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := digits(strings.NewReader("short"), 6); err == nil {
		t.Error("no randomness, but digits")
	}
	got, err = newNumber(strings.NewReader(strings.Repeat("\x00", 16) + strings.Repeat("\x05", 16)))
	if err != nil || got != "555" {
		t.Errorf("%q %v", got, err)
	}
}

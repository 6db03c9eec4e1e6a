package testkit

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"
)

// SecretRegister collects the secrets of a test (passwords, codes, tokens, keys)
// and finds them where they must not be, also in the usual encodings. It is
// safe for concurrent use.
//
// A secret is named in messages and never shown.
type SecretRegister struct {
	mu      sync.Mutex
	secrets []secret
}

type secret struct{ name, value string }

// Add registers value under name and returns value, so that it can stand where
// the value is used. Empty values are left out.
func (r *SecretRegister) Add(name, value string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if value != "" {
		r.secrets = append(r.secrets, secret{name, value})
	}
	return value
}

// Find names the secrets that are in text, and how they are written there.
func (r *SecretRegister) Find(text string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, s := range r.secrets {
		for _, e := range encodings {
			if w := e.write(s.value); (e.name == "plain" || w != s.value) && holds(text, w) {
				found = append(found, s.name+" ("+e.name+")")
				break
			}
		}
	}
	return found
}

// Forbid fails the test for each registered secret in text; where says what
// text is, such as "log" or "token response".
func (r *SecretRegister) Forbid(t testing.TB, where, text string) {
	t.Helper()
	for _, name := range r.Find(text) {
		t.Errorf("testkit: secret in %s: %s", where, name)
	}
}

// ForbidPage fails the test for each secret in body, headers or URL of a page.
func (r *SecretRegister) ForbidPage(t testing.TB, p *Page) {
	t.Helper()
	var head strings.Builder
	_ = p.Header.Write(&head) // a strings.Builder cannot fail
	r.Forbid(t, "page "+p.URL.Path, p.URL.String()+"\n"+head.String()+"\n"+p.Body)
}

// Transport checks every answer that next gives, bodies included.
func (r *SecretRegister) Transport(t testing.TB, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	if next == nil {
		next = http.DefaultTransport
	}
	return forbidding{r, t, next}
}

type forbidding struct {
	*SecretRegister
	t    testing.TB
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (f forbidding) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := f.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if closeErr := res.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	var head strings.Builder
	_ = res.Header.Write(&head)
	f.Forbid(f.t, "answer to "+req.Method+" "+req.URL.Path, head.String()+"\n"+string(body))
	return res, nil
}

// encodings in which secrets slip through a plain search. Base64 is found only
// where it begins with the secret: in Basic credentials it does not.
var encodings = [...]struct {
	name  string
	write func(string) string
}{
	{"plain", func(s string) string { return s }},
	{"JSON", func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) }},
	{"HTML", html.EscapeString},
	{"query", url.QueryEscape},
	{"path", url.PathEscape},
	{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString(whole(s)) }},
	{"base64url", func(s string) string { return base64.URLEncoding.EncodeToString(whole(s)) }},
}

// whole cuts s to full groups of three bytes, whose base64 does not depend on
// what follows.
func whole(s string) []byte { return []byte(s[:len(s)/3*3]) }

// holds looks for w in text. A short word of digits only counts where it stands
// alone: six digits of a code are also in many a number.
func holds(text, w string) bool {
	if w == "" {
		return false
	}
	alone := len(w) <= 10 && strings.Trim(w, "0123456789") == ""
	for {
		i := strings.Index(text, w)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(w):])
		if !alone || (!isWord(before) && !isWord(after)) {
			return true
		}
		text = text[i+1:]
	}
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

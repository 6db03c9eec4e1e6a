package testkit

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSecretRegisterFinds(t *testing.T) {
	const password, code = `p"ss/wörd & more`, "042137"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "all is well", nil},
		{"plain", "password=" + password + ".", []string{"password (plain)"}},
		{"JSON", `{"p":"p\"ss/wörd \u0026 more"}`, []string{"password (JSON)"}},
		{"HTML", `<b>p&#34;ss/wörd &amp; more</b>`, []string{"password (HTML)"}},
		{"query", "?p=" + url.QueryEscape(password), []string{"password (query)"}},
		{"base64", base64.StdEncoding.EncodeToString([]byte(password + "tail")), []string{"password (base64)"}},
		{"code", `code "042137"`, []string{"code (plain)"}},
		{"code at the end", "Your code: 042137", []string{"code (plain)"}},
		{"code in a number", "took 1042137 ns, id 0421379", nil},
		{"code in a number and alone", "10421370 042137", []string{"code (plain)"}},
		{"both", password + " " + code, []string{"password (plain)", "code (plain)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r SecretRegister
			r.Add("nothing", "")
			if got := r.Add("password", password); got != password {
				t.Errorf("Add = %q", got)
			}
			r.Add("code", code)
			if d := cmp.Diff(tt.want, r.Find(tt.text)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSecretInAnswerFailsTheTest(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Debug", r.URL.Query().Get("h"))
		_, _ = w.Write([]byte(r.URL.Query().Get("b")))
	}))
	defer srv.Close()
	for _, q := range []string{"?b=x+hunter22+y", "?h=hunter22"} {
		rec := ending(t, func(tb testing.TB) {
			var r SecretRegister
			r.Add("password", "hunter22")
			c := NewClient(tb)
			c.HTTP.Transport = r.Transport(tb, nil)
			p := c.Get(srv.URL + "/a" + q)
			r.ForbidPage(tb, p)
		})
		all := strings.Join(rec.errors, "\n")
		if len(rec.errors) != 2 || !strings.Contains(all, "answer to GET /a: password") || strings.Contains(all, "hunter22") {
			t.Errorf("errors = %q", rec.errors)
		}
	}
}

func TestLogs(t *testing.T) {
	log, buf := Logs(t)
	log.Debug("begin", "user", "ann")
	if !buf.Contains(`"user":"ann"`) || buf.Contains("end") {
		t.Errorf("log = %s", buf)
	}
	if got := buf.Records(); len(got) != 1 || got[0]["msg"] != "begin" {
		t.Errorf("records = %v", got)
	}
	go func() {
		for range 3 {
			log.Info("tick")
			time.Sleep(time.Millisecond)
		}
		log.Info("end")
	}()
	buf.Wait(t, "end")
	buf.Reset()
	if buf.String() != "" {
		t.Error("Reset left something")
	}
}

package rest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"twofold/internal/testkit"
)

// TestPour: a stream that fails before it began is a problem, and one that fails later
// never looks whole.
func TestPour(t *testing.T) {
	log, logs := testkit.Logs(t)
	a := &API{Config: Config{Log: log}}
	broken := errors.New("the database is gone")
	for name, c := range map[string]struct {
		lines  int
		err    error
		status int
		whole  bool
	}{
		"whole": {3, nil, 200, true}, "empty": {0, nil, 200, true}, "at once": {0, broken, 500, true}, "in the middle": {3, broken, 200, false}, "later": {3000, broken, 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a.pour(w, r, &stream{media: mediaLines, name: "x.jsonl", write: func(out io.Writer) error {
					for range c.lines {
						if _, err := io.WriteString(out, `{"a":1}`+"\n"); err != nil {
							return err
						}
					}
					return c.err
				}})
			}))
			defer server.Close()
			res, err := server.Client().Get(server.URL)
			if err != nil {
				if c.whole {
					t.Fatal(err)
				}
				return // cut before its head was sent
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if (err == nil) != c.whole || res.StatusCode != c.status || c.status == 200 && c.whole && strings.Count(string(text), "\n") != c.lines {
				t.Errorf("%d %v, %d bytes", res.StatusCode, err, len(text))
			}
			if file := res.Header.Get("Content-Disposition"); (file != "") != (c.status == 200) {
				t.Errorf("the name of the file: %q", file)
			}
		})
	}
	if !logs.Contains("broke off") {
		t.Error("nobody would know")
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	tests := []struct {
		name, listen string
		status       int
		want         string
	}{
		{"ready", "127.0.0.1:PORT", 200, ""},
		{"ready, listening everywhere", ":PORT", 200, ""},
		{"ready, listening everywhere by number", "0.0.0.0:PORT", 200, ""},
		{"draining", ":PORT", 503, "status 503"},
		{"not there", "127.0.0.1:1", 200, "refused"},
		{"no address", "9090", 200, "TWOFOLD_OPS_LISTEN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.WriteHeader(tt.status)
			}))
			defer srv.Close()
			port := srv.URL[strings.LastIndex(srv.URL, ":")+1:]
			err := check(t.Context(), strings.ReplaceAll(tt.listen, "PORT", port))
			if (tt.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

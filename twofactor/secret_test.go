package twofactor_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"twofold/twofactor"
)

func TestSecretHides(t *testing.T) {
	const value = "hunter2"
	s := twofactor.Secret(value)
	wrapped := struct {
		S twofactor.Secret
		M map[string]twofactor.Secret
		P *twofactor.Secret
	}{s, map[string]twofactor.Secret{"k": s}, &s}

	// Not %w, which fmt takes from errors only; go vet finds it.
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%5.1f"} {
		fmt.Fprintf(&out, verb+"\n", s) // wrong verbs are the point
		fmt.Fprintf(&out, verb+"\n", wrapped)
	}
	for _, v := range []any{s, wrapped} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "k", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "k", v)
	}
	fmt.Fprint(&out, fmt.Errorf("x %v", s), s.String(), s.GoString())
	for _, leak := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q leaks:\n%s", leak, out.String())
		}
	}
	if s.Reveal() != value {
		t.Error("Reveal does not give the value")
	}
}

func TestSecretReads(t *testing.T) {
	var s twofactor.Secret
	if err := json.Unmarshal([]byte(`"hunter2"`), &s); err != nil || s.Reveal() != "hunter2" {
		t.Errorf("got %q, %v", s.Reveal(), err)
	}
	if err := json.Unmarshal([]byte(`1`), &s); err == nil {
		t.Error("reads a number")
	}
}

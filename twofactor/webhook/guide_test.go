package webhook

import (
	"bufio"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"twofold/internal/outbound"
	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

func guide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/guides/webhook.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the guide's code blocks of a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var out []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(guide(t), -1) {
		out = append(out, m[1])
	}
	return out
}

// TestGuideExamples holds the guide's JSON against the types.
func TestGuideExamples(t *testing.T) {
	calls, replies := 0, 0
	for _, text := range blocks(t, "json") {
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		var c call
		if dec.Decode(&c) == nil && c.Type != "" {
			calls++
			continue
		}
		var r reply
		dec = json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&r); err != nil || !r.answers(callDeliver) && !r.answers(callStart) && !r.answers(callCheck) {
			t.Errorf("neither call nor reply (%v):\n%s", err, text)
		}
		replies++
	}
	if calls != 3 || replies != 5 {
		t.Errorf("%d calls, %d replies", calls, replies)
	}
	if example := sign(testSecret, noon.Unix(), []byte(`{"id":"1"}`)); !strings.Contains(guide(t), example) {
		t.Errorf("the example of a signature is %s", example)
	}
	for _, m := range methods {
		if !strings.Contains(guide(t), "`"+m+"`") {
			t.Errorf("lacks %s", m)
		}
	}
}

// TestGuideReceiver builds the guide's receiver, and the factor delivers to it.
func TestGuideReceiver(t *testing.T) {
	sample := blocks(t, "go")
	if len(sample) != 1 || strings.Count(sample[0], "\n") > 40 {
		t.Fatalf("%d samples", len(sample))
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module receiver\n\ngo 1.24\n", "main.go": sample[0]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "receiver", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address, output := receive(t, filepath.Join(dir, "receiver"))

	env := factortest.Env()
	env.Guarded = outbound.Client(outbound.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	open := func(secret twofactor.Secret) (twofactor.Factor, twofactor.Challenge) {
		t.Helper()
		f, err := Provider().Open([]byte(`{"Url":"http://`+address+`/","SigningSecret":"`+secret.Reveal()+`"}`), env)
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.Challenge(t.Context(), twofactor.User{ID: "u1", Phone: "+41791234567"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return f, c
	}
	f, c := open(testSecret)
	receipt, err := f.(twofactor.Sender).Send(t.Context(), *c.Outgoing)
	if err != nil || receipt.Status != accepted {
		t.Fatalf("%+v, %v", receipt, err)
	}
	line, err := output.ReadString('\n')
	st, _ := readCode(c.State)
	if err != nil || !strings.Contains(line, `"phone":"+41791234567"`) || !strings.Contains(line, st.Code) {
		t.Errorf("the receiver says %q, %v", line, err)
	}
	f, c = open(testSecret + "-of-somebody-else")
	if _, err := f.(twofactor.Sender).Send(t.Context(), *c.Outgoing); twofactor.ClassName(err) != "account" || !strings.Contains(err.Error(), "401") {
		t.Errorf("another secret: %v", err)
	}
}

// receive runs the receiver until the test ends. Nothing tells its port, so a free one
// is looked for; should somebody else take it meanwhile, another.
func receive(t *testing.T, program string) (address string, output *bufio.Reader) {
	t.Helper()
	for range 5 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = []string{"SIGNING_SECRET=" + testSecret.Reveal(), "LISTEN=" + address}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { defer close(ended); cmd.Wait() }()
		t.Cleanup(func() { cmd.Process.Kill(); <-ended })
		if listens(address, ended) {
			return address, bufio.NewReader(out)
		}
	}
	t.Fatal("the receiver does not come up")
	return "", nil
}

func listens(address string, ended <-chan struct{}) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return false
		case <-tick.C:
		}
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return true
		}
	}
}

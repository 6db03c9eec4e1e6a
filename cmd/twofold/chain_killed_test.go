package main

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
)

// startWith is start with the services of the world.
func (w *chainWorld) startWith(keyFile, publicURL string) *process {
	w.t.Helper()
	t := w.t.(*testing.T)
	addr, ops := freeAddr(t), freeAddr(t)
	p := &process{addr: addr, log: &syncBuffer{}}
	p.cmd = exec.Command(os.Args[0], "serve", "--listen", addr, "--ops-listen", ops, "--public-url", publicURL, "--master-key-file", keyFile,
		"--endpoint-ecall", w.vendors.URL+"/ecall", "--endpoint-twilio", w.vendors.URL+"/twilio")
	p.cmd.Env = append(os.Environ(), "TWOFOLD_TEST_EXEC=1", "TWOFOLD_DATABASE="+w.databaseURL)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	w.eventually("a process answers", func() bool {
		resp, err := http.Get("http://" + ops + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil && resp.StatusCode == http.StatusOK
	})
	return p
}

// eventually waits for another process, which has no event to wait for.
func (w *chainWorld) eventually(what string, is func() bool) {
	w.t.Helper()
	late := time.After(40 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("never: %s", what)
		}
	}
}

// TestKilledInTheChain: the process that was calling eCall is killed; the other one
// calls again, fails too, and goes on with the chain. The user notices a pause.
func TestKilledInTheChain(t *testing.T) {
	t.Parallel()
	w := newChainWorld(t, testkit.Postgres(t), 1)
	w.clock.Set(time.Now()) // the processes have the real one
	w.tenant("acme", "anna")
	w.links()
	w.assign("eCall", "tenant acme", true)
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(hex.EncodeToString(testKey)), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBalancer(t)
	sender, other := w.startWith(keyFile, b.URL), w.startWith(keyFile, b.URL)
	b.backends = []string{sender.addr}
	w.url = b.URL
	w.stopWork() // only the processes send

	w.ecall.Script(fakes.Fault{Hang: true}, fakes.Fault{Status: 500})
	p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
	page := p.signIn(c, "anna").Follow()
	w.eventually("eCall is called", func() bool { return w.asked.of("ecall") == 1 })
	sender.kill()
	killed := time.Now()
	b.mu.Lock()
	b.backends = []string{other.addr}
	b.mu.Unlock()
	w.eventually("the code arrives", func() bool { return len(w.twilio.Sent()) == 1 })
	code := w.code(w.phone("anna"))
	t.Logf("%s after the kill", time.Since(killed).Round(time.Millisecond))
	w.eventually("the log has it", func() bool { l := w.lines("anna"); return len(l) == 2 && strings.Contains(l[1], "sent") })
	if diff := cmp.Diff([]string{"eCall sms failed 2 retry", "Twilio sms sent 1 "}, w.lines("anna")); diff != "" {
		t.Error(diff)
	}
	c.Get(page.URL.String()).Require(http.StatusOK).RequireText("We could not reach you by eCall, so the code went out by Twilio.")
	if cl := p.letIn(page, code); cl["acr"] != acrAAL2 {
		t.Errorf("acr %v", cl["acr"])
	}
	if n := w.asked.of("ecall"); n != 2 || len(w.twilio.Sent()) != 1 || len(w.trail("factor.fell_through")) != 1 {
		t.Error(fmt.Sprint(n, " calls of eCall, ", w.twilio.Sent(), w.trail("factor.fell_through")))
	}
}

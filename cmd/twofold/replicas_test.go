package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
)

// process is one replica: this test binary, run as the command.
type process struct {
	cmd     *exec.Cmd
	addr    string
	keyFile string
	log     *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start runs "twofold serve" on the database and waits until it is ready.
func start(t *testing.T, databaseURL, keyFile, publicURL string) *process {
	t.Helper()
	addr, ops := freeAddr(t), freeAddr(t)
	p := &process{addr: addr, keyFile: keyFile, log: &syncBuffer{}}
	p.cmd = exec.Command(os.Args[0], "serve", "--listen", addr, "--ops-listen", ops, "--public-url", publicURL, "--master-key-file", keyFile)
	p.cmd.Env = append(os.Environ(), "TWOFOLD_TEST_EXEC=1", "TWOFOLD_DATABASE="+databaseURL)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill() })
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if resp, err := http.Get("http://" + ops + "/readyz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p
			}
		}
		time.Sleep(50 * time.Millisecond) // another process has no event to wait for
	}
	t.Fatalf("replica not ready:\n%s", p.log)
	return nil
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// freeAddr is an address that nobody listens at, below the ports that the system gives to
// servers of other tests, which would take one of theirs at once.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// balancer is a round-robin proxy without stickiness that skips the dead.
type balancer struct {
	*httptest.Server
	mu       sync.Mutex
	backends []string
	next     atomic.Int64
	served   map[string]int
}

func newBalancer(t *testing.T) *balancer {
	b := &balancer{served: map[string]int{}}
	b.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "backend"})
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: b.dial},
	})
	t.Cleanup(b.Close)
	return b
}

func (b *balancer) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	b.mu.Lock()
	list := b.backends
	b.mu.Unlock()
	err := errors.New("no backend")
	for range list {
		addr := list[int(b.next.Add(1))%len(list)]
		var c net.Conn
		if c, err = (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr); err == nil {
			b.mu.Lock()
			b.served[addr]++
			b.mu.Unlock()
			return c, nil
		}
	}
	return nil, err
}

// replicas is a world whose servers are processes of their own.
func replicas(t *testing.T, n int) (*world, *balancer, []*process) {
	t.Helper()
	databaseURL := testkit.Postgres(t)
	w := newWorld(t, databaseURL)
	w.clock.Set(time.Now()) // the processes have the real one
	w.tenant("acme", "anna", "bruno", "carla", "dora")
	w.factor("mail", "email")
	w.assign("mail", "tenant acme", true)
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(hex.EncodeToString(testKey)), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBalancer(t)
	var ps []*process
	for range n {
		p := start(t, databaseURL, keyFile, b.URL)
		ps = append(ps, p)
		b.backends = append(b.backends, p.addr)
	}
	w.url = b.URL
	w.stopWork() // only the processes send
	return w, b, ps
}

// TestTwoReplicas: no request of a sign-in needs the replica of the one before.
func TestTwoReplicas(t *testing.T) {
	t.Parallel() // it waits for processes more than it works
	w, b, ps := replicas(t, 2)
	p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
	page := p.signIn(c, "anna").Follow()
	page = page.Forms[0].Set("code", w.code("anna@example.test")).Submit()
	tok := p.exchange(p.callback(page).Get("code"))
	if tok.Status != http.StatusOK {
		t.Fatalf("%+v", tok)
	}
	for _, one := range ps {
		if b.served[one.addr] < 2 {
			t.Errorf("replica %s served %d requests: %v", one.addr, b.served[one.addr], b.served)
		}
		if strings.Contains(one.log.String(), password) || strings.Contains(one.log.String(), "anna@example.test") {
			t.Error("a secret or an address is in a replica's log")
		}
	}
}

// TestKilledBetweenPasswordAndCode: the other replica finishes the sign-in.
func TestKilledBetweenPasswordAndCode(t *testing.T) {
	t.Parallel() // it waits for processes more than it works
	w, _, ps := replicas(t, 2)
	p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
	page := p.signIn(c, "anna").Follow()
	code := w.code("anna@example.test")
	ps[0].kill()
	page = page.Forms[0].Set("code", code).Submit()
	if tok := p.exchange(p.callback(page).Get("code")); tok.Status != http.StatusOK {
		t.Fatalf("%+v", tok)
	}
}

// TestKilledBeforeSending: F19: what one replica queued, and was killed while
// sending, another sends within 15 s, and only once.
func TestKilledBeforeSending(t *testing.T) {
	t.Parallel() // it waits for processes more than it works
	w, b, ps := replicas(t, 1)
	w.smtp.Script(fakes.SMTPFault{Stage: fakes.SMTPConnect, Hang: true})
	p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
	page := p.signIn(c, "bruno").Follow()
	deadline := time.Now().Add(10 * time.Second)
	for w.count("messages", "state = 'sending'") != 1 {
		if time.Now().After(deadline) {
			t.Fatal("nothing is being sent")
		}
		time.Sleep(10 * time.Millisecond) // another process has no event to wait for
	}
	ps[0].kill()
	killed := time.Now()
	w.smtp.Heal() // in case the kill came before the connection
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(hex.EncodeToString(testKey)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := start(t, w.databaseURL, keyFile, b.URL)
	b.mu.Lock()
	b.backends = []string{other.addr}
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if _, err := w.inbox.Wait(ctx, func(m fakes.Message) bool { return m.To == "bruno@example.test" }); err != nil {
		t.Fatalf("not sent: %v\n%s", err, other.log)
	}
	t.Logf("sent %s after the kill", time.Since(killed).Round(time.Millisecond))
	page = page.Forms[0].Set("code", w.code("bruno@example.test")).Submit()
	p.callback(page)
	if n := len(w.inbox.Messages()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// TestQueuedByTheDead: a message that no process has claimed is sent by any.
func TestQueuedByTheDead(t *testing.T) {
	t.Parallel() // it waits for processes more than it works
	w := newWorld(t, testkit.Postgres(t))
	w.stopWork() // as if killed right after the commit
	w.tenant("acme", "carla")
	w.factor("mail", "email")
	w.assign("mail", "tenant acme", true)
	p := w.rp("acme", "expenses")
	page := p.signIn(testkit.NewClient(t), "carla").Follow()
	if n := w.count("messages", "state = 'queued'"); n != 1 {
		t.Fatalf("%d queued", n)
	}
	other := &world{t: t, clock: w.clock, inbox: w.inbox, ids: w.ids, smtp: w.smtp, twilio: w.twilio, ecall: w.ecall}
	other.replica(w.databaseURL)
	page = page.Forms[0].Set("code", w.code("carla@example.test")).Submit()
	p.callback(page)
}

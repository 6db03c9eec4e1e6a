package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"twofold/internal/db"
	"twofold/migrations"
)

type serveCmd struct {
	databaseFlags
	providerFlags
	Listen         string        `default:":8080" placeholder:"ADDR" help:"Address of the public surface."`
	OpsListen      string        `default:"127.0.0.1:9090" placeholder:"ADDR" help:"Address of /livez, /readyz, /metrics and /debug/pprof; empty: none."`
	TLSCert        []string      `name:"tls-cert" placeholder:"FILE" help:"Certificate chain; serves https. Of several, for tenants with host names of their own, each client gets the one for the name that it asks for; the first is for all others."`
	TLSKey         []string      `name:"tls-key" placeholder:"FILE" help:"Private key of the certificate: as many as there are chains, in the same order."`
	TrustedProxies []string      `placeholder:"CIDR" help:"Networks of proxies whose X-Forwarded-For is believed."`
	DrainDelay     time.Duration `default:"0s" help:"After a signal, answer for this long with /readyz at 503, so that a balancer looks elsewhere before the listener closes."`
	MigrateAtStart string        `name:"migrate-at-start" enum:"auto,check" default:"auto" help:"auto: bring the schema up to date; check: refuse to start when it is not."`
}

// Run serves until ctx ends, then drains.
func (c *serveCmd) Run(ctx context.Context, s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	proxies, err := prefixes(c.TrustedProxies)
	if err != nil {
		return err
	}
	certs, err := certificates(c.TLSCert, c.TLSKey)
	if err != nil {
		return err
	}
	databaseURL, err := c.url()
	if err != nil {
		return err
	}
	sealer, err := c.sealer(databaseURL)
	if err != nil {
		return err
	}
	log := c.logger(s)
	slog.SetDefault(log) // the OIDC library logs there
	h, err := build(ctx, parts{DatabaseURL: databaseURL, Seal: sealer, Log: log, Schema: c.schema(log), providerFlags: c.providerFlags})
	if err != nil {
		return err
	}
	defer func() { _ = h.close() }()
	https := strings.HasPrefix(c.PublicURL, "https://")
	return h.serve(ctx, listenTo{Public: c.Listen, Ops: c.OpsListen, Certificates: certs, DrainDelay: c.DrainDelay}, h.handler(https, proxies))
}

func (c *serveCmd) schema(log *slog.Logger) func(context.Context, *db.DB) error {
	if c.MigrateAtStart != "auto" {
		return schemaIs
	}
	return func(ctx context.Context, d *db.DB) error {
		done, err := migrations.Up(ctx, d.SQL(), d.Dialect())
		if len(done) > 0 {
			log.InfoContext(ctx, "database schema brought up to date", "versions", done)
		}
		return err
	}
}

// schemaIs refuses a database whose schema is not this program's.
func schemaIs(ctx context.Context, d *db.DB) error {
	st, err := migrations.Check(ctx, d.SQL(), d.Dialect())
	if err == nil && st.Current != st.Latest {
		err = fmt.Errorf("the database schema has version %d, this program needs %d: run twofold migrate", st.Current, st.Latest)
	}
	return err
}

// schemaUp brings a database up to this program's schema.
func schemaUp(ctx context.Context, d *db.DB) error {
	_, err := migrations.Up(ctx, d.SQL(), d.Dialect())
	return err
}

func prefixes(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxies: %q is not a network such as 10.0.0.0/8", t)
		}
		out = append(out, p)
	}
	return out, nil
}

// certificates reads pairs of chain and key.
func certificates(chains, keys []string) ([]tls.Certificate, error) {
	if len(chains) != len(keys) {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %d and %d files; each certificate needs its key", len(chains), len(keys))
	}
	out := make([]tls.Certificate, len(chains))
	for i := range chains {
		var err error
		if out[i], err = tls.LoadX509KeyPair(chains[i], keys[i]); err != nil {
			return nil, fmt.Errorf("--tls-cert %s: %w", chains[i], err)
		}
	}
	return out, nil
}

// listenTo is where a house answers.
type listenTo struct {
	On           net.Listener // already open; else Public
	Public, Ops  string
	Certificates []tls.Certificate // none: http
	DrainDelay   time.Duration     // between not being ready and closing
}

// Drain times: readiness turns first, so that a balancer looks elsewhere.
const drain = 20 * time.Second

// serve answers until ctx ends, then lets what is under way finish.
func (h *house) serve(ctx context.Context, to listenTo, handler http.Handler) error {
	public := to.On
	if public == nil {
		var err error
		if public, err = new(net.ListenConfig).Listen(ctx, "tcp", to.Public); err != nil {
			return fmt.Errorf("--listen: %w", err)
		}
	}
	var draining atomic.Bool
	servers := []*http.Server{server(handler)}
	failed := make(chan error, 2)
	go func() {
		if len(to.Certificates) > 0 {
			servers[0].TLSConfig = &tls.Config{Certificates: to.Certificates, MinVersion: tls.VersionTLS12}
			failed <- servers[0].ServeTLS(public, "", "")
			return
		}
		failed <- servers[0].Serve(public)
	}()
	if to.Ops != "" {
		ops, err := new(net.ListenConfig).Listen(ctx, "tcp", to.Ops)
		if err != nil {
			return errors.Join(fmt.Errorf("--ops-listen: %w", err), public.Close())
		}
		servers = append(servers, server(h.ops(&draining)))
		go func() { failed <- servers[1].Serve(ops) }()
		h.log.InfoContext(ctx, "operations", "address", ops.Addr().String())
	}
	h.log.InfoContext(ctx, "serving", "address", public.Addr().String())
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	worked := make(chan struct{})
	go func() { h.work(working); close(worked) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	draining.Store(true)
	h.log.Info("draining")
	time.Sleep(to.DrainDelay)
	end, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	var errs []error
	for _, s := range servers {
		errs = append(errs, s.Shutdown(end))
	}
	stopWork()
	select {
	case <-worked:
	case <-end.Done():
		errs = append(errs, errors.New("messages were still being sent; another replica takes them over"))
	}
	h.log.Info("stopped")
	return errors.Join(errs...)
}

// server has the limits of SECURITY N51.
func server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 60 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
}

// ops is the surface for operators; never the public one (SECURITY R24).
func (h *house) ops(draining *atomic.Bool) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	m.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		if err := h.ready(ctx, draining.Load()); err != nil {
			w.Header().Set("Retry-After", "5")
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	m.Handle("GET /metrics", h.metrics.handler())
	m.HandleFunc("/debug/pprof/", pprof.Index)
	m.HandleFunc("/debug/pprof/profile", pprof.Profile)
	m.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return m
}

func (h *house) ready(ctx context.Context, draining bool) error {
	if draining {
		return errors.New("draining")
	}
	if err := h.db.Ping(ctx); err != nil {
		return errors.New("the database does not answer")
	}
	st, err := migrations.Check(ctx, h.db.SQL(), h.db.Dialect())
	if err != nil || st.Current < st.Latest {
		return errors.New("the database schema is not up to date")
	}
	return nil
}

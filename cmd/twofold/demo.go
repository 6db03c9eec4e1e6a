package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"twofold/admin/apply"
	"twofold/cmd/twofold/demo"
	"twofold/internal/fakes"
)

type demoCmd struct {
	Listen string `default:"localhost:9400" placeholder:"ADDR" help:"Address of the provider; app and mailbox listen on the next port."`
	Data   string `default:"twofold-demo" placeholder:"DIR" help:"Where the demo keeps its database, keys and demo.json."`
	logFlags
}

// Run starts the provider on SQLite, a web app, a mailbox, and the services that
// send: a real SMTP server, and fakes of Twilio and eCall.
func (c *demoCmd) Run(ctx context.Context, s streams) error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	log, closeLog, err := c.logFile()
	if err != nil {
		return err
	}
	defer closeLog()
	slog.SetDefault(log)
	provider, app, err := c.listeners(ctx)
	if err != nil {
		return err
	}
	inbox := &fakes.Inbox{}
	smtp, err := startMail(app, inbox)
	if err != nil {
		return err
	}
	defer func() { _ = smtp.Close() }()
	keep, err := demo.LoadFacts(c.Data)
	if err != nil {
		return err
	}
	yaml, facts, err := demo.Sample(demo.SampleConfig{
		ProviderURL: address(provider), AppURL: address(app), SMTPHost: smtp.Host(), SMTPPort: smtp.Port(), Keep: keep, Now: time.Now(), Rand: rand.Reader,
	})
	if err != nil {
		return err
	}
	h, err := c.house(ctx, log, facts)
	if err != nil {
		return err
	}
	defer func() { _ = h.close() }()
	file, err := apply.Parse("sample.yaml", yaml)
	if err != nil {
		return err
	}
	if _, err := h.applyWith(ctx, file, apply.Options{OnGrant: h.console.OnGrant}); err != nil {
		return words(err)
	}
	if err := openConsole(ctx, h, facts); err != nil {
		return err
	}
	if err := facts.Save(c.Data); err != nil {
		return err
	}
	site, err := c.site(facts, inbox, log)
	if err != nil {
		return err
	}
	if err := demo.Banner(s.Out, facts, c.Data); err != nil {
		return err
	}
	return c.serve(ctx, h, provider, app, site)
}

// openConsole brings the administration to where this start is: another --listen has
// another address, and who has his role already is given none.
func openConsole(ctx context.Context, h *house, facts demo.Facts) error {
	realm, err := h.tenants.RealmByName(ctx, facts.Tenants[0].Name)
	if err != nil {
		return err
	}
	return h.console.EnsureConsole(ctx, realm)
}

// logFile keeps the log out of the way of what the demo prints.
func (c *demoCmd) logFile() (*slog.Logger, func(), error) {
	f, err := os.OpenFile(filepath.Join(c.Data, "demo.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return c.logger(streams{io.Discard, f}), func() { _ = f.Close() }, nil
}

// listeners opens two ports: the one asked for, and the next. Port 0 takes any two.
func (c *demoCmd) listeners(ctx context.Context) (provider, app net.Listener, err error) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, nil, fmt.Errorf("--listen: %w", err)
	}
	if !loopback(host) {
		return nil, nil, errors.New("--listen: the demo shows codes and passwords, so it listens on localhost only")
	}
	if provider, err = new(net.ListenConfig).Listen(ctx, "tcp", c.Listen); err != nil {
		return nil, nil, fmt.Errorf("--listen: %w", err)
	}
	next := "0"
	if n, err := strconv.Atoi(port); err == nil && n > 0 {
		next = strconv.Itoa(n + 1)
	}
	if app, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, next)); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("the port after --listen: %w", err), provider.Close())
	}
	return provider, app, nil
}

// startMail takes the port after the app's if it is free, so that the sample's
// mail settings stay as they are from start to start; else any.
func startMail(app net.Listener, inbox *fakes.Inbox) (*fakes.SMTP, error) {
	next := fmt.Sprintf("127.0.0.1:%d", app.Addr().(*net.TCPAddr).Port+1)
	if smtp, err := fakes.StartSMTP(fakes.SMTPOptions{Addr: next, Inbox: inbox}); err == nil {
		return smtp, nil
	}
	return fakes.StartSMTP(fakes.SMTPOptions{Inbox: inbox})
}

// address is what a browser opens. localhost rather than 127.0.0.1: browsers
// treat it as secure, and passkeys need a name.
func address(l net.Listener) string {
	return fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
}

func (c *demoCmd) house(ctx context.Context, log *slog.Logger, facts demo.Facts) (*house, error) {
	d := databaseFlags{Database: "sqlite:" + filepath.Join(c.Data, "demo.db")}
	sealer, err := d.sealer(d.Database)
	if err != nil {
		return nil, err
	}
	return build(ctx, parts{DatabaseURL: d.Database, Seal: sealer, Log: log, RSABits: 2048, Schema: schemaUp, providerFlags: providerFlags{
		PublicURL:             facts.ProviderURL,
		AllowPrivateAddresses: []string{"127.0.0.0/8", "::1/128"}, // the demo's own webhook
		endpointFlags:         endpointFlags{EndpointTwilio: facts.AppURL + "/services/twilio", EndpointEcall: facts.AppURL + "/services/ecall"},
	}})
}

// site is the app, the mailbox, and the services below /services/.
func (c *demoCmd) site(facts demo.Facts, inbox *fakes.Inbox, log *slog.Logger) (http.Handler, error) {
	app, err := demo.New(demo.Config{Facts: facts, Inbox: inbox, Now: time.Now, Rand: rand.Reader, Log: log})
	if err != nil {
		return nil, err
	}
	m := http.NewServeMux()
	m.Handle("/", app)
	for name, service := range map[string]http.Handler{
		"twilio": &fakes.Twilio{
			AccountSid: facts.Twilio.AccountSid, AuthToken: facts.Twilio.AuthToken, Inbox: inbox,
			Refuses: func(number string) bool { return facts.RefusedBy("twilio", number) },
		},
		"ecall": &fakes.ECall{
			Account: facts.ECall.Account, Password: facts.ECall.Password, Inbox: inbox,
			Refuses: func(number string) bool { return facts.RefusedBy("ecall", number) },
		},
		"webhook": &fakes.Webhook{Secret: facts.Webhook.Secret, Inbox: inbox},
	} {
		m.Handle("/services/"+name+"/", http.StripPrefix("/services/"+name, service))
	}
	return m, nil
}

func (c *demoCmd) serve(ctx context.Context, h *house, provider, app net.Listener, site http.Handler) error {
	side := server(site)
	failed := make(chan error, 1)
	go func() { failed <- side.Serve(app) }()
	err := h.serve(ctx, listenTo{On: provider}, h.handler(false, nil))
	end, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(err, side.Shutdown(end))
}

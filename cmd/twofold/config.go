package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"twofold/idp/op"
	"twofold/internal/seal"
	"twofold/twofactor"
)

// databaseFlags are what every command that opens the database needs.
type databaseFlags struct {
	Database      string `placeholder:"URL" env:"TWOFOLD_DATABASE,TWOFOLD_DATABASE_URL" help:"sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME."`
	DatabaseFile  string `placeholder:"FILE" help:"File that holds the database URL, for secrets mounted as files."`
	MasterKey     string `placeholder:"KEY" help:"Master key that seals secrets at rest: 32 bytes as hex or base64. Prefer --master-key-file."`
	MasterKeyFile string `placeholder:"FILE" help:"File with master keys, one a line, the sealing one first. On SQLite it is made if missing; default: the database's path with .key added."`
	logFlags
}

type logFlags struct {
	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"Least severe log level: debug, info, warn or error."`
	LogFormat string `enum:"auto,json,text" default:"auto" help:"Log format: json, text, or auto (text on a terminal)."`
}

// endpointFlags set base URLs of foreign services, for tests and national clouds.
type endpointFlags struct {
	EndpointTwilio  string `placeholder:"URL" help:"Base URL of Twilio's API."`
	EndpointEcall   string `placeholder:"URL" help:"Base URL of eCall's REST interface."`
	EndpointMsgraph string `placeholder:"URL" help:"Base URL of Microsoft Graph."`
	EndpointEntra   string `placeholder:"URL" help:"Base URL of the Microsoft identity platform."`
}

func (e endpointFlags) endpoints() twofactor.Endpoints {
	return twofactor.Endpoints{"twilio": e.EndpointTwilio, "ecall": e.EndpointEcall, "msgraph": e.EndpointMsgraph, "entra": e.EndpointEntra}
}

// keyFlags say how long signing keys live.
type keyFlags struct {
	SigningKeyLife  time.Duration `default:"2160h" help:"How long a key signs tokens before the next one takes over; 0s: until twofold signing-keys rotate."`
	SigningKeyAhead time.Duration `default:"24h" help:"How long the next key is published before it signs, so that every verifier knows it; at least 10m."`
}

func (k keyFlags) times() op.KeyTimes {
	t := op.KeyTimes{Ahead: k.SigningKeyAhead, Life: k.SigningKeyLife}
	if t.Life == 0 {
		t.Life = -1
	}
	return t
}

func (k keyFlags) check() error {
	if k.SigningKeyLife < 0 || k.SigningKeyAhead < 0 {
		return errors.New("--signing-key-life and --signing-key-ahead cannot be below 0")
	}
	if err := k.times().Check(); err != nil {
		return fmt.Errorf("--signing-key-life and --signing-key-ahead: %w", err)
	}
	return nil
}

// providerFlags shape the provider itself.
type providerFlags struct {
	PublicURL    string        `name:"public-url" placeholder:"URL" help:"Address people and apps reach the server by: https://HOST[:PORT]. Issuers are PUBLIC-URL/t/TENANT."`
	RefreshGrace time.Duration `default:"0s" help:"For how long after a rotation the refresh token before gets the same successor; at most 10s."`
	keyFlags
	endpointFlags

	AllowPrivateAddresses []string `placeholder:"CIDR" help:"Networks that URLs given by administrators, such as a webhook's, may lead to although they are not public; also by plain http. None by default."`
}

func (p providerFlags) check() error {
	if _, err := p.allowed(); err != nil {
		return err
	}
	u, err := url.Parse(p.PublicURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || (u.Path != "" && u.Path != "/") || strings.ContainsAny(p.PublicURL, "?#@") {
		return errors.New("--public-url must be https://HOST[:PORT] without a path")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return errors.New("--public-url must use https, but on localhost")
	}
	if err := p.keyFlags.check(); err != nil {
		return err
	}
	if p.RefreshGrace < 0 || p.RefreshGrace > 10*time.Second {
		return errors.New("--refresh-grace must be from 0s to 10s")
	}
	return nil
}

// allowed reads --allow-private-addresses.
func (p providerFlags) allowed() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range p.AllowPrivateAddresses {
		network, err := netip.ParsePrefix(text)
		if err != nil || network.Addr().Is4In6() {
			return nil, fmt.Errorf("--allow-private-addresses: %q is not a network such as 10.1.0.0/16", text)
		}
		out = append(out, network)
	}
	return out, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (err == nil && ip.IsLoopback())
}

// url reads the database URL from where it was given.
func (d databaseFlags) url() (string, error) {
	if d.DatabaseFile != "" {
		text, err := os.ReadFile(d.DatabaseFile)
		if err != nil {
			return "", fmt.Errorf("--database-file: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	if d.Database == "" {
		return "", errors.New("no database: give --database sqlite:PATH or postgres://…, or set TWOFOLD_DATABASE")
	}
	return d.Database, nil
}

// sealer reads the master keys. On SQLite a missing file is made, so that a first
// start just works; on PostgreSQL all replicas must be given the same.
func (d databaseFlags) sealer(databaseURL string) (*seal.Sealer, error) {
	if d.MasterKey != "" {
		key, err := seal.ParseKey(d.MasterKey)
		if err != nil {
			return nil, err
		}
		return seal.New(key)
	}
	path, onDisk := strings.CutPrefix(databaseURL, "sqlite:")
	file, err := d.keyFile(databaseURL)
	if err != nil {
		return nil, err
	}
	if onDisk {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
	keys, err := seal.ReadKeyFile(file, onDisk, rand.Reader)
	if err != nil {
		return nil, err
	}
	return seal.New(keys...)
}

// keyFile is where the master keys are.
func (d databaseFlags) keyFile(databaseURL string) (string, error) {
	path, onDisk := strings.CutPrefix(databaseURL, "sqlite:")
	switch {
	case d.MasterKeyFile != "":
		return d.MasterKeyFile, nil
	case onDisk:
		return path + ".key", nil
	}
	return "", errors.New("no master key: give --master-key-file, or set TWOFOLD_MASTER_KEY")
}

// existing is the database URL, of a database that is there: what only looks after one
// must not make one.
func (d databaseFlags) existing() (string, error) {
	databaseURL, err := d.url()
	if err != nil {
		return "", err
	}
	if path, onDisk := strings.CutPrefix(databaseURL, "sqlite:"); onDisk {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("no database: %w", err)
		}
	}
	return databaseURL, nil
}

func (l logFlags) logger(s streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.LogLevel)) // kong's enum has checked it
	o := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "text" || (l.LogFormat == "auto" && isTerminal(s.Err)) {
		return slog.New(slog.NewTextHandler(s.Err, o))
	}
	return slog.New(slog.NewJSONHandler(s.Err, o))
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// configFile is the --config flag: it adds the file's keys as a source of settings.
type configFile string

// BeforeResolve is called by kong once --config is known.
func (c configFile) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(configFile))
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("--config: %s: %w", path, err)
	}
	known := map[string]bool{}
	for _, leaf := range k.Model.Leaves(true) {
		for _, group := range leaf.AllFlags(false) {
			for _, f := range group {
				known[f.Name] = true
			}
		}
	}
	for key := range values {
		if !known[key] {
			return fmt.Errorf("--config: %s: there is no setting %q", path, key)
		}
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, set := os.LookupEnv(name); set {
				return nil, nil // kong would let a resolver win over the environment
			}
		}
		if v, ok := values[flag.Name]; ok {
			return settingText(v), nil
		}
		return nil, nil
	}))
	return nil
}

// settingText is a value of the file as a flag would have it: lists by commas.
func settingText(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = fmt.Sprint(e)
	}
	return strings.Join(parts, ",")
}

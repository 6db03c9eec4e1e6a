// Command twofold is an OpenID Connect identity provider with pluggable second
// factors. See README.md, or run "twofold --help".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// commands is the whole command line. Every flag is also an environment variable
// (TWOFOLD_…) and a key of the file given by --config.
type commands struct {
	Config configFile `placeholder:"FILE" env:"TWOFOLD_CONFIG" help:"Settings in YAML; flags and environment win over it."`

	Serve   serveCmd   `cmd:"" help:"Serve sign-ins."`
	Migrate migrateCmd `cmd:"" help:"Bring the database up to this version's schema."`
	Doctor  doctorCmd  `cmd:"" help:"Check settings, database, keys and every TwoFactor instance."`
	Apply   applyCmd   `cmd:"" help:"Bring subscriptions, tenants, apps, users and factors to what a file says."`
	Export  exportCmd  `cmd:"" help:"Write what there is as a file that apply reads, without secrets."`
	Admin   adminCmd   `cmd:"" help:"Administrators of the server."`
	User    userCmd    `cmd:"" help:"Help users who cannot sign in, and bring users in."`
	Keys    keysCmd    `cmd:"" help:"Change the master key while the server works."`

	SigningKeys signingKeysCmd `cmd:"" name:"signing-keys" help:"Show, rotate and revoke the keys that tenants sign tokens with."`

	Backup  backupCmd  `cmd:"" help:"Copy a SQLite database that is in use to a new file."`
	Demo    demoCmd    `cmd:"" help:"Run everything on this machine with sample data: provider, web app and mailbox."`
	OpenAPI openAPICmd `cmd:"" name:"openapi" help:"Print the OpenAPI document of the REST API."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// streams is where a command writes: results to Out, logs and errors to Err.
type streams struct{ Out, Err io.Writer }

func run(args []string, out, errOut io.Writer) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	exited := false
	parser, err := kong.New(&c,
		kong.Name("twofold"), kong.Description("OpenID Connect identity provider with pluggable second factors."),
		kong.DefaultEnvars("TWOFOLD"), kong.Writers(out, errOut), kong.UsageOnError(),
		kong.Exit(func(n int) { code, exited = n, true }), // --help
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(streams{out, errOut}),
	)
	if err != nil {
		fmt.Fprintln(errOut, "twofold:", err)
		return 2
	}
	k, err := parser.Parse(args)
	if exited {
		return code
	}
	if err != nil {
		fmt.Fprintln(errOut, "twofold:", err)
		return 2
	}
	err = k.Run()
	var exit exitError
	if errors.As(err, &exit) {
		return int(exit)
	}
	if err != nil {
		fmt.Fprintln(errOut, "twofold:", err)
		return 1
	}
	return 0
}

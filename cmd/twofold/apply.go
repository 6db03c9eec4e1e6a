package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"twofold/admin/apply"
)

// usualRSABits are the bits of an RSA key where no command says another number.
const usualRSABits = 3072

// exitChanges is the exit code of apply --exit-code where something differs.
const exitChanges = 3

type applyCmd struct {
	databaseFlags
	File      string `arg:"" type:"existingfile" help:"What there should be, in YAML; - is standard input. See docs/reference/apply.md."`
	DryRun    bool   `help:"Show the difference, change nothing."`
	PublicURL string `name:"public-url" placeholder:"URL" help:"Address people and apps reach the server by: https://HOST[:PORT]. Issuers are PUBLIC-URL/t/TENANT. Needed where the file gives roles: whoever has one signs in there."`
	ExitCode  bool   `help:"Exit with 3 if something differs; without it, with 0 too."`
	Confirm   bool   `xor:"ask" help:"Show the difference and ask before changing anything, even if this is no terminal: the answer is read from standard input."`
	Yes       bool   `xor:"ask" help:"Do not ask, even on a terminal."`
	RSABits   int    `name:"rsa-bits" enum:"2048,3072,4096" default:"3072" help:"Bits of the RSA key of a new tenant: 2048, 3072 or 4096."`
}

// Run applies the file in one transaction: a wrong file changes nothing. On a
// terminal it shows the difference and asks first; scripts are not asked.
func (c *applyCmd) Run(ctx context.Context, s streams) error {
	if c.Confirm && c.File == "-" {
		return errors.New("--confirm needs the file by its name: standard input is where the answer comes from")
	}
	file, err := c.parse()
	if err != nil {
		return lines(s, err)
	}
	h, err := c.house(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = h.close() }()
	o := apply.Options{DryRun: c.DryRun}
	if c.PublicURL != "" {
		o.OnGrant = h.console.OnGrant
	}
	if !c.DryRun && c.asks(s) {
		planned, err := h.applyWith(ctx, file, apply.Options{DryRun: true, OnGrant: o.OnGrant})
		if err != nil {
			return lines(s, err)
		}
		fmt.Fprint(s.Out, planned.Text(colours(s.Out)))
		if len(planned.Entries) == 0 {
			return nil
		}
		if !agreed(os.Stdin, s.Out) {
			return errors.New("nothing was changed")
		}
		o.Expect = &planned
	}
	report, err := h.applyWith(ctx, file, o)
	if err != nil {
		return lines(s, err)
	}
	c.show(s, report, o)
	if c.ExitCode && len(report.Entries) > 0 {
		return exitError(exitChanges)
	}
	return nil
}

func (c *applyCmd) house(ctx context.Context, s streams) (*house, error) {
	if c.PublicURL == "" {
		return c.open(ctx, s, c.RSABits)
	}
	if err := (providerFlags{PublicURL: c.PublicURL}).check(); err != nil {
		return nil, err
	}
	return c.openAt(ctx, s, c.PublicURL, c.RSABits)
}

func (c *applyCmd) show(s streams, report apply.Report, o apply.Options) {
	if o.Expect != nil {
		fmt.Fprintln(s.Out, "Done: "+report.Sum()+".")
		return
	}
	fmt.Fprint(s.Out, report.Text(colours(s.Out)))
	if c.DryRun && len(report.Entries) > 0 {
		fmt.Fprintln(s.Out, "This was a dry run: nothing was changed.")
	}
}

func (c *applyCmd) parse() (*apply.File, error) {
	if c.File == "-" {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, err
		}
		return apply.Parse("standard input", text)
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, err
	}
	return apply.Parse(c.File, text)
}

// asks reports whether somebody is asked before anything is changed.
func (c *applyCmd) asks(s streams) bool {
	switch {
	case c.Yes || c.File == "-": // which leaves nowhere to answer
		return false
	case c.Confirm:
		return true
	}
	return talks(os.Stdin) && talks(s.Out)
}

// talks reports whether a person is at the other end; nobody is behind the null device.
func talks(w any) bool {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(w) {
		return false
	}
	null, err1 := os.Stat(os.DevNull)
	st, err2 := f.Stat()
	return err1 == nil && err2 == nil && !os.SameFile(null, st)
}

// colours reports whether out takes them (no-color.org).
func colours(out any) bool {
	return talks(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func agreed(in io.Reader, out io.Writer) bool {
	fmt.Fprint(out, "\nApply these changes? [y/N] ")
	answer, _ := bufio.NewReader(in).ReadString('\n') // its end is no answer
	fmt.Fprintln(out)
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// exitError ends the program with a code that is no failure; there is nothing to say.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func (h *house) apply(ctx context.Context, file *apply.File, dryRun bool) (apply.Report, error) {
	return h.applyWith(ctx, file, apply.Options{DryRun: dryRun})
}

func (h *house) applyWith(ctx context.Context, file *apply.File, o apply.Options) (apply.Report, error) {
	o.Actor, o.Env, o.ReadFile = "operator", os.LookupEnv, os.ReadFile
	return apply.Run(ctx, h.tenants, h.audit, file, o)
}

// lines prints each problem of a file on a line of its own.
func lines(s streams, err error) error {
	var ps apply.Problems
	if !errors.As(err, &ps) {
		return words(err)
	}
	fmt.Fprintln(s.Err, ps)
	return fmt.Errorf("%d problems; nothing was changed", len(ps))
}

// open builds a house for work on the database alone; its schema must be there.
func (d databaseFlags) open(ctx context.Context, s streams, rsaBits int) (*house, error) {
	return d.openAt(ctx, s, "http://localhost", rsaBits)
}

// openAt is open for work that writes to users, who are told the public address.
func (d databaseFlags) openAt(ctx context.Context, s streams, publicURL string, rsaBits int) (*house, error) {
	databaseURL, err := d.url()
	if err != nil {
		return nil, err
	}
	sealer, err := d.sealer(databaseURL)
	if err != nil {
		return nil, err
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the protocol library chats there
	schema := schemaIs
	if strings.HasPrefix(databaseURL, "sqlite:") {
		schema = schemaUp
	}
	return build(ctx, parts{
		DatabaseURL: databaseURL, Seal: sealer, Log: d.logger(s), RSABits: rsaBits, Schema: schema, providerFlags: providerFlags{PublicURL: publicURL},
	})
}

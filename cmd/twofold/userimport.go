package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"twofold/admin"
)

type userImportCmd struct {
	databaseFlags
	PublicURL    string   `name:"public-url" placeholder:"URL" help:"Address people and apps reach the server by: https://HOST[:PORT]. Issuers are PUBLIC-URL/t/TENANT."`
	Subscription string   `required:"" env:"-" placeholder:"NAME" help:"Subscription that the users belong to."`
	Tenants      []string `name:"tenant" env:"-" placeholder:"NAME" help:"Tenant of those whose line names none; may be given several times."`
	Existing     string   `env:"-" enum:"skip,update,fail" default:"skip" help:"What becomes of who is there already: skip leaves him as he is, update gives him what his line gives, fail reports his line."`
	DryRun       bool     `help:"Find all that is wrong with the file, change nothing."`
	File         string   `arg:"" type:"existingfile" help:"JSON lines or CSV with a line of column names; - is standard input. See docs/guides/import.md."`
}

// Run imports the lines that are right, prints the others, and fails if there are any.
func (c *userImportCmd) Run(ctx context.Context, s streams) error {
	if c.PublicURL == "" {
		c.PublicURL = "http://localhost"
	} else if err := (providerFlags{PublicURL: c.PublicURL}).check(); err != nil {
		return err
	}
	file := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		file = f
	}
	h, err := c.openAt(ctx, s, c.PublicURL, 0)
	if err != nil {
		return err
	}
	return errors.Join(words(c.bring(ctx, h, s, file)), h.close())
}

func (c *userImportCmd) bring(ctx context.Context, h *house, s streams, file io.Reader) error {
	sub, err := h.tenants.SubscriptionByName(ctx, c.Subscription)
	if err != nil {
		return fmt.Errorf("there is no subscription %q", c.Subscription)
	}
	shown := h.now()
	r, err := h.admin.ImportUsers(ctx, admin.Operator(), sub.ID, file, admin.Import{
		Existing: c.Existing, Tenants: c.Tenants, DryRun: c.DryRun,
		Progress: func(r admin.ImportResult) {
			if now := h.now(); now.Sub(shown) >= 10*time.Second {
				shown = now
				fmt.Fprintf(s.Err, "%d lines so far\n", r.Read)
			}
		},
	})
	return errors.Join(err, c.show(s, r))
}

// show prints the lines at fault to the one stream, and what was done to the other.
func (c *userImportCmd) show(s streams, r admin.ImportResult) error {
	for _, f := range r.Faults {
		fmt.Fprintln(s.Err, f)
	}
	if listed := len(r.Faults); listed > 0 && r.Faulty > listed {
		fmt.Fprintf(s.Err, "and more: %d lines are at fault\n", r.Faulty)
	}
	if r.Stopped != "" {
		fmt.Fprintln(s.Err, r.Stopped)
	}
	for _, line := range []struct {
		what  string
		count int
	}{
		{"lines read", r.Read},
		{"created", r.Created},
		{"updated", r.Updated},
		{"as they were", r.Unchanged},
		{"skipped", r.Skipped},
		{"at fault", r.Faulty},
		{"kept their password", r.PasswordsKept},
	} {
		if line.count > 0 || line.what == "lines read" || line.what == "created" {
			fmt.Fprintf(s.Out, "%-20s %d\n", line.what+":", line.count)
		}
	}
	if r.DryRun {
		fmt.Fprintln(s.Out, "This was a dry run: nothing was changed.")
	}
	switch {
	case r.Faulty > 0:
		return fmt.Errorf("%d lines are at fault and were left out", r.Faulty)
	case r.Stopped != "":
		return errors.New("the file was not read to its end")
	}
	return nil
}

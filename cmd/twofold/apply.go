package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"twofold/admin/apply"
)

type applyCmd struct {
	databaseFlags
	File    string `arg:"" type:"existingfile" help:"What there should be, in YAML. See docs/reference/apply.md."`
	DryRun  bool   `help:"Show the difference, change nothing."`
	RSABits int    `name:"rsa-bits" enum:"2048,3072,4096" default:"3072" help:"Bits of the RSA key of a new tenant: 2048, 3072 or 4096."`
}

// Run applies the file in one transaction: a wrong file changes nothing.
func (c *applyCmd) Run(ctx context.Context, s streams) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	file, err := apply.Parse(c.File, text)
	if err != nil {
		return lines(s, err)
	}
	h, err := c.open(ctx, s, c.RSABits)
	if err != nil {
		return err
	}
	defer func() { _ = h.close() }()
	report, err := h.apply(ctx, file, c.DryRun)
	if err != nil {
		return lines(s, err)
	}
	fmt.Fprint(s.Out, report)
	return nil
}

func (h *house) apply(ctx context.Context, file *apply.File, dryRun bool) (apply.Report, error) {
	return apply.Run(ctx, h.tenants, h.audit, file, apply.Options{DryRun: dryRun, Actor: "operator", Env: os.LookupEnv, ReadFile: os.ReadFile})
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

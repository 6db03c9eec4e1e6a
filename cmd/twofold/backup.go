package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"twofold/internal/db"
)

type backupCmd struct {
	databaseFlags
	File string `arg:"" help:"The new file; it must not be there yet."`
}

// Run copies a SQLite database that may be in use.
func (c *backupCmd) Run(ctx context.Context, s streams) error {
	databaseURL, err := c.existing()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(databaseURL, "sqlite:") {
		return errors.New(`PostgreSQL has its own tool, which copies a database that is in use:
  pg_dump --format=custom --no-owner --file=FILE 'postgres://…'
To restore it use pg_restore, see docs/guides/operations.md. Keep the key file apart from it`)
	}
	d, err := db.Open(ctx, databaseURL, db.Options{Log: c.logger(s)})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if err := d.Backup(ctx, c.File); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "copied to", c.File)
	fmt.Fprintln(s.Out, "Keep the key file too, in another place: without it the secrets in the copy cannot be read, and with it anybody can.")
	if file, err := c.keyFile(databaseURL); err == nil && c.MasterKey == "" {
		fmt.Fprintln(s.Out, "It is", file)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"twofold/internal/db"
	"twofold/migrations"
)

type migrateCmd struct {
	databaseFlags
	Check bool `help:"Only tell whether anything is to be done."`
}

// Run brings the schema up to date.
func (c *migrateCmd) Run(ctx context.Context, s streams) error {
	databaseURL, err := c.url()
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, databaseURL, db.Options{Log: c.logger(s)})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if c.Check {
		st, err := migrations.Check(ctx, d.SQL(), d.Dialect())
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "schema version %d, latest %d\n", st.Current, st.Latest)
		if st.Current != st.Latest {
			return errors.New("the schema is not up to date")
		}
		return nil
	}
	done, err := migrations.Up(ctx, d.SQL(), d.Dialect())
	if err != nil {
		return err
	}
	if len(done) == 0 {
		fmt.Fprintln(s.Out, "nothing to do")
	}
	for _, v := range done {
		fmt.Fprintln(s.Out, "applied", v)
	}
	return nil
}

type versionCmd struct{}

// Run prints the version the program was built as.
func (versionCmd) Run(s streams) {
	version := "unknown"
	if bi, ok := debug.ReadBuildInfo(); ok {
		version = bi.Main.Version
	}
	fmt.Fprintln(s.Out, "twofold", version)
}

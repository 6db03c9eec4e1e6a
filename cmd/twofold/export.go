package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"twofold/admin/apply"
)

type exportCmd struct {
	databaseFlags
	File         string `arg:"" optional:"" type:"path" help:"Where to write; standard output if absent. What is there is replaced once all is written."`
	Subscription string `placeholder:"NAME" help:"Only this subscription, without the platform's part."`
	NoUsers      bool   `help:"Leave out users, and what is for single users."`
}

// Run writes the configuration as YAML that apply reads.
func (c *exportCmd) Run(ctx context.Context, s streams) error {
	h, err := c.open(ctx, s, usualRSABits)
	if err != nil {
		return err
	}
	defer func() { _ = h.close() }()
	o := apply.ExportOptions{Subscription: c.Subscription, NoUsers: c.NoUsers}
	var warnings []string
	export := func(w io.Writer) error {
		warnings, err = apply.Export(ctx, h.tenants, w, o)
		return err
	}
	if c.File == "" {
		err = export(s.Out)
	} else {
		err = replace(c.File, export)
	}
	if err != nil {
		return words(err)
	}
	for _, w := range warnings {
		fmt.Fprintln(s.Err, w)
	}
	return nil
}

// replace writes a file that is there whole or not at all. Others may not read it:
// it names people.
func replace(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

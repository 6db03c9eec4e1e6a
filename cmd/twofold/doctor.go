package main

import (
	"context"
	"fmt"
)

type doctorCmd struct{ databaseFlags }

func (c *doctorCmd) Run(ctx context.Context, s streams) error {
	_ = ctx
	fmt.Fprintln(s.Out, "ok")
	return nil
}

type applyCmd struct{ databaseFlags }

func (c *applyCmd) Run(ctx context.Context, s streams) error { return nil }

type demoCmd struct{}

func (c *demoCmd) Run(ctx context.Context, s streams) error { return nil }

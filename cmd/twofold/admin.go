package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// adminCmd are the commands for those who administer the server.
type adminCmd struct {
	Create adminCreateCmd `cmd:"" help:"Print a one-time link that makes an administrator of the server: the first one, or another where all are lost."`
}

type adminCreateCmd struct {
	databaseFlags
	PublicURL string `name:"public-url" placeholder:"URL" help:"Address people and apps reach the server by: https://HOST[:PORT]. Issuers are PUBLIC-URL/t/TENANT."`
	Name      string `env:"-" placeholder:"NAME" help:"Login name to suggest."`
	RSABits   int    `name:"rsa-bits" enum:"2048,3072,4096" default:"3072" help:"Bits of the RSA key of a new tenant: 2048, 3072 or 4096."`
}

// Run prints the link, once.
func (c *adminCreateCmd) Run(ctx context.Context, s streams) error {
	if err := (providerFlags{PublicURL: c.PublicURL}).check(); err != nil {
		return err
	}
	h, err := c.openAt(ctx, s, c.PublicURL, c.RSABits)
	if err != nil {
		return err
	}
	return errors.Join(words(h.firstRun(ctx, s, c.Name)), h.close())
}

func (h *house) firstRun(ctx context.Context, s streams, name string) error {
	first, err := h.console.FirstRun(ctx, name)
	if err != nil {
		return err
	}
	for _, line := range first.Made {
		fmt.Fprintln(s.Out, line)
	}
	if len(first.Admins) > 0 {
		fmt.Fprintf(s.Out, "administrators of the server already: %s\n", strings.Join(first.Admins, ", "))
	}
	if len(first.Made)+len(first.Admins) > 0 {
		fmt.Fprintln(s.Out)
	}
	fmt.Fprintf(s.Out, "%s\n\nWhoever opens this link first becomes an administrator of the server. It works once,\nuntil %s, and ends the links before it. Open it in your browser; it is not\nshown again.\n",
		first.Link, stamp(first.Until))
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"twofold/admin"
	"twofold/tenants"
)

// userCmd are the commands of a help desk (SPEC §5.6), and one that brings users in. They do nothing but read the
// command line and print: what is done lies in package admin.
type userCmd struct {
	Show   userShowCmd   `cmd:"" help:"Show what a user has set up, and what keeps him from signing in."`
	Bypass userBypassCmd `cmd:"" help:"Issue a code that a user enters once in place of a second factor."`
	Reset  userResetCmd  `cmd:"" help:"Remove all that a user has set up, and sign him out everywhere."`
	Unlock userUnlockCmd `cmd:"" help:"Forget a user's wrong answers."`
	Import userImportCmd `cmd:"" help:"Bring users in from a file, with the password hashes of another system."`
}

// userFlags say where the user is.
type userFlags struct {
	databaseFlags
	PublicURL string `name:"public-url" placeholder:"URL" help:"Address people and apps reach the server by: https://HOST[:PORT]. Issuers are PUBLIC-URL/t/TENANT."`
	Tenant    string `required:"" env:"-" placeholder:"NAME" help:"Tenant that the user is a member of."`
	Name      string `arg:"" help:"Login name or proven mail address."`
}

// reasonFlag is asked for where the audit trail must tell why (SPEC §5.6).
type reasonFlag struct {
	Reason string `required:"" env:"-" placeholder:"TEXT" help:"Why, for the audit trail."`
}

// with finds the user and does something for him, in his tenant.
func (f userFlags) with(ctx context.Context, s streams, do func(ctx context.Context, d *admin.HelpDesk, u tenants.User) error) error {
	if f.PublicURL == "" {
		f.PublicURL = "http://localhost"
	} else if err := (providerFlags{PublicURL: f.PublicURL}).check(); err != nil {
		return err
	}
	h, err := f.openAt(ctx, s, f.PublicURL, 0)
	if err != nil {
		return err
	}
	err = h.forUser(ctx, f.Tenant, f.Name, do)
	return errors.Join(words(err), h.close())
}

func (h *house) forUser(ctx context.Context, tenant, name string, do func(ctx context.Context, d *admin.HelpDesk, u tenants.User) error) error {
	realm, err := h.tenants.RealmByName(ctx, tenant)
	if err != nil {
		return fmt.Errorf("there is no active tenant %q", tenant)
	}
	ctx, d := tenants.WithRealm(ctx, realm), h.helpDesk()
	u, err := d.Find(ctx, name)
	if err != nil {
		return err
	}
	return do(ctx, d, u)
}

func (h *house) helpDesk() *admin.HelpDesk {
	return &admin.HelpDesk{
		DB: h.db, Tenants: h.tenants, Ceremony: h.ceremony, Audit: h.audit,
		Notify: h.idp.Notify, Sessions: h.idp.CountSessions, EndUser: h.idp.EndUser,
	}
}

// by is who runs the command.
func by(reason string) admin.By { return admin.By{Actor: "operator", Reason: reason} }

type userBypassCmd struct {
	userFlags
	reasonFlag
}

// Run prints the code, once.
func (c *userBypassCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(ctx context.Context, d *admin.HelpDesk, u tenants.User) error {
		code, until, err := d.Bypass(ctx, u.ID, by(c.Reason))
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "%s\n\nOne-time code for %s, until %s. He signs in to this tenant with his\npassword and enters it when a second factor is asked for. It is not shown again.\n",
			code, u.Name, stamp(until))
		return nil
	})
}

type userResetCmd struct {
	userFlags
	reasonFlag
	KeepPhone bool `env:"-" help:"The user still has his phone: its number stays proven."`
}

// Run says what was done, and what comes next.
func (c *userResetCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(ctx context.Context, d *admin.HelpDesk, u tenants.User) error {
		done, err := d.Reset(ctx, u.ID, by(c.Reason), admin.Reset{KeepPhone: c.KeepPhone})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "second factors removed: %d\nsessions ended:         %d\n", done.Factors, done.Sessions)
		if done.Phone {
			fmt.Fprintln(s.Out, "phone number:           no longer proven")
		}
		fmt.Fprintf(s.Out, "\n%s cannot sign in now. Once you know that it is really he who asks, give him a code:\n  twofold user bypass --tenant %s --reason … %s\nWith it he sets up a new second factor.\n",
			u.Name, c.Tenant, u.Name)
		return nil
	})
}

type userUnlockCmd struct {
	userFlags
	Reason string `env:"-" placeholder:"TEXT" help:"Why, for the audit trail; may be left out."`
}

// Run says how many wrong answers there were.
func (c *userUnlockCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(ctx context.Context, d *admin.HelpDesk, u tenants.User) error {
		wrong, err := d.Unlock(ctx, u.ID, by(c.Reason))
		if err == nil {
			fmt.Fprintf(s.Out, "%s: wrong answers forgotten: %d\n", u.Name, wrong)
		}
		return err
	})
}

// stamp is a point in time as operators read it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

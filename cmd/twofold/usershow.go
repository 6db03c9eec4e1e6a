package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"twofold/admin"
	"twofold/tenants"
	"twofold/twofactor/ceremony"
)

type userShowCmd struct{ userFlags }

// Run prints a user's sheet.
func (c *userShowCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(ctx context.Context, d *admin.HelpDesk, u tenants.User) error {
		sheet, err := d.Show(ctx, u.ID)
		if err != nil {
			return err
		}
		return printSheet(s.Out, sheet)
	})
}

func printSheet(w io.Writer, s admin.Sheet) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("user", "%s (%s)", s.User.Name, s.User.DisplayName)
	line("id", "%s", s.User.ID)
	line("state", "%s", stateWord(s.User))
	line("mail address", "%s", addressWords(s.User.Email, s.User.EmailVerified))
	line("phone", "%s", addressWords(s.User.Phone, s.User.PhoneVerified))
	for _, f := range s.Factors {
		line("set up", "%s", factorWords(f))
	}
	if len(s.Factors) == 0 {
		line("set up", "nothing")
	}
	line("wrong answers", "%s", triesWords(s.Tries))
	line("sessions", "%d in this tenant", s.Sessions)
	line("bypass", "%s", map[bool]string{true: "one is out", false: "none is out"}[s.Bypass])
	return t.Flush()
}

func stateWord(u tenants.User) string {
	words := map[bool]string{true: "active", false: "inactive"}[u.Active]
	if u.Kind == tenants.Machine {
		words += ", a machine: never signs in"
	}
	if u.ProveFirst {
		words += ", reset: a bypass comes first, then a new second factor"
	}
	return words
}

func addressWords(value string, proven bool) string {
	switch {
	case value == "":
		return "none"
	case proven:
		return value + ", proven"
	}
	return value + ", not proven"
}

// factorWords is one thing that a user has set up.
func factorWords(f admin.Factor) string {
	words := []string{f.Name}
	if f.Label != f.Name {
		words[0] += fmt.Sprintf(" %q", f.Label)
	}
	if f.Counted {
		words = append(words, fmt.Sprintf("%d left", max(f.Uses, 0)))
	}
	words = append(words, "since "+stamp(f.CreatedAt))
	if f.LastUsedAt != nil {
		words = append(words, "last used "+stamp(*f.LastUsedAt))
	}
	if f.Preferred {
		words = append(words, "preferred")
	}
	return strings.Join(words, ", ")
}

func triesWords(t ceremony.Tries) string {
	switch {
	case t.Locked:
		return fmt.Sprintf("%d: locked until somebody unlocks", t.Wrong)
	case !t.Until.IsZero():
		return fmt.Sprintf("%d: no answer counts before %s", t.Wrong, stamp(t.Until))
	}
	return fmt.Sprint(t.Wrong)
}

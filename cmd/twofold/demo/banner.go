package demo

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Banner prints what to open and what to try.
func Banner(w io.Writer, f Facts, dir string) error {
	fmt.Fprintf(w, "\nThe Twofold demo is running. Ctrl-C ends it.\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "  Open\t%s\n  Mailbox\t%s\n", f.AppURL, f.MailboxURL)
	for _, tenant := range f.Tenants {
		fmt.Fprintf(t, "  Issuer\t%s\n", tenant.Issuer)
	}
	fmt.Fprintf(t, "  Data\t%s (users, passwords and secrets are in %s)\n\n", dir, factsFile)
	for i, u := range f.Users {
		if i < 2 {
			fmt.Fprintf(t, "  Sign in as\t%s with %s\n", u.Name, u.Password)
		}
	}
	fmt.Fprintln(t)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("demo: banner: %w", err)
	}
	fmt.Fprintln(w, "  Try")
	for i, s := range tries() {
		fmt.Fprintf(w, "  %d. %s\n", i+1, s)
	}
	_, err := fmt.Fprintln(w)
	if err != nil {
		return fmt.Errorf("demo: banner: %w", err)
	}
	return nil
}

func tries() []string {
	return []string{
		"anna in Expenses at Acme: the code comes by mail, into the mailbox.",
		"bruno in Expenses at Globex: the code comes by SMS. Use another method, then open Vault: no question.",
		"dario at Acme needs his password only, until you ask for a stronger sign-in.",
		"eva at Globex has no phone: the sign-in is refused, and says why.",
	}
}

// machineCall is how the machine client gets a token, for a terminal.
func machineCall(f Facts) string {
	c, known := find(f.Clients, func(c Client) bool { return c.Machine })
	if !known || len(c.Tenants) == 0 {
		return ""
	}
	t, _ := f.tenant(c.Tenants[0])
	return fmt.Sprintf("curl -u %s:%s \\\n  -d grant_type=client_credentials -d scope=%s \\\n  %s/token", c.ClientID, c.ClientSecret, c.Scopes[0], t.Issuer)
}

package demo

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
)

// Banner prints what to open and what to try. dir is where the data lies.
func Banner(w io.Writer, f Facts, dir string) error {
	var out bytes.Buffer
	fmt.Fprint(&out, "\nThe Twofold demo is running. Ctrl-C ends it.\n\n")
	t := tabwriter.NewWriter(&out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "  Apps\t%s\n  Mailbox\t%s\n  Admin UI\t%s\n", f.AppURL, f.MailboxURL, f.AdminURL)
	for _, tenant := range f.Tenants {
		fmt.Fprintf(t, "  Issuer\t%s\n  Account\t%s\n", tenant.Issuer, tenant.AccountURL)
	}
	fmt.Fprintf(t, "  Data\t%s (everything to know is in its %s)\n", dir, factsFile)
	_ = t.Flush() // a buffer takes all
	fmt.Fprint(&out, "\nOpen the apps and sign in. Codes come to the mailbox. At the account pages one adds an\nauthenticator app, a passkey or recovery codes, and sees all sessions.\n\n")
	for i, try := range tries() {
		u, _ := f.user(try.user)
		fmt.Fprintf(&out, "  %d. %-8s%s\n     %s\n", i+1, u.Name, u.Password, try.what)
	}
	fmt.Fprintln(&out)
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("demo: banner: %w", err)
	}
	return nil
}

// try is one thing to try, as somebody.
type try struct{ user, what string }

func tries() []try {
	return []try{
		{"sina", "The admin UI, as administrator of the server: a code by mail."},
		{"sven", "The admin UI, as administrator of one subscription: Sample Ltd."},
		{"anna", "Expenses at Acme: a code by mail. Then ask for more: she sets up an app or a passkey."},
		{"bruno", "Expenses at Globex: a code by SMS, with another method to use. Then Vault: no question."},
		{"dario", "Expenses at Acme: the password is enough, until you ask for a stronger sign-in."},
		{"eva", "Expenses at Globex: she has no phone, and proves one: +1 212 555 0199, say."},
		{"frida", "Expenses at Acme: she must set up an authenticator app first, with recovery codes."},
		{"gina", "Expenses at Globex: eCall cannot reach her, so the code comes by Twilio."},
		{"hugo", "Expenses at Globex: no SMS reaches him, so the code comes by mail, and counts for less."},
	}
}

// machineCall is how the machine client gets a token, for a terminal.
func machineCall(f Facts) string {
	c, known := find(f.Clients, func(c Client) bool { return c.Machine })
	if !known || len(c.Tenants) == 0 || len(c.Scopes) == 0 {
		return ""
	}
	t, _ := f.tenant(c.Tenants[0])
	return fmt.Sprintf("curl -u %s:%s \\\n  -d grant_type=client_credentials -d scope=%s \\\n  %s/token", c.ClientID, c.ClientSecret, c.Scopes[0], t.Issuer)
}

package demo

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed sample.yaml.tmpl
var sampleText string

// Accents of the two tenants, as a tenant's administrator would set them.
const (
	acmeAccent   = "#1f7a4d"
	globexAccent = "#6d3fc0"
)

// exemptFor is how long the sample exemption holds.
const exemptFor = 365 * 24 * time.Hour

// roleSystem is the role for the whole server; the others are of the subscription.
const roleSystem = "system_admin"

// SampleConfig says where the parts of the demo are.
type SampleConfig struct {
	ProviderURL string // http://localhost:9400; issuers lie below it
	AppURL      string // http://localhost:9401
	SMTPHost    string
	SMTPPort    int
	// Keep are the facts of an earlier start on the same data (LoadFacts). Their
	// passwords and secrets stay; what they lack is made.
	Keep Facts
	Now  time.Time
	Rand io.Reader
}

// Sample returns the sample configuration, as YAML that `twofold apply` takes, and
// the facts that go with it. With the same places and Keep it returns the same
// again, but that an exemption that has run out is renewed.
func Sample(c SampleConfig) (yaml []byte, facts Facts, err error) {
	c.ProviderURL, c.AppURL = strings.TrimRight(c.ProviderURL, "/"), strings.TrimRight(c.AppURL, "/")
	f := c.facts()
	if err := f.fill(c); err != nil {
		return nil, Facts{}, err
	}
	t, err := template.New("sample").Option("missingkey=error").Funcs(template.FuncMap{"q": quoted}).Parse(sampleText)
	if err != nil {
		return nil, Facts{}, fmt.Errorf("demo: sample: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, sampleData{Facts: f, SMTPHost: c.SMTPHost, SMTPPort: c.SMTPPort}); err != nil {
		return nil, Facts{}, fmt.Errorf("demo: sample: %w", err)
	}
	return out.Bytes(), f, nil
}

// sampleData is what the template sees.
type sampleData struct {
	Facts
	SMTPHost string
	SMTPPort int
}

// ClientsOf names the client apps of a tenant.
func (d sampleData) ClientsOf(tenant string) []string {
	var names []string
	for _, c := range d.Clients {
		if slices.Contains(c.Tenants, tenant) {
			names = append(names, c.Name)
		}
	}
	return names
}

// System reports whether the user administers the whole server.
func (u User) System() bool { return u.Role == roleSystem }

// quoted spells a value for YAML: JSON is a part of it.
func quoted(v any) (string, error) {
	if t, ok := v.(time.Time); ok {
		v = t.Format(time.RFC3339)
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// facts are all that is not secret.
func (c SampleConfig) facts() Facts {
	callback, left := c.AppURL+pathCallback, c.AppURL+pathSignedOut
	scopes := []string{"openid", "profile", "email", "phone", "groups", "offline_access"}
	return Facts{
		ProviderURL:  c.ProviderURL,
		AppURL:       c.AppURL,
		AdminURL:     c.ProviderURL + "/admin/signin?tenant=acme",
		MailboxURL:   c.AppURL + pathMailbox,
		MailboxJSON:  c.AppURL + pathMailboxJSON,
		Subscription: "sample",
		Tenants: []Tenant{
			{Name: "acme", Title: "Acme", Issuer: c.ProviderURL + "/t/acme", AccountURL: c.ProviderURL + "/t/acme/account", Accent: acmeAccent, Asks: "Password, then a code by e-mail, or what you set up: an authenticator app or a passkey. Browsers may be remembered."},
			{Name: "globex", Title: "Globex", Issuer: c.ProviderURL + "/t/globex", AccountURL: c.ProviderURL + "/t/globex/account", Accent: globexAccent, Asks: "Password, then a code by SMS: by eCall, else by Twilio, else by e-mail."},
		},
		Clients: []Client{
			{Name: "expenses", Title: "Expenses", ClientID: "expenses", Tenants: []string{"acme", "globex"}, Scopes: scopes, RedirectURI: callback, SignedOutURI: left},
			{Name: "vault", Title: "Vault", ClientID: "vault", Tenants: []string{"globex"}, Scopes: scopes, MinACR: acrAAL2, RedirectURI: callback, SignedOutURI: left},
			{Name: "reports", Title: "Reports", ClientID: "reports", Tenants: []string{"acme"}, Scopes: []string{"reports:read"}, Machine: true},
		},
		Users: []User{
			{
				Name: "anna", GivenName: "Anna", FamilyName: "Keller", Email: "anna@acme.example", Tenants: []string{"acme"},
				Shows: "A code by e-mail. For a stronger sign-in she sets up an authenticator app or a passkey first. “Forgot your password?” mails her a link.",
			},
			{
				Name: "bruno", GivenName: "Bruno", FamilyName: "Rossi", Email: "bruno@globex.example", Phone: "+12125550101", Tenants: []string{"globex"},
				Shows: "A code by SMS from Twilio; “Use another method” sends it through eCall. Vault then opens without a question.",
			},
			{
				Name: "carla", GivenName: "Carla", FamilyName: "Meier", Email: "carla@sample.example", Phone: "+12125550102", Tenants: []string{"acme", "globex"},
				Shows: "One person, two tenants: a mail at Acme, an SMS at Globex, and a session of its own in each. At Acme “Use another method” calls a webhook.",
			},
			{
				Name: "dario", GivenName: "Dario", FamilyName: "Favre", Email: "dario@acme.example", Phone: "+12125550103", Tenants: []string{"acme"},
				Shows:  "Exempt: the password is enough, until a stronger sign-in is asked for. Then an SMS is sent all the same.",
				Exempt: &Exempt{Reason: "Runs the till at trade fairs, where no phone is allowed"},
			},
			{
				Name: "eva", GivenName: "Eva", FamilyName: "Lindt", Email: "eva@globex.example", Tenants: []string{"globex"},
				Shows: "No phone, so she is asked for one and proves it by a code. Take +1 212 555 0199, say.",
			},
			{
				Name: "frida", GivenName: "Frida", FamilyName: "Baumann", Email: "frida@acme.example", Tenants: []string{"acme"}, Unproven: true, AppRequired: true,
				Shows: "She must have an authenticator app, and nothing is set up: she sets one up before she gets in. Recovery codes come after it.",
			},
			{
				Name: "gina", GivenName: "Gina", FamilyName: "Costa", Email: "gina@globex.example", Phone: "+12125550104", Tenants: []string{"globex"}, RefusedBy: []string{"ecall"},
				Shows: "eCall cannot reach her number, so the code goes by Twilio, and the page says so.",
			},
			{
				Name: "hugo", GivenName: "Hugo", FamilyName: "Lang", Email: "hugo@globex.example", Phone: "+12125550105", Tenants: []string{"globex"}, RefusedBy: []string{"ecall", "twilio"},
				Shows: "No text message reaches him, so the code goes by e-mail. The ID token says so: Vault wants more, and does not let him in.",
			},
			{
				Name: "ivo", GivenName: "Ivo", FamilyName: "Weber", Email: "ivo@acme.example", Tenants: []string{"acme"}, Inactive: true,
				Shows: "Has left the company. His password is right, and he does not get in.",
			},
			{
				Name: "sina", GivenName: "Sina", FamilyName: "Roth", Email: "sina@acme.example", Tenants: []string{"acme"}, Role: roleSystem,
				Shows: "Administers the whole server, all subscriptions, in the administration. Her second factor is a code by e-mail.",
			},
			{
				Name: "sven", GivenName: "Sven", FamilyName: "Graf", Email: "sven@acme.example", Tenants: []string{"acme"}, Role: "subscription_admin",
				Shows: "Administers Sample Ltd: its tenants, apps, users and second factors. He sees nothing of the server.",
			},
			{
				Name: "tina", GivenName: "Tina", FamilyName: "Huber", Email: "tina@acme.example", Tenants: []string{"acme"}, Role: "help_desk",
				Shows: "Help desk: finds users and helps those who cannot sign in. The administration shows her nothing else.",
			},
		},
		Twilio:  Twilio{From: "+447700900100"},
		ECall:   ECall{Account: "demo", From: "Globex"},
		Webhook: Webhook{URL: c.AppURL + "/services/webhook/hook"},
	}
}

// fill adds the secrets: those of an earlier start, or new ones.
func (f *Facts) fill(c SampleConfig) error {
	var errs []error
	keep := func(old string, fresh func(io.Reader) (string, error)) string {
		if old != "" {
			return old
		}
		s, err := fresh(c.Rand)
		errs = append(errs, err)
		return s
	}
	for i := range f.Clients {
		old, _ := c.Keep.client(f.Clients[i].Name)
		f.Clients[i].ClientSecret = keep(old.ClientSecret, token)
	}
	for i := range f.Users {
		u := &f.Users[i]
		old, _ := c.Keep.user(u.Name)
		u.Password = keep(old.Password, password)
		if u.Exempt == nil {
			continue
		}
		u.Exempt.Until = c.Now.Add(exemptFor).UTC().Truncate(time.Second)
		if old.Exempt != nil && old.Exempt.Until.After(c.Now) {
			u.Exempt.Until = old.Exempt.Until
		}
	}
	f.Twilio.AccountSid = keep(c.Keep.Twilio.AccountSid, func(r io.Reader) (string, error) {
		s, err := hexToken(r)
		return "AC" + s, err
	})
	f.Twilio.AuthToken = keep(c.Keep.Twilio.AuthToken, hexToken)
	f.ECall.Password = keep(c.Keep.ECall.Password, token)
	f.Webhook.Secret = keep(c.Keep.Webhook.Secret, token)
	return errors.Join(errs...)
}

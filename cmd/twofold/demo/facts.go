package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// factsFile is the name of the file in the data directory.
const factsFile = "demo.json"

// Facts are all that somebody, or a test, must know to use the demo. They are
// written to DIR/demo.json. Secrets in them hold for this demo only.
type Facts struct { //nolint:recvcheck // filled once while it is made, a value ever after
	ProviderURL  string   `json:"provider_url"`
	AppURL       string   `json:"app_url"`
	AdminURL     string   `json:"admin_url"` // where those with a role sign in to the administration
	MailboxURL   string   `json:"mailbox_url"`
	MailboxJSON  string   `json:"mailbox_json_url"`
	Subscription string   `json:"subscription"`
	Tenants      []Tenant `json:"tenants"`
	Clients      []Client `json:"clients"`
	Users        []User   `json:"users"`
	Twilio       Twilio   `json:"twilio"`
	ECall        ECall    `json:"ecall"`
	Webhook      Webhook  `json:"webhook"`
}

// Tenant is one realm of the sample subscription.
type Tenant struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Issuer string `json:"issuer"`
	// AccountURL is where its users see and change what they prove themselves with.
	AccountURL string `json:"account_url"`
	Accent     string `json:"accent"`
	Asks       string `json:"asks"` // its second factor, in words
}

// Client is a client app with its credentials.
type Client struct {
	Name         string   `json:"name"`
	Title        string   `json:"title"`
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	Tenants      []string `json:"tenants"`
	Machine      bool     `json:"machine,omitempty"`
	Scopes       []string `json:"scopes"`
	MinACR       string   `json:"min_acr,omitempty"`
	RedirectURI  string   `json:"redirect_uri,omitempty"`
	SignedOutURI string   `json:"post_logout_redirect_uri,omitempty"`
}

// User is a person who can sign in.
type User struct {
	Name       string   `json:"name"`
	GivenName  string   `json:"given_name"`
	FamilyName string   `json:"family_name"`
	Password   string   `json:"password"`
	Email      string   `json:"email"`
	Phone      string   `json:"phone,omitempty"`
	Tenants    []string `json:"tenants"`
	Shows      string   `json:"shows"` // what signing in as this user shows
	Exempt     *Exempt  `json:"exempt,omitempty"`
	// AppRequired: the user must set up an authenticator app, or something as good.
	AppRequired bool `json:"app_required,omitempty"`
	// Unproven: the user has not proven the mail address yet.
	Unproven bool `json:"email_unproven,omitempty"`
	// Role is what the user administers: a role of the subscription, or system_admin.
	Role string `json:"role,omitempty"`
	// Inactive: nobody gets in as this user.
	Inactive bool `json:"inactive,omitempty"`
	// RefusedBy are the fakes that cannot reach the user's phone: "ecall", "twilio".
	RefusedBy []string `json:"refused_by,omitempty"`
}

// Exempt is an exemption from the second factor.
type Exempt struct {
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

// Twilio is the account that the fake Twilio knows.
type Twilio struct {
	AccountSid string `json:"account_sid"`
	AuthToken  string `json:"auth_token"`
	From       string `json:"from"`
}

// ECall is the account that the fake eCall knows.
type ECall struct {
	Account  string `json:"account"`
	Password string `json:"password"`
	From     string `json:"from"`
}

// Webhook is the demo's own hook, which puts what it is to deliver into the mailbox.
type Webhook struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// RefusedBy reports whether a fake cannot reach a number.
func (f Facts) RefusedBy(fake, number string) bool {
	return slices.ContainsFunc(f.Users, func(u User) bool { return u.Phone == number && slices.Contains(u.RefusedBy, fake) })
}

// DisplayName is given and family name.
func (u User) DisplayName() string { return u.GivenName + " " + u.FamilyName }

// Member reports whether the user belongs to a tenant.
func (u User) Member(tenant string) bool { return slices.Contains(u.Tenants, tenant) }

func (f Facts) tenant(name string) (Tenant, bool) {
	return find(f.Tenants, func(t Tenant) bool { return t.Name == name })
}

func (f Facts) client(name string) (Client, bool) {
	return find(f.Clients, func(c Client) bool { return c.Name == name })
}

func (f Facts) user(name string) (User, bool) {
	return find(f.Users, func(u User) bool { return u.Name == name })
}

func find[T any](list []T, match func(T) bool) (T, bool) {
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i], true
	}
	var none T
	return none, false
}

// LoadFacts reads what an earlier start wrote to dir; without an earlier start it
// returns the zero value.
func LoadFacts(dir string) (Facts, error) {
	var f Facts
	b, err := os.ReadFile(filepath.Join(dir, factsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("demo: read facts: %w", err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		// The decoder's error may quote what it read, a secret perhaps.
		return f, fmt.Errorf("demo: %s is damaged: remove the directory to begin anew", factsFile)
	}
	return f, nil
}

// Save writes the facts to dir, readable by the owner alone. A reader never sees
// half a file.
func (f Facts) Save(dir string) error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("demo: write facts: %w", err)
	}
	tmp, err := os.CreateTemp(dir, factsFile+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("demo: write facts: %w", err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone already when all went well
	_, err = tmp.Write(append(b, '\n'))
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("demo: write facts: %w", err)
	}
	if err := os.Rename(tmp.Name(), filepath.Join(dir, factsFile)); err != nil {
		return fmt.Errorf("demo: write facts: %w", err)
	}
	return nil
}

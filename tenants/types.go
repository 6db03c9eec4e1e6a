package tenants

import (
	"cmp"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"twofold/twofactor"
)

// Stamp is what every entity carries: when it was made and changed (UTC), and a
// version that each change raises (the ETag).
type Stamp struct {
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
}

// Trash says since when something is deleted. It is inactive then, and its name is free.
type Trash struct{ DeletedAt *time.Time }

// Deleted reports whether it is.
func (t Trash) Deleted() bool { return t.DeletedAt != nil }

// Subscription is a customer; it owns everything else.
type Subscription struct {
	ID, Name, Title string
	EnforceMFA      bool
	MinACR          string // weakest acr accepted, empty: none
	SessionSeconds  int64  // of its tenants that do not say it themselves; 0: 24 hours
	IdleSeconds     int64  // likewise; 0: an hour
	SharedSignOn    bool   // who has signed in at one of its tenants is signed in at the others (docs/adr/0033)
	Active          bool
	Stamp
	Trash
}

// Tenant is a realm: an issuer of its own.
type Tenant struct {
	ID             string
	SubscriptionID string
	Name           string // in the issuer URL: lower-case letters, digits, hyphens; unique on the server
	Title          string // what people read
	HostName       string // by which it is reached too: lower case, A-labels; unique on the server; empty: none
	Accent         string // "#rrggbb" or empty
	LogoURL        string
	EnforceMFA     bool
	MinACR         string
	SessionSeconds int64  // absolute life of a session; 0: the subscription's, see Realm.SessionLife
	IdleSeconds    int64  // and without use; 0: likewise
	RememberDays   int64  // for how long a browser may be remembered; 0: never
	IDTokenAlg     string // of apps that leave it to the tenant: RS256 or ES256
	PasskeySignIn  bool   // a passkey may stand for name and password too
	SMSCountries   List   `gorm:"column:sms_countries"` // where text messages may go: ISO 3166-1 alpha-2; none: nowhere
	SMSPerDay      int64  `gorm:"column:sms_per_day"`   // text messages a day; 0: DefaultSMSPerDay
	Locale         string // language of pages and messages when nobody asks for another; empty: English
	Active         bool
	Stamp
	Trash
}

// AlgOfTenant leaves to each tenant how an app's ID tokens are signed.
const AlgOfTenant = "tenant"

// Kinds of client apps.
const (
	AppWeb     = "web"     // has a server that keeps a secret
	AppSPA     = "spa"     // runs in the browser: public
	AppNative  = "native"  // runs on a device: public, loopback redirects
	AppMachine = "machine" // client credentials only
)

// ClientApp is an OIDC relying party.
type ClientApp struct {
	ID, Name, Title        string
	Type                   string // AppWeb …
	ClientID               string
	AuthMethod             string // client_secret_basic, client_secret_post, private_key_jwt, none
	RedirectURIs           List
	PostLogoutRedirectURIs List `gorm:"column:post_logout_redirect_uris"`
	GrantTypes             List
	Scopes                 List
	Resources              List   // APIs that it may ask tokens for, by their addresses (RFC 8707)
	Serves                 List   // APIs that it is itself, by their addresses: tokens for them are meant for it
	JWKS                   string // public keys for private_key_jwt
	JWKSURI                string `gorm:"column:jwks_uri"`      // or where the app publishes them
	PKCEOptional           bool   `gorm:"column:pkce_optional"` // an older confidential client without PKCE
	RequirePAR             bool   `gorm:"column:require_par"`   // its requests must be pushed (RFC 9126)
	IDTokenAlg             string // RS256, ES256 or AlgOfTenant
	IDTokenProfile         bool   // put profile claims into the ID token too
	Consent                bool   // users are asked before the app gets what it wants: it is not of their own house
	EnforceMFA             bool
	MinACR                 string
	Restricted             bool // it is for its users and the members of its groups alone, see access.go
	ClaimRules             ClaimRules
	Accent                 string // "#rrggbb" or empty: the tenant's
	LogoURL                string // empty: the tenant's
	// LogoutURI is where the app hears of sessions that have ended (Back-Channel Logout
	// §2.2); empty: nowhere. LogoutSession says that it needs the sid to make use of it.
	LogoutURI     string `gorm:"column:backchannel_logout_uri"`
	LogoutSession bool   `gorm:"column:backchannel_logout_session_required"`
	Active        bool
	Stamp
	Trash
}

// Public reports whether the app cannot keep a secret.
func (c ClientApp) Public() bool { return c.AuthMethod == "none" }

// Kinds of users.
const (
	Person  = "person"
	Machine = "machine" // has no password and never signs in by browser
)

// User is a person or a machine. ID is the subject: stable and never used again.
type User struct {
	ID            string
	Name          string // login name, normalised
	Kind          string
	DisplayName   string
	GivenName     string
	FamilyName    string
	Email         string
	EmailVerified bool
	Phone         string // E.164
	PhoneVerified bool
	Locale        string
	// LastTwoFactorID is the instance used last, offered first among equals.
	LastTwoFactorID string
	// CredentialEpoch is raised by every change of what the user proves himself with:
	// what was begun before does not end after it (SECURITY I6).
	CredentialEpoch int64
	// ProveFirst says that the user's factors were reset: a bypass code comes before
	// a new one can be set up (SPEC §5.6).
	ProveFirst bool
	Active     bool
	Stamp
	Trash
}

// Factor is what a second factor may know of u. Only proven addresses count.
func (u User) Factor(realm string) twofactor.User {
	f := twofactor.User{ID: u.ID, Name: u.DisplayName, Locale: u.Locale, Realm: realm}
	if u.EmailVerified {
		f.Email = u.Email
	}
	if u.PhoneVerified {
		f.Phone = u.Phone
	}
	return f
}

// Group is a set of users.
type Group struct {
	ID, Name string
	Stamp
}

// Level is where an assignment, a demand or an exemption hangs.
type Level string

// Levels, outermost first.
const (
	LevelSubscription Level = "subscription"
	LevelTenant       Level = "tenant"
	LevelIDP          Level = "idp"
	LevelClientApp    Level = "client_app"
	LevelGroup        Level = "group"
	LevelUser         Level = "user"
)

// Levels lists all levels, outermost first.
func Levels() []Level {
	return []Level{LevelSubscription, LevelTenant, LevelIDP, LevelClientApp, LevelGroup, LevelUser}
}

// TwoFactor is a configured instance of a factor type. Its options are sealed at
// rest and leave the package only as an opened factor.
type TwoFactor struct {
	ID, Name, Type string
	Active         bool
	LastSentAt     *time.Time
	FailingSince   *time.Time
	LastError      string
	Stamp
	Trash
}

// Assignment puts an instance to a level's target.
type Assignment struct {
	ID          string
	TwoFactorID string
	Level       Level
	TargetID    string
	Required    bool
	GraceDays   int64 // for how long who has nothing to use yet may sign in without
	Stamp
}

// Exemption lifts the requirement of a second factor for a user, client app or IDP.
type Exemption struct {
	ID        string
	Level     Level
	TargetID  string
	Reason    string
	Until     time.Time
	CreatedBy string
	Stamp
}

// Realm is a tenant with the subscription it belongs to.
type Realm struct {
	Subscription Subscription
	Tenant       Tenant

	// By what address the tenant was reached: a host name of its own and the origin with
	// it, or below the server's address if both are empty.
	Host, Origin string
}

// SessionLife is how long a session of the tenant lives at most, and how long without
// use: as the tenant says, or its subscription, or as usual.
func (r Realm) SessionLife() (session, idle time.Duration) {
	s := cmp.Or(r.Tenant.SessionSeconds, r.Subscription.SessionSeconds, usualSession)
	i := min(cmp.Or(r.Tenant.IdleSeconds, r.Subscription.IdleSeconds, usualIdle), s)
	return time.Duration(s) * time.Second, time.Duration(i) * time.Second
}

// List is a list of words without line breaks, kept as lines.
type List []string //nolint:recvcheck // sql.Scanner needs a pointer, driver.Valuer must not

// Value stores the list.
func (l List) Value() (driver.Value, error) { return strings.Join(l, "\n"), nil }

// Scan reads it back.
func (l *List) Scan(src any) error {
	var s string
	switch v := src.(type) {
	case string:
		s = v
	case []byte:
		s = string(v)
	default:
		return fmt.Errorf("tenants: list from %T", src)
	}
	*l = nil
	if s != "" {
		*l = strings.Split(s, "\n")
	}
	return nil
}

// GormDataType tells GORM that a List is text.
func (List) GormDataType() string { return "text" }

// Strength reads an acr value kept with an entity. Empty demands nothing; a value
// that is not known, of a newer version say, demands the most there is.
func Strength(acr string) twofactor.Strength {
	s, ok := twofactor.ParseACR(acr)
	if !ok && acr != "" {
		return twofactor.StrengthPHR
	}
	return s
}

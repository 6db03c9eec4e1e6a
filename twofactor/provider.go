package twofactor

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"sort"
	"strings"
	"time"
)

// Provider is one kind of factor in the catalogue.
type Provider struct {
	Info   Info
	Fields []Field // derived from the options struct
	Assets fs.FS   // texts, script, picture live in the factor's directory too; may be nil
	// Open parses, validates and builds. Options are the merged JSON object of
	// all levels. Bad options give an *OptionsError that names each field.
	Open func(options json.RawMessage, env Env) (Factor, error)
}

// Info describes a kind of factor.
type Info struct {
	Type     string      // "email": lower case, stable, used in configuration
	Name     string      // "E-mail code": what people read
	Needs    []Attribute // what a user must have
	Strength Strength    // what a sign-in with it can reach
	Fallback bool        // never counts alone (recovery codes)
	Enrolls  bool        // its factors are Enrollers: of no use before the user has set one up
	// HostBound says that what is set up at one host name is of no use at another, as
	// passkeys are. Ceremony hands a factor only what was set up at its own.
	HostBound bool
}

// Attribute is something a user must have for a factor to work.
type Attribute string

// Attributes a factor may need.
const (
	NeedsEmail Attribute = "email"
	NeedsPhone Attribute = "phone"
)

// Has reports whether u has the attribute.
func (a Attribute) Has(u User) bool {
	switch a {
	case NeedsEmail:
		return u.Email != ""
	case NeedsPhone:
		return u.Phone != ""
	}
	return false
}

// Instance is a configured TwoFactor, opened and ready for use.
type Instance struct {
	ID, Name string
	Info     Info
	Factor   Factor
}

// Env is what the house lends a factor: never a database, never a request.
type Env struct {
	Origin    string           // scheme://host[:port] people see, for origin-bound codes
	HTTP      *http.Client     // for providers with an HTTP API whose address the operator set
	Guarded   *http.Client     // for addresses that administrators of a subscription give: it reaches no private network
	Compose   Compose          // puts letters into words: language, templates
	RootCAs   *x509.CertPool   // for TLS outside HTTP; nil: the system's
	Now       func() time.Time //
	Rand      io.Reader        // a CSPRNG
	Log       *slog.Logger     //
	Endpoints Endpoints        // platform configuration: base URLs of foreign services
}

// Endpoints overrides base URLs of foreign services by a name the factor
// documents, such as "twilio". Only the operator sets them (SPEC §3.4).
type Endpoints map[string]string

// Get returns the override for name, or def, without a trailing slash.
func (e Endpoints) Get(name, def string) string {
	if v := e[name]; v != "" {
		def = v
	}
	return strings.TrimRight(def, "/")
}

// Kind is the kind of an input.
type Kind string

// Kinds of inputs.
const (
	KindText     Kind = "text"
	KindPassword Kind = "password"
	KindNumber   Kind = "number"
	KindBool     Kind = "bool"
	KindSelect   Kind = "select"
	KindCode     Kind = "code" // a one-time code: digits, pasted spaces allowed
	KindJSON     Kind = "json" // an object, described by Fields
)

// Field is one input: the same type draws option forms and sign-in prompts.
type Field struct {
	Name, Label, Help, Default string
	Kind                       Kind
	Required, Secret           bool
	Choices                    []string
	Min, Max                   int     // bounds of a number, or of a code's length; 0: none
	Fields                     []Field // of a KindJSON
	// Guards says that the value tells where the secrets beside it go, or whose they are:
	// who changes it must give them again.
	Guards bool
}

// Catalog is the visible list of providers, by Info.Type.
type Catalog map[string]Provider

// NewCatalog indexes providers. It panics on a duplicate: a programming mistake.
func NewCatalog(ps ...Provider) Catalog {
	c := make(Catalog, len(ps))
	for _, p := range ps {
		if _, dup := c[p.Info.Type]; dup {
			panic("twofactor: two providers of type " + p.Info.Type)
		}
		c[p.Info.Type] = p
	}
	return c
}

// Types lists the types in alphabetical order.
func (c Catalog) Types() []string {
	ts := make([]string, 0, len(c))
	for t := range c {
		ts = append(ts, t)
	}
	sort.Strings(ts)
	return ts
}

// FieldError is what is wrong with one option, in words for an administrator.
type FieldError struct{ Field, Message string }

// OptionsError names every option that lacks or is wrong.
type OptionsError struct{ Errors []FieldError }

func (e *OptionsError) Error() string {
	parts := make([]string, len(e.Errors))
	for i, f := range e.Errors {
		parts[i] = fmt.Sprintf("%s %s", f.Field, f.Message)
	}
	return "twofactor: options: " + strings.Join(parts, "; ")
}

// BadOption is a shorthand for one FieldError.
func BadOption(field, message string) error {
	return &OptionsError{Errors: []FieldError{{field, message}}}
}

package twofactor

import "context"

// Letter is something to tell a person, before it is put into words.
type Letter struct {
	Kind   string // one of the Letter constants
	Medium Medium
	Locale string            // BCP 47; empty: English
	Vars   map[string]string // what the templates of this kind may use, by name
}

// Kinds of letters and the variables that each has, beside Name (of the person),
// Realm (the tenant's display name) and Host, which all have; any may be empty.
const (
	LetterCode   = "code"   // Code, Minutes, At (when it was asked for)
	LetterEnrol  = "enrol"  // Link, Minutes: to set up a second factor
	LetterReset  = "reset"  // Link, Minutes: to choose a new password
	LetterNotice = "notice" // Event (see package letters), Detail, At, Address: something about the account has changed
)

// Medium is how a letter travels.
type Medium string

// Media.
const (
	ByMail Medium = "mail" // subject, text and HTML
	BySMS  Medium = "sms"  // a line or two of text
)

// Compose puts a letter into words: Subject, Text and HTML of a Message. The
// tenant and the client app that ctx speaks for may have templates of their own.
type Compose func(ctx context.Context, l Letter) (Message, error)

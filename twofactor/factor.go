package twofactor

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// ErrWrongAnswer reports that the answer is not right: the user's mistake, not ours.
var ErrWrongAnswer = errors.New("twofactor: wrong answer")

// Factor is a configured instance, ready for use. It keeps nothing itself:
// whatever it must remember from Challenge to Verify travels as State.
// A Factor must be safe for concurrent use.
type Factor interface {
	Challenger
	Verifier
}

// Challenger makes the code or the nonce, or merely says what to ask.
//
// Challenge must return an error wrapping ErrUnusable when this user cannot use
// the factor (no phone number, say); any other error means that the factor
// itself failed.
type Challenger interface {
	Challenge(ctx context.Context, u User, bound []Enrollment) (Challenge, error)
}

// Verifier decides about an answer.
//
// Verify must return an error wrapping ErrWrongAnswer if the answer is not right;
// any other error means that the factor itself failed. Verify must compare
// secrets in constant time and must not count, expire or consume: ceremony does.
type Verifier interface {
	Verify(ctx context.Context, bound []Enrollment, c Challenge, a Answer) (Result, error)
}

// Enroller is a factor that must be bound to a user before its first use.
type Enroller interface {
	BeginEnroll(ctx context.Context, u User, bound []Enrollment) (Challenge, error)
	FinishEnroll(ctx context.Context, u User, c Challenge, a Answer) (Enrollment, error)
}

// Sender is a factor with something to deliver out of band. The outbox calls
// Send, perhaps on another replica and perhaps more than once for one message.
//
// Send must honour ctx, must return within its deadline, and must return an
// error wrapping exactly one of ErrRetry, ErrRecipient, ErrAccount or
// ErrContent (see SendError). Errors must carry no code, secret or address.
type Sender interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// Poller is a factor that can be settled away from this browser.
type Poller interface {
	Poll(ctx context.Context, bound []Enrollment, c Challenge) (settled bool, err error)
}

// ErrUnusable reports that this user cannot use the factor as things stand.
var ErrUnusable = errors.New("twofactor: not usable for this user")

type (
	// State is opaque to all but the factor that made it; it is sealed at rest.
	State []byte
	// Answer is what the user gave, by Field.Name.
	Answer map[string]string
)

// User is what a factor may know of a person.
type User struct {
	ID, Name string
	Email    string // proven address, or empty
	Phone    string // proven number in E.164, or empty
	Locale   string // BCP 47, or empty
	Realm    string // what the user believes to be signing in to: the tenant's display name
}

// Enrollment is an authenticator bound to a user.
type Enrollment struct {
	ID, Label string
	State     State
	ShowOnce  []string // recovery codes, say; shown once and never stored
}

// Challenge is an open question to a user.
type Challenge struct {
	ID        string // set by ceremony
	State     State
	Prompt    Prompt
	Outgoing  *Message  // what to deliver, if anything: stored in the same transaction
	ExpiresAt time.Time // zero: ceremony's default lifetime
}

// Prompt is all that a page needs; the page knows no factor by name.
type Prompt struct {
	Message     string          // one sentence, such as "We have sent a code to m•••@example.ch."
	Destination string          // masked, for messages; empty when nothing is delivered
	Fields      []Field         //
	Script      string          // an ES module among the provider's Assets, if any
	Data        json.RawMessage // for Script
}

// Message is something to deliver out of band. It is sealed at rest.
type Message struct {
	ID        string    // stable over retries: an idempotency key for those who take one
	To        string    // mail address, or number in E.164
	Masked    string    // To as pages and logs may show it
	Subject   string    // mail only; never the code
	Text      string    // plain text
	HTML      string    // mail only, optional
	ExpiresAt time.Time // worthless afterwards: never send later
}

// Receipt is what the provider said when it took a message.
type Receipt struct {
	ProviderID string // the provider's message id, if it names one
	Status     string // the provider's own word: "queued", "accepted"
	Segments   int    // parts billed; 0 when unknown
}

// Result says which enrollment answered, with the State to keep (a counter, the
// codes left), and how, by RFC 8176 amr values.
type Result struct {
	Used Enrollment
	AMR  []string
}

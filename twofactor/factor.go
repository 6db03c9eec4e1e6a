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
//
// BeginEnroll asks what binds it: a code of the new authenticator, say. It must
// return an error wrapping ErrUnusable when the user cannot have one more.
// FinishEnroll must return an error wrapping ErrWrongAnswer if the answer is not
// right. It must not report an answer of this ceremony as new at the first
// sign-in: what was given here counts as used.
type Enroller interface {
	BeginEnroll(ctx context.Context, u User, bound []Enrollment) (Challenge, error)
	FinishEnroll(ctx context.Context, u User, bound []Enrollment, c Challenge, a Answer) (Enrollment, error)
}

// LinkEnroller is an Enroller that can ask for a mailbox before it binds anything:
// true when enrolling must begin with a link mailed to the user; the house mails it,
// never the secret.
type LinkEnroller interface{ EnrollByLink() bool }

// Resyncer is an Enroller whose authenticators can drift out of step. Resync takes
// an answer that proves one enrollment by more than a sign-in asks for.
type Resyncer interface {
	BeginResync(ctx context.Context, u User, e Enrollment) (Challenge, error)
	FinishResync(ctx context.Context, e Enrollment, c Challenge, a Answer) (Enrollment, error)
}

// Identifier is a factor whose authenticators can tell by themselves whose they
// are, such as passkeys: they prove the user and the second factor in one.
type Identifier interface {
	// Identify asks without knowing the user.
	Identify(ctx context.Context) (Challenge, error)
	// Whose reads which enrollment an answer claims to come from: its Handle. It
	// proves nothing; Verify follows, with that one enrollment bound. It must
	// return an error wrapping ErrWrongAnswer when the answer names none.
	Whose(c Challenge, a Answer) (handle string, err error)
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

// Chained is a Sender that names an instance to fall through to when a delivery
// has failed for good: by its name within the subscription. Empty: none.
type Chained interface{ OnFailure() string }

// Relayer is a factor that can deliver the open challenge of another instance by
// its own means. The answer stays the same: Relay returns c with a Prompt and an
// Outgoing of its own, and must leave State and ExpiresAt alone. It must return an
// error wrapping ErrUnusable when the user cannot be reached by it, or the
// challenge is of a kind it does not know.
type Relayer interface {
	Relay(ctx context.Context, u User, c Challenge) (Challenge, error)
}

// Reporter is a Sender whose provider tells later how a message fared. Report reads
// such a call; it must check that the provider made it and return an error wrapping
// ErrWrongAnswer otherwise. url is the address the provider was given.
type Reporter interface {
	Report(url string, header map[string][]string, form map[string][]string) (Report, error)
}

// Report is what a provider says about a message it took earlier.
type Report struct {
	ProviderID string // as in Receipt
	Status     string // the provider's own word: "delivered"
	Done       bool   // nothing more will follow
	Failed     error  // a *SendError when it was not delivered; nil otherwise
}

// Poller is a factor that can be settled away from this browser: the page asks
// again and again, and posts its form when Poll says settled.
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
	Locale   string // BCP 47: the language to speak, or empty
	Realm    string // what the user believes to be signing in to: the tenant's display name
}

// Enrollment is an authenticator bound to a user. A factor sees only those of its
// own instance and that one user.
type Enrollment struct {
	ID     string   // set by ceremony
	Label  string   // what the user reads: "Phone", "YubiKey 5"
	Handle string   // for an Identifier: unique within the instance, not secret
	State  State    // kept from one use to the next; one change at a time, see Result
	AMR    []string // what enrolling itself has proven, by RFC 8176; not kept. Empty: nothing yet
	Uses   int      // how often it can still be used; 0: no limit, UsedUp: never again
}

// UsedUp is the Uses of an enrollment that can be used no more.
const UsedUp = -1

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
	QR          string          // a text to show as a QR picture, such as an otpauth URI; it may be secret
	Keep        []string        // texts for the user to keep: a key to type, recovery codes. Shown in this ceremony only
	KeepLabel   string          // what Keep is: "Key", "Recovery codes"
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
	ReportURL string    // set by the outbox for a Reporter: where its provider may tell how it fared
}

// Receipt is what the provider said when it took a message.
type Receipt struct {
	ProviderID string // the provider's message id, if it names one
	Status     string // the provider's own word: "queued", "accepted"
	Segments   int    // parts billed; 0 when unknown
}

// Result says which enrollment answered, with the State to keep (a counter, the
// codes left), and how, by RFC 8176 amr values. Ceremony keeps Used.State by
// compare-and-set: of two answers judged against the same State one counts, and
// the other is judged again against what the first left.
type Result struct {
	Used  Enrollment // zero for a factor that is bound to nobody
	AMR   []string
	Alone bool // proves the user too, as a passkey with user verification does: no password needed
}

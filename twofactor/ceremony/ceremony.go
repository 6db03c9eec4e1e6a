package ceremony

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/limits"
	"twofold/internal/seal"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
)

// Numbers of SECURITY §1.1.
const (
	MaxAttempts = 5                // N3: wrong tries per challenge
	MaxSends    = 3                // N8: one and two resends
	MaxLife     = 10 * time.Minute // N2, N15: never longer after the code was made
	defaultLife = 5 * time.Minute  // N2
)

// N9: pause before the first and the second resend.
var resendAfter = [...]time.Duration{30 * time.Second, 60 * time.Second}

// Instances opens TwoFactor instances. Implemented by tenants.
type Instances interface {
	Open(ctx context.Context, twoFactorID string) (twofactor.Instance, error)
	ByName(ctx context.Context, name string) (twofactor.Instance, error) // of the subscription in ctx
}

// Config is what a Ceremony stands on.
type Config struct {
	DB        *db.DB
	Seal      *seal.Sealer
	Now       func() time.Time
	Rand      io.Reader // a CSPRNG
	Log       *slog.Logger
	Instances Instances
	Outbox    *delivery.Outbox
	Limits    *limits.Limiter
	Audit     *audit.Trail
	SMS       func(ctx context.Context) (SMSRules, error) // of the tenant in ctx; nil: no text messages at all
	// Notify tells a user of something that others may have done in his name. It runs
	// in the transaction of what it tells, if there is one. May be nil.
	Notify func(ctx context.Context, userID string, n Notice) error
}

// Notice is something to tell a user.
type Notice struct {
	Event  string // one of the events of package letters
	Detail string // what it is about, as the user knows it; may be empty
}

// Ceremony runs challenges.
type Ceremony struct {
	Config
	turns turns
}

// New makes a Ceremony.
func New(c Config) *Ceremony { return &Ceremony{Config: c} }

// challengeRow: open until closed_at, and until expires_at; ends_at is the latest
// that expires_at may become by sending again.
type challengeRow struct {
	TenantID       string `gorm:"primaryKey"`
	ID             string `gorm:"primaryKey"`
	SubscriptionID string
	Purpose        Purpose
	SignInID       string
	UserID         string
	TwoFactorID    string
	Sealed         string // contents, erased when closed
	Attempts       int64
	MaxAttempts    int64
	Sends          int64
	NextSendAt     time.Time
	CreatedAt      time.Time
	ExpiresAt      time.Time
	EndsAt         time.Time
	ClosedAt       *time.Time
	ViaTwoFactorID string // the instance that carried the code last, if not TwoFactorID
	Strength       int64  // of the weakest instance that carried the code; 0: TwoFactorID's
	MinStrength    int64  // what the sign-in demands: nothing weaker may carry the code
	EnrollmentID   string // that a ceremony is about, if any
	answeredIn     string // for the audit trail: the sign-in of the answer, where SignInID names none
	claimedBy      string // likewise, and to tell him: whose enrollment answers, where UserID names nobody
}

func (challengeRow) TableName() string { return "challenges" }

// contents is what only the factor and the page need to read.
type contents struct {
	State  twofactor.State
	Prompt twofactor.Prompt
	Out    *twofactor.Message
	Life   time.Duration
	Proves Address        // for Prove
	User   twofactor.User // to reach him by another instance
	Tried  []string       // instances that fell through before the one that carries the code
	Origin string         // where the user is, see twofactor.WithOrigin: messages made later are bound to it too
}

// place binds the contents to tenant, challenge and user (N16), and to what the
// challenge is for and which factor judges it (SECURITY I5).
func (r challengeRow) place() []string {
	return []string{"challenges", "sealed", r.TenantID, r.ID, r.UserID, r.SignInID, r.TwoFactorID, string(r.Purpose)}
}

func (c *Ceremony) sealed(row challengeRow, in contents) string {
	plain, err := json.Marshal(in)
	if err != nil {
		panic("ceremony: contents are plain data: " + err.Error())
	}
	return c.Seal.Seal(plain, row.place()...)
}

func (c *Ceremony) unsealed(row challengeRow) (in contents, err error) {
	plain, err := c.Seal.Open(row.Sealed, row.place()...)
	if err == nil {
		err = json.Unmarshal(plain, &in)
	}
	if err != nil {
		return in, fmt.Errorf("ceremony: challenge %s: %w", row.ID, err)
	}
	return in, nil
}

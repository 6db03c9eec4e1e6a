package ceremony

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/limits"
	"twofold/internal/problem"
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

// N10: sends to one destination, over all tenants and replicas.
var (
	perDestination = limits.Limit{Burst: 3, Per: 10 * time.Minute}
	perDaySMS      = limits.Limit{Burst: 10, Per: 24 * time.Hour}
	perDayMail     = limits.Limit{Burst: 20, Per: 24 * time.Hour}
)

// Instances opens TwoFactor instances. Implemented by tenants.
type Instances interface {
	Open(ctx context.Context, twoFactorID string) (twofactor.Instance, error)
}

// Config is what a Ceremony stands on.
type Config struct {
	DB        *db.DB
	Seal      *seal.Sealer
	Now       func() time.Time
	Log       *slog.Logger
	Instances Instances
	Outbox    *delivery.Outbox
	Limits    *limits.Limiter
	Audit     *audit.Trail
}

// Ceremony runs challenges.
type Ceremony struct{ Config }

// New makes a Ceremony.
func New(c Config) *Ceremony { return &Ceremony{c} }

// challengeRow: open until closed_at, and until expires_at; ends_at is the latest
// that expires_at may become by sending again.
type challengeRow struct {
	TenantID       string `gorm:"primaryKey"`
	ID             string `gorm:"primaryKey"`
	SubscriptionID string
	Purpose        string
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
}

func (challengeRow) TableName() string { return "challenges" }

// contents is what only the factor and the page need to read.
type contents struct {
	State  twofactor.State
	Prompt twofactor.Prompt
	Out    *twofactor.Message
	Life   time.Duration
}

// place binds the contents to tenant, challenge and user (N16).
func (r challengeRow) place() []string {
	return []string{"challenges", "sealed", r.TenantID, r.ID, r.UserID, r.SignInID}
}

// SignIn is the purpose of a challenge that proves a sign-in. A code made for one
// purpose never counts for another.
const SignIn = "sign_in"

// Start names what a challenge is for.
type Start struct {
	SignInID    string
	TwoFactorID string
	User        twofactor.User
}

// View is an open challenge as a page shows it.
type View struct {
	ID, TwoFactorID string
	Prompt          twofactor.Prompt
	Open            bool          // may still be answered
	Sends           int           // messages so far; 0 when nothing is delivered
	ResendIn        time.Duration // until a resend is allowed; only with MayResend
	MayResend       bool
	AttemptsLeft    int
	ExpiresAt       time.Time
}

// Begin makes a challenge and queues its message, both or neither. Any open
// challenge of the same sign-in is closed: one live code per sign-in (N15).
func (c *Ceremony) Begin(ctx context.Context, st Start) (string, error) {
	inst, err := c.Instances.Open(ctx, st.TwoFactorID)
	if err != nil {
		return "", fmt.Errorf("ceremony: begin: %w", err)
	}
	ch, err := inst.Factor.Challenge(ctx, st.User, nil)
	if err != nil {
		return "", fmt.Errorf("ceremony: begin: %w", err)
	}
	if err := c.allowSend(ctx, inst, ch.Outgoing); err != nil {
		return "", err
	}
	row, in := c.row(ctx, st, ch)
	err = c.DB.Tx(ctx, func(ctx context.Context) error {
		if err := c.Close(ctx, st.SignInID); err != nil {
			return err
		}
		if err := c.DB.For(ctx).Create(&row).Error; err != nil {
			return err
		}
		return c.enqueue(ctx, row, in)
	})
	if err != nil {
		return "", fmt.Errorf("ceremony: begin: %w", err)
	}
	return row.ID, nil
}

func (c *Ceremony) row(ctx context.Context, st Start, ch twofactor.Challenge) (challengeRow, contents) {
	now := db.Micros(c.Now())
	life := defaultLife
	if !ch.ExpiresAt.IsZero() {
		life = min(ch.ExpiresAt.Sub(now), MaxLife)
	}
	scope := db.ScopeOf(ctx)
	row := challengeRow{
		TenantID: scope.Tenant, ID: id.New(), SubscriptionID: scope.Subscription, Purpose: SignIn, SignInID: st.SignInID,
		UserID: st.User.ID, TwoFactorID: st.TwoFactorID, MaxAttempts: MaxAttempts, NextSendAt: now.Add(resendAfter[0]),
		CreatedAt: now, ExpiresAt: now.Add(life), EndsAt: now.Add(MaxLife),
	}
	in := contents{State: ch.State, Prompt: ch.Prompt, Out: ch.Outgoing, Life: life}
	if ch.Outgoing != nil {
		row.Sends = 1
		in.Out.ExpiresAt = row.ExpiresAt
	}
	row.Sealed = c.sealed(row, in)
	return row, in
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

func (c *Ceremony) enqueue(ctx context.Context, row challengeRow, in contents) error {
	if in.Out == nil {
		return nil
	}
	m := *in.Out
	m.ExpiresAt = row.ExpiresAt
	return c.Outbox.Enqueue(ctx, delivery.Item{TwoFactorID: row.TwoFactorID, ChallengeID: row.ID, UserID: row.UserID, Message: m})
}

// allowSend takes from the destination's budgets. It runs outside of any
// transaction, so that a rollback gives nothing back.
func (c *Ceremony) allowSend(ctx context.Context, inst twofactor.Instance, m *twofactor.Message) error {
	if m == nil {
		return nil
	}
	daily, kind := perDayMail, "mail"
	for _, need := range inst.Info.Needs {
		if need == twofactor.NeedsPhone {
			daily, kind = perDaySMS, "sms"
		}
	}
	for _, l := range []struct {
		name string
		limits.Limit
	}{{"10min", perDestination}, {"day", daily}} {
		ok, after, err := c.Limits.Take(ctx, l.Limit, "destination", kind, l.name, m.To)
		if err != nil {
			return fmt.Errorf("ceremony: %w", err)
		}
		if !ok {
			return problem.Busy(problem.TooMany, "too_many_sends", "We have sent several codes there already.", after)
		}
	}
	return nil
}

// Show returns a challenge of a sign-in. A stranger's or an older sign-in's does
// not exist.
func (c *Ceremony) Show(ctx context.Context, challengeID, signInID string) (View, error) {
	row, err := c.load(ctx, challengeID, signInID)
	if err != nil {
		return View{}, err
	}
	now := c.Now()
	v := View{
		ID: row.ID, TwoFactorID: row.TwoFactorID, Sends: int(row.Sends), ExpiresAt: row.ExpiresAt,
		AttemptsLeft: int(max(row.MaxAttempts-row.Attempts, 0)),
		Open:         row.ClosedAt == nil && row.ExpiresAt.After(now) && row.Attempts < row.MaxAttempts,
	}
	if row.Sealed == "" {
		return v, nil
	}
	in, err := c.unsealed(row)
	if err != nil {
		return v, err
	}
	v.Prompt = in.Prompt
	v.MayResend = v.Open && in.Out != nil && row.Sends < MaxSends && row.NextSendAt.Before(row.EndsAt)
	v.ResendIn = max(row.NextSendAt.Sub(now), 0)
	return v, nil
}

var errNoChallenge = problem.New(problem.NotFound, "challenge_unknown", "This question does not belong to your sign-in.")

func (c *Ceremony) load(ctx context.Context, challengeID, signInID string) (challengeRow, error) {
	var row challengeRow
	err := c.DB.For(ctx).Where("id = ? AND sign_in_id = ?", challengeID, signInID).Take(&row).Error
	if db.IsNotFound(err) {
		return row, errNoChallenge
	}
	if err != nil {
		return row, fmt.Errorf("ceremony: %w", err)
	}
	return row, nil
}

// Close ends all open challenges of a sign-in and erases what they held.
func (c *Ceremony) Close(ctx context.Context, signInID string) error {
	err := c.DB.For(ctx).Model(&challengeRow{}).Where("sign_in_id = ? AND closed_at IS NULL", signInID).
		Updates(map[string]any{"closed_at": db.Micros(c.Now()), "sealed": ""}).Error
	if err != nil {
		return fmt.Errorf("ceremony: close: %w", err)
	}
	return nil
}

// Sweep erases and removes challenges whose life is over.
func (c *Ceremony) Sweep(ctx context.Context) error {
	return c.DB.For(db.AllTenants(ctx)).Where("ends_at < ?", c.Now().Add(-time.Hour)).Delete(&challengeRow{}).Error
}

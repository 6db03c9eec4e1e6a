package op

import (
	"time"

	"twofold/tenants"
)

// The rows as GORM sees them. They never leave the package.

type signingKeyRow struct {
	TenantID      string
	ID            string
	Alg           string
	PrivateSealed string
	PublicJWK     string `gorm:"column:public_jwk"`
	State         string // next, active, retired
	CreatedAt     time.Time
	ChangedAt     *time.Time // when it came to its state; nil: with its creation
	// DueAt is when a next key takes over; of an active one, from when on a replica may make
	// the next. Nil: by the schedule.
	DueAt *time.Time
}

func (signingKeyRow) TableName() string { return "signing_keys" }

// authRequestRow is what the app asked. It is answered once: answered_at is set
// by compare-and-set, with a grant or an error.
type authRequestRow struct {
	TenantID      string
	ID            string
	ClientAppID   string
	ClientID      string
	RedirectURI   string
	ResponseMode  string
	State         string
	Nonce         string
	Scopes        tenants.List
	CodeChallenge string
	Prompt        tenants.List
	MaxAge        *int64
	ACRValues     tenants.List `gorm:"column:acr_values"`
	LoginHint     string
	UILocales     tenants.List `gorm:"column:ui_locales"`
	HintUserID    string
	HintSessionID string
	Claims        string
	Resources     tenants.List
	DeviceHash    string // of the device that waits for the answer; empty: a browser does
	CreatedAt     time.Time
	ExpiresAt     time.Time
	AnsweredAt    *time.Time
}

func (authRequestRow) TableName() string { return "auth_requests" }

type authCodeRow struct {
	TenantID      string
	Hash          string
	GrantID       string
	ClientAppID   string
	RedirectURI   string
	Nonce         string
	CodeChallenge string
	CreatedAt     time.Time
	ExpiresAt     time.Time
	UsedAt        *time.Time
}

func (authCodeRow) TableName() string { return "auth_codes" }

// grantRow is what a user, by signing in, lets an app have. generation counts
// the rotations of its refresh token.
type grantRow struct {
	TenantID      string
	ID            string
	ClientAppID   string
	UserID        string
	SessionID     string
	Scopes        tenants.List
	Claims        string
	Resources     tenants.List
	ACR           string       `gorm:"column:acr"`
	AMR           tenants.List `gorm:"column:amr"`
	AuthTime      time.Time
	Offline       bool
	Generation    int64
	RotatedAt     *time.Time
	CreatedAt     time.Time
	ExpiresAt     time.Time
	IdleExpiresAt time.Time
	RevokedAt     *time.Time
	RevokedWhy    string
}

func (grantRow) TableName() string { return "grants" }

type revokedTokenRow struct {
	TenantID  string
	TokenID   string
	ExpiresAt time.Time
}

func (revokedTokenRow) TableName() string { return "revoked_tokens" }

// replayRow remembers what may be presented once, such as a client assertion.
type replayRow struct {
	TenantID  string
	Key       string
	ExpiresAt time.Time
}

func (replayRow) TableName() string { return "replay" }

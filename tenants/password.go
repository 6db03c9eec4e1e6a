package tenants

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// ErrWrongPassword is the one answer for an unknown, disabled or machine user and
// for a wrong password: outsiders learn nothing from it.
var ErrWrongPassword = problem.New(problem.Unauthenticated, "wrong_password", "The name or the password is not right.")

// Login is a person who has proven his password, and where.
type Login struct {
	User
	IDPID string
}

// CheckPassword finds the person who proves to be login at one of the local IDPs
// of the tenant in ctx. Everything that is not right gives ErrWrongPassword after
// the same work: one query, one hash. A hash of old parameters is made anew.
func (s *Store) CheckPassword(ctx context.Context, login, password string) (Login, error) {
	switch {
	case len(password) > MaxPasswordBytes || len(login) > MaxPasswordBytes:
		return Login{}, problem.New(problem.Invalid, "too_long", "The name or the password is too long.")
	case !utf8.ValidString(password) || !utf8.ValidString(login):
		return Login{}, problem.New(problem.Invalid, "not_text", "The name or the password holds characters that cannot be read.")
	}
	who, err := s.login(ctx, NormalName(login))
	if err != nil {
		return Login{}, err
	}
	var ok, stale bool
	if busy := s.Gate.Do(ctx, func() { ok, stale, err = s.hasher.check(who.Hash, password) }); busy != nil {
		return Login{}, busy
	}
	if err != nil {
		return Login{}, err
	}
	if !ok || who.UserID == "" {
		return Login{}, ErrWrongPassword
	}
	if stale {
		s.rehash(ctx, who.UserID, who.Hash, password)
	}
	u, err := s.User(ctx, who.UserID)
	// It is the password of then that fits: what was changed while it was checked counts
	// as changed afterwards.
	u.CredentialEpoch = who.CredentialEpoch
	return Login{User: u, IDPID: who.IDPID}, err
}

// loginRow is a name that a person may sign in with, see the view.
type loginRow struct {
	SubscriptionID string
	TenantID       string
	IDPID          string `gorm:"column:idp_id"`
	IDPName        string `gorm:"column:idp_name"`
	Login          string
	ByName         bool
	UserID         string
	Hash           string
	// CredentialEpoch is the user's as of the hash.
	CredentialEpoch int64
}

func (loginRow) TableName() string { return "logins" }

// login finds who signs in as name: whose name it is, at the first IDP by name;
// else the one person whose proven mail address it is. Nobody has no id, and a
// hash that no password fits.
func (s *Store) login(ctx context.Context, name string) (loginRow, error) {
	nobody := loginRow{Hash: s.decoy}
	var rows []loginRow
	if err := s.DB.For(ctx).Where("login = ?", name).Order("by_name DESC, idp_name").Find(&rows).Error; err != nil {
		return nobody, fmt.Errorf("tenants: login: %w", err)
	}
	if name == "" || len(rows) == 0 {
		return nobody, nil
	}
	who := rows[0]
	if !who.ByName && slices.ContainsFunc(rows, func(r loginRow) bool { return r.UserID != who.UserID }) {
		return nobody, nil
	}
	if _, err := readHash(who.Hash); err != nil {
		s.Log.ErrorContext(ctx, "a user cannot sign in", "user", who.UserID, "error", err)
		return nobody, nil
	}
	return who, nil
}

// rehash keeps a failure to itself: the sign-in goes on with the old hash.
func (s *Store) rehash(ctx context.Context, userID, old, password string) {
	fresh, err := s.hash(ctx, password)
	if err == nil {
		err = db.One(s.DB.For(ctx).Model(&passwordRow{}).Where("user_id = ? AND hash = ?", userID, old).Update("hash", fresh))
	}
	if err != nil {
		s.Log.WarnContext(ctx, "password hash not renewed", "user", userID, "error", err)
	}
}

func (s *Store) hash(ctx context.Context, password string) (phc string, err error) {
	if busy := s.Gate.Do(ctx, func() { phc, err = s.hasher.hash(password, s.Rand) }); busy != nil {
		return "", busy
	}
	return phc, err
}

// SetPassword checks password against the rules and keeps its hash.
func (s *Store) SetPassword(ctx context.Context, u User, password string, withMFA bool) error {
	set, err := s.NewPassword(ctx, u, password, withMFA)
	if err != nil {
		return err
	}
	return set(ctx)
}

// NewPassword checks password against the rules and hashes it. What it returns keeps
// the hash, perhaps in a transaction that should not wait for hashing.
func (s *Store) NewPassword(ctx context.Context, u User, password string, withMFA bool) (set func(context.Context) error, err error) {
	hash, err := s.newHash(ctx, u, password, withMFA)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return s.keepPassword(ctx, u.ID, hash) }, nil
}

// HashPassword checks a password that an administrator gives a user of the subscription
// in ctx, who may not exist yet, and hashes it for KeepHash. It must be good enough to
// stand without a second factor.
func (s *Store) HashPassword(ctx context.Context, u User, password string) (hash string, err error) {
	return s.newHash(ctx, u, password, false)
}

// KeepHash keeps what HashPassword made, or a hash of another system that CheckPassword
// reads. A hash that nobody could sign in by is refused.
func (s *Store) KeepHash(ctx context.Context, userID, hash string) error {
	if why := CheckHash(hash); why != "" {
		return invalid("password_hash", why)
	}
	return s.keepPassword(ctx, userID, hash)
}

// MayHave says what is wrong with a password as HashPassword would, without the work.
func (s *Store) MayHave(ctx context.Context, u User, password string) error {
	return s.checkNew(ctx, u, password, false)
}

func (s *Store) newHash(ctx context.Context, u User, password string, withMFA bool) (string, error) {
	if err := s.checkNew(ctx, u, password, withMFA); err != nil {
		return "", err
	}
	return s.hash(ctx, password)
}

func (s *Store) checkNew(ctx context.Context, u User, password string, withMFA bool) error {
	if u.Kind != Person {
		return problem.New(problem.Invalid, "machine", "A machine user has no password.")
	}
	realm := RealmFrom(ctx)
	around := []string{u.Name, u.Email, u.DisplayName, realm.Tenant.Title, realm.Subscription.Title, "Twofold"}
	if broken := passwordRule(password, withMFA, around); broken != nil {
		broken.Fields = []problem.Field{{Name: "password", Message: broken.Message}}
		broken.Message = "This password cannot be used: " + broken.Message
		return broken
	}
	return nil
}

func (s *Store) keepPassword(ctx context.Context, userID, hash string) error {
	now := db.Micros(s.Now())
	res := s.DB.For(ctx).Model(&passwordRow{}).Where("user_id = ?", userID).Updates(map[string]any{"hash": hash, "changed_at": now})
	if res.Error == nil && res.RowsAffected == 0 {
		res = s.DB.For(ctx).Create(&passwordRow{UserID: userID, Hash: hash, ChangedAt: now})
	}
	switch {
	case db.IsForeignKey(res.Error):
		return errNoUser
	case res.Error != nil:
		return fmt.Errorf("tenants: set password: %w", res.Error)
	}
	return s.RaiseEpoch(ctx, userID)
}

// PasswordFits reports whether password is u's already, for idempotent configuration.
func (s *Store) PasswordFits(ctx context.Context, userID, password string) (bool, error) {
	var p passwordRow
	if err := s.DB.For(ctx).Where("user_id = ?", userID).Take(&p).Error; err != nil {
		if db.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("tenants: password: %w", err)
	}
	var ok bool
	var err error
	if busy := s.Gate.Do(ctx, func() { ok, _, err = s.hasher.check(p.Hash, password) }); busy != nil {
		return false, busy
	}
	return ok, err
}

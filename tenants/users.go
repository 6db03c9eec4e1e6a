package tenants

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// ErrWrongPassword is the one answer for an unknown, disabled or machine user and
// for a wrong password: outsiders learn nothing from it.
var ErrWrongPassword = problem.New(problem.Unauthenticated, "wrong_password", "The name or the password is not right.")

// NormalName brings a login name to the form it is kept and counted in: spelling
// variants of one name (case, width, composition, space around) are one name.
func NormalName(name string) string {
	return cases.Fold().String(norm.NFKC.String(strings.TrimSpace(name)))
}

// User finds a member of the tenant in ctx by id.
func (s *Store) User(ctx context.Context, userID string) (User, error) {
	if err := s.mustBeMember(ctx, userID); err != nil {
		return User{}, err
	}
	var row userRow
	if err := s.DB.For(ctx).Where("id = ?", userID).Take(&row).Error; err != nil {
		return User{}, notFound(err, errNoUser)
	}
	return row.User, nil
}

func (s *Store) mustBeMember(ctx context.Context, userID string) error {
	var m membershipRow
	if err := s.DB.For(ctx).Where("user_id = ?", userID).Take(&m).Error; err != nil {
		return notFound(err, errNoUser)
	}
	return nil
}

// Login is a person who has proven his password, and where.
type Login struct {
	User
	IDPID string
}

// CheckPassword finds the person who proves to be login at one of the local IDPs
// of the tenant in ctx; the first that knows the name decides. Everything that is
// not right gives ErrWrongPassword after the same work. A hash of old parameters
// is made anew.
func (s *Store) CheckPassword(ctx context.Context, login, password string) (Login, error) {
	if len(password) > MaxPasswordBytes || len(login) > MaxPasswordBytes || !utf8.ValidString(password) || !utf8.ValidString(login) {
		return Login{}, problem.New(problem.Invalid, "too_long", "The name or the password is too long.")
	}
	found, hash, err := s.find(ctx, NormalName(login))
	if err != nil {
		return Login{}, err
	}
	known := hash != ""
	if !known {
		if hash, err = s.decoyHash(); err != nil {
			return Login{}, err
		}
	}
	var ok, stale bool
	if gateErr := s.Gate.Do(ctx, func() { ok, stale, err = checkPassword(hash, password) }); gateErr != nil {
		return Login{}, gateErr
	}
	if err != nil {
		return Login{}, err
	}
	if !ok || !known {
		return Login{}, ErrWrongPassword
	}
	if stale {
		s.rehash(ctx, found.ID, hash, password)
	}
	return found, nil
}

// find asks the tenant's local IDPs in turn who login is.
func (s *Store) find(ctx context.Context, login string) (Login, string, error) {
	idps, err := s.IDPs(ctx)
	if err != nil {
		return Login{}, "", err
	}
	for _, idp := range idps {
		if idp.Type != IDPLocal {
			continue
		}
		u, hash, err := s.candidate(ctx, idp.ID, login)
		if err != nil || hash != "" {
			return Login{User: u, IDPID: idp.ID}, hash, err
		}
	}
	return Login{}, "", nil
}

// candidate returns the user and his hash, or no hash when nobody may sign in so.
func (s *Store) candidate(ctx context.Context, idpID, login string) (User, string, error) {
	var ident identityRow
	err := s.DB.For(ctx).Where("idp_id = ? AND subject = ?", idpID, login).Take(&ident).Error
	if db.IsNotFound(err) {
		ident.UserID, err = s.byEmail(ctx, idpID, login)
	}
	if err != nil || ident.UserID == "" {
		return User{}, "", wrapUnless(err)
	}
	u, err := s.User(ctx, ident.UserID)
	if problem.Is(err, problem.NotFound) || (err == nil && (!u.Active || u.Kind != Person)) {
		return User{}, "", nil
	}
	if err != nil {
		return User{}, "", err
	}
	var p passwordRow
	if err := s.DB.For(ctx).Where("user_id = ?", u.ID).Take(&p).Error; err != nil {
		if db.IsNotFound(err) {
			return User{}, "", nil
		}
		return User{}, "", fmt.Errorf("tenants: password: %w", err)
	}
	return u, p.Hash, nil
}

// byEmail finds a user by proven mail address, if exactly one person has it.
func (s *Store) byEmail(ctx context.Context, idpID, login string) (string, error) {
	if !strings.Contains(login, "@") {
		return "", nil
	}
	var rows []userRow
	if err := s.DB.For(ctx).Where("email = ? AND email_verified", login).Limit(2).Find(&rows).Error; err != nil || len(rows) != 1 {
		return "", err
	}
	var ident identityRow
	err := s.DB.For(ctx).Where("idp_id = ? AND user_id = ?", idpID, rows[0].ID).Take(&ident).Error
	if db.IsNotFound(err) {
		return "", nil
	}
	return ident.UserID, err
}

func wrapUnless(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("tenants: find user: %w", err)
}

// decoyHash is what an unknown user's password is checked against, so that
// unknown costs what known costs. No password fits it: it is made of randomness.
func (s *Store) decoyHash() (string, error) {
	var err error
	s.decoyMu.Do(func() { s.decoy, err = hashPassword(randomText(s.Rand), s.Rand) })
	if err == nil && s.decoy == "" {
		err = errHash
	}
	return s.decoy, err
}

// rehash keeps a failure to itself: the sign-in goes on with the old hash.
func (s *Store) rehash(ctx context.Context, userID, old, password string) {
	fresh, err := "", error(nil)
	if gateErr := s.Gate.Do(ctx, func() { fresh, err = hashPassword(password, s.Rand) }); gateErr != nil || err != nil {
		return
	}
	err = db.One(s.DB.For(ctx).Model(&passwordRow{}).Where("user_id = ? AND hash = ?", userID, old).Update("hash", fresh))
	if err != nil {
		s.Log.WarnContext(ctx, "password hash not renewed", "user", userID, "error", err)
	}
}

// SetPassword checks password against the rules and keeps its hash.
func (s *Store) SetPassword(ctx context.Context, u User, password string, withMFA bool) error {
	if u.Kind != Person {
		return problem.New(problem.Invalid, "machine", "A machine user has no password.")
	}
	realm := RealmFrom(ctx)
	if why := CheckPasswordRules(password, withMFA, u.Name, u.Email, u.DisplayName, realm.Tenant.Title, realm.Subscription.Title); why != "" {
		return &problem.Error{
			Kind: problem.Invalid, Code: "password_rules", Message: "This password cannot be used: " + why,
			Fields: []problem.Field{{Name: "password", Message: why}},
		}
	}
	var hash string
	var err error
	if gateErr := s.Gate.Do(ctx, func() { hash, err = hashPassword(password, s.Rand) }); gateErr != nil || err != nil {
		return orElse(gateErr, err)
	}
	now := db.Micros(s.Now())
	res := s.DB.For(ctx).Model(&passwordRow{}).Where("user_id = ?", u.ID).Updates(map[string]any{"hash": hash, "changed_at": now})
	if res.Error == nil && res.RowsAffected == 0 {
		res = s.DB.For(ctx).Create(&passwordRow{UserID: u.ID, Hash: hash, ChangedAt: now})
	}
	if res.Error != nil {
		return fmt.Errorf("tenants: set password: %w", res.Error)
	}
	return nil
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
	if gateErr := s.Gate.Do(ctx, func() { ok, _, err = checkPassword(p.Hash, password) }); gateErr != nil {
		return false, gateErr
	}
	return ok, err
}

// NoteTwoFactor remembers which instance a user used last.
func (s *Store) NoteTwoFactor(ctx context.Context, userID, twoFactorID string) error {
	err := s.DB.For(ctx).Model(&userRow{}).Where("id = ? AND last_two_factor_id <> ?", userID, twoFactorID).
		UpdateColumn("last_two_factor_id", twoFactorID).Error
	if err != nil {
		return fmt.Errorf("tenants: last two factor: %w", err)
	}
	return nil
}

func orElse(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

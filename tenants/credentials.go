package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// RaiseEpoch notes that what a user proves himself with has changed: sign-ins that
// were begun before end, and remembered browsers are forgotten (SECURITY I6).
func (s *Store) RaiseEpoch(ctx context.Context, userID string) error {
	err := s.DB.For(ctx).Model(&userRow{}).Where("id = ?", userID).
		UpdateColumns(map[string]any{"credential_epoch": clause.Expr{SQL: "credential_epoch + 1"}}).Error
	if err != nil {
		return fmt.Errorf("tenants: raise epoch: %w", err)
	}
	return nil
}

// ErrChanged reports that what a user proves himself with is not what it was, or that he
// may not sign in any more.
var ErrChanged = problem.New(problem.Conflict, "credentials_changed", "Something about your account has just changed. Please try again.")

// HoldUser makes the rest of the transaction in ctx the only one that changes a user, if
// he may sign in and what he proves himself with is as it was at an epoch; otherwise it
// returns ErrChanged. Who lets somebody in and who shuts him out both hold him, so that
// the later one sees what the earlier has done.
func (s *Store) HoldUser(ctx context.Context, userID string, epoch int64) error {
	var row userRow
	err := s.DB.For(ctx).Select("id", "credential_epoch").Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).
		Where("id = ? AND credential_epoch = ? AND active", userID, epoch).Take(&row).Error
	if err != nil {
		return notFound(err, ErrChanged)
	}
	return nil
}

// SetProveFirst says whether a member of the tenant in ctx must give a bypass code
// before he may set up a second factor again.
func (s *Store) SetProveFirst(ctx context.Context, userID string, first bool) error {
	if err := s.mustBeMember(ctx, userID); err != nil {
		return err
	}
	err := s.DB.For(ctx).Model(&userRow{}).Where("id = ?", userID).UpdateColumns(map[string]any{"prove_first": first}).Error
	if err != nil {
		return fmt.Errorf("tenants: prove first: %w", err)
	}
	return nil
}

var errAddressTaken = problem.New(problem.Conflict, "address_taken", "This address cannot be used. Try another, or ask your administrator.")

// SetAddress keeps an address that a member of the tenant in ctx has proven to be his.
func (s *Store) SetAddress(ctx context.Context, userID string, kind twofactor.Attribute, address string) error {
	if err := s.mustBeMember(ctx, userID); err != nil {
		return err
	}
	set := map[string]any{"phone": address, "phone_verified": true}
	if kind == twofactor.NeedsEmail {
		address = strings.ToLower(strings.TrimSpace(address))
		set = map[string]any{"email": address, "email_verified": true}
		if err := s.freeEmail(ctx, userID, address); err != nil {
			return err
		}
	}
	set["updated_at"], set["version"] = db.Micros(s.Now()), clause.Expr{SQL: "version + 1"}
	err := db.One(s.DB.For(ctx).Model(&userRow{}).Where("id = ?", userID).UpdateColumns(set))
	switch {
	case errors.Is(err, db.ErrStale):
		return errNoUser
	case err != nil:
		return fmt.Errorf("tenants: set address: %w", err)
	}
	return s.RaiseEpoch(ctx, userID)
}

// UnprovePhone takes back that a member of the tenant in ctx has proven his phone
// number. The number stays, for him to prove it again.
func (s *Store) UnprovePhone(ctx context.Context, userID string) error {
	if err := s.mustBeMember(ctx, userID); err != nil {
		return err
	}
	err := s.DB.For(ctx).Model(&userRow{}).Where("id = ? AND phone_verified", userID).UpdateColumns(map[string]any{
		"phone_verified": false, "updated_at": db.Micros(s.Now()), "version": clause.Expr{SQL: "version + 1"},
	}).Error
	if err != nil {
		return fmt.Errorf("tenants: unprove phone: %w", err)
	}
	return s.RaiseEpoch(ctx, userID)
}

// freeEmail refuses an address that another person signs in by: as his name, or as his
// own proven one.
func (s *Store) freeEmail(ctx context.Context, userID, address string) error {
	if !validEmail(address) || address != NormalName(address) {
		return invalid("email", "is not a mail address")
	}
	var n int64
	err := s.DB.For(ctx).Model(&userRow{}).Where("id <> ?", userID).Where("(email = ? AND email_verified) OR name = ?", address, address).Count(&n).Error
	if err != nil {
		return fmt.Errorf("tenants: free email: %w", err)
	}
	if n > 0 {
		return errAddressTaken
	}
	return nil
}

// PersonByLogin finds who would sign in to the tenant in ctx by a name or a proven mail
// address. ok is false for nobody, and when the address is not proven or is shared.
func (s *Store) PersonByLogin(ctx context.Context, login string) (u User, ok bool, err error) {
	who, err := s.login(ctx, NormalName(login))
	if err != nil || who.UserID == "" {
		return User{}, false, err
	}
	u, err = s.User(ctx, who.UserID)
	if problem.Is(err, problem.NotFound) {
		return User{}, false, nil
	}
	return u, err == nil, err
}

// MailSender finds the instance that the house's own mail of the tenant in ctx goes out
// by: one that is active and valid and reaches people by their mail address. Those
// assigned to the tenant come first, then the others of the subscription, by name. ok
// is false when there is none.
func (s *Store) MailSender(ctx context.Context) (twoFactorID string, ok bool, err error) {
	var rows []twoFactorRow
	if err := s.DB.For(ctx).Where("active").Order("name").Find(&rows).Error; err != nil {
		return "", false, fmt.Errorf("tenants: mail sender: %w", err)
	}
	rows = slices.DeleteFunc(rows, func(r twoFactorRow) bool { return !slices.Equal(s.Catalog[r.Type].Info.Needs, mailOnly) })
	if len(rows) == 0 {
		return "", false, nil
	}
	var near []assignmentRow
	targets := []string{db.ScopeOf(ctx).Tenant, db.ScopeOf(ctx).Subscription}
	if err := s.DB.For(ctx).Where("target_id IN ?", targets).Find(&near).Error; err != nil {
		return "", false, fmt.Errorf("tenants: mail sender: %w", err)
	}
	assigned := func(r twoFactorRow) int {
		if slices.ContainsFunc(near, func(a assignmentRow) bool { return a.TwoFactorID == r.ID }) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(rows, func(a, b twoFactorRow) int { return assigned(a) - assigned(b) })
	base, err := s.baseSettings(ctx)
	if err != nil {
		return "", false, err
	}
	for _, r := range rows {
		inst, err := s.open(ctx, r, base)
		if _, sends := inst.Factor.(twofactor.Sender); err == nil && sends {
			return r.ID, true, nil
		}
	}
	return "", false, nil
}

var mailOnly = []twofactor.Attribute{twofactor.NeedsEmail}

// Identifiers lists the instances by which somebody may sign in to an app of the tenant
// in ctx without giving a name: active, valid, and assigned to what every sign-in for
// this app passes. Whether the tenant wants that at all is PasskeySignIn.
func (s *Store) Identifiers(ctx context.Context, clientAppID string) ([]Candidate, error) {
	var assigned []assignmentRow
	scope := db.ScopeOf(ctx)
	if err := s.DB.For(ctx).Where("target_id IN ?", []string{scope.Subscription, scope.Tenant, clientAppID}).Find(&assigned).Error; err != nil {
		return nil, fmt.Errorf("tenants: identifiers: %w", err)
	}
	var ids []string
	for _, a := range assigned {
		ids = append(ids, a.TwoFactorID)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []twoFactorRow
	if err := s.DB.For(ctx).Where("id IN ? AND active", ids).Order("name").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tenants: identifiers: %w", err)
	}
	base, err := s.baseSettings(ctx)
	if err != nil {
		return nil, err
	}
	var out []Candidate
	for _, r := range rows {
		inst, err := s.open(ctx, r, base)
		if _, ok := inst.Factor.(twofactor.Identifier); err == nil && ok {
			out = append(out, Candidate{ID: r.ID, Name: r.Name, Type: r.Type, Strength: inst.Info.Strength, Enrolls: true})
		}
	}
	return out, nil
}

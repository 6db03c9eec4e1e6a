package tenants

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// NormalName brings a login name to the form it is kept and counted in: spelling
// variants of one name (case, width, composition, space, what cannot be seen) are
// one name. Folding can undo the composition, hence the second one.
func NormalName(name string) string {
	visible := func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.Is(unicode.Cherokee, r):
			return unicode.ToUpper(r) // Fold takes each of its cases for the other
		}
		return r
	}
	folded := cases.Fold().String(norm.NFKC.String(strings.Map(visible, name)))
	return strings.Join(strings.Fields(norm.NFKC.String(folded)), " ")
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

// NoteTwoFactor remembers which instance a user used last.
func (s *Store) NoteTwoFactor(ctx context.Context, userID, twoFactorID string) error {
	err := s.DB.For(ctx).Model(&userRow{}).Where("id = ? AND last_two_factor_id <> ?", userID, twoFactorID).
		UpdateColumn("last_two_factor_id", twoFactorID).Error
	if err != nil {
		return fmt.Errorf("tenants: last two factor: %w", err)
	}
	return nil
}

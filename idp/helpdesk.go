package idp

import (
	"context"

	"twofold/internal/problem"
)

// What a help desk needs of what a user has open.

// CountSessions counts the live sessions of a user in the tenant in ctx.
func (s *IDP) CountSessions(ctx context.Context, userID string) (int, error) {
	var n int64
	now := s.Now()
	err := s.DB.For(ctx).Model(&sessionRow{}).
		Where("user_id = ? AND ended_at IS NULL AND expires_at > ? AND idle_expires_at > ?", userID, now, now).Count(&n).Error
	return int(n), wrap("count sessions", err)
}

// EndUser ends all that a user has open in the tenant in ctx, on every replica at
// once: his sessions, also those that rest, what was granted to apps, remembered
// browsers, and sign-ins that are under way. actor is who wants it. It returns how
// many sessions there were.
func (s *IDP) EndUser(ctx context.Context, userID, actor, why string) (sessions int, err error) {
	if userID == "" {
		return 0, problem.New(problem.NotFound, "user_unknown", "There is no such user.")
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.forget(ctx, userID, ""); err != nil {
			return err
		}
		if err := s.cancelOpen(ctx, userID, 0); err != nil {
			return err
		}
		if err := s.Provider.RevokeUser(ctx, userID, why); err != nil {
			return err
		}
		var rows []sessionRow
		if err := s.DB.For(ctx).Where("user_id = ? AND ended_at IS NULL", userID).Order("id").Find(&rows).Error; err != nil {
			return wrap("sessions of a user", err)
		}
		for _, row := range rows {
			if err := s.endBy(ctx, &row, actor, why); err != nil {
				return err
			}
		}
		sessions = len(rows)
		return nil
	})
	return sessions, err
}

package idp

import (
	"context"

	"twofold/internal/audit"
	"twofold/internal/db"
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

// EndUser ends what a user has in the tenant in ctx, on every replica at once:
// remembered browsers, what was granted to apps, and his sessions, also those that
// rest. actor is who wants it. Sign-ins that are under way end by the user's epoch. It
// returns how many sessions there were.
func (s *IDP) EndUser(ctx context.Context, userID, actor, why string) (sessions int, err error) {
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.forget(ctx, userID, ""); err != nil {
			return err
		}
		if err := s.Provider.RevokeUser(ctx, userID, why); err != nil {
			return err
		}
		var rows []sessionRow
		open := s.DB.For(ctx).Where("user_id = ? AND ended_at IS NULL", userID).Order("id")
		if err := open.Find(&rows).Error; err != nil {
			return wrap("sessions of a user", err)
		}
		for _, row := range rows {
			one := s.DB.For(ctx).Model(&sessionRow{}).Where("id = ? AND ended_at IS NULL", row.ID)
			if err := one.Updates(map[string]any{"ended_at": db.Micros(s.Now())}).Error; err != nil {
				return wrap("end session", err)
			}
			e := audit.Event{Kind: "session.ended", Actor: actor, User: userID}
			if err := s.Audit.Record(ctx, e, map[string]any{"session": row.ID, "why": why}); err != nil {
				return err
			}
		}
		sessions = len(rows)
		return nil
	})
	return sessions, err
}

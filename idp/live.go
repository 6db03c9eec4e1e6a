package idp

import "context"

// SessionLive reports whether a user's session in the tenant in ctx still stands behind
// what was granted in it: nobody has ended it, and it has not run out. One that merely
// rests does; what was granted has an idle time of its own. tenantID must be the tenant
// in ctx, or there is no such session.
func (s *IDP) SessionLive(ctx context.Context, tenantID, sid, userID string) (bool, error) {
	var n int64
	err := s.DB.For(ctx).Model(&sessionRow{}).
		Where("tenant_id = ? AND id = ? AND user_id = ? AND ended_at IS NULL AND expires_at > ?", tenantID, sid, userID, s.Now()).Count(&n).Error
	return n == 1, wrap("session live", err)
}

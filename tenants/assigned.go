package tenants

import (
	"context"
	"fmt"
)

// CountAssignments counts the assignments of each instance of the subscription in ctx,
// by its id.
func (s *Store) CountAssignments(ctx context.Context) (map[string]int, error) {
	var rows []struct {
		TwoFactorID string
		N           int
	}
	err := s.DB.For(ctx).Model(&assignmentRow{}).Select("two_factor_id, count(*) AS n").Group("two_factor_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("tenants: count assignments: %w", err)
	}
	out := make(map[string]int, len(rows))
	for _, r := range rows {
		out[r.TwoFactorID] = r.N
	}
	return out, nil
}

package tenants

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"twofold/internal/db"
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

// Names are what things of a level are called, by their ids: login names of users, names
// of all else. What is not there has none.
func (s *Store) Names(ctx context.Context, l Level, ids []string) (map[string]string, error) {
	model := map[Level]any{
		LevelSubscription: &subscriptionRow{}, LevelTenant: &tenantRow{}, LevelIDP: &idpRow{}, LevelClientApp: &clientAppRow{}, LevelGroup: &groupRow{}, LevelUser: &userRow{},
	}[l]
	if model == nil {
		return nil, invalid("level", fmt.Sprintf("must be one of %v", Levels()))
	}
	out := map[string]string{}
	if len(ids) == 0 {
		return out, nil
	}
	var q *gorm.DB
	if l == LevelSubscription {
		q = s.DB.For(ctx).Model(model).Where("id = ?", db.ScopeOf(ctx).Subscription)
	} else {
		q = s.links(ctx, model)
	}
	var rows []struct{ ID, Name string }
	if err := q.Select("id", "name").Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tenants: names: %w", err)
	}
	for _, r := range rows {
		out[r.ID] = r.Name
	}
	return out, nil
}

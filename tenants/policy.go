package tenants

import (
	"context"
	"errors"
	"fmt"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// Question names one sign-in whose policy is asked for.
type Question struct {
	ClientAppID string
	IDPID       string
	UserID      string
	Demand      twofactor.Strength // by the request's acr_values
	Enrolled    bool
}

// Policy answers a question against the database as it is now.
func (s *Store) Policy(ctx context.Context, q Question) (Policy, error) {
	r, err := s.reach(ctx, q)
	if err != nil {
		return Policy{}, err
	}
	return Resolve(r), nil
}

// reach loads all that bears on one sign-in. Nothing here is remembered between
// requests: policy is asked of the current database each time (SPEC §4).
func (s *Store) reach(ctx context.Context, q Question) (Reach, error) {
	user, err := s.User(ctx, q.UserID)
	if err != nil {
		return Reach{}, err
	}
	r := Reach{Now: s.Now(), Demand: q.Demand, LastUsed: user.LastTwoFactorID, Enrolled: q.Enrolled, Instances: map[string]Candidate{}}
	if err := s.stations(ctx, q, user, &r); err != nil {
		return Reach{}, err
	}
	targets := make([]string, len(r.Stations))
	for i, st := range r.Stations {
		targets[i] = st.ID
	}
	var as []assignmentRow
	if err := s.DB.For(ctx).Where("target_id IN ?", targets).Order("id").Find(&as).Error; err != nil {
		return Reach{}, fmt.Errorf("tenants: assignments: %w", err)
	}
	var es []exemptionRow
	if err := s.DB.For(ctx).Where("target_id IN ? AND until > ?", targets, r.Now).Order("id").Find(&es).Error; err != nil {
		return Reach{}, fmt.Errorf("tenants: exemptions: %w", err)
	}
	for _, e := range es {
		r.Exemptions = append(r.Exemptions, e.Exemption)
	}
	ids := make([]string, len(as))
	for i, a := range as {
		r.Assignments = append(r.Assignments, a.Assignment)
		ids[i] = a.TwoFactorID
	}
	return r, s.candidates(ctx, ids, user, &r)
}

func (s *Store) stations(ctx context.Context, q Question, user User, r *Reach) error {
	scope := db.ScopeOf(ctx)
	var sub subscriptionRow
	var tenant tenantRow
	var app clientAppRow
	if err := s.DB.For(ctx).Where("id = ? AND active", scope.Subscription).Take(&sub).Error; err != nil {
		return notFound(err, errNoTenant)
	}
	if err := s.DB.For(ctx).Where("id = ? AND active", scope.Tenant).Take(&tenant).Error; err != nil {
		return notFound(err, errNoTenant)
	}
	r.Stations = append(r.Stations,
		Station{LevelSubscription, sub.ID, sub.Name, sub.EnforceMFA, Strength(sub.MinACR)},
		Station{LevelTenant, tenant.ID, tenant.Name, tenant.EnforceMFA, Strength(tenant.MinACR)})
	if q.IDPID != "" {
		var idp idpRow
		if err := s.DB.For(ctx).Where("id = ? AND active", q.IDPID).Take(&idp).Error; err != nil {
			return notFound(err, errNoIDP)
		}
		r.Stations = append(r.Stations, Station{LevelIDP, idp.ID, idp.Name, idp.EnforceMFA, twofactor.StrengthNone})
	}
	if err := s.DB.For(ctx).Where("id = ? AND active", q.ClientAppID).Take(&app).Error; err != nil {
		return notFound(err, errNoApp)
	}
	r.Stations = append(r.Stations, Station{LevelClientApp, app.ID, app.Name, app.EnforceMFA, Strength(app.MinACR)})
	groups, err := s.groupsOf(ctx, user.ID)
	if err != nil {
		return err
	}
	for _, g := range groups {
		r.Stations = append(r.Stations, Station{Level: LevelGroup, ID: g.ID, Name: g.Name})
	}
	r.Stations = append(r.Stations, Station{Level: LevelUser, ID: user.ID, Name: user.Name})
	return nil
}

func (s *Store) groupsOf(ctx context.Context, userID string) ([]Group, error) {
	var rows []groupRow
	mine := s.DB.For(ctx).Model(&groupMemberRow{}).Select("group_id").Where("user_id = ?", userID)
	if err := s.DB.For(ctx).Where("id IN (?)", mine).Order("name").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tenants: groups: %w", err)
	}
	out := make([]Group, len(rows))
	for i, g := range rows {
		out[i] = g.Group
	}
	return out, nil
}

// candidates opens each assigned instance once and says what stands in its way.
func (s *Store) candidates(ctx context.Context, ids []string, user User, r *Reach) error {
	if len(ids) == 0 {
		return nil
	}
	var rows []twoFactorRow
	if err := s.DB.For(ctx).Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return fmt.Errorf("tenants: two factors: %w", err)
	}
	base, err := s.baseSettings(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		c := Candidate{ID: row.ID, Name: row.Name, Type: row.Type, Inactive: !row.Active}
		inst, err := s.open(ctx, row, base)
		var bad *InvalidError
		switch {
		case errors.As(err, &bad):
			c.Invalid = bad.Reason
		case err != nil:
			return err
		}
		c.Strength, c.Fallback = inst.Info.Strength, inst.Info.Fallback
		for _, need := range inst.Info.Needs {
			if !need.Has(user.Factor("")) {
				c.Lacking = "proven " + string(need)
			}
		}
		r.Instances[row.ID] = c
	}
	return nil
}

var errNoIDP = problem.New(problem.NotFound, "idp_unknown", "There is no such way to sign in.")

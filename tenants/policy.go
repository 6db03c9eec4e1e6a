package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	Enrolled    map[string]int     // what the user has set up: TwoFactor ID to how many
	Away        map[string]int     // and how many of them at another host name than this sign-in is at
	Preferred   string             // the instance he wants to begin with, among equals
	Account     bool               // no app asks: the user wants to see his own account
}

// Policy answers a question against the database as it is now.
func (s *Store) Policy(ctx context.Context, q Question) (Policy, error) {
	r, user, err := s.reach(ctx, q)
	if err != nil {
		return Policy{}, err
	}
	p := Resolve(r)
	p.User, p.Epoch, p.ProveFirst = user, user.CredentialEpoch, user.ProveFirst
	return p, nil
}

// reach loads all that bears on one sign-in, in seven queries at most, and
// one more for a restricted app. Nothing here is
// remembered between requests: policy is asked of the current database each time
// (SPEC §4).
func (s *Store) reach(ctx context.Context, q Question) (Reach, User, error) {
	r := Reach{Now: s.Now(), Demand: q.Demand, Instances: map[string]Candidate{}}
	var err error
	if r.Stations, err = s.stations(ctx, q); err != nil {
		return Reach{}, User{}, err
	}
	var user userRow
	if err := s.DB.For(ctx).Where("id = ?", q.UserID).Take(&user).Error; err != nil {
		return Reach{}, User{}, notFound(err, errNoUser)
	}
	r.LastUsed, r.UserSince = user.LastTwoFactorID, user.CreatedAt
	if q.Preferred != "" {
		r.LastUsed = q.Preferred
	}
	targets := make([]string, len(r.Stations))
	for i, st := range r.Stations {
		targets[i] = st.ID
	}
	r.Assignments, err = list(s.DB.For(ctx).Where("target_id IN ?", targets).Order("id"), func(a assignmentRow) Assignment { return a.Assignment })
	if err != nil {
		return Reach{}, User{}, err
	}
	r.Exemptions, err = list(s.DB.For(ctx).Where("target_id IN ? AND until > ?", targets, r.Now).Order("id"), func(e exemptionRow) Exemption { return e.Exemption })
	if err != nil {
		return Reach{}, User{}, err
	}
	if r.Admits, err = s.admits(ctx, q.ClientAppID, r.Stations); err != nil {
		return Reach{}, User{}, err
	}
	return r, user.User, s.candidates(ctx, user.User, q, r)
}

// stationRow is a station that sign-ins to a tenant pass, see the view.
type stationRow struct {
	SubscriptionID string
	TenantID       string
	Finder         string // id to ask with: of the station, or of a group's member
	Place          int64  // outermost first
	Level          Level
	ID             string
	Name           string
	EnforceMFA     bool
	MinACR         string
	Active         bool
	Restricted     bool
}

func (stationRow) TableName() string { return "stations" }

// stations are those the sign-in passes, outermost first. One that is inactive, or
// that the tenant does not have, is an error: there is no policy without it.
func (s *Store) stations(ctx context.Context, q Question) ([]Station, error) {
	scope := db.ScopeOf(ctx)
	var rows []stationRow
	finders := []string{scope.Subscription, scope.Tenant, q.IDPID, q.ClientAppID, q.UserID}
	if err := s.DB.For(ctx).Where("finder IN ?", finders).Order("place, name").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tenants: stations: %w", err)
	}
	passed := map[Level]string{}
	var out []Station
	for _, r := range rows {
		if r.Active {
			passed[r.Level] = r.ID
			out = append(out, Station{r.Level, r.ID, r.Name, r.EnforceMFA, Strength(r.MinACR), r.Restricted})
		}
	}
	switch {
	case passed[LevelSubscription] != scope.Subscription || passed[LevelTenant] != scope.Tenant:
		return nil, errNoTenant
	case passed[LevelIDP] != q.IDPID:
		return nil, errNoIDP
	case (q.ClientAppID == "") != q.Account || passed[LevelClientApp] != q.ClientAppID:
		return nil, errNoApp
	case q.UserID == "" || passed[LevelUser] != q.UserID:
		return nil, errNoUser
	}
	return out, nil
}

// StrictApps lists the client apps of the tenant in ctx that ask for a second factor or
// a strength by themselves: those where a user may need more than elsewhere.
func (s *Store) StrictApps(ctx context.Context) ([]string, error) {
	var rows []stationRow
	if err := s.DB.For(ctx).Where("level = ? AND active", LevelClientApp).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tenants: strict apps: %w", err)
	}
	var required []string
	err := s.DB.For(ctx).Model(&assignmentRow{}).Where("level = ? AND required", LevelClientApp).Distinct().Pluck("target_id", &required).Error
	if err != nil {
		return nil, fmt.Errorf("tenants: strict apps: %w", err)
	}
	var out []string
	for _, r := range rows {
		if r.EnforceMFA || r.MinACR != "" || slices.Contains(required, r.ID) {
			out = append(out, r.ID)
		}
	}
	return out, nil
}

// candidates opens each assigned instance once and says what stands in its way.
func (s *Store) candidates(ctx context.Context, user User, q Question, r Reach) error {
	if len(r.Assignments) == 0 {
		return nil
	}
	ids := make([]string, len(r.Assignments))
	for i, a := range r.Assignments {
		ids[i] = a.TwoFactorID
	}
	var rows []twoFactorRow
	if err := s.DB.For(ctx).Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return fmt.Errorf("tenants: two factors: %w", err)
	}
	base, err := s.baseSettings(ctx)
	if err != nil {
		return err
	}
	var countries []string // asked for once, if anybody needs to know
	for _, row := range rows {
		i, err := s.prepare(ctx, row, base)
		if err != nil {
			return err
		}
		if countries == nil && slices.Contains(i.Needs, twofactor.NeedsPhone) {
			if countries, _, err = s.SMSRules(ctx); err != nil {
				return err
			}
		}
		r.Instances[row.ID] = i.of(q.Enrolled[row.ID], q.Away[row.ID], len(countries) > 0, func(need twofactor.Attribute) string { return lacking(user, need, countries) })
	}
	return nil
}

// prepared is an instance as it stands for everybody, whoever is asked for.
type prepared struct {
	Candidate
	sends bool
}

// prepare opens an instance and says whether it can be used at all.
func (s *Store) prepare(ctx context.Context, row twoFactorRow, base settingsOf) (prepared, error) {
	inst, err := s.open(ctx, row, base)
	var bad *InvalidError
	if err != nil && !errors.As(err, &bad) {
		return prepared{}, err
	}
	info := s.Catalog[row.Type].Info // also of what cannot be opened
	p := prepared{Candidate: Candidate{
		ID: row.ID, Name: row.Name, Type: row.Type, Inactive: !row.Active, Strength: info.Strength, Needs: info.Needs, Fallback: info.Fallback,
		Enrolls: info.Enrolls, HostBound: info.HostBound,
	}}
	if bad != nil {
		p.Invalid = bad.Reason
	}
	_, p.sends = inst.Factor.(twofactor.Sender)
	return p, nil
}

// of is the instance for one user: how often he has set it up, and how often of that at
// another host name, whether the tenant sends text messages at all, and what he lacks.
func (i prepared) of(enrolled, away int, texts bool, lacks func(need twofactor.Attribute) string) Candidate {
	c := i.Candidate
	c.Enrolled = enrolled
	if i.HostBound {
		c.Enrolled, c.Away = enrolled-away, away
	}
	for _, need := range c.Needs {
		if why := lacks(need); why != "" {
			c.Lacking = why
			// A mailbox of his own a user may always prove; a number where the tenant
			// sends text messages at all.
			if i.sends && (need == twofactor.NeedsEmail || texts) {
				c.Proves = need
			}
		}
	}
	return c
}

// lacking says in words what a user lacks to be reached, or nothing. countries are
// those that text messages of the tenant may go to.
func lacking(user User, need twofactor.Attribute, countries []string) string {
	switch {
	case !need.Has(user.Factor("")):
		return "proven " + string(need)
	case need == twofactor.NeedsPhone:
		return checkNumber(countries, user.Phone)
	}
	return ""
}

var errNoIDP = problem.New(problem.NotFound, "idp_unknown", "There is no such way to sign in.")

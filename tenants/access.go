package tenants

import (
	"context"
	"fmt"
	"slices"

	"twofold/internal/db"
)

// A restricted client app answers for its users and the members of its groups alone. Who
// is none of them has no access, whatever he proves; what the app holds for somebody ends
// with the link (see the view grant_subjects). A machine that acts for itself is no user.

// SetAppUsers lets exactly these users, beside the members of its groups, use a restricted
// client app of the subscription in ctx.
func (s *Store) SetAppUsers(ctx context.Context, appID string, users []string) (Difference, error) {
	sub := db.ScopeOf(ctx).Subscription
	return syncLinks(ctx, s, "client_app_id", appID, "user_id", users,
		func(id string) appUserRow { return appUserRow{sub, appID, id} }, func(r appUserRow) string { return r.UserID })
}

// SetAppGroups lets the members of exactly these groups use a restricted client app of the
// subscription in ctx.
func (s *Store) SetAppGroups(ctx context.Context, appID string, groups []string) (Difference, error) {
	sub := db.ScopeOf(ctx).Subscription
	return syncLinks(ctx, s, "client_app_id", appID, "group_id", groups,
		func(id string) appGroupRow { return appGroupRow{sub, appID, id} }, func(r appGroupRow) string { return r.GroupID })
}

// AppLink is a client app and a user or a group that it is for.
type AppLink struct{ ClientAppID, ID string }

// AppUsers lists which users the client apps of the subscription in ctx are for.
func (s *Store) AppUsers(ctx context.Context) ([]AppLink, error) {
	return list(s.DB.For(ctx).Order("client_app_id, user_id"), func(r appUserRow) AppLink { return AppLink{r.ClientAppID, r.UserID} })
}

// AppGroups lists which groups the client apps of the subscription in ctx are for.
func (s *Store) AppGroups(ctx context.Context) ([]AppLink, error) {
	return list(s.DB.For(ctx).Order("client_app_id, group_id"), func(r appGroupRow) AppLink { return AppLink{r.ClientAppID, r.GroupID} })
}

// admits are those of the stations by which a sign-in gets into its app, if that is
// restricted: of others nothing is asked.
func (s *Store) admits(ctx context.Context, appID string, stations []Station) ([]string, error) {
	if !slices.ContainsFunc(stations, func(st Station) bool { return st.Restricted }) {
		return nil, nil
	}
	ids := make([]string, len(stations))
	for i, st := range stations {
		ids[i] = st.ID
	}
	var out []string
	err := s.DB.For(ctx).Model(&appAccessRow{}).Where("client_app_id = ? AND target_id IN ?", appID, ids).Pluck("target_id", &out).Error
	if err != nil {
		return nil, fmt.Errorf("tenants: access: %w", err)
	}
	return out, nil
}

// MayUse reports whether a client app of the subscription in ctx is for a user: it is not
// restricted, or he is among those whom it is for.
func (s *Store) MayUse(ctx context.Context, app ClientApp, userID string) (bool, error) {
	if !app.Restricted {
		return true, nil
	}
	groups := s.links(ctx, &groupMemberRow{}).Select("group_id").Where("user_id = ?", userID)
	var n int64
	err := s.links(ctx, &appAccessRow{}).Where("client_app_id = ? AND (target_id = ? OR target_id IN (?))", app.ID, userID, groups).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("tenants: access: %w", err)
	}
	return n > 0, nil
}

// Access is a change of whom a client app is for.
type Access struct {
	ClientAppID string `json:"client_app_id"`
	Level       Level  `json:"level"` // of a user or of a group
	TargetID    string `json:"target_id"`
	To          string `json:"to"` // RegroupIn or RegroupOut
}

func (s *Store) checkAccess(ctx context.Context, a *Access) error {
	switch {
	case a.Level != LevelUser && a.Level != LevelGroup:
		return invalid("level", "of access must be group or user")
	case a.To != RegroupIn && a.To != RegroupOut:
		return invalid("to", "must be in or out")
	}
	if err := s.mustHaveRow(ctx, &clientAppRow{}, a.ClientAppID, "client_app"); err != nil {
		return err
	}
	return s.mustHave(ctx, a.Level, a.TargetID)
}

// access are the ids of one kind that an app is for, after the change.
func (c Change) access(l Level, appID string, have []string) []string {
	a := c.Access
	if a == nil || a.Level != l || a.ClientAppID != appID {
		return have
	}
	return toggled(have, a.TargetID, a.To == RegroupIn)
}

// apps are those that a person may use by himself, after the change.
func (c Change) apps(userID string, have []string) []string {
	a := c.Access
	if a == nil || a.Level != LevelUser || a.TargetID != userID {
		return have
	}
	return toggled(have, a.ClientAppID, a.To == RegroupIn)
}

// toggled is a list with one in it, or without.
func toggled(list []string, one string, in bool) []string {
	out := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == one })
	if in {
		out = append(out, one)
	}
	return out
}

package admin

import (
	"context"

	"twofold/tenants"
)

// Fares tells how the instances of a subscription fare, by id.
type Fares struct {
	States   map[string]tenants.State
	Assigned map[string]int // how many assignments each has
}

// Fares judges all instances of a subscription at once.
func (a *Admin) Fares(ctx context.Context, w Who, subscription string) (f Fares, err error) {
	if in := w.Tenants(TwoFactorRead, subscription); in != nil && len(in) == 0 {
		return f, hidden(w, subscription)
	}
	ctx = a.scope(ctx, subscription)
	if f.States, err = a.Tenants.States(ctx); err != nil {
		return f, err
	}
	f.Assigned, err = a.Tenants.CountAssignments(ctx)
	return f, err
}

// Target is what an assignment or an exemption hangs on.
type Target struct {
	Level tenants.Level
	ID    string
}

// TargetNames finds what targets are called, by id. They must come from a list that w
// may see.
func (a *Admin) TargetNames(ctx context.Context, w Who, subscription string, targets []Target) (map[string]string, error) {
	if in := w.Tenants(AssignmentRead, subscription); in != nil && len(in) == 0 {
		return nil, hidden(w, subscription)
	}
	ctx = a.scope(ctx, subscription)
	of := map[tenants.Level][]string{}
	for _, t := range targets {
		of[t.Level] = append(of[t.Level], t.ID)
	}
	out := map[string]string{}
	for level, ids := range of {
		if level == tenants.LevelSubscription {
			sub, err := a.Tenants.Subscriptions().Get(ctx, subscription)
			if err != nil {
				return nil, err
			}
			out[sub.ID] = sub.Name
			continue
		}
		named, err := a.Tenants.Called(ctx, string(level), ids) // levels are called as kinds are
		if err != nil {
			return nil, err
		}
		for id, n := range named {
			if !n.Gone {
				out[id] = n.Login
			}
		}
	}
	return out, nil
}

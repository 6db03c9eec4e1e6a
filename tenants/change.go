package tenants

import (
	"cmp"
	"context"
	"slices"
	"time"

	"twofold/internal/db"
)

// Change is one change of what bears on sign-ins that nobody has made yet. Exactly one
// of its fields must be set.
type Change struct {
	// PutAssignment assigns an instance, or changes how: as PutAssignment would.
	PutAssignment *Assignment `json:"put_assignment,omitempty"`
	// RemoveAssignment takes an assignment away: it is found by instance, level and target.
	RemoveAssignment *Assignment `json:"remove_assignment,omitempty"`
	// Demand changes what a level asks for by itself.
	Demand *Demand `json:"demand,omitempty"`
	// Switch changes an instance itself.
	Switch *Switch `json:"switch,omitempty"`
	// PutExemption exempts a user, client app or IDP. Its reason may still lack.
	PutExemption *Exemption `json:"put_exemption,omitempty"`
	// RemoveExemption takes an exemption away: it is found by level and target.
	RemoveExemption *Exemption `json:"remove_exemption,omitempty"`
	// Invalidate makes instances invalid, as options do that lack or are wrong.
	Invalidate *Invalidate `json:"invalidate,omitempty"`
	// Regroup takes a user into a group or out of it, or deletes the group.
	Regroup *Regroup `json:"regroup,omitempty"`
	// Access lets a user or a group use a restricted client app, or not any more.
	Access *Access `json:"access,omitempty"`
}

// Invalidate names the instances that options would make invalid: one by its own options,
// or several by the base settings of their type.
type Invalidate struct {
	TwoFactorIDs []string `json:"two_factor_ids"`
}

// Regroup is a change of who is in a group: of one user, or of all when the group is
// deleted together with its assignments.
type Regroup struct {
	GroupID string `json:"group_id"`
	UserID  string `json:"user_id,omitempty"` // not with RegroupDelete
	To      string `json:"to"`                // RegroupIn …
}

// What becomes of who is in a group.
const (
	RegroupIn     = "in"
	RegroupOut    = "out"
	RegroupDelete = "delete"
)

// Demand is what a subscription, tenant, IDP or client app asks for by itself. What is
// nil stays as it is.
type Demand struct {
	Level      Level   `json:"level"`
	TargetID   string  `json:"target_id"`
	EnforceMFA *bool   `json:"enforce_mfa,omitempty"`
	MinACR     *string `json:"min_acr,omitempty"`    // empty: none; an IDP has none
	Restricted *bool   `json:"restricted,omitempty"` // of a client app alone
}

// Switch turns an instance on or off, or deletes it together with its assignments.
type Switch struct {
	TwoFactorID string `json:"two_factor_id"`
	To          string `json:"to"` // SwitchOn …
}

// What an instance may be switched to.
const (
	SwitchOn     = "on"
	SwitchOff    = "off"
	SwitchDelete = "delete"
)

// checkChange refuses what could not be changed, in the words of the method that would.
func (s *Store) checkChange(ctx context.Context, c Change) error {
	var errs []error
	if a := c.PutAssignment; a != nil {
		errs = append(errs, s.checkPut(ctx, a))
	}
	if a := c.RemoveAssignment; a != nil {
		errs = append(errs, s.mustHave(ctx, a.Level, a.TargetID))
	}
	if d := c.Demand; d != nil {
		errs = append(errs, s.checkDemand(ctx, d))
	}
	if w := c.Switch; w != nil {
		errs = append(errs, s.checkSwitch(ctx, w))
	}
	if e := c.PutExemption; e != nil {
		errs = append(errs, s.checkExempt(ctx, e))
	}
	if e := c.RemoveExemption; e != nil {
		errs = append(errs, s.mustHave(ctx, e.Level, e.TargetID))
	}
	if i := c.Invalidate; i != nil {
		errs = append(errs, s.checkInvalidate(ctx, i))
	}
	if r := c.Regroup; r != nil {
		errs = append(errs, s.checkRegroup(ctx, r))
	}
	if a := c.Access; a != nil {
		errs = append(errs, s.checkAccess(ctx, a))
	}
	if len(errs) != 1 {
		return invalid("change", "must be exactly one")
	}
	return errs[0]
}

func (s *Store) checkPut(ctx context.Context, a *Assignment) error {
	if err := s.checkAssignment(ctx, a); err != nil {
		return err
	}
	return staysAt(ctx, s.Assignments().Get, a.ID, a.sameKey)
}

func (s *Store) checkExempt(ctx context.Context, e *Exemption) error {
	if err := s.checkExempted(ctx, e); err != nil {
		return err
	}
	return staysAt(ctx, s.Exemptions().Get, e.ID, func(have Exemption) bool { return e.Level == have.Level && e.TargetID == have.TargetID })
}

// staysAt refuses to foresee what is moved: that is two changes.
func staysAt[V any](ctx context.Context, get func(ctx context.Context, id string) (V, error), id string, same func(V) bool) error {
	if id == "" {
		return nil
	}
	have, err := get(ctx, id)
	switch {
	case err != nil:
		return err
	case !same(have):
		return invalid("target", "of what is there already is another one: preview it removed here, and put there")
	}
	return nil
}

// checkAssignment holds the rules for an assignment.
func (s *Store) checkAssignment(ctx context.Context, v *Assignment) error {
	if err := s.mustHave(ctx, v.Level, v.TargetID); err != nil {
		return err
	}
	if v.GraceDays < 0 || v.GraceDays > maxGrace {
		return invalid("grace_days", "must be from 0 to 365")
	}
	return s.mustHaveRow(ctx, &twoFactorRow{}, v.TwoFactorID, "two_factor")
}

// checkExempted holds the rules for an exemption, but for its reason.
func (s *Store) checkExempted(ctx context.Context, v *Exemption) error {
	switch {
	case !exemptible(v.Level):
		return invalid("level", "only a user, a client app or an IDP can be exempt")
	case v.Until.IsZero():
		return invalid("until", "is required")
	}
	return s.mustHave(ctx, v.Level, v.TargetID)
}

func (s *Store) checkDemand(ctx context.Context, d *Demand) error {
	switch {
	case !slices.Contains([]Level{LevelSubscription, LevelTenant, LevelIDP, LevelClientApp}, d.Level):
		return invalid("level", "of a demand must be subscription, tenant, idp or client_app")
	case d.Level == LevelIDP && d.MinACR != nil:
		return invalid("min_acr", "cannot be set at an IDP")
	case d.Restricted != nil && d.Level != LevelClientApp:
		return invalid("restricted", "can be set at a client app alone")
	case d.EnforceMFA == nil && d.MinACR == nil && d.Restricted == nil:
		return invalid("enforce_mfa", "or min_acr is required")
	}
	if err := checkEntity("a demand has no name", d.MinACR); err != nil {
		return err
	}
	return s.mustHave(ctx, d.Level, d.TargetID)
}

func (s *Store) checkSwitch(ctx context.Context, w *Switch) error {
	if !slices.Contains([]string{SwitchOn, SwitchOff, SwitchDelete}, w.To) {
		return invalid("to", "must be on, off or delete")
	}
	return s.mustHaveRow(ctx, &twoFactorRow{}, w.TwoFactorID, "two_factor")
}

// mostInvalidated bounds how many instances one change may name.
const mostInvalidated = 100

func (s *Store) checkInvalidate(ctx context.Context, i *Invalidate) error {
	if n := len(i.TwoFactorIDs); n == 0 || n > mostInvalidated {
		return invalid("two_factors", "must be from 1 to 100 instances")
	}
	for _, id := range i.TwoFactorIDs {
		if err := s.mustHaveRow(ctx, &twoFactorRow{}, id, "two_factors"); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) checkRegroup(ctx context.Context, r *Regroup) error {
	switch {
	case !slices.Contains([]string{RegroupIn, RegroupOut, RegroupDelete}, r.To):
		return invalid("to", "must be in, out or delete")
	case r.To == RegroupDelete && r.UserID != "":
		return invalid("user", "is not part of deleting a group")
	}
	if err := s.mustHave(ctx, LevelGroup, r.GroupID); err != nil || r.To == RegroupDelete {
		return err
	}
	return s.mustHaveRow(ctx, &userRow{}, r.UserID, "user")
}

// assignments are those of one target after the change. A new one comes last, as the
// youngest id does.
func (c Change) assignments(l Level, target string, have []Assignment, now time.Time) []Assignment {
	drop := func(unwanted func(Assignment) bool) []Assignment {
		return slices.DeleteFunc(slices.Clone(have), unwanted)
	}
	switch a := c.PutAssignment; {
	case a != nil && a.Level == l && a.TargetID == target:
		out := slices.Clone(have)
		if i := slices.IndexFunc(out, a.sameKey); i >= 0 {
			out[i].Required, out[i].GraceDays = a.Required, a.GraceDays
			return out
		}
		fresh := *a
		fresh.ID, fresh.Stamp = "", Stamp{CreatedAt: db.Micros(now)}
		return append(out, fresh)
	case c.RemoveAssignment != nil:
		return drop(c.RemoveAssignment.sameKey)
	case c.Switch != nil && c.Switch.To == SwitchDelete:
		return drop(func(a Assignment) bool { return a.TwoFactorID == c.Switch.TwoFactorID })
	}
	return have
}

// sameKey reports whether a and b put one instance to one target.
func (a *Assignment) sameKey(b Assignment) bool {
	return a.TwoFactorID == b.TwoFactorID && a.Level == b.Level && a.TargetID == b.TargetID
}

// exemptions are those of one target after the change.
func (c Change) exemptions(l Level, target string, have []Exemption) []Exemption {
	same := func(e *Exemption) bool { return e != nil && e.Level == l && e.TargetID == target }
	atLevel := func(e Exemption) bool { return e.Level == l }
	switch {
	case same(c.RemoveExemption):
		return slices.DeleteFunc(slices.Clone(have), atLevel)
	case same(c.PutExemption):
		out := slices.Clone(have)
		if i := slices.IndexFunc(out, atLevel); i >= 0 {
			out[i].Reason, out[i].Until = c.PutExemption.Reason, db.Micros(c.PutExemption.Until)
			return out
		}
		fresh := *c.PutExemption
		fresh.ID, fresh.Until = "", db.Micros(fresh.Until)
		return append(out, fresh)
	}
	return have
}

// station is a level after the change.
func (c Change) station(st Station) Station {
	d := c.Demand
	if d == nil || d.Level != st.Level || d.TargetID != st.ID {
		return st
	}
	if d.EnforceMFA != nil {
		st.EnforceMFA = *d.EnforceMFA
	}
	if d.MinACR != nil {
		st.Min = Strength(*d.MinACR)
	}
	if d.Restricted != nil {
		st.Restricted = *d.Restricted
	}
	return st
}

// instance is an instance after the change.
func (c Change) instance(i prepared) prepared {
	if c.Switch != nil && c.Switch.TwoFactorID == i.ID {
		i.Inactive = c.Switch.To != SwitchOn
	}
	if c.Invalidate != nil && slices.Contains(c.Invalidate.TwoFactorIDs, i.ID) && i.Invalid == "" {
		i.Invalid = "its options would lack something or be wrong"
	}
	return i
}

// instances are those that the change is about.
func (c Change) instances() []string {
	switch {
	case c.Switch != nil:
		return []string{c.Switch.TwoFactorID}
	case c.Invalidate != nil:
		return c.Invalidate.TwoFactorIDs
	}
	return nil
}

// groups are those of one user after the change, which stay in their order.
func (c Change) groups(userID string, have []groupOf, all map[string]groupOf) []groupOf {
	r := c.Regroup
	if r == nil || r.To != RegroupDelete && r.UserID != userID {
		return have
	}
	out := slices.DeleteFunc(slices.Clone(have), func(g groupOf) bool { return g.ID == r.GroupID })
	if g, ok := all[r.GroupID]; ok && r.To == RegroupIn {
		out = insertGroup(out, g)
	}
	return out
}

// insertGroup puts a group at its place.
func insertGroup(list []groupOf, g groupOf) []groupOf {
	at, _ := slices.BinarySearchFunc(list, g, func(a, b groupOf) int { return cmp.Compare(a.place, b.place) })
	return slices.Insert(list, at, g)
}

// at is the one target that the change is about; an instance has several, see places.
func (c Change) at() (Level, string) {
	switch {
	case c.PutAssignment != nil:
		return c.PutAssignment.Level, c.PutAssignment.TargetID
	case c.RemoveAssignment != nil:
		return c.RemoveAssignment.Level, c.RemoveAssignment.TargetID
	case c.Demand != nil:
		return c.Demand.Level, c.Demand.TargetID
	case c.PutExemption != nil:
		return c.PutExemption.Level, c.PutExemption.TargetID
	case c.RemoveExemption != nil:
		return c.RemoveExemption.Level, c.RemoveExemption.TargetID
	case c.Access != nil:
		return LevelClientApp, c.Access.ClientAppID
	case c.Regroup != nil && c.Regroup.To == RegroupDelete:
		return LevelGroup, c.Regroup.GroupID
	case c.Regroup != nil:
		return LevelUser, c.Regroup.UserID
	}
	return "", ""
}

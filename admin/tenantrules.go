package admin

import (
	"context"
	"slices"
	"strings"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// A TenantAdmin may tighten what the subscription asks, and never loosen it (SPEC §1).

var errLoosens = problem.New(problem.Forbidden, "loosens", "You may ask for more than the subscription does, but not for less.")

// loosens names the field at fault.
func loosens(field string) error {
	return &problem.Error{
		Kind: problem.Forbidden, Code: errLoosens.Code, Message: errLoosens.Message,
		Fields: []problem.Field{{Name: field, Message: "may be made stricter, but not looser; ask an administrator of the subscription"}},
	}
}

// tightens decides a change of a tenant by who runs it: looks and language are his,
// rules may only become stricter.
func (a *Admin) tightens(ctx context.Context, e Edit[tenants.Tenant]) error {
	if e.Old == nil || e.New == nil || !slices.Contains(e.Tenants, e.Old.ID) {
		return errMayNot
	}
	was, is := e.Old, e.New
	field, err := a.loosened(ctx, was, is)
	if err != nil {
		return err
	}
	if field != "" {
		return loosens(field)
	}
	switch {
	case slices.ContainsFunc(is.SMSCountries, func(c string) bool { return !slices.Contains(was.SMSCountries, c) }):
		return loosens("sms_countries")
	case smsPerDay(is) > smsPerDay(was):
		return loosens("sms_per_day")
	case is.IDTokenAlg != was.IDTokenAlg:
		return loosens("id_token_alg") // apps may know but the other one
	case is.Active != was.Active:
		return loosens("active")
	}
	return nil
}

// mayName decides whether somebody may give a tenant a host name, or take it away.
func mayName(ctx context.Context, e Edit[tenants.Tenant]) error {
	if e.New == nil || !renamed(e) || e.Who.May(TenantHost, db.Scope{Subscription: db.ScopeOf(ctx).Subscription}) {
		return nil
	}
	return &problem.Error{
		Kind: problem.Forbidden, Code: errMayNot.Code, Message: errMayNot.Message,
		Fields: []problem.Field{{Name: "host_name", Message: "is given and taken by who runs the server; ask there"}},
	}
}

// renamed reports whether a change gives a tenant another host name.
func renamed(e Edit[tenants.Tenant]) bool {
	was := ""
	if e.Old != nil {
		was = e.Old.HostName
	}
	return !strings.EqualFold(was, e.New.HostName)
}

func smsPerDay(t *tenants.Tenant) int64 {
	if t.SMSPerDay == 0 {
		return tenants.DefaultSMSPerDay
	}
	return t.SMSPerDay
}

// tightensAssignment decides a change of an assignment by who runs some tenants: he may
// assign to them and their own users, and make stricter what is assigned there.
func (a *Admin) tightensAssignment(ctx context.Context, e Edit[tenants.Assignment]) error {
	for _, v := range []*tenants.Assignment{e.Old, e.New} {
		if v == nil {
			continue
		}
		switch v.Level {
		case tenants.LevelTenant:
			if !slices.Contains(e.Tenants, v.TargetID) {
				return errMayNot
			}
		case tenants.LevelUser:
			if err := a.wholly(ctx, e.Tenants, v.TargetID); err != nil {
				return err
			}
		case tenants.LevelSubscription, tenants.LevelIDP, tenants.LevelClientApp, tenants.LevelGroup:
			return errMayNot
		}
	}
	switch {
	case e.Old == nil:
		return nil
	case e.New == nil && e.Old.Required, e.New != nil && e.Old.Required && !e.New.Required:
		return loosens("required")
	case e.New != nil && e.New.GraceDays > e.Old.GraceDays:
		return loosens("grace_days")
	case e.New != nil && (e.New.TwoFactorID != e.Old.TwoFactorID || e.New.Level != e.Old.Level || e.New.TargetID != e.Old.TargetID):
		return errMayNot
	}
	return nil
}

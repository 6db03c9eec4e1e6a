package apply

import (
	"context"
	"errors"
	"slices"
	"time"

	"twofold/internal/db"
	"twofold/tenants"
	"twofold/twofactor"
)

// Each put method goes through the entities of one kind. A key that the file does
// not give leaves what there is; a new entity gets the defaults.

// write puts all of a subscription.
func (j *job) write(ctx context.Context) error {
	if err := j.putSubscription(ctx); err != nil {
		return err
	}
	ctx = db.WithScope(ctx, db.Scope{Subscription: j.sub.ID})
	if err := j.settings(ctx, j.spec.Settings, j.label("settings of "), j.sub.Name, j.sub.ID); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		j.putIDPs, j.putClientApps, j.putTenants, j.putUsers, j.putGroups, j.putAccess, j.putTwoFactors, j.putAssignments, j.putExemptions,
		j.putTemplates, j.putMemberships, j.putPasswords, j.judge,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		// What a store refuses it refuses before it writes, so the others of the same
		// kind were still looked at. What follows would build on what is missing.
		if err := j.problems.orNil(); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) putSubscription(ctx context.Context) error {
	s, want := *j.spec, j.sub
	if !j.exists {
		s = withDefaults(s)
		want = tenants.Subscription{Name: s.Name.v, Title: s.Name.v}
	}
	assign(&want.Title, s.Title)
	assign(&want.EnforceMFA, s.EnforceMFA)
	assign(&want.MinACR, s.MinACR)
	assign(&want.SharedSignOn, s.SharedSignOn)
	assign(&want.Active, s.Active)
	assignSpan(&want.SessionSeconds, s.SessionSeconds)
	assignSpan(&want.IdleSeconds, s.IdleSeconds)
	if !j.spansFit(s.SessionSeconds, s.IdleSeconds, want.SessionSeconds, want.IdleSeconds) {
		return nil
	}
	d, err := j.store.PutSubscription(ctx, &want)
	if err != nil {
		return orProblems(j.run, j.refused(s.at, s, err))
	}
	fields := compare(s, j.sub, want, d.Created)
	j.sub = want
	c := j.changed(kindSubscription, want.Name, want.ID, d.Created, fields)
	c.label = kindSubscription + " " + shownName(want.Name)
	return nil
}

// orProblems is err, or the problems if a refusal alone is no reason to stop but
// nothing can follow.
func orProblems(r *run, err error) error {
	if err != nil {
		return err
	}
	return r.problems.orNil()
}

func (j *job) putIDPs(ctx context.Context) error {
	for _, s := range j.spec.IDPs {
		have, exists := j.idps[s.Name.v]
		want := have
		if !exists {
			s = withDefaults(s)
			want = tenants.IDP{Name: s.Name.v, Title: s.Name.v}
		}
		assign(&want.Title, s.Title)
		assign(&want.Type, s.Type)
		assign(&want.EnforceMFA, s.EnforceMFA)
		assign(&want.Active, s.Active)
		j.assignUpstream(&want, s)
		d, err := j.store.PutIDP(ctx, &want)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		j.put(kindIDP, want.Name, want.ID)
		fields := compare(s, have, want, d.Created)
		if i := slices.IndexFunc(d.Fields, func(f tenants.FieldChange) bool { return f.Name == "ClientSecret" }); i >= 0 {
			fields = append(fields, field{key: "client_secret", note: noteOf(d.Fields[i].Old == "", false)})
		}
		c := j.changed(kindIDP, want.Name, want.ID, d.Created, fields)
		if s.ClientSecret.v.kept && !want.HasSecret {
			j.warn("%s: there is no client_secret to keep; until it is given, such as by ${env:%s}, nobody can sign in by it",
				c.label, variable(j.spec.Name.v, want.Name, "client_secret"))
		}
	}
	return nil
}

// assignUpstream takes over what is for IDPs of type oidc.
func (j *job) assignUpstream(want *tenants.IDP, s idp) {
	assign(&want.Issuer, s.Issuer)
	assign(&want.ClientID, s.ClientID)
	assign(&want.NameClaim, s.NameClaim)
	assign(&want.EmailClaim, s.EmailClaim)
	assign(&want.PhoneClaim, s.PhoneClaim)
	assign(&want.GroupsClaim, s.GroupsClaim)
	assign(&want.CreateUsers, s.CreateUsers)
	assign(&want.UpdateUsers, s.UpdateUsers)
	for _, l := range []struct {
		to   *tenants.List
		from texts
	}{{&want.Scopes, s.Scopes}, {&want.ACRValues, s.ACRValues}, {&want.Domains, s.Domains}, {&want.GroupMap, s.GroupMap}, {&want.Trust, s.Trust}} {
		if l.from.set {
			*l.to = words(l.from)
		}
	}
	want.ClientSecret = twofactor.Secret(j.secret(s.ClientSecret))
}

func (j *job) putTenants(ctx context.Context) error {
	idps, err1 := j.store.TenantIDPs(ctx)
	apps, err2 := j.store.TenantClientApps(ctx)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for _, s := range j.spec.Tenants {
		have, exists := j.tenants[s.Name.v]
		want, s := wantedTenant(s, have, exists)
		if !j.spansFit(s.SessionSeconds, s.IdleSeconds, want.SessionSeconds, want.IdleSeconds) {
			continue
		}
		d, err := j.store.PutTenant(ctx, &want)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		j.put(kindTenant, want.Name, want.ID)
		fields := compare(s, have, want, d.Created)
		if s.IDPs.set {
			l, err := j.store.SetTenantIDPs(ctx, want.ID, append(j.idsOf(kindIDP, s.IDPs), j.buriedLinks(want.ID, idps)...))
			if err != nil {
				return err
			}
			fields = append(fields, j.linked("idps", kindIDP, l)...)
		}
		if s.ClientApps.set {
			l, err := j.store.SetTenantClientApps(ctx, want.ID, append(j.idsOf(kindClientApp, s.ClientApps), j.buriedLinks(want.ID, apps)...))
			if err != nil {
				return err
			}
			fields = append(fields, j.linked("client_apps", kindClientApp, l)...)
		}
		j.changed(kindTenant, want.Name, want.ID, d.Created, fields)
	}
	return nil
}

func wantedTenant(s tenant, have tenants.Tenant, exists bool) (tenants.Tenant, tenant) {
	want := have
	if !exists {
		s = withDefaults(s)
		want = usualTenant(s)
	}
	assign(&want.Title, s.Title)
	assign(&want.HostName, s.HostName)
	assign(&want.LogoURL, s.LogoURL)
	assign(&want.Accent, s.Accent)
	assign(&want.EnforceMFA, s.EnforceMFA)
	assign(&want.MinACR, s.MinACR)
	assign(&want.RememberDays, s.RememberDays)
	assign(&want.PasskeySignIn, s.PasskeySignIn)
	assign(&want.IDTokenAlg, s.IDTokenAlg)
	assign(&want.SMSPerDay, s.SMSPerDay)
	assign(&want.Locale, s.Locale)
	assign(&want.Active, s.Active)
	if s.SMSCountries.set {
		want.SMSCountries = words(s.SMSCountries)
	}
	assignSpan(&want.SessionSeconds, s.SessionSeconds)
	assignSpan(&want.IdleSeconds, s.IdleSeconds)
	return want, s
}

func assignSpan(to *int64, s span) {
	if s.set {
		*to = secondsOf(s.v)
	}
}

// spansFit finds an idle time that is longer than the session, as they would become:
// one of them may be kept already.
func (j *job) spansFit(session, idle span, wantSession, wantIdle int64) bool {
	if wantSession == 0 || wantIdle <= wantSession {
		return true
	}
	at := session.place
	if idle.set {
		at = idle.place
	}
	j.found(at, "leaves an idle time of %s with a session of %s; give both", shownSpan(spanOf(wantIdle)), shownSpan(spanOf(wantSession)))
	return false
}

// usualTenant is what a new tenant is before the file has its say.
func usualTenant(s tenant) tenants.Tenant {
	return tenants.Tenant{Name: s.Name.v, Title: s.Name.v}
}

func secondsOf(d time.Duration) int64 { return int64(d / time.Second) }

func spanOf(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }

// linked names what a link list gained and lost.
func (j *job) linked(key, kind string, d tenants.Difference) []field {
	var added, removed []string
	for _, f := range d.Fields {
		if f.New != "" {
			added = append(added, f.New)
		} else {
			removed = append(removed, f.Old)
		}
	}
	return linkField(key, j.namesOf(kind, added), j.namesOf(kind, removed))
}

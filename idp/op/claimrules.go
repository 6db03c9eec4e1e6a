package op

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"twofold/tenants"
)

// ruling is what the claim rules of an app are applied to.
type ruling struct {
	app    tenants.ClientApp
	user   *subject // nil: the app acts for itself
	tenant tenants.Tenant
	scopes []string // granted
}

func (is issued) ruling(ctx context.Context) ruling {
	return ruling{is.app, is.grant, tenants.RealmFrom(ctx).Tenant, is.scopes}
}

func (a access) ruling(ctx context.Context) ruling {
	return ruling{a.app, a.grant, tenants.RealmFrom(ctx).Tenant, a.scopes()}
}

// apply changes the claims of a place as the rules of the app say, one after the other. A
// rule takes the place of what a scope gives, also where it finds nothing to tell. What
// says who made a token, and for whom, no rule can touch.
func (r ruling) apply(place string, claims map[string]any) {
	for _, rule := range r.app.ClaimRules {
		if tenants.ProtectedClaim(rule.Name) || !rule.Tells(place, r.app.IDTokenProfile) || !r.granted(rule) {
			continue
		}
		delete(claims, rule.Name)
		if v := r.value(rule); v != nil {
			claims[rule.Name] = v
		}
		// That an address is proven is said of the user's own, and of no other.
		switch {
		case rule.Name == "email" && rule.Attribute != tenants.AttributeEmail:
			delete(claims, "email_verified")
		case rule.Name == "phone_number" && rule.Attribute != tenants.AttributePhone:
			delete(claims, "phone_number_verified")
		}
	}
}

// add is the payload of an access token, or what introspection says of it, with what the
// rules add to it; without rules it is what it was.
func (r ruling) add(payload any) (any, error) {
	extra := map[string]any{}
	r.apply(tenants.InAccessToken, extra)
	if len(extra) == 0 {
		return payload, nil
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return nil, wrap("claims", err)
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, wrap("claims", err)
	}
	for name, v := range extra {
		if _, ours := out[name]; ours {
			continue
		}
		if out[name], err = json.Marshal(v); err != nil {
			return nil, wrap("claims", err)
		}
	}
	return out, nil
}

// granted reports whether a rule has what it needs: its scope, and at an app that asks its
// users for consent also the scope by which they let it know such things.
func (r ruling) granted(rule tenants.ClaimRule) bool {
	needs := []string{rule.Scope}
	if r.app.Consent {
		needs = append(needs, scopeOfRule(rule))
	}
	return !slices.ContainsFunc(needs, func(s string) bool { return s != "" && !slices.Contains(r.scopes, s) })
}

// scopeOfRule is the scope by which users let an app know what a rule tells; empty: it
// tells nothing of theirs.
func scopeOfRule(rule tenants.ClaimRule) string {
	switch rule.Source {
	case tenants.ClaimGroups:
		return scopeGroups
	case tenants.ClaimTenant:
		return scopeProfile
	case tenants.ClaimAttribute:
		switch rule.Attribute {
		case tenants.AttributeID:
			return "" // the subject
		case tenants.AttributeEmail, tenants.AttributeEmailVerified:
			return scopeEmail
		case tenants.AttributePhone, tenants.AttributePhoneVerified:
			return scopePhone
		}
		return scopeProfile
	}
	return ""
}

// value is what a rule tells; nil: nothing.
func (r ruling) value(rule tenants.ClaimRule) any {
	switch rule.Source {
	case tenants.ClaimConstant:
		return rule.Value
	case tenants.ClaimTenant:
		if rule.Attribute == tenants.TenantTitle {
			return textOrNil(r.tenant.Title)
		}
		return textOrNil(r.tenant.Name)
	case tenants.ClaimAttribute:
		if r.user != nil {
			return r.user.attribute(rule)
		}
	case tenants.ClaimGroups:
		if r.user != nil {
			return groupsOf(rule, r.user.GroupNames)
		}
	}
	return nil
}

// attribute is what a rule tells of a user; nil: he has none.
func (g *subject) attribute(rule tenants.ClaimRule) any {
	switch rule.Attribute {
	case tenants.AttributeEmailVerified:
		return g.claim("email_verified", "")
	case tenants.AttributePhoneVerified:
		return g.claim("phone_number_verified", "")
	case tenants.AttributeSubject:
		var subjects map[string]string
		if g.UpstreamSubjects == "" || json.Unmarshal([]byte(g.UpstreamSubjects), &subjects) != nil {
			return nil
		}
		return textOrNil(subjects[rule.IDP])
	}
	return textOrNil(map[string]string{
		tenants.AttributeID: g.UserID, tenants.AttributeName: g.UserName, tenants.AttributeDisplayName: g.DisplayName, tenants.AttributeGivenName: g.GivenName,
		tenants.AttributeFamilyName: g.FamilyName, tenants.AttributeEmail: g.Email, tenants.AttributePhone: g.Phone, tenants.AttributeLocale: g.Locale,
	}[rule.Attribute])
}

func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// groupsOf are the groups that a rule tells, as it calls them, each once; nil: none.
func groupsOf(rule tenants.ClaimRule, groups []string) any {
	names := rule.Names()
	var out []string
	for _, g := range groups {
		if !strings.HasPrefix(g, rule.Prefix) {
			continue
		}
		told := []string{g}
		if len(rule.Map) > 0 {
			told = names[g]
		}
		for _, name := range told {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	if out == nil {
		return nil
	}
	return out
}

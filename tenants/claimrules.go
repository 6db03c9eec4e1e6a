package tenants

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"twofold/internal/problem"
)

// ClaimRule makes one claim of what a client app is told of a user, or drops one. What it
// finds no value for is left out.
type ClaimRule struct {
	Name   string   `json:"name"`            // of the claim
	Source string   `json:"source"`          // ClaimConstant …
	Scope  string   `json:"scope,omitempty"` // only where this scope was granted; empty: always
	In     []string `json:"in,omitempty"`    // InUserinfo …; none: as the claims of scopes, see Tells

	Value     json.RawMessage `json:"value,omitempty"`     // of a constant: text, a number, true, false or a list of these
	Attribute string          `json:"attribute,omitempty"` // of the user: see ClaimAttributes; of the tenant: name or title
	IDP       string          `json:"idp,omitempty"`       // with AttributeSubject: the name of an IDP of type oidc
	Prefix    string          `json:"prefix,omitempty"`    // of groups: only those whose names begin so
	Map       []string        `json:"map,omitempty"`       // of groups: "group = what it is told as"; if any, no other is told
}

// Where the value of a rule comes from.
const (
	ClaimConstant  = "constant"
	ClaimAttribute = "attribute" // of the user
	ClaimGroups    = "groups"    // that he is in
	ClaimTenant    = "tenant"    // that he signed in to
	ClaimOmit      = "omit"      // nowhere: what a scope gives is dropped
)

// ClaimSources lists all sources.
func ClaimSources() []string {
	return []string{ClaimConstant, ClaimAttribute, ClaimGroups, ClaimTenant, ClaimOmit}
}

// Attributes of a user that a rule can tell.
const (
	AttributeID            = "id"
	AttributeName          = "name" // login name
	AttributeDisplayName   = "display_name"
	AttributeGivenName     = "given_name"
	AttributeFamilyName    = "family_name"
	AttributeEmail         = "email"
	AttributeEmailVerified = "email_verified"
	AttributePhone         = "phone"
	AttributePhoneVerified = "phone_verified"
	AttributeLocale        = "locale"
	AttributeSubject       = "subject" // what another provider knows the user by
)

// ClaimAttributes lists the attributes of a user that a rule can tell.
func ClaimAttributes() []string {
	return []string{
		AttributeID, AttributeName, AttributeDisplayName, AttributeGivenName, AttributeFamilyName, AttributeEmail, AttributeEmailVerified,
		AttributePhone, AttributePhoneVerified, AttributeLocale, AttributeSubject,
	}
}

// Attributes of a tenant that a rule can tell.
const (
	TenantName  = "name"
	TenantTitle = "title"
)

// Where a rule can have its claim.
const (
	InUserinfo    = "userinfo"
	InIDToken     = "id_token"
	InAccessToken = "access_token" // and so in introspection
)

// ClaimPlaces lists all places.
func ClaimPlaces() []string { return []string{InUserinfo, InIDToken, InAccessToken} }

// Tells reports whether the rule bears on a place. One that names none is told where the
// claims of scopes are, which profile says of the ID token; one that omits does so there
// whether they are or not.
func (r ClaimRule) Tells(place string, profile bool) bool {
	if len(r.In) > 0 {
		return slices.Contains(r.In, place)
	}
	return place == InUserinfo || place == InIDToken && (profile || r.Source == ClaimOmit)
}

// Names is the map of a rule for groups.
func (r ClaimRule) Names() map[string][]string {
	out := map[string][]string{}
	for _, line := range r.Map {
		if group, name, ok := mappedLast(line); ok {
			out[group] = append(out[group], name)
		}
	}
	return out
}

// ClaimRules are the rules of a client app, kept as JSON.
type ClaimRules []ClaimRule //nolint:recvcheck // sql.Scanner needs a pointer, driver.Valuer must not

// String is the rules as JSON; empty where there are none.
func (l ClaimRules) String() string {
	if len(l) == 0 {
		return ""
	}
	text, _ := json.Marshal([]ClaimRule(l)) // plain data, whose values were checked
	return string(text)
}

// Value stores the rules.
func (l ClaimRules) Value() (driver.Value, error) { return l.String(), nil }

// Scan reads them back.
func (l *ClaimRules) Scan(src any) error {
	var text []byte
	switch v := src.(type) {
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("tenants: claim rules from %T", src)
	}
	*l = nil
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, (*[]ClaimRule)(l)); err != nil {
		return fmt.Errorf("tenants: claim rules: %w", err)
	}
	return nil
}

// GormDataType tells GORM that ClaimRules are text.
func (ClaimRules) GormDataType() string { return "text" }

// What rules may be (SECURITY bounds what one row may hold).
const (
	maxClaimRules = 50
	maxClaimName  = 64
	maxClaimValue = 1024 // bytes of a constant, as JSON
	maxClaimList  = 50   // values of a constant
	maxClaimMap   = 100
	maxClaimText  = 254
)

// ProtectedClaim reports whether a claim says who made a token, for whom and how long it is
// good, or how the user has proven himself: what nobody but Twofold may say. A rule may
// neither make nor drop it.
func ProtectedClaim(name string) bool {
	return slices.Contains([]string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "acr", "amr", "auth_time", "sid", "azp", "at_hash", "c_hash", "s_hash",
		"client_id", "scope", "act", "may_act", "cnf", "events", "txn", "toe", "sub_id", "sub_jwk", "_claim_names", "_claim_sources",
		"active", "username", "token_type", "gid", "authorization_details",
	}, name)
}

// vouched are claims that vouch for another: they can be dropped, but not made.
func vouched(name string) bool { return name == "email_verified" || name == "phone_number_verified" }

var errProtected = problem.New(problem.Invalid, "claim_protected", "A claim rule names a claim that only Twofold itself may make.")

// checkClaimRules refuses rules that no app could be given, and brings their constants to
// one form.
func checkClaimRules(list ClaimRules) error {
	if len(list) > maxClaimRules {
		return invalid("claim_rules", fmt.Sprintf("must be at most %d", maxClaimRules))
	}
	seen := map[string]bool{}
	for i := range list {
		r := &list[i]
		if ProtectedClaim(r.Name) || vouched(r.Name) && r.Source != ClaimOmit {
			return &problem.Error{
				Kind: problem.Invalid, Code: errProtected.Code, Message: errProtected.Message,
				Fields: []problem.Field{{Name: "claim_rules", Message: fmt.Sprintf("rule %d: %s is a claim that only Twofold itself may make", i+1, r.Name)}},
			}
		}
		why := r.wrong()
		if seen[r.Name] && why == "" {
			why = "another rule has the claim " + r.Name + " already"
		}
		if seen[r.Name] = true; why != "" {
			return invalid("claim_rules", fmt.Sprintf("rule %d: %s", i+1, why))
		}
	}
	return nil
}

// wrong says what is wrong with a rule by itself; empty: nothing.
func (r *ClaimRule) wrong() string {
	switch {
	case r.Name == "" || len(r.Name) > maxClaimName || strings.ContainsFunc(r.Name, notScopeChar):
		return "name must be 1 to 64 printable ASCII characters without spaces, quotes and backslashes"
	case !slices.Contains(ClaimSources(), r.Source):
		return "source must be one of " + strings.Join(ClaimSources(), ", ")
	case len(r.Scope) > maxClaimText || strings.ContainsFunc(r.Scope, notScopeChar):
		return "scope must be one word of printable ASCII without quotes and backslashes"
	case slices.ContainsFunc(r.In, func(p string) bool { return !slices.Contains(ClaimPlaces(), p) }):
		return "in must be of " + strings.Join(ClaimPlaces(), ", ")
	}
	if why := r.strays(); why != "" {
		return why
	}
	switch r.Source {
	case ClaimConstant:
		return r.checkConstant()
	case ClaimAttribute:
		return r.checkAttribute()
	case ClaimTenant:
		if r.Attribute != "" && r.Attribute != TenantName && r.Attribute != TenantTitle {
			return "attribute of a tenant must be name or title"
		}
	case ClaimGroups:
		return r.checkGroups()
	}
	return ""
}

// strays names what is given and of no use to the source: whoever gives it means another.
func (r *ClaimRule) strays() string {
	for _, f := range []struct {
		name  string
		given bool
		of    []string
	}{
		{"value", len(r.Value) > 0, []string{ClaimConstant}},
		{"attribute", r.Attribute != "", []string{ClaimAttribute, ClaimTenant}},
		{"idp", r.IDP != "", []string{ClaimAttribute}},
		{"prefix", r.Prefix != "", []string{ClaimGroups}},
		{"map", len(r.Map) > 0, []string{ClaimGroups}},
	} {
		if f.given && !slices.Contains(f.of, r.Source) {
			return f.name + " is not part of a rule whose source is " + r.Source
		}
	}
	return ""
}

func (r *ClaimRule) checkAttribute() string {
	switch {
	case !slices.Contains(ClaimAttributes(), r.Attribute):
		return "attribute must be one of " + strings.Join(ClaimAttributes(), ", ")
	case (r.Attribute == AttributeSubject) != (r.IDP != ""):
		return "idp is needed for the attribute subject, and for no other"
	case len(r.IDP) > maxClaimText:
		return "idp is no name"
	}
	return ""
}

func (r *ClaimRule) checkGroups() string {
	if len(r.Prefix) > maxClaimText || len(r.Map) > maxClaimMap {
		return fmt.Sprintf("prefix must have at most %d characters, and map %d lines", maxClaimText, maxClaimMap)
	}
	for _, line := range r.Map {
		if group, name, ok := mappedLast(line); !ok || group == "" || name == "" || len(line) > 2*maxClaimText || strings.ContainsAny(line, "\r\n") {
			return "map must be of lines such as managers = admin"
		}
	}
	return ""
}

// checkConstant takes text, a number, true, false, or a list of these.
func (r *ClaimRule) checkConstant() string {
	const must = "value must be text, a number, true, false or a list of these"
	if len(r.Value) == 0 {
		return must
	}
	kept, err := json.Marshal(r.Value) // in one form, whoever wrote it
	if err != nil || !utf8.Valid(kept) {
		return must
	}
	r.Value = kept
	var v any
	if json.Unmarshal(r.Value, &v) != nil {
		return must
	}
	list, many := v.([]any)
	switch {
	case len(r.Value) > maxClaimValue || len(list) > maxClaimList:
		return fmt.Sprintf("value must have at most %d bytes, and %d entries", maxClaimValue, maxClaimList)
	case !many && !scalar(v), slices.ContainsFunc(list, func(v any) bool { return !scalar(v) }):
		return must
	}
	return ""
}

func scalar(v any) bool {
	switch v := v.(type) {
	case string:
		return !strings.ContainsRune(v, 0)
	case float64, bool:
		return true
	}
	return false
}

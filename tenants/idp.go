package tenants

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"twofold/internal/db"
	"twofold/twofactor"
)

// Types of IDPs.
const (
	IDPLocal = "local" // users and passwords are kept here
	IDPOIDC  = "oidc"  // another OpenID Provider
)

// IDP is where a user proves who he is.
type IDP struct {
	ID, Name, Title, Type string
	EnforceMFA            bool
	Active                bool

	// All that follows is for type oidc.

	Issuer   string
	ClientID string
	// ClientSecret is only ever given, and given out by Upstream: empty, it stays as it is.
	ClientSecret twofactor.Secret `gorm:"-"`
	HasSecret    bool             `gorm:"-"`
	Scopes       List             // beside openid; none: profile and email
	ACRValues    List             `gorm:"column:acr_values"` // asked for
	Domains      List             // of mail addresses whose owners sign in here
	NameClaim    string           // where it says something else than name …
	EmailClaim   string           // … email
	PhoneClaim   string           // … phone_number
	GroupsClaim  string           // empty: its groups are not looked at
	GroupMap     List             // "its group = ours"
	Trust        List             // "acr:value = strength", "amr:value = strength": see Trusted
	CreateUsers  bool             // whoever it vouches for gets an account
	UpdateUsers  bool             // profile and groups follow it at each sign-in

	Stamp
	Trash
}

// Usual claims.
const (
	ClaimName  = "name"
	ClaimEmail = "email"
	ClaimPhone = "phone_number"
)

// trustWords are the strengths that another provider's word may count for.
var trustWords = map[string]twofactor.Strength{"2fa": twofactor.Strength2FA, "aal2": twofactor.StrengthAAL2, "phr": twofactor.StrengthPHR}

// Trusted tells what acr and amr of an ID token count for: the strongest of what the IDP
// is trusted with. Whatever is not named counts as one factor, as a password does.
func (v IDP) Trusted(acr string, amr []string) (s twofactor.Strength, ok bool) {
	s = twofactor.Strength1FA
	for _, line := range v.Trust {
		kind, value, strength, good := trust(line)
		said := kind == "acr" && value == acr || kind == "amr" && slices.Contains(amr, value)
		if good && said {
			s, ok = max(s, strength), true
		}
	}
	return s, ok
}

// Serves reports whether the owner of a mail address signs in by this IDP.
func (v IDP) Serves(address string) bool {
	at := strings.LastIndexByte(address, '@')
	return v.Type == IDPOIDC && at > 0 && slices.Contains(v.Domains, strings.ToLower(strings.TrimSpace(address[at+1:])))
}

// trust reads "acr:VALUE = STRENGTH".
func trust(line string) (kind, value string, strength twofactor.Strength, ok bool) {
	said, word, found := mappedLast(line)
	kind, value, _ = strings.Cut(said, ":")
	strength, known := trustWords[word]
	return kind, value, strength, found && known && value != "" && (kind == "acr" || kind == "amr")
}

// mapped reads "theirs = ours".
func mapped(line string) (theirs, ours string, ok bool) {
	theirs, ours, ok = strings.Cut(line, "=")
	theirs, ours = strings.TrimSpace(theirs), strings.TrimSpace(ours)
	return theirs, ours, ok && theirs != "" && ours != ""
}

// mappedLast is mapped for what may hold a sign of equality itself.
func mappedLast(line string) (theirs, ours string, ok bool) {
	at := strings.LastIndexByte(line, '=')
	if at < 0 {
		return "", "", false
	}
	return strings.TrimSpace(line[:at]), strings.TrimSpace(line[at+1:]), true
}

// GroupsOf are the names of our groups that the map of an IDP leads to.
func (v IDP) GroupsOf() []string {
	var out []string
	for _, line := range v.GroupMap {
		if _, ours, ok := mapped(line); ok && !slices.Contains(out, ours) {
			out = append(out, ours)
		}
	}
	return out
}

// CheckIDP says what is wrong with an IDP as PutIDP would.
func CheckIDP(v IDP) error { return checkIDP(&v) }

func checkIDP(v *IDP) error {
	if err := checkEntity(v.Name, nil); err != nil {
		return err
	}
	switch v.Type {
	case IDPLocal:
		return checkLocal(v)
	case IDPOIDC:
	default:
		return invalid("type", "must be local or oidc")
	}
	for i, d := range v.Domains {
		v.Domains[i] = strings.ToLower(strings.TrimPrefix(d, "@"))
	}
	why := checkIssuer(v.Issuer)
	switch {
	case why != "":
		return invalid("issuer", why)
	case v.ClientID == "" || len(v.ClientID) > 256 || strings.ContainsFunc(v.ClientID, notVSChar):
		return invalid("client_id", "must be 1 to 256 printable ASCII characters without spaces")
	case len(v.ClientSecret) > 1024 || strings.ContainsFunc(v.ClientSecret.Reveal(), notPrintable):
		return invalid("client_secret", "must be at most 1024 printable ASCII characters")
	case slices.ContainsFunc(v.Domains, notDomain):
		return invalid("domains", "must be the part of mail addresses after the @, such as example.com")
	case slices.ContainsFunc(v.ACRValues, func(s string) bool { return s == "" || strings.ContainsFunc(s, notVSChar) }):
		return invalid("acr_values", "must be printable ASCII without spaces")
	case slices.ContainsFunc(v.GroupMap, func(s string) bool { _, _, ok := mapped(s); return !ok }):
		return invalid("group_map", "must be lines such as: their group = ours")
	case slices.ContainsFunc(v.Trust, func(s string) bool { _, _, _, ok := trust(s); return !ok }):
		return invalid("trust", "must be lines such as amr:mfa = aal2 or acr:VALUE = phr; strengths are 2fa, aal2 and phr")
	case len(v.GroupMap) > 0 && v.GroupsClaim == "":
		return invalid("groups_claim", "is needed where groups are mapped")
	}
	for _, s := range v.Scopes {
		if s == "" || strings.ContainsFunc(s, notScopeChar) {
			return invalid("scopes", "must be words of printable ASCII without quotes and backslashes")
		}
	}
	for name, claim := range map[string]string{"name_claim": v.NameClaim, "email_claim": v.EmailClaim, "phone_claim": v.PhoneClaim, "groups_claim": v.GroupsClaim} {
		if len(claim) > 256 || strings.ContainsFunc(claim, notPrintable) {
			return invalid(name, "must be at most 256 printable ASCII characters")
		}
	}
	return nil
}

// checkLocal refuses what a local IDP has no use for: it would seem to do something.
func checkLocal(v *IDP) error {
	for name, set := range map[string]bool{
		"issuer": v.Issuer != "", "client_id": v.ClientID != "", "client_secret": v.ClientSecret != "", "scopes": len(v.Scopes) > 0,
		"acr_values": len(v.ACRValues) > 0, "domains": len(v.Domains) > 0, "name_claim": v.NameClaim != "", "email_claim": v.EmailClaim != "",
		"phone_claim": v.PhoneClaim != "", "groups_claim": v.GroupsClaim != "", "group_map": len(v.GroupMap) > 0, "trust": len(v.Trust) > 0,
		"create_users": v.CreateUsers, "update_users": v.UpdateUsers,
	} {
		if set {
			return invalid(name, "is for identity providers of type oidc")
		}
	}
	return nil
}

// checkIssuer holds an issuer to what it must be (OpenID Connect Discovery §3): https,
// without query and fragment. Plain http is for this machine.
func checkIssuer(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return "is required"
	case err != nil || u.Host == "" || len(raw) > 2048 || strings.ContainsFunc(raw, notVSChar) || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#"):
		return "must be an address such as https://login.example.com, without query and fragment"
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "must use https"
	}
	return ""
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }

func notDomain(s string) bool {
	return len(s) > 253 || !strings.Contains(s, ".") || !validEmail("a@"+s)
}

func idpOf(r idpRow) IDP {
	v := r.IDP
	v.HasSecret = r.ClientSecretSealed != ""
	return v
}

// PutIDP creates or changes an IDP of the subscription in ctx, found by name.
func (s *Store) PutIDP(ctx context.Context, v *IDP) (d Difference, err error) {
	want := *v
	want.Domains = slices.Clone(v.Domains)
	if err := checkIDP(&want); err != nil {
		return Difference{}, err
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		d, err = s.putIDP(ctx, &want)
		return err
	})
	if err != nil {
		return Difference{}, err
	}
	*v = want
	s.changed(ctx)
	return d, nil
}

func (s *Store) putIDP(ctx context.Context, v *IDP) (Difference, error) {
	have, err := s.idpBefore(ctx, *v)
	if err != nil {
		return Difference{}, err
	}
	secret := v.ClientSecret.Reveal()
	row := idpRow{IDP: *v, ClientSecretSealed: have.ClientSecretSealed}
	row.ClientSecret, row.HasSecret = "", false
	d, err := put(ctx, s, &row, func(r *idpRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, trash: &r.Trash, key: map[string]any{"name": v.Name}, fixed: []string{"Type"}, columns: &r.IDP}
	})
	if err != nil {
		return d, err
	}
	change, err := s.putIDPSecret(ctx, &row, secret, d.Created || row.Version != have.Version)
	if change != nil {
		d.Fields = append(d.Fields, *change)
	}
	*v = idpOf(row)
	return d, err
}

// idpBefore finds the IDP that is to change, and refuses what it must not become.
func (s *Store) idpBefore(ctx context.Context, v IDP) (have idpRow, err error) {
	key := map[string]any{"name": v.Name}
	if v.ID != "" {
		key = map[string]any{"id": v.ID}
	}
	err = s.DB.For(ctx).Where(key).Take(&have).Error
	switch {
	case db.IsNotFound(err):
		return have, nil
	case err != nil:
		return have, fmt.Errorf("tenants: put idp: %w", err)
	case have.Type != v.Type:
		return have, nil // put refuses that
	}
	if have.ClientSecretSealed != "" && v.ClientSecret == "" && (have.Issuer != v.Issuer || have.ClientID != v.ClientID) {
		return have, invalid("client_secret", "must be given again: it would go to another issuer or for another client")
	}
	if have.Issuer == v.Issuer {
		return have, nil
	}
	var n int64
	if err := s.DB.For(ctx).Model(&identityRow{}).Where("idp_id = ?", have.ID).Count(&n).Error; err != nil {
		return have, fmt.Errorf("tenants: put idp: %w", err)
	}
	if n > 0 {
		// A subject is one person at one issuer only (OpenID Connect Core §5.7).
		return have, invalid("issuer", "cannot change: users are linked by their subjects at this one. Make another identity provider")
	}
	return have, nil
}

// putIDPSecret keeps a secret that is given, sealed for its row.
func (s *Store) putIDPSecret(ctx context.Context, row *idpRow, secret string, raised bool) (*FieldChange, error) {
	if secret == "" {
		return nil, nil
	}
	row.SubscriptionID = db.ScopeOf(ctx).Subscription
	old, err := s.openIDPSecret(*row)
	if err != nil || old == secret {
		return nil, err
	}
	change := &FieldChange{Name: "ClientSecret", New: "(set)"}
	if old != "" {
		change.Old, change.New = "(set)", "(changed)"
	}
	was := row.Version
	if !raised {
		row.Version, row.UpdatedAt = was+1, db.Micros(s.Now())
	}
	row.ClientSecretSealed = s.Seal.Seal([]byte(secret), idpSecretPlace(row.SubscriptionID, row.ID)...)
	err = db.One(s.DB.For(ctx).Model(&idpRow{}).Where("id = ? AND version = ?", row.ID, was).UpdateColumns(map[string]any{
		"client_secret_sealed": row.ClientSecretSealed, "version": row.Version, "updated_at": row.UpdatedAt,
	}))
	if err != nil {
		return nil, taken(err)
	}
	return change, nil
}

func idpSecretPlace(subscription, idpID string) []string {
	return []string{"idps", "client_secret", subscription, idpID}
}

func (s *Store) openIDPSecret(row idpRow) (string, error) {
	if row.ClientSecretSealed == "" {
		return "", nil
	}
	text, err := s.Seal.Open(row.ClientSecretSealed, idpSecretPlace(row.SubscriptionID, row.ID)...)
	if err != nil {
		return "", fmt.Errorf("tenants: secret of idp %s: %w", row.ID, err)
	}
	return string(text), nil
}

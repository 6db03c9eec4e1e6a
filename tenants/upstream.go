package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// Users of IDPs of type oidc: known by (IDP, subject) and by nothing else. A mail address
// that two of them have in common says nothing about who they are (docs/adr/0032).

// Profile is what another provider says of a user. What it does not vouch for is not
// verified; what it does not say is empty.
type Profile struct {
	DisplayName, GivenName, FamilyName string
	Email                              string
	EmailVerified                      bool
	Phone                              string
	PhoneVerified                      bool
	Locale                             string
	Groups                             []string // as it calls them; nil: it does not say
}

var (
	// ErrNoAccount reports a subject that nobody here is linked to, and that gets no
	// account by signing in.
	ErrNoAccount = problem.New(problem.Forbidden, "upstream_no_account", "There is no account for you here.")
	// ErrAccountExists reports that somebody here has the address of a subject that is
	// linked to nobody: only he himself can link it, from his account.
	ErrAccountExists = problem.New(problem.Conflict, "upstream_account_exists", "There is an account with your e-mail address already. Sign in to it first, then link this sign-in service on your account page.")
	// ErrLinked reports a subject that is linked to somebody else.
	ErrLinked = problem.New(problem.Conflict, "upstream_linked", "This sign-in is linked to another account.")
)

// Upstream finds an active IDP of type oidc of the tenant in ctx, with its secret.
func (s *Store) Upstream(ctx context.Context, idpID string) (IDP, error) {
	mine := s.DB.For(ctx).Model(&tenantIDPRow{}).Select("idp_id")
	var row idpRow
	err := s.DB.For(ctx).Where("id = ? AND id IN (?) AND active AND type = ?", idpID, mine, IDPOIDC).Take(&row).Error
	if err != nil {
		return IDP{}, notFound(err, errNoIDP)
	}
	v := idpOf(row)
	secret, err := s.openIDPSecret(row)
	v.ClientSecret = twofactor.Secret(secret)
	return v, err
}

// UserBySubject finds the member of the tenant in ctx whom an IDP knows by a subject,
// active or not. Nobody is ErrNoAccount.
func (s *Store) UserBySubject(ctx context.Context, idpID, subject string) (User, error) {
	var row identityRow
	if err := s.DB.For(ctx).Where("idp_id = ? AND subject = ?", idpID, subject).Take(&row).Error; err != nil {
		return User{}, notFound(err, ErrNoAccount)
	}
	u, err := s.User(ctx, row.UserID)
	if problem.Is(err, problem.NotFound) {
		// Linked, but not a member here, or no longer: signing in does not bring him back.
		return User{}, ErrNoAccount
	}
	return u, err
}

// HasSubject reports whether an IDP knows anybody of the subscription in ctx by a subject.
func (s *Store) HasSubject(ctx context.Context, idpID, subject string) (bool, error) {
	var n int64
	if err := s.DB.For(ctx).Model(&identityRow{}).Where("idp_id = ? AND subject = ?", idpID, subject).Count(&n).Error; err != nil {
		return false, fmt.Errorf("tenants: subject: %w", err)
	}
	return n > 0, nil
}

// UpstreamsOf lists the IDPs of type oidc that a member of the tenant in ctx is linked to.
func (s *Store) UpstreamsOf(ctx context.Context, userID string) ([]string, error) {
	if err := s.mustBeMember(ctx, userID); err != nil {
		return nil, err
	}
	var ids []string
	err := s.DB.For(ctx).Model(&identityRow{}).Where("user_id = ? AND idp_id IN (?)", userID, s.idpsOfType(ctx, IDPOIDC)).Order("idp_id").Pluck("idp_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("tenants: upstreams: %w", err)
	}
	return ids, nil
}

// idpsOfType are the ids of the IDPs of a type of the subscription in ctx.
func (s *Store) idpsOfType(ctx context.Context, idpType string) *gorm.DB {
	return s.DB.For(ctx).Model(&idpRow{}).Select("id").Where("type = ?", idpType)
}

// LinkUpstream lets a member of the tenant in ctx sign in by a subject of an IDP. A
// subject that is linked already, or a user who is linked to another subject of this IDP,
// is ErrLinked.
func (s *Store) LinkUpstream(ctx context.Context, userID, idpID, subject string) error {
	if err := s.mustBeMember(ctx, userID); err != nil {
		return err
	}
	if err := s.addIdentity(ctx, userID, idpID, subject); err != nil {
		return err
	}
	return s.RaiseEpoch(ctx, userID)
}

func (s *Store) addIdentity(ctx context.Context, userID, idpID, subject string) error {
	// A duplicate must be no error: on PostgreSQL it would end the caller's transaction.
	row := identityRow{db.ScopeOf(ctx).Subscription, idpID, subject, userID}
	res := s.DB.For(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	switch {
	case db.IsForeignKey(res.Error):
		return errNoIDP
	case res.Error != nil:
		return fmt.Errorf("tenants: link upstream: %w", res.Error)
	case res.RowsAffected == 0:
		return ErrLinked
	}
	return nil
}

// UnlinkUpstream takes the link of a member of the tenant in ctx away, and reports
// whether there was one.
func (s *Store) UnlinkUpstream(ctx context.Context, userID, idpID string) (bool, error) {
	if err := s.mustBeMember(ctx, userID); err != nil {
		return false, err
	}
	res := s.DB.For(ctx).Where("user_id = ? AND idp_id = ? AND idp_id IN (?)", userID, idpID, s.idpsOfType(ctx, IDPOIDC)).Delete(&identityRow{})
	if res.Error != nil {
		return false, fmt.Errorf("tenants: unlink upstream: %w", res.Error)
	}
	if res.RowsAffected == 0 {
		return false, nil
	}
	return true, s.RaiseEpoch(ctx, userID)
}

// HasPasswordHere reports whether a member of the tenant in ctx can sign in to it by a
// password.
func (s *Store) HasPasswordHere(ctx context.Context, userID string) (bool, error) {
	var n int64
	if err := s.DB.For(ctx).Model(&loginRow{}).Where("user_id = ?", userID).Count(&n).Error; err != nil {
		return false, fmt.Errorf("tenants: password here: %w", err)
	}
	return n > 0, nil
}

// Admit makes an account in the tenant in ctx for a subject that an IDP vouches for. It
// takes part in the caller's transaction. Whose address somebody else has gets none: that
// is ErrAccountExists for a member of the tenant, who can link it himself, and
// ErrNoAccount for all others, of whom nobody here should learn.
func (s *Store) Admit(ctx context.Context, idp IDP, subject string, p Profile) (User, error) {
	p = p.usable()
	if err := s.freeAddress(ctx, p.Email); err != nil {
		return User{}, err
	}
	u := User{
		// No name that the other provider chooses: it could be taken for somebody else's.
		Name: NormalName(idp.Name + ":" + id.Hash(idp.ID + "\n" + subject)[:16]), Kind: Person,
		DisplayName: p.DisplayName, GivenName: p.GivenName, FamilyName: p.FamilyName, Email: p.Email, EmailVerified: p.EmailVerified,
		Phone: p.Phone, PhoneVerified: p.PhoneVerified, Locale: p.Locale, Active: true,
	}
	if p.EmailVerified {
		u.Name = p.Email
	}
	if u.DisplayName == "" {
		u.DisplayName = u.Name
	}
	d, err := s.PutUser(ctx, &u)
	if err != nil {
		return User{}, err
	}
	if !d.Created {
		return User{}, ErrNoAccount // somebody has this name
	}
	if err := s.addIdentity(ctx, u.ID, idp.ID, subject); err != nil {
		return User{}, err
	}
	scope := db.ScopeOf(ctx)
	if err := s.DB.For(ctx).Create(&membershipRow{scope.Subscription, scope.Tenant, u.ID}).Error; err != nil {
		return User{}, fmt.Errorf("tenants: admit: %w", err)
	}
	s.changed(ctx)
	return u, s.mapGroups(ctx, idp, u.ID, p.Groups)
}

// MayAdmit says why a subject that nobody is linked to gets no account, as Admit would.
func (s *Store) MayAdmit(ctx context.Context, p Profile) error {
	return s.freeAddress(ctx, p.usable().Email)
}

// usable is p without what the house would not take from anybody.
func (p Profile) usable() Profile {
	for _, text := range []*string{&p.DisplayName, &p.GivenName, &p.FamilyName} {
		*text = oneLine(*text)
	}
	p.Email = strings.ToLower(strings.TrimSpace(p.Email))
	if !validEmail(p.Email) || p.Email != NormalName(p.Email) {
		p.Email, p.EmailVerified = "", false
	}
	if !validPhone(p.Phone) {
		p.Phone, p.PhoneVerified = "", false
	}
	if p.Locale != "" && !validLocale(p.Locale) {
		p.Locale = ""
	}
	return p
}

// freeAddress refuses an address of somebody of the subscription, proven or not.
func (s *Store) freeAddress(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	var holders []string
	err := s.DB.For(ctx).Model(&userRow{}).Where("(email = ? OR name = ?) AND deleted_at IS NULL", address, address).Pluck("id", &holders).Error
	if err != nil {
		return fmt.Errorf("tenants: free address: %w", err)
	}
	if len(holders) == 0 {
		return nil
	}
	var members int64
	if err := s.DB.For(ctx).Model(&membershipRow{}).Where("user_id IN ?", holders).Count(&members).Error; err != nil {
		return fmt.Errorf("tenants: free address: %w", err)
	}
	if members > 0 {
		return ErrAccountExists
	}
	return ErrNoAccount
}

// Follow brings a member of the tenant in ctx up to what his IDP says of him. Names and
// language follow; an address only where he has proven none himself, and only one that
// the provider vouches for and nobody else has: codes go there, and whoever runs the
// other provider must not choose where (docs/adr/0032).
func (s *Store) Follow(ctx context.Context, idp IDP, u User, p Profile) (Difference, error) {
	p = p.usable()
	want := u
	for _, f := range []struct {
		to   *string
		from string
	}{{&want.DisplayName, p.DisplayName}, {&want.GivenName, p.GivenName}, {&want.FamilyName, p.FamilyName}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if want.Locale == "" {
		want.Locale = p.Locale
	}
	if !u.EmailVerified && p.EmailVerified && s.freeEmail(ctx, u.ID, p.Email) == nil {
		want.Email, want.EmailVerified = p.Email, true
	}
	if !u.PhoneVerified && p.PhoneVerified {
		want.Phone, want.PhoneVerified = p.Phone, true
	}
	// With the version he was read at: who was disabled meanwhile stays so (SECURITY row 39).
	d, err := s.PutUser(ctx, &want)
	if err != nil {
		return d, err
	}
	return d, s.mapGroups(ctx, idp, u.ID, p.Groups)
}

// mapGroups puts a user into those groups of the IDP's map that it says he is in, and
// takes him from the others of the map. Groups that the map does not name stay.
func (s *Store) mapGroups(ctx context.Context, idp IDP, userID string, theirs []string) error {
	if len(idp.GroupMap) == 0 || theirs == nil {
		return nil
	}
	wanted := map[string]bool{}
	for _, line := range idp.GroupMap {
		upstream, ours, _ := mapped(line)
		wanted[ours] = wanted[ours] || slices.Contains(theirs, upstream)
	}
	var groups []groupRow
	if err := s.DB.For(ctx).Where("name IN ?", keys(wanted)).Order("id").Find(&groups).Error; err != nil {
		return fmt.Errorf("tenants: map groups: %w", err)
	}
	for _, g := range groups {
		var err error
		if wanted[g.Name] {
			row := groupMemberRow{db.ScopeOf(ctx).Subscription, g.ID, userID}
			err = s.DB.For(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error
		} else {
			err = s.DB.For(ctx).Where("group_id = ? AND user_id = ?", g.ID, userID).Delete(&groupMemberRow{}).Error
		}
		if err != nil {
			return fmt.Errorf("tenants: map groups: %w", err)
		}
	}
	return nil
}

// oneLine keeps what people can read in one line.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	for len(s) > 254 {
		s = strings.ToValidUTF8(s[:254], "")
	}
	return s
}

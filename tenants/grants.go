package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// Role is what somebody may do in a scope (SPEC §8.3). What that is, package admin knows.
type Role string

// Roles, the widest first.
const (
	RoleSystemAdmin       Role = "system_admin"       // everything, on the whole server
	RoleSubscriptionAdmin Role = "subscription_admin" // everything in one subscription
	RoleTenantAdmin       Role = "tenant_admin"       // runs one tenant
	RoleHelpDesk          Role = "help_desk"          // helps users who cannot sign in
	RoleAuditor           Role = "auditor"            // reads the audit trail and the delivery log
)

// Roles lists all roles, the widest first.
func Roles() []Role {
	return []Role{RoleSystemAdmin, RoleSubscriptionAdmin, RoleTenantAdmin, RoleHelpDesk, RoleAuditor}
}

// Kinds of subjects that a role is granted to.
const (
	SubjectUser      = "user"
	SubjectGroup     = "group"
	SubjectClientApp = "client_app"
)

// Grant gives a role in a scope to somebody.
type Grant struct {
	ID             string
	SubscriptionID string // scope; empty: the whole server
	TenantID       string // scope; empty: the whole subscription
	Role           Role
	SubjectKind    string // SubjectUser …
	SubjectID      string
	HomeID         string // the subscription that the subject belongs to
	CreatedBy      string
	Stamp
}

// grantRow does its own scoping: those of the server have no owner.
type grantRow struct{ Grant }

func (grantRow) TableName() string { return "role_grants" }
func (grantRow) PlatformOwned()    {}

// fits says what is wrong with the role in its scope, or nothing.
func (g Grant) fits() error {
	switch {
	case !slices.Contains(Roles(), g.Role):
		return invalid("role", fmt.Sprintf("must be one of %v", Roles()))
	case g.SubscriptionID == "" && g.TenantID != "":
		return invalid("tenant", "needs its subscription")
	case g.Role == RoleSystemAdmin && g.SubscriptionID != "":
		return invalid("role", "system_admin is for the whole server only")
	case g.Role == RoleSubscriptionAdmin && (g.SubscriptionID == "" || g.TenantID != ""):
		return invalid("role", "subscription_admin is for a whole subscription")
	case g.Role == RoleTenantAdmin && g.TenantID == "":
		return invalid("role", "tenant_admin is for a tenant")
	case g.Role == RoleHelpDesk && g.SubscriptionID == "":
		return invalid("role", "help_desk is for a subscription or a tenant")
	}
	return nil
}

// PutGrant gives a role, if it is not given already.
func (s *Store) PutGrant(ctx context.Context, v *Grant) (Difference, error) {
	if err := v.fits(); err != nil {
		return Difference{}, err
	}
	if v.TenantID != "" {
		scope := db.WithScope(ctx, db.Scope{Subscription: v.SubscriptionID})
		if err := s.mustHaveRow(scope, &tenantRow{}, v.TenantID, "tenant"); err != nil {
			return Difference{}, err
		}
	}
	if v.SubscriptionID != "" {
		if err := s.mustHaveRow(ctx, &subscriptionRow{}, v.SubscriptionID, "subscription"); err != nil {
			return Difference{}, err
		}
	}
	model, ok := map[string]any{SubjectUser: &userRow{}, SubjectGroup: &groupRow{}, SubjectClientApp: &clientAppRow{}}[v.SubjectKind]
	if !ok {
		return Difference{}, invalid("subject_kind", "must be user, group or client_app")
	}
	if v.HomeID == "" {
		return Difference{}, invalid("home", "is required: the subscription that the subject belongs to")
	}
	if err := s.mustHaveRow(db.WithScope(ctx, db.Scope{Subscription: v.HomeID}), model, v.SubjectID, "subject"); err != nil {
		return Difference{}, err
	}
	row := grantRow{*v}
	d, err := put(ctx, s, &row, func(r *grantRow) entity {
		key := map[string]any{
			"subscription_id": v.SubscriptionID, "tenant_id": v.TenantID, "role": v.Role, "subject_kind": v.SubjectKind, "subject_id": v.SubjectID,
		}
		return entity{id: &r.ID, stamp: &r.Stamp, key: key, keep: []string{"CreatedBy"}, columns: &r.Grant}
	})
	if err != nil {
		return Difference{}, err
	}
	*v = row.Grant
	return d, nil
}

// DeleteGrant takes a role back.
func (s *Store) DeleteGrant(ctx context.Context, grantID string) error {
	err := db.One(s.DB.For(ctx).Where("id = ?", grantID).Delete(&grantRow{}))
	switch {
	case errors.Is(err, db.ErrStale):
		return errNoGrant
	case err != nil:
		return fmt.Errorf("tenants: delete grant: %w", err)
	}
	return nil
}

var errNoGrant = problem.New(problem.NotFound, "role_unknown", "There is no such role.")

// GrantByID finds a grant, whatever its scope: for who knows what the asker may see.
func (s *Store) GrantByID(ctx context.Context, grantID string) (Grant, error) {
	var row grantRow
	if err := s.DB.For(ctx).Where("id = ?", grantID).Take(&row).Error; err != nil {
		return Grant{}, notFound(err, errNoGrant)
	}
	return row.Grant, nil
}

// GrantsIn lists the roles given in a subscription and its tenants, or with an empty
// one those for the whole server, oldest first.
func (s *Store) GrantsIn(ctx context.Context, subscriptionID string) ([]Grant, error) {
	return list(s.DB.For(ctx).Where("subscription_id = ?", subscriptionID).Order("id"), func(r grantRow) Grant { return r.Grant })
}

// GrantsOf lists the roles that a subject of the subscription in ctx has, whatever their
// scope; a user has those of his groups too.
func (s *Store) GrantsOf(ctx context.Context, kind, subjectID string) ([]Grant, error) {
	home := db.ScopeOf(ctx).Subscription
	if home == "" {
		return nil, db.ErrNoScope
	}
	q := s.DB.For(ctx).Where("home_id = ?", home)
	if kind == SubjectUser {
		mine := s.DB.For(ctx).Model(&groupMemberRow{}).Select("group_id").Where("user_id = ?", subjectID)
		q = q.Where(s.DB.For(ctx).Where("subject_kind = ? AND subject_id = ?", kind, subjectID).
			Or("subject_kind = ? AND subject_id IN (?)", SubjectGroup, mine))
	} else {
		q = q.Where("subject_kind = ? AND subject_id = ?", kind, subjectID)
	}
	return list(q.Order("id"), func(r grantRow) Grant { return r.Grant })
}

// SystemAdmins counts the active persons who are system_admin, by themselves or by a
// group.
func (s *Store) SystemAdmins(ctx context.Context) (int64, error) {
	ctx = db.AllTenants(ctx)
	given := func(kind string) *gorm.DB {
		return s.DB.For(ctx).Model(&grantRow{}).Select("subject_id").Where("role = ? AND subscription_id = '' AND subject_kind = ?", RoleSystemAdmin, kind)
	}
	inGroups := s.DB.For(ctx).Model(&groupMemberRow{}).Select("user_id").Where("group_id IN (?)", given(SubjectGroup))
	var n int64
	err := s.DB.For(ctx).Model(&userRow{}).Where("active AND kind = ?", Person).
		Where(s.DB.For(ctx).Where("id IN (?)", given(SubjectUser)).Or("id IN (?)", inGroups)).Count(&n).Error
	if err != nil {
		return 0, fmt.Errorf("tenants: system admins: %w", err)
	}
	return n, nil
}

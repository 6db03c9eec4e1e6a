package tenants

import "time"

// The rows as GORM sees them. They never leave the package.

type subscriptionRow struct{ Subscription }

func (subscriptionRow) TableName() string { return "subscriptions" }
func (subscriptionRow) PlatformOwned()    {}

type tenantRow struct{ Tenant }

func (tenantRow) TableName() string { return "tenants" }

// Owned is the owner column of what belongs to a subscription.
type Owned struct{ SubscriptionID string }

type idpRow struct {
	IDP
	ClientSecretSealed string
	Owned
}

func (idpRow) TableName() string { return "idps" }

type tenantIDPRow struct {
	SubscriptionID, TenantID string
	IDPID                    string `gorm:"column:idp_id"`
}

func (tenantIDPRow) TableName() string { return "tenant_idps" }

type clientAppRow struct {
	ClientApp
	Owned
}

func (clientAppRow) TableName() string { return "client_apps" }

type tenantClientAppRow struct{ SubscriptionID, TenantID, ClientAppID string }

func (tenantClientAppRow) TableName() string { return "tenant_client_apps" }

// What a restricted app is for, see access.go.
type appUserRow struct{ SubscriptionID, ClientAppID, UserID string }

func (appUserRow) TableName() string { return "client_app_users" }

type appGroupRow struct{ SubscriptionID, ClientAppID, GroupID string }

func (appGroupRow) TableName() string { return "client_app_groups" }

// appAccessRow is both of these, see the view.
type appAccessRow struct{ SubscriptionID, ClientAppID, TargetID string }

func (appAccessRow) TableName() string { return "client_app_access" }

type clientSecretRow struct {
	ID, SubscriptionID, ClientAppID string
	MAC                             string `gorm:"column:mac"`
	CreatedAt                       time.Time
	ExpiresAt                       *time.Time
}

func (clientSecretRow) TableName() string { return "client_secrets" }

type userRow struct {
	User
	Owned
}

func (userRow) TableName() string { return "users" }

type identityRow struct {
	SubscriptionID string
	IDPID          string `gorm:"column:idp_id"`
	Subject        string
	UserID         string
}

func (identityRow) TableName() string { return "identities" }

type passwordRow struct {
	UserID         string `gorm:"primaryKey"`
	SubscriptionID string
	Hash           string
	ChangedAt      time.Time
}

func (passwordRow) TableName() string { return "passwords" }

type membershipRow struct{ SubscriptionID, TenantID, UserID string }

func (membershipRow) TableName() string { return "memberships" }

type groupRow struct {
	Group
	Owned
}

func (groupRow) TableName() string { return "groups" }

type groupMemberRow struct{ SubscriptionID, GroupID, UserID string }

func (groupMemberRow) TableName() string { return "group_members" }

// settingsRow holds base settings of one factor type; an empty SubscriptionID
// means the platform's.
type settingsRow struct {
	SubscriptionID string
	FactorType     string
	OptionsSealed  string
	UpdatedAt      time.Time
	Version        int64
}

func (settingsRow) TableName() string { return "settings" }

type twoFactorRow struct {
	TwoFactor
	OptionsSealed string
	Owned
}

func (twoFactorRow) TableName() string { return "two_factors" }

type assignmentRow struct {
	Assignment
	Owned
}

func (assignmentRow) TableName() string { return "assignments" }

type exemptionRow struct {
	Exemption
	Owned
}

func (exemptionRow) TableName() string { return "exemptions" }

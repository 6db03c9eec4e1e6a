package tenants

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"twofold/internal/db"
)

// LevelPlatform is the outermost level of message templates: it is for everybody,
// and no subscription's.
const LevelPlatform Level = "platform"

// templateLevels are the levels that can have templates, nearest to the user first.
var templateLevels = [...]Level{LevelClientApp, LevelTenant, LevelSubscription, LevelPlatform}

// Template is what one level sets for a kind of message in a language. An empty
// part is inherited.
type Template struct {
	Level     Level
	TargetID  string // what Level names; empty for the platform
	Kind      string // as twofactor.Letter has it
	Lang      string // BCP 47, in lower case
	Subject   string
	Text      string
	HTML      string
	SMS       string
	UpdatedAt time.Time
	Version   int64
}

// empty reports whether t sets nothing.
func (t Template) empty() bool { return t.Subject == "" && t.Text == "" && t.HTML == "" && t.SMS == "" }

type templateRow struct {
	SubscriptionID string // empty: the platform's
	Level          Level
	TargetID       string
	Kind           string
	Lang           string
	Subject        string
	BodyText       string
	BodyHTML       string `gorm:"column:body_html"`
	SMS            string `gorm:"column:sms"`
	UpdatedAt      time.Time
	Version        int64
}

func (templateRow) TableName() string { return "message_templates" }

func (r templateRow) template() Template {
	return Template{r.Level, r.TargetID, r.Kind, r.Lang, r.Subject, r.BodyText, r.BodyHTML, r.SMS, r.UpdatedAt, r.Version}
}

type clientAppKey struct{}

// WithClientApp says in ctx which client app a sign-in is for: its templates are
// nearer than the tenant's.
func WithClientApp(ctx context.Context, clientAppID string) context.Context {
	return context.WithValue(ctx, clientAppKey{}, clientAppID)
}

// ClientAppFrom returns the client app of ctx, empty if there is none.
func ClientAppFrom(ctx context.Context) string {
	id, _ := ctx.Value(clientAppKey{}).(string)
	return id
}

// TemplatesFor lists what bears on a message of a kind to a user of the tenant in
// ctx, nearest first: of the client app in ctx, the tenant, the subscription, the
// platform; in all languages. The answer may be CacheFor old.
func (s *Store) TemplatesFor(ctx context.Context, kind string) ([]Template, error) {
	scope, app := db.ScopeOf(ctx), ClientAppFrom(ctx)
	if scope.Subscription == "" {
		return nil, db.ErrNoScope
	}
	key := fmt.Sprintf("%q", []string{scope.Subscription, scope.Tenant, app, kind})
	if l, ok := s.templates.get(ctx, key); ok {
		return slices.Clone(l), nil
	}
	// The platform's rows are no subscription's, so the guard cannot let both pass.
	q := s.DB.For(db.AllTenants(ctx)).Where("subscription_id IN ? AND kind = ?", []string{"", scope.Subscription}, kind).
		Where("(level = ? AND subscription_id = '') OR (level = ? AND target_id = ?) OR (level = ? AND target_id = ?) OR (level = ? AND target_id = ?)",
			LevelPlatform, LevelSubscription, scope.Subscription, LevelTenant, scope.Tenant, LevelClientApp, app)
	out, err := list(q.Order("lang"), templateRow.template)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b Template) int {
		return slices.Index(templateLevels[:], a.Level) - slices.Index(templateLevels[:], b.Level)
	})
	s.templates.put(ctx, key, out)
	return slices.Clone(out), nil
}

// Templates lists the templates of the subscription in ctx; with a tenant in ctx
// those that reach it: its own, those of its client apps and the subscription's.
// Without a subscription it lists the platform's: for operators.
func (s *Store) Templates(ctx context.Context) ([]Template, error) {
	return list(s.ownTemplates(ctx).Order("level, target_id, kind, lang"), templateRow.template)
}

func (s *Store) ownTemplates(ctx context.Context) *gorm.DB {
	scope := db.ScopeOf(ctx)
	if scope.Subscription == "" && scope.Tenant == "" {
		return s.DB.For(db.AllTenants(ctx)).Where("subscription_id = ''")
	}
	q := s.DB.For(ctx)
	if scope.Tenant == "" {
		return q
	}
	apps := s.DB.For(ctx).Model(&tenantClientAppRow{}).Select("client_app_id")
	return q.Where("level = ? OR (level = ? AND target_id = ?) OR (level = ? AND target_id IN (?))",
		LevelSubscription, LevelTenant, scope.Tenant, LevelClientApp, apps)
}

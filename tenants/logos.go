package tenants

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// Logo is the picture of a tenant or a client app, as it is served. Hash is the SHA-256
// of Content in hexadecimal digits: a logo that is changed has another address.
type Logo struct {
	SubscriptionID string
	OwnerID        string
	Hash           string
	MIME           string `gorm:"column:mime"`
	Content        []byte
	CreatedAt      time.Time
}

type logoRow struct{ Logo }

func (logoRow) TableName() string { return "logos" }

var ownLogo = regexp.MustCompile(`^/t/[a-z0-9-]{1,63}/logo/([0-9a-f]{64})$`)

// LogoPath is where a tenant serves a logo of its subscription.
func LogoPath(tenant, hash string) string { return "/t/" + tenant + "/logo/" + hash }

// LogoAt is the address of a logo at a tenant: one that is kept here each tenant of the
// subscription serves itself, wherever it was put. Others stay as they are.
func LogoAt(tenant, url string) string {
	if m := ownLogo.FindStringSubmatch(url); m != nil {
		return LogoPath(tenant, m[1])
	}
	return url
}

// ValidLogo reports whether url can be the address of a logo: none, one that is kept
// here, or one elsewhere.
func ValidLogo(url string) bool {
	return url == "" || ownLogo.MatchString(url) || checkRedirect(url, AppWeb) == ""
}

// PutLogo keeps a logo of the subscription in ctx in place of its owner's last one. With
// no content there is none any more.
func (s *Store) PutLogo(ctx context.Context, v Logo) error {
	v.SubscriptionID, v.CreatedAt = db.ScopeOf(ctx).Subscription, db.Micros(s.Now())
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.DB.For(ctx).Where("owner_id = ?", v.OwnerID).Delete(&logoRow{}).Error; err != nil {
			return fmt.Errorf("tenants: put logo: %w", err)
		}
		if len(v.Content) == 0 {
			return nil
		}
		if err := s.DB.For(ctx).Create(&logoRow{v}).Error; err != nil {
			return fmt.Errorf("tenants: put logo: %w", err)
		}
		return nil
	})
}

// Logo finds a logo of the subscription in ctx.
func (s *Store) Logo(ctx context.Context, hash string) (Logo, error) {
	var row logoRow
	if err := s.DB.For(ctx).Where("hash = ?", hash).Order("owner_id").Take(&row).Error; err != nil {
		return Logo{}, notFound(err, errNoLogo)
	}
	return row.Logo, nil
}

var errNoLogo = problem.New(problem.NotFound, "page_unknown", "There is no page at this address.")

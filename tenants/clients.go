package tenants

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"twofold/internal/db"
	"twofold/internal/id"
)

type clientEntry struct {
	app     ClientApp
	secrets []clientSecretRow
}

// ClientApp finds an active client app assigned to the tenant in ctx by its
// client_id. The answer may be CacheFor old.
func (s *Store) ClientApp(ctx context.Context, clientID string) (ClientApp, error) {
	e, err := s.clientEntry(ctx, clientID)
	return e.app, err
}

// CheckClientSecret reports whether secret is one of the app's live secrets.
// Secrets are 256 random bits, so a MAC is enough and costs under a microsecond.
func (s *Store) CheckClientSecret(ctx context.Context, clientID, secret string) (bool, error) {
	e, err := s.clientEntry(ctx, clientID)
	if err != nil {
		return false, err
	}
	return s.fits(e.secrets, e.app.ID, secret), nil
}

func (s *Store) clientEntry(ctx context.Context, clientID string) (clientEntry, error) {
	tenant := db.ScopeOf(ctx).Tenant
	if tenant == "" {
		return clientEntry{}, db.ErrNoScope
	}
	key := tenant + "|" + clientID
	if e, ok := s.apps.get(ctx, key); ok {
		return e, nil
	}
	var row clientAppRow
	if err := s.DB.For(ctx).Where("client_id = ? AND active", clientID).Take(&row).Error; err != nil {
		return clientEntry{}, notFound(err, errNoApp)
	}
	var link tenantClientAppRow
	if err := s.DB.For(ctx).Where("client_app_id = ?", row.ID).Take(&link).Error; err != nil {
		return clientEntry{}, notFound(err, errNoApp)
	}
	e := clientEntry{app: row.ClientApp}
	if err := s.DB.For(ctx).Where("client_app_id = ?", row.ID).Find(&e.secrets).Error; err != nil {
		return clientEntry{}, fmt.Errorf("tenants: client secrets: %w", err)
	}
	s.apps.put(ctx, key, e)
	return e, nil
}

// ClientAppByID finds a client app of the subscription in ctx, active or not.
func (s *Store) ClientAppByID(ctx context.Context, appID string) (ClientApp, error) {
	var row clientAppRow
	if err := s.DB.For(ctx).Where("id = ?", appID).Take(&row).Error; err != nil {
		return ClientApp{}, notFound(err, errNoApp)
	}
	return row.ClientApp, nil
}

// LogoutApps are the ids of the client apps of the subscription in ctx, whatever its
// reach, that want to hear of sessions that have ended.
func (s *Store) LogoutApps(ctx context.Context) (ids []string, err error) {
	ctx = db.WithScope(ctx, db.ScopeOf(ctx))
	err = s.DB.For(ctx).Model(&clientAppRow{}).Where("backchannel_logout_uri <> ''").Order("id").Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("tenants: logout apps: %w", err)
	}
	return ids, nil
}

// AddClientSecret makes a secret, shown once and kept only as a MAC.
func (s *Store) AddClientSecret(ctx context.Context, appID string) (string, error) {
	return s.NewClientSecret(ctx, appID, nil)
}

// NewClientSecret is AddClientSecret with an end; nil: it has none.
func (s *Store) NewClientSecret(ctx context.Context, appID string, expires *time.Time) (string, error) {
	secret := "tfs_" + id.Token(s.Rand)
	if err := s.PutClientSecret(ctx, appID, secret, expires); err != nil {
		return "", err
	}
	return secret, nil
}

// PutClientSecret keeps a secret chosen elsewhere; it must hold 256 random bits.
func (s *Store) PutClientSecret(ctx context.Context, appID, secret string, expires *time.Time) error {
	has, err := s.HasClientSecret(ctx, appID, secret)
	if err != nil || has {
		return err
	}
	sum := hex.EncodeToString(s.Seal.MAC("client-secret", appID, secret))
	row := clientSecretRow{ID: id.New(), ClientAppID: appID, MAC: sum, CreatedAt: db.Micros(s.Now()), ExpiresAt: expires}
	err = s.DB.For(ctx).Create(&row).Error
	switch {
	case db.IsForeignKey(err):
		return errNoApp
	case err != nil:
		return fmt.Errorf("tenants: client secret: %w", err)
	}
	s.changed(ctx)
	return nil
}

// HasClientSecret reports whether secret is kept for the app already and still holds.
func (s *Store) HasClientSecret(ctx context.Context, appID, secret string) (bool, error) {
	var rows []clientSecretRow
	if err := s.DB.For(ctx).Where("client_app_id = ?", appID).Find(&rows).Error; err != nil {
		return false, fmt.Errorf("tenants: client secrets: %w", err)
	}
	return s.fits(rows, appID, secret), nil
}

// fits reports whether secret is one of the live ones in rows.
func (s *Store) fits(rows []clientSecretRow, appID, secret string) bool {
	ok := false
	for _, row := range rows {
		if row.ExpiresAt != nil && !row.ExpiresAt.After(s.Now()) {
			continue
		}
		sum, err := hex.DecodeString(row.MAC)
		ok = (err == nil && s.Seal.CheckMAC(sum, "client-secret", appID, secret)) || ok
	}
	return ok
}

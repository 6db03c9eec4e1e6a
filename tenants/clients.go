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
	ok := false
	for _, row := range e.secrets {
		if row.ExpiresAt != nil && !row.ExpiresAt.After(s.Now()) {
			continue
		}
		sum, err := hex.DecodeString(row.MAC)
		ok = (err == nil && s.Seal.CheckMAC(sum, "client-secret", e.app.ID, secret)) || ok
	}
	return ok, nil
}

func (s *Store) clientEntry(ctx context.Context, clientID string) (clientEntry, error) {
	key := db.ScopeOf(ctx).Tenant + "|" + clientID
	if e, ok := s.apps.get(key); ok {
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
	s.apps.put(key, e)
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

// AddClientSecret makes a secret, shown once and kept only as a MAC.
func (s *Store) AddClientSecret(ctx context.Context, appID string) (string, error) {
	secret := "tfs_" + id.Token(s.Rand)
	return secret, s.PutClientSecret(ctx, appID, secret, nil)
}

// PutClientSecret keeps a secret chosen elsewhere; it must hold 256 random bits.
func (s *Store) PutClientSecret(ctx context.Context, appID, secret string, expires *time.Time) error {
	sum := hex.EncodeToString(s.Seal.MAC("client-secret", appID, secret))
	var n int64
	if err := s.DB.For(ctx).Model(&clientSecretRow{}).Where("client_app_id = ? AND mac = ?", appID, sum).Count(&n).Error; err != nil {
		return fmt.Errorf("tenants: client secret: %w", err)
	}
	if n > 0 {
		return nil
	}
	row := clientSecretRow{ID: id.New(), ClientAppID: appID, MAC: sum, CreatedAt: db.Micros(s.Now()), ExpiresAt: expires}
	if err := s.DB.For(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("tenants: client secret: %w", err)
	}
	s.apps.clear()
	return nil
}

// HasClientSecret reports whether secret is kept for the app already.
func (s *Store) HasClientSecret(ctx context.Context, appID, secret string) (bool, error) {
	sum := hex.EncodeToString(s.Seal.MAC("client-secret", appID, secret))
	var n int64
	err := s.DB.For(ctx).Model(&clientSecretRow{}).Where("client_app_id = ? AND mac = ?", appID, sum).Count(&n).Error
	return n > 0, err
}

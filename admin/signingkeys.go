package admin

import (
	"context"
	"time"

	"twofold/internal/db"
)

// SigningKey is a key that a tenant signs tokens with, as administration sees it.
type SigningKey struct {
	ID, Alg   string
	State     string // next, active or retired
	CreatedAt time.Time
	Since     time.Time  // when it came to its state
	Until     *time.Time // when it leaves its state; nil: on a command alone
	Published bool       // apps can fetch it
	Preparing bool       // of an active one: the key after it is about to be made
}

// SigningKeys is what this package needs of who keeps keys. All work on the tenant in ctx.
type SigningKeys struct {
	List func(ctx context.Context) ([]SigningKey, error)
	// Rotate asks for a new key of each algorithm; what is under way goes on.
	Rotate func(ctx context.Context, actor string) error
	// Revoke ends a key at once. Another one signs in its place.
	Revoke func(ctx context.Context, key, actor, reason string) error
}

// SigningKeysOf lists the signing keys of a tenant.
func (a *Admin) SigningKeysOf(ctx context.Context, w Who, subscription, tenantID string) ([]SigningKey, error) {
	ctx, err := a.keysIn(ctx, w, SigningKeyRead, subscription, tenantID)
	if err != nil {
		return nil, err
	}
	return a.SigningKeys.List(ctx)
}

// RotateSigningKeys begins a rotation of a tenant's keys: the next ones are published
// within seconds, and sign once every verifier knows them. It lists what there is then.
func (a *Admin) RotateSigningKeys(ctx context.Context, w Who, subscription, tenantID string) ([]SigningKey, error) {
	ctx, err := a.keysIn(ctx, w, SigningKeyWrite, subscription, tenantID)
	if err != nil {
		return nil, err
	}
	if err := a.SigningKeys.Rotate(ctx, w.ID); err != nil {
		return nil, err
	}
	return a.SigningKeys.List(ctx)
}

// RevokeSigningKey ends a tenant's key in an emergency: all that it signed is refused.
func (a *Admin) RevokeSigningKey(ctx context.Context, w Who, subscription, tenantID, key, reason string) error {
	ctx, err := a.keysIn(ctx, w, SigningKeyWrite, subscription, tenantID)
	if err != nil {
		return err
	}
	reason, err = By{Reason: reason}.explained()
	if err != nil {
		return err
	}
	return a.SigningKeys.Revoke(ctx, key, w.ID, reason)
}

// keysIn is a context in a tenant in which w may do something to the keys.
func (a *Admin) keysIn(ctx context.Context, w Who, do Action, subscription, tenantID string) (context.Context, error) {
	in := db.Scope{Subscription: subscription, Tenant: tenantID}
	if err := a.may(w, do, SigningKeyRead, in); err != nil {
		return ctx, err
	}
	_, err := a.TenantsOf().Get(ctx, w, subscription, tenantID)
	return db.WithScope(ctx, in), err
}

package rest

import (
	"context"
	"net/http"
	"time"

	"twofold/admin"
)

// SigningKey is a key that a tenant signs tokens with, without the key.
type SigningKey struct {
	ID        string     `json:"id" format:"uuid" doc:"Its id: the kid in tokens and in the key set."`
	Alg       string     `json:"alg" enum:"RS256,ES256" doc:"Its algorithm."`
	State     string     `json:"state" enum:"next,active,retired" doc:"next: published ahead, it does not sign yet. active: it signs. retired: it signs no more, and is published while what it signed may live."`
	CreatedAt time.Time  `json:"created_at" doc:"When it was made."`
	Since     time.Time  `json:"since" doc:"When it came to its state."`
	Until     *time.Time `json:"until,omitempty" doc:"When a next key takes over, an active one is followed by another, a retired one is no longer published. Absent: on a command alone."`
	Published bool       `json:"published" doc:"It is in the key set that apps fetch."`
	Preparing bool       `json:"preparing" doc:"The key after it is about to be made."`
}

func (a *API) signingKeys() {
	const keys = "/subscriptions/{subscription}/tenants/{id}/signing-keys"
	shown := func(all []admin.SigningKey, err error) (*answer, error) {
		return items(all, func(k admin.SigningKey) SigningKey { return SigningKey(k) }), err
	}
	act[none, Items[SigningKey]](a, spec{
		id: "signing_keys.list", method: http.MethodGet, path: keys, summary: "List the keys that a tenant signs tokens with", action: admin.SigningKeyRead,
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		return shown(a.Admin.SigningKeysOf(ctx, c.who, c.subscription, c.id))
	})
	act[none, Items[SigningKey]](a, spec{
		id: "signing_keys.rotate", method: http.MethodPost, path: keys + "/rotate", summary: "Begin a rotation of a tenant's keys", action: admin.SigningKeyWrite,
		about: "The next keys are made and published within seconds. They sign once every verifier knows them: see until. A rotation that is under way goes on, and nothing else happens.",
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		return shown(a.Admin.RotateSigningKeys(ctx, c.who, c.subscription, c.id))
	})
	act[Reason, none](a, spec{
		id: "signing_keys.revoke", method: http.MethodPost, path: keys + "/{key}/revoke", summary: "Revoke a key in an emergency", action: admin.SigningKeyWrite, must: []string{"reason"},
		about: "The key leaves the key set, and all that it signed is refused: at once on the replica that answers, within 60 seconds on the others; who verifies by a key set of its own may take 5 minutes more. " +
			"If it is the one that signs, a new one does at once, and a next one of the same algorithm is gone too.",
	}, func(ctx context.Context, c *call, b Reason) (*answer, error) {
		return &answer{}, a.Admin.RevokeSigningKey(ctx, c.who, c.subscription, c.id, c.other, b.Reason)
	})
}

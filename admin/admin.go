package admin

import (
	"context"
	"log/slog"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/limits"
	"twofold/tenants"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/delivery"
)

// Admin holds the use cases of administration. Every method asks first whether Who may;
// what he may not see is not there. All fields must be set.
type Admin struct {
	DB          *db.DB
	Tenants     *tenants.Store
	Ceremony    *ceremony.Ceremony
	Outbox      *delivery.Outbox
	Audit       *audit.Trail
	Limits      *limits.Limiter
	HelpDesk    *HelpDesk
	Sessions    Sessions
	SigningKeys SigningKeys
	Consents    Consents
	Now         func() time.Time
	Log         *slog.Logger
	Preview     Preview
	Letters     Letters
	// OnGrant runs in the transaction that gives a role: what the subject needs to use it.
	OnGrant   func(ctx context.Context, g tenants.Grant) error
	PublicURL string // scheme://host[:port], without a trailing slash
}

// scope is what a use case works in: a subscription, for somebody who may.
func (a *Admin) scope(ctx context.Context, subscription string) context.Context {
	return db.WithScope(ctx, db.Scope{Subscription: subscription})
}

// may decides an action in a scope. Who may not even read there learns nothing.
func (a *Admin) may(w Who, do, read Action, in db.Scope) error {
	switch {
	case !w.May(do, in) && !w.May(read, in):
		return errUnknown
	case !w.May(do, in):
		return errMayNot
	case Sensitive(do) && !w.Fresh(a.Now()):
		return ErrAgain
	}
	return nil
}

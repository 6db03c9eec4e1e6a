package admin

import (
	"context"

	"twofold/internal/db"
	"twofold/tenants"
	"twofold/twofactor/ceremony"
)

// Reset says what a reset spares.
type Reset struct {
	KeepPhone bool // the user still has his phone
}

// Done is what a reset has done.
type Done struct {
	Factors  int64 // that were removed
	Phone    bool  // the phone number is unproven now
	Sessions int   // that were ended, in all tenants
}

// Reset takes away what a user has set up, for somebody who has lost it. It opens no
// window: until he has given a bypass code and set up a factor anew, his password lets
// him in nowhere (SPEC §5.6). What is set up belongs to the user in the subscription,
// so this holds in all its tenants, and all his sessions there end.
//
// A lost phone still receives text messages: its number must be proven again, unless
// it is kept. The mail address stays as it is.
func (h *HelpDesk) Reset(ctx context.Context, userID string, by By, r Reset) (done Done, err error) {
	reason, err := by.explained()
	if err != nil {
		return Done{}, err
	}
	err = h.DB.Tx(ctx, func(ctx context.Context) error {
		done, err = h.reset(ctx, userID, by, reason, r)
		return err
	})
	if err != nil {
		return Done{}, err
	}
	return done, nil
}

func (h *HelpDesk) reset(ctx context.Context, userID string, by By, reason string, r Reset) (done Done, err error) {
	if err := h.Ceremony.Hold(ctx, userID); err != nil { // nothing is set up meanwhile
		return Done{}, err
	}
	u, err := h.Tenants.User(ctx, userID)
	if err != nil {
		return Done{}, err
	}
	removed, err := h.factors(ctx, u.ID)
	if err != nil {
		return Done{}, err
	}
	done.Phone = u.PhoneVerified && !r.KeepPhone
	if len(removed) == 0 && !done.Phone {
		// Who must prove himself first although he can set up nothing is locked out.
		return Done{}, errNothing
	}
	if done.Factors, err = h.Ceremony.RemoveAll(ctx, u.ID); err != nil {
		return Done{}, err
	}
	if done.Phone {
		if err := h.Tenants.UnprovePhone(ctx, u.ID); err != nil {
			return Done{}, err
		}
	}
	if err := h.Tenants.SetProveFirst(ctx, u.ID, true); err != nil {
		return Done{}, err
	}
	if err := h.Tenants.RaiseEpoch(ctx, u.ID); err != nil {
		return Done{}, err
	}
	if done.Sessions, err = h.endEverywhere(ctx, u, by.Actor); err != nil {
		return Done{}, err
	}
	if err := h.Notify(ctx, u.ID, ceremony.Notice{Event: "factors_reset"}); err != nil {
		return Done{}, err
	}
	return done, h.record(ctx, "factor.reset", u, by, map[string]any{
		"reason": reason, "removed": named(removed), "phone_unproven": done.Phone, "sessions": done.Sessions,
	})
}

// named is what was removed, for the audit trail.
func named(list []Factor) []map[string]string {
	out := make([]map[string]string, len(list))
	for i, f := range list {
		out[i] = map[string]string{"enrollment": f.ID, "two_factor": f.TwoFactorID, "name": f.Name, "label": f.Label}
	}
	return out
}

// endEverywhere ends what a user has open in all tenants of the subscription: at once,
// since the audit trail, which is locked from the first entry on, comes last.
func (h *HelpDesk) endEverywhere(ctx context.Context, u tenants.User, actor string) (sessions int, err error) {
	return h.EndUser(db.WithScope(ctx, db.Scope{Subscription: db.ScopeOf(ctx).Subscription}), u.ID, actor, "factors reset")
}

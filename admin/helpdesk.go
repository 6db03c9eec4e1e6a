package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor/ceremony"
)

// HelpDesk helps users who cannot sign in (SPEC §5.6). All its methods work on the
// tenant in ctx (tenants.WithRealm) and its members; all fields must be set.
type HelpDesk struct {
	DB       *db.DB
	Tenants  *tenants.Store
	Ceremony *ceremony.Ceremony
	Audit    *audit.Trail
	// Notify tells a user of what was done, in the transaction of ctx.
	Notify func(ctx context.Context, userID string, n ceremony.Notice) error
	// Sessions counts a user's sessions in the tenant in ctx. EndUser ends them, or, in
	// a subscription alone, those in all its tenants, with all else that the user has open
	// there, and returns how many they were.
	Sessions func(ctx context.Context, userID string) (int, error)
	EndUser  func(ctx context.Context, userID, actor, why string) (int, error)
}

// By is who does something for a user, and why.
type By struct{ Actor, Reason string }

// maxReason bounds a reason, in characters.
const maxReason = 500

var (
	errNoReason   = problem.New(problem.Invalid, "reason_missing", "Give the reason: it is kept in the audit trail.")
	errLongReason = problem.New(problem.Invalid, "reason_long", fmt.Sprintf("The reason is too long: %d characters at most.", maxReason))
	errNobody     = problem.New(problem.NotFound, "user_unknown", "There is no such user in this tenant.")
	errNoPerson   = problem.New(problem.Conflict, "user_no_sign_in", "This user does not sign in: inactive, or a machine.")
	errNothing    = problem.New(problem.Conflict, "nothing_to_reset", "This user has set up no second factor and proven no phone number: there is nothing to reset.")
)

// explained brings a reason to one line, and refuses none.
func (b By) explained() (string, error) {
	reason := strings.Join(strings.Fields(strings.ToValidUTF8(b.Reason, "")), " ")
	switch {
	case reason == "":
		return "", errNoReason
	case utf8.RuneCountInString(reason) > maxReason:
		return "", errLongReason
	}
	return reason, nil
}

// Find finds a member of the tenant by login name or proven mail address.
func (h *HelpDesk) Find(ctx context.Context, name string) (tenants.User, error) {
	named, err := h.Tenants.UsersByName(ctx, []string{name})
	if err != nil {
		return tenants.User{}, err
	}
	if len(named) == 1 {
		u, err := h.Tenants.User(ctx, named[0].ID)
		if problem.Is(err, problem.NotFound) {
			err = errNobody // or that of another tenant of the subscription
		}
		return u, err
	}
	u, ok, err := h.Tenants.PersonByLogin(ctx, name)
	if err == nil && !ok {
		err = errNobody
	}
	return u, err
}

// Sheet is what a help desk sees of a user.
type Sheet struct {
	User     tenants.User
	Factors  []Factor // oldest first
	Tries    ceremony.Tries
	Sessions int  // in this tenant
	Bypass   bool // one is out in this tenant
}

// Factor is something a user has set up.
type Factor struct {
	ceremony.Held
	Name    string // of the instance
	Counted bool   // Uses says how often it can still be used
}

// Show gathers what there is to know about a user. There is no secret in it.
func (h *HelpDesk) Show(ctx context.Context, userID string) (s Sheet, err error) {
	if s.User, err = h.Tenants.User(ctx, userID); err != nil {
		return Sheet{}, err
	}
	if s.Factors, err = h.factors(ctx, userID); err != nil {
		return Sheet{}, err
	}
	if s.Tries, err = h.Ceremony.Tries(ctx, userID); err != nil {
		return Sheet{}, err
	}
	if s.Bypass, err = h.Ceremony.HasBypass(ctx, userID); err != nil {
		return Sheet{}, err
	}
	s.Sessions, err = h.Sessions(ctx, userID)
	return s, err
}

func (h *HelpDesk) factors(ctx context.Context, userID string) ([]Factor, error) {
	held, err := h.Ceremony.Held(ctx, userID)
	if err != nil {
		return nil, err
	}
	instances, err := h.Tenants.ListTwoFactors(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Factor, len(held))
	for i, e := range held {
		out[i].Held = e
		for _, inst := range instances {
			if inst.ID == e.TwoFactorID {
				out[i].Name, out[i].Counted = inst.Name, h.Tenants.Catalog[inst.Type].Info.Fallback
			}
		}
	}
	return out, nil
}

// Bypass issues a code that the user enters once in place of a second factor, and
// ends the one before. It is shown to whoever asked for it, and to nobody again.
func (h *HelpDesk) Bypass(ctx context.Context, userID string, by By) (code string, until time.Time, err error) {
	reason, err := by.explained()
	if err != nil {
		return "", time.Time{}, err
	}
	err = h.DB.Tx(ctx, func(ctx context.Context) error {
		u, err := h.Tenants.User(ctx, userID)
		if err != nil {
			return err
		}
		if !u.Active || u.Kind != tenants.Person {
			return errNoPerson
		}
		if code, until, err = h.Ceremony.IssueBypass(ctx, u.ID); err != nil {
			return err
		}
		if err := h.Notify(ctx, u.ID, ceremony.Notice{Event: "bypass_issued"}); err != nil {
			return err
		}
		return h.record(ctx, "factor.bypass_issued", u, by, map[string]any{"reason": reason, "until": until})
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return code, until, nil
}

// Unlock forgets a user's wrong answers, and returns how many there were. It needs no
// reason.
func (h *HelpDesk) Unlock(ctx context.Context, userID string, by By) (wrong int64, err error) {
	reason, err := by.explained()
	if err != nil && !errors.Is(err, errNoReason) {
		return 0, err
	}
	err = h.DB.Tx(ctx, func(ctx context.Context) error {
		u, err := h.Tenants.User(ctx, userID)
		if err != nil {
			return err
		}
		tries, err := h.Ceremony.Tries(ctx, u.ID)
		if err != nil {
			return err
		}
		wrong = tries.Wrong
		if err := h.Ceremony.Unlock(ctx, u.ID); err != nil {
			return err
		}
		detail := map[string]any{"wrong": wrong}
		if reason != "" {
			detail["reason"] = reason
		}
		return h.record(ctx, "factor.unlocked", u, by, detail)
	})
	return wrong, err
}

func (h *HelpDesk) record(ctx context.Context, kind string, u tenants.User, by By, detail map[string]any) error {
	return h.Audit.Record(ctx, audit.Event{Kind: kind, Actor: by.Actor, User: u.ID}, detail)
}

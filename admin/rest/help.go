package rest

import (
	"context"
	"net/http"
	"time"

	"twofold/admin"
)

// Help is what a help desk may know of a user.
type Help struct {
	User     User     `json:"user" doc:"The user."`
	Factors  []Factor `json:"factors" doc:"What the user has set up, oldest first."`
	Wrong    int64    `json:"wrong_answers" doc:"Wrong answers in a row, over all factors."`
	Locked   bool     `json:"locked" doc:"No answer counts until somebody unlocks the user."`
	Sessions int      `json:"sessions" doc:"Open sessions in the tenant that the help is in."`
	Help     bool     `json:"help_issued" doc:"A code for one sign-in without a second factor is out."`
}

// Factor is something a user has set up.
type Factor struct {
	ID          string     `json:"id" doc:"Its id."`
	TwoFactorID string     `json:"two_factor" doc:"Id of the TwoFactor instance."`
	Name        string     `json:"name" doc:"Name of the instance."`
	Label       string     `json:"label" doc:"What the user calls it."`
	CreatedAt   time.Time  `json:"created_at" doc:"When it was set up."`
	LastUsedAt  *time.Time `json:"last_used_at,omitempty" doc:"When it was used last."`
}

// Reason is why a help desk does something.
type Reason struct {
	Reason string `json:"reason" maxLength:"500" doc:"Why; it is kept in the audit trail." example:"lost her phone, called back"`
}

// ResetFactors is what is taken away.
type ResetFactors struct {
	Reason
	KeepPhone bool `json:"keep_phone" doc:"The user still has the phone: its number stays proven."`
}

// ResetDone is what a reset has done.
type ResetDone struct {
	Factors  int64 `json:"factors" doc:"Factors that were removed."`
	Phone    bool  `json:"phone_unproven" doc:"The phone number is unproven now."`
	Sessions int   `json:"sessions" doc:"Sessions that were ended."`
}

// Unlocked is what an unlocking has forgotten.
type Unlocked struct {
	Wrong int64 `json:"wrong_answers" doc:"Wrong answers that are forgotten."`
}

// BypassShown is a code for one sign-in. It is shown this once.
type BypassShown struct {
	Code  string    `json:"bypass_code" doc:"The user enters it once in place of a second factor. It is shown this once."`
	Until time.Time `json:"until" doc:"When it ends."`
}

func (a *API) help() {
	const user = "/subscriptions/{subscription}/users/{id}"
	act[none, Help](a, spec{id: "users.help.get", method: http.MethodGet, path: user + "/help", summary: "Show what a help desk may know of a user", action: admin.UserHelp},
		func(ctx context.Context, c *call, _ none) (*answer, error) {
			s, err := a.Admin.Help(ctx, c.who, c.subscription, c.id)
			if err != nil {
				return nil, err
			}
			out := Help{User: take[User](&s.User), Factors: make([]Factor, len(s.Factors)), Wrong: s.Tries.Wrong, Locked: s.Tries.Locked, Sessions: s.Sessions, Help: s.Bypass}
			for i := range s.Factors {
				out.Factors[i] = take[Factor](&s.Factors[i])
			}
			return &answer{body: out}, nil
		})
	act[ResetFactors, ResetDone](a, spec{
		id: "users.factors.reset", method: http.MethodPost, path: user + "/reset", summary: "Take away the second factors of a user", action: admin.UserHelp,
		about: "For somebody who has lost them. What the user has open ends. A bypass code comes before new ones can be set up.", must: []string{"reason"}, once: true,
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c *call, b ResetFactors) (*answer, error) {
		done, err := a.Admin.Reset(ctx, c.who, c.subscription, c.id, b.Reason.Reason, admin.Reset{KeepPhone: b.KeepPhone})
		return &answer{body: ResetDone{done.Factors, done.Phone, done.Sessions}}, err
	})
	act[Reason, BypassShown](a, spec{
		id: "users.bypass.create", method: http.MethodPost, path: user + "/bypass", summary: "Issue a code for one sign-in without a second factor", action: admin.UserHelp,
		about: "It ends the one before. It is shown this once.", must: []string{"reason"}, once: true, status: http.StatusCreated, problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c *call, b Reason) (*answer, error) {
		code, until, err := a.Admin.Bypass(ctx, c.who, c.subscription, c.id, b.Reason)
		return &answer{body: BypassShown{code, until.UTC()}}, err
	})
	act[Reason, Unlocked](a, spec{
		id: "users.unlock", method: http.MethodPost, path: user + "/unlock", summary: "Forget a user's wrong answers", action: admin.UserHelp, must: []string{"reason"}, once: true,
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c *call, b Reason) (*answer, error) {
		n, err := a.Admin.Unlock(ctx, c.who, c.subscription, c.id, b.Reason)
		return &answer{body: Unlocked{n}}, err
	})
}

package ceremony

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"twofold/internal/audit"
	"twofold/internal/limits"
	"twofold/internal/phone"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/twofactor"
)

// N10: sends to one destination, over all tenants and replicas.
var (
	perDestination = limits.Limit{Burst: 3, Per: 10 * time.Minute}
	perDaySMS      = limits.Limit{Burst: 10, Per: 24 * time.Hour}
	perDayMail     = limits.Limit{Burst: 20, Per: 24 * time.Hour}
)

// What a user can have done that no limit of a destination bounds: a service asks him
// itself, by a push message say; and he names addresses of his own to prove.
var (
	perAsked    = limits.Limit{Burst: 3, Per: 10 * time.Minute}
	perDayAsked = limits.Limit{Burst: 20, Per: 24 * time.Hour}
	perProving  = limits.Limit{Burst: 5, Per: time.Hour}
)

// N11: text messages asked for from one network, over all tenants and replicas.
var (
	perSourceHour = limits.Limit{Burst: 20, Per: time.Hour}
	perSourceDay  = limits.Limit{Burst: 100, Per: 24 * time.Hour}
)

// SMSRules are what a tenant allows.
type SMSRules struct {
	Countries []string // where text messages may go: ISO 3166-1 alpha-2; none: nowhere (N12)
	PerDay    int64    // how many a day (N14)
}

var errNoRules = errors.New("ceremony: no rules for text messages: see Config.SMS")

// allowAsk says whether a question may be put at all, before the factor is asked for
// it: some reach the user while they make it (M74), and some go where he likes (M71).
func (c *Ceremony) allowAsk(ctx context.Context, inst twofactor.Instance, st Start) error {
	if st.Purpose == Prove {
		return c.takeAll(ctx, errManySends, budget{perProving, []string{"proving", st.User.ID}})
	}
	if _, ok := inst.Factor.(twofactor.Poller); !ok || st.Purpose != SignIn {
		return nil
	}
	return c.takeAll(ctx, errManySends,
		budget{perAsked, []string{"asked", "10min", st.TwoFactorID, st.User.ID}},
		budget{perDayAsked, []string{"asked", "day", st.TwoFactorID, st.User.ID}})
}

// allowSend says whether a message may be sent, and takes from the budgets that it
// would use. It runs outside of any transaction, so that a rollback gives nothing
// back. Its refusals are *problem.Error.
//
// What an attacker can use up for others comes last: who is over the limit of his
// own network takes nothing from his victim's or from the tenant's.
func (c *Ceremony) allowSend(ctx context.Context, inst twofactor.Instance, m *twofactor.Message) error {
	if m == nil {
		return nil
	}
	for _, need := range inst.Info.Needs {
		if need == twofactor.NeedsPhone {
			return c.allowSMS(ctx, m)
		}
	}
	return c.allowDestination(ctx, perDayMail, "mail", m.To)
}

func (c *Ceremony) allowSMS(ctx context.Context, m *twofactor.Message) error {
	if c.SMS == nil {
		return errNoRules
	}
	rules, err := c.SMS(ctx)
	if err != nil {
		return fmt.Errorf("ceremony: %w", err)
	}
	number, refused := phone.Text(m.To, rules.Countries)
	if refused != "" {
		return c.refuseNumber(ctx, m, number, refused)
	}
	steps := []func() error{
		func() error { return c.unblocked(ctx, number) },
		func() error { return c.allowSource(ctx) },
		func() error { return c.allowDestination(ctx, perDaySMS, "sms", m.To) },
		func() error { return c.allowDay(ctx, rules.PerDay) },
		func() error { return c.allowPrefix(ctx, number, m.Masked) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// refuseNumber refuses by N12. An administrator finds it in the audit trail: he can
// allow the country, or correct the number.
func (c *Ceremony) refuseNumber(ctx context.Context, m *twofactor.Message, n phone.Number, why phone.Refusal) error {
	err := c.Audit.Record(ctx, audit.Event{Kind: "sms.refused", Actor: "system"}, map[string]any{
		"to": m.Masked, "why": string(why), "country": n.Region, "line": string(n.Kind),
	})
	if err != nil {
		return err
	}
	switch why {
	case phone.WrongCountry:
		return problem.Wrap(problem.Forbidden, "sms_country", "We do not send text messages to this country. Please use another method or ask your administrator.", twofactor.ErrUnusable)
	case phone.WrongKind:
		return problem.Wrap(problem.Forbidden, "sms_kind", "We cannot send text messages to this kind of number. Please use another method or ask your administrator.", twofactor.ErrUnusable)
	case phone.NoNumber:
	}
	return problem.Wrap(problem.Forbidden, "sms_number", "We cannot send text messages to this number. Please use another method or ask your administrator.", twofactor.ErrUnusable)
}

// allowDestination is N10. Spellings of one mailbox in upper and lower case are one
// destination.
func (c *Ceremony) allowDestination(ctx context.Context, daily limits.Limit, kind, to string) error {
	to = strings.ToLower(to)
	return c.takeAll(ctx, errManySends,
		budget{perDestination, []string{"destination", kind, "10min", to}},
		budget{daily, []string{"destination", kind, "day", to}})
}

// allowSource is N11. Work of our own, such as falling through, comes from nowhere.
func (c *Ceremony) allowSource(ctx context.Context) error {
	from := audit.OriginOf(ctx).Address
	if from == "" {
		return nil
	}
	network := web.Network(from)
	return c.takeAll(ctx, errManyHere,
		budget{perSourceHour, []string{"sms_source", "hour", network}},
		budget{perSourceDay, []string{"sms_source", "day", network}})
}

var (
	errManySends = problem.New(problem.TooMany, "too_many_sends", "We have sent several codes there already.")
	errManyHere  = problem.New(problem.TooMany, "too_many_sends_here", "Many codes were asked for from your network. Please wait, or use another method.")
)

type budget struct {
	limits.Limit
	name []string
}

func (c *Ceremony) takeAll(ctx context.Context, over *problem.Error, budgets ...budget) error {
	for _, b := range budgets {
		ok, after, err := c.Limits.Take(ctx, b.Limit, b.name...)
		if err != nil {
			return fmt.Errorf("ceremony: %w", err)
		}
		if !ok {
			refusal := *over
			refusal.RetryAfter = after
			return &refusal
		}
	}
	return nil
}

package ceremony

import (
	"context"
	"errors"
	"fmt"

	"twofold/internal/audit"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// broken tells the audit trail that a factor failed by itself when it was asked to
// begin or to judge: a service of the customer's that does not answer, say. The user
// was told only that it does not work; an administrator finds here what to mend.
// It returns cause, for callers to return.
func (c *Ceremony) broken(ctx context.Context, inst twofactor.Instance, userID string, cause error) error {
	if p := (*problem.Error)(nil); errors.As(cause, &p) || errors.Is(cause, twofactor.ErrUnusable) || ctx.Err() != nil {
		return cause
	}
	ok, _, err := c.Limits.Take(ctx, perRefusal, "broken", userID, inst.ID)
	if err == nil && ok {
		// Of any other error only that it was one is certain to hold nothing secret.
		words := "not classified by the factor: see the log"
		if se := (*twofactor.SendError)(nil); errors.As(cause, &se) {
			words = se.Error()
		}
		err = c.Audit.Record(ctx, audit.Event{Kind: "factor.broken", Actor: "system", User: userID}, map[string]any{
			"two_factor": inst.ID, "type": inst.Info.Type, "error": words,
		})
	}
	if err != nil {
		return errors.Join(cause, fmt.Errorf("ceremony: broken: %w", err))
	}
	return cause
}

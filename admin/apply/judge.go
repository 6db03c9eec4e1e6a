package apply

import (
	"context"
	"errors"
)

// judge warns of instances that are asked for and cannot be used as things are
// now. It looks at all of the subscription: base settings may have broken one that
// the file does not name.
func (j *job) judge(ctx context.Context) error {
	list, err1 := j.store.ListTwoFactors(ctx)
	assigned, err2 := j.store.ListAssignments(ctx)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	required := map[string]bool{}
	for _, a := range assigned {
		required[a.TwoFactorID] = required[a.TwoFactorID] || a.Required
	}
	for _, f := range list {
		if f.Deleted() {
			continue
		}
		state, err := j.store.StateOf(ctx, f.ID)
		if err != nil {
			return err
		}
		label := j.label(kindTwoFactor+" ") + shownName(f.Name)
		switch {
		case state.Word == "invalid":
			j.warn("%s is invalid: %s", label, state.Reason)
		case !f.Active && required[f.ID]:
			j.warn("%s is inactive, but an assignment requires it", label)
		}
	}
	return nil
}

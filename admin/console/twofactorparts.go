package console

import (
	"fmt"

	"twofold/admin"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// twoFactorParts are what there is to see and to do about an instance.
func (d *desk) twoFactorParts(*ui.AdminDetail, admin.Instance, twofactor.Info) error { return nil }

// goesWith names what is lost with an instance.
func (d *desk) goesWith(v tenants.TwoFactor) ([]string, error) {
	u, err := d.Admin.Uses(d.r.Context(), d.who, d.sub.ID, v.ID)
	if err != nil {
		return nil, err
	}
	out := []string{"What people have set up with it can no longer be used."}
	if n := len(u.Assignments); n > 0 {
		out = append(out, fmt.Sprintf("Its assignments go with it: %s.", counted(n, "assignment", "assignments")))
	}
	for _, o := range u.FallThrough {
		out = append(out, fmt.Sprintf("Deliveries of %s fall through to it when they fail. They would end there.", o.Name))
	}
	return out, nil
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return ui.Figures(n) + " " + many
}

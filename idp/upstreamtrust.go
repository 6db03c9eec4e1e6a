package idp

import (
	"context"
	"slices"
	"strings"

	"twofold/idp/signin"
	"twofold/tenants"
)

// weigh asks what the words of other providers count for now: an administrator may trust
// them with less by now, or have taken them from the tenant.
func (s *IDP) weigh(ctx context.Context, f signin.Facts) (signin.Facts, error) {
	if !slices.ContainsFunc(f.Proofs, func(p signin.Proof) bool { return p.Method == signin.Upstream }) {
		return f, nil
	}
	ways, err := s.ways(ctx)
	if err != nil {
		return f, err
	}
	var proofs []signin.Proof
	for _, p := range f.Proofs {
		if p.Method == signin.Upstream {
			v, ok := ways.find(func(v tenants.IDP) bool { return v.ID == p.IDPID })
			if !ok {
				continue
			}
			strength, trusted := v.Trusted(p.SaidACR, p.SaidAMR)
			p.Strength, p.AMR = signin.Strength(strength), nil
			if trusted {
				p.AMR = registered(p.SaidAMR)
			}
		}
		proofs = append(proofs, p)
	}
	f.Proofs = proofs
	return f, nil
}

// registered are the values of amr that apps may know (RFC 8176 §2).
func registered(amr []string) []string {
	known := strings.Fields("face fpt geo hwk iris kba mca mfa otp pin pop pwd rba retina sc sms swk tel user vbm wia")
	return slices.DeleteFunc(slices.Clone(amr), func(m string) bool { return !slices.Contains(known, m) })
}

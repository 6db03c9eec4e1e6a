package idp

import (
	"net/http"
	"slices"
	"time"

	"twofold/idp/signin"
)

// A sign-in may begin with proofs borrowed from the browser's session. They count
// as long as that session does: whoever signs out, is signed out, or signs in as
// somebody else takes them back, from sign-ins that are under way too.

// borrowed reports whether a proof was there before the sign-in began.
func (a *attempt) borrowed(p signin.Proof) bool { return !p.Since(a.row.CreatedAt) }

func (a *attempt) borrows() bool { return slices.ContainsFunc(a.facts.Proofs, a.borrowed) }

// checkBorrowed drops what the browser's session no longer stands for.
func (s *IDP) checkBorrowed(r *http.Request, a *attempt) error {
	if !a.borrows() {
		return nil
	}
	have, err := s.session(r)
	if err != nil {
		return err
	}
	var now signin.Facts
	if have != nil && have.UserID == a.facts.UserID {
		if now, err = have.facts(now); err != nil {
			return err
		}
	}
	a.facts.Proofs = slices.DeleteFunc(a.facts.Proofs, func(p signin.Proof) bool {
		stands := slices.ContainsFunc(now.Proofs, func(q signin.Proof) bool { return q.Method == p.Method && !q.At.Before(p.At) })
		return a.borrowed(p) && !stands
	})
	if !a.borrows() {
		a.facts.AuthTime = time.Time{}
	}
	return nil
}

package idp

import (
	"context"
	"net/http"
	"strings"

	"twofold/idp/op"
	"twofold/idp/signin"
	"twofold/internal/phone"
)

// A sign-in of our own has no app's request behind it: it ends at a page of ours. All
// steps are the same, and so are the rules, but for the app's.

// ownSignIn begins one for this browser. wants says what the user came for, if it is
// more than to see a page; recent that it needs proofs of the last minutes.
func (s *IDP) ownSignIn(w http.ResponseWriter, r *http.Request, returnTo, wants string, recent bool) error {
	ctx := r.Context()
	a := s.newAttempt(ctx, op.AuthRequest{})
	a.row.ReturnTo = returnTo
	have, err := s.session(r)
	if err != nil {
		return err
	}
	if have != nil {
		if a.facts, err = have.facts(a.facts); err != nil {
			return err
		}
		a.adopts = true
	}
	a.facts.Wants, a.facts.Recent = wants, recent
	if err := s.checkRemembered(r, a); err != nil {
		return err
	}
	v, err := s.judge(ctx, a)
	if have != nil && lost(err) == errSignInOver { //nolint:errorlint // our own sentinel
		a.facts, a.adopts, a.mark = signin.Facts{Wants: wants, Recent: recent}, false, nil
		v, err = verdict{}, nil
	}
	if err != nil {
		return err
	}
	return s.open(w, r, a, v)
}

// member is the user of a browser's session who may see the account pages now.
type member struct {
	session *sessionRow
	verdict verdict
	attempt *attempt // as a sign-in that begins now would be
}

// member finds the user of this browser's session, if the rules as they are now would
// let him in without a question. recent asks for proofs of the last minutes.
//
// Whatever a sign-in of our own ends with must satisfy this too: otherwise the browser
// would go back and forth between the two without end. What another tenant lends becomes a
// session here by such a sign-in first.
func (s *IDP) member(r *http.Request, recent bool) (*member, error) {
	have, err := s.ownSession(r)
	if err != nil || have == nil {
		return nil, err
	}
	a := s.newAttempt(r.Context(), op.AuthRequest{})
	a.row.ReturnTo, a.adopts = path(r, "/account"), true
	if a.facts, err = have.facts(a.facts); err != nil {
		return nil, err
	}
	// Looking at the account is no time to be asked again what may wait.
	a.facts.Recent, a.facts.Later = recent, true
	if err := s.checkRemembered(r, a); err != nil {
		return nil, err
	}
	v, err := s.judge(r.Context(), a)
	if lost(err) == errSignInOver { //nolint:errorlint // our own sentinel
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if v.step != signin.Done {
		return nil, nil
	}
	return &member{have, v, a}, nil
}

// signedIn lets a handler of the account pages have the user, or sends the browser to
// sign in first. A session alone is not enough: the rules may ask for more by now.
func (s *IDP) signedIn(h func(http.ResponseWriter, *http.Request, *member) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		m, err := s.member(r, false)
		if err != nil {
			return err
		}
		if m == nil {
			return s.ownSignIn(w, r, path(r, "/account"), "", false)
		}
		if err := s.touch(r.Context(), m.session); err != nil {
			return err
		}
		return h(w, r, m)
	}
}

// tellOf records an event about a user's account, done by himself.
func (s *IDP) tellOf(ctx context.Context, m *member, kind string, detail map[string]any) error {
	return s.tell(ctx, m.attempt, kind, detail)
}

// maskedPhone is a number as pages may show it: its country, and its last two digits.
func maskedPhone(number string) string {
	country, _, ok := strings.Cut(phone.Written(number), " ")
	if !ok || len(number) < len(country)+6 {
		return "•••"
	}
	return country + " •• ••• " + number[len(number)-2:]
}

// masked is a mail address as pages and logs may show it.
func masked(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return "•••"
	}
	if at == 1 {
		return "•••" + address[at:]
	}
	return address[:1] + "•••" + address[at:]
}

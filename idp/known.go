package idp

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"twofold/internal/audit"
	"twofold/internal/id"
	"twofold/internal/limits"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/tenants"
)

// N6: tries of one name. By name and network the pause comes early; by name alone
// late. A browser in which the right password of a name was given before, or chosen by
// a mailed link, has a budget of its own: a stranger who guesses, from however many
// places, does not keep the owner out of it (docs/adr/0026).
var (
	perNameAndNetwork = limits.Limit{Burst: 10, Per: 10 * time.Minute}
	perName           = limits.Limit{Burst: 100, Per: 24 * time.Hour}
)

func knownCookie() cookie { return cookie{name: "known"} }

const (
	knownCookieLife = 365 * 24 * time.Hour
	knownToken      = 22 // characters: 128 bits
)

// allowTry bounds guessing of passwords, for known and unknown names alike.
func (s *IDP) allowTry(r *http.Request, name string) error {
	ctx := r.Context()
	tenant, name := tenants.RealmFrom(ctx).Tenant.ID, tenants.NormalName(name)
	if token := s.knownFor(r, name); token != "" {
		return s.takeTry(ctx, perNameAndNetwork, "password-known", tenant, name, token)
	}
	err := s.takeTry(ctx, perNameAndNetwork, "password", tenant, name, web.Network(audit.OriginOf(ctx).Address))
	if err != nil {
		return err
	}
	return s.takeTry(ctx, perName, "password", tenant, name)
}

func (s *IDP) takeTry(ctx context.Context, l limits.Limit, key ...string) error {
	ok, after, err := s.Limits.Take(ctx, l, key...)
	if err != nil || ok {
		return err
	}
	return problem.Busy(problem.TooMany, "password_tries", "There were many tries to sign in with this name. Please wait before you try again.", after)
}

// knownFor finds by what token this browser is known for a name; empty: it is not. The
// cookie proves nothing but that: a password is asked for as ever.
func (s *IDP) knownFor(r *http.Request, name string) string {
	for _, v := range s.cookies(r, knownCookie()) {
		token, mac, _ := strings.Cut(v, ".")
		if subtle.ConstantTimeCompare([]byte(mac), []byte(s.knownMAC(r.Context(), token, name))) == 1 {
			return token
		}
	}
	return ""
}

// know makes this browser known for a name, by a new token.
func (s *IDP) know(w http.ResponseWriter, r *http.Request, name string) {
	name = tenants.NormalName(name)
	if name == "" || s.knownFor(r, name) != "" {
		return
	}
	token := id.Token(s.Rand)[:knownToken]
	s.setCookie(w, r, knownCookie(), token+"."+s.knownMAC(r.Context(), token, name), knownCookieLife)
}

func (s *IDP) knownMAC(ctx context.Context, token, name string) string {
	return hex.EncodeToString(s.Seal.MAC("known-browser", tenants.RealmFrom(ctx).Tenant.ID, token, name)[:16])
}

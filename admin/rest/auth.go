package rest

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"twofold/admin"
	"twofold/internal/limits"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// authenticate finds out who calls. His roles are read anew for each request.
func (a *API) authenticate(c *call) (err error) {
	token, err := bearerToken(c.Request)
	if err != nil {
		return err
	}
	ctx := c.Context()
	signed, scopes, err := a.Bearer(ctx, token)
	if p := problem.From(err); err != nil && p.Code == "insufficient_scope" {
		return noScope()
	}
	if problem.Is(err, problem.Unauthenticated) {
		return challenge(fail401("token_invalid", "The access token is not good: it is over, revoked, or not of this server."), `error="invalid_token"`)
	}
	if err != nil {
		return err
	}
	if !slices.Contains(scopes, ScopeAdmin) {
		return noScope()
	}
	c.scopes = scopes
	c.who, err = a.Admin.Who(ctx, signed)
	if p := problem.From(err); err != nil && p.Code == "second_factor_needed" {
		return challenge(fail401(p.Code, p.Message), `error="insufficient_user_authentication"`, `acr_values="`+twofactor.Strength2FA.ACR()+`"`)
	}
	return err
}

// pace holds a caller to so many requests a minute, on this replica. It asks no database,
// and what it remembers is who lately called and may.
func (a *API) pace(w admin.Who) error {
	if ok, after := a.paces.Take(limits.Limit{Burst: a.PerMinute, Per: time.Minute}, w.Kind+":"+w.ID); !ok {
		return problem.Busy(problem.TooMany, "too_many_requests", "That were many requests in a short time. Wait a little: see Retry-After.", after)
	}
	return nil
}

// bearerToken reads the header; a token in the address would be in logs (RFC 6750 §5.3).
func bearerToken(r *http.Request) (string, error) {
	given := r.Header.Values("Authorization")
	if len(given) == 1 {
		scheme, token, _ := strings.Cut(given[0], " ")
		if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
			return token, nil
		}
	}
	return "", challenge(fail401("token_missing", "Send an access token: Authorization: Bearer …"))
}

func noScope() error {
	f := failure(http.StatusForbidden, "insufficient_scope", "The access token does not have the scope admin.")
	return challenge(f, `error="insufficient_scope"`, `scope="`+ScopeAdmin+`"`)
}

func fail401(code, detail string) *Failure { return failure(http.StatusUnauthorized, code, detail) }

// challenge says how to come by what is missing (RFC 6750 §3).
func challenge(f *Failure, params ...string) *Failure {
	f.header.Set("WWW-Authenticate", "Bearer "+strings.Join(append([]string{`realm="twofold"`}, params...), ", "))
	return f
}

// again asks for a fresh sign-in (RFC 9470 §3), or only for a sign-in.
func again(err error, f *Failure) *Failure {
	if errors.Is(err, admin.ErrAgain) {
		return challenge(f, `error="insufficient_user_authentication"`, `error_description="a fresh sign-in is needed"`,
			`max_age="`+strconv.Itoa(int(admin.FreshFor.Seconds()))+`"`)
	}
	return challenge(f, `error="invalid_token"`)
}

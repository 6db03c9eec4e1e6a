package op

import (
	"context"
	"errors"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"
)

// The errors of the token endpoint (RFC 6749 §5.2). Every error handed to the
// library is made here: it would print the text of any other to the client.

func invalidRequest(description string) error {
	return oidc.ErrInvalidRequest().WithDescription("%s", description)
}

func invalidGrant(description string) error {
	return oidc.ErrInvalidGrant().WithDescription("%s", description)
}

func invalidScope(description string) error {
	return oidc.ErrInvalidScope().WithDescription("%s", description)
}

// invalidClient is 401; edge.go adds the WWW-Authenticate header.
func invalidClient() error {
	return lib.NewStatusError(oidc.ErrInvalidClient().WithDescription("client authentication failed"), http.StatusUnauthorized)
}

// unavailable logs a failure of ours and hides it. The cause is nearly always the
// database, so the client is told to come back.
func (p *Provider) unavailable(ctx context.Context, doing string, err error) error {
	if !errors.Is(err, context.Canceled) {
		p.Log.ErrorContext(ctx, "provider request failed", "doing", doing, "error", err)
	}
	return lib.NewStatusError(oidc.ErrServerError().WithDescription("temporarily not available"), http.StatusServiceUnavailable)
}

// isTokenError tells a token that is not valid from a failure of ours.
func isTokenError(err error) bool { return errors.Is(err, errToken) }

package upstream

import (
	"context"
	"errors"
	"fmt"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/jwks"
)

// algorithms are those that an ID token may be signed by. None of them takes a secret
// that somebody else may know for a key.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

const maxToken = 64 << 10

// keySet verifies by the keys of a provider.
type keySet struct{ *jwks.Set }

// VerifySignature implements oidc.KeySet.
func (s keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	if len(token) > maxToken {
		return nil, errors.New("upstream: the token is too long")
	}
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, fmt.Errorf("upstream: token: %w", short(err))
	}
	header := jws.Signatures[0].Protected
	// A typed token of another kind is no ID token (RFC 8725 §3.11, RFC 9068 §4).
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != "" && typ != "JWT" && typ != "jwt" {
		return nil, errors.New("upstream: the token is of another kind")
	}
	keys, err := s.Find(ctx, header)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	for _, k := range keys {
		if payload, err := jws.Verify(k.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("upstream: no key of the provider fits the signature")
}

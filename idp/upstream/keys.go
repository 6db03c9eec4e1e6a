package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// algorithms are those that an ID token may be signed by. None of them takes a secret
// that somebody else may know for a key.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

const (
	keysLife  = time.Hour
	keysPause = time.Minute // between two looks for a key that is not known (SECURITY F23)
	maxToken  = 64 << 10
)

// keySet are the keys of a provider. They are fetched again when a token names one that
// is not among them, but not more often than once a minute.
type keySet struct {
	http *http.Client
	now  func() time.Time
	url  string

	mu   sync.Mutex
	keys []jose.JSONWebKey
	at   time.Time // when they were fetched
	last time.Time // when that was last tried
}

// VerifySignature implements oidc.KeySet.
func (s *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
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
	keys, err := s.find(ctx, header)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if payload, err := jws.Verify(k.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("upstream: no key of the provider fits the signature")
}

// find are the keys that may have made a signature.
func (s *keySet) find(ctx context.Context, header jose.Header) ([]jose.JSONWebKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Sub(s.at) < keysLife {
		if found := fitting(s.keys, header); len(found) > 0 {
			return found, nil
		}
	}
	if now.Sub(s.last) < keysPause && !s.at.IsZero() {
		return fitting(s.keys, header), nil
	}
	s.last = now
	keys, err := s.fetch(ctx)
	if err != nil {
		return nil, err
	}
	s.keys, s.at = keys, now
	return fitting(keys, header), nil
}

// fitting are public keys for signatures by the kid and the algorithm of a header. Never
// is a key looked at that the header brings along.
func fitting(keys []jose.JSONWebKey, header jose.Header) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, k := range keys {
		switch {
		case header.KeyID != "" && k.KeyID != header.KeyID, k.Use != "" && k.Use != "sig", k.Algorithm != "" && k.Algorithm != header.Algorithm, !k.IsPublic():
		default:
			out = append(out, k)
		}
	}
	return out
}

func (s *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: keys: %w", ErrDown, err)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: keys: %w", ErrDown, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: keys: status %d", ErrDown, res.StatusCode)
	}
	// A key of a kind that is not known here must not hide the others (RFC 7517 §5).
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("%w: keys cannot be read", ErrDown)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

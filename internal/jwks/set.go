package jwks

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	life    = time.Hour        // that keys are believed
	pause   = time.Minute      // between two looks for a key that is not known (SECURITY F23)
	retry   = 10 * time.Second // after a look that failed, while nothing is known
	maxWait = 5 * time.Second
	minRSA  = 2048 // bits
)

// ErrUnreachable says that the keys cannot be had at this moment.
var ErrUnreachable = errors.New("jwks: the keys cannot be fetched")

// Set are the keys at an address. They are fetched when a signature is to be checked, and
// again when it names a key that is not among them; but whoever makes up names of keys
// brings about one call a minute.
type Set struct {
	http *http.Client
	now  func() time.Time
	url  string

	mu   sync.Mutex
	keys []jose.JSONWebKey
	at   time.Time // when they were fetched
	next time.Time // when they may be fetched again
	err  error     // what the last look ended in
}

// New returns the keys at url. The client must be one for addresses that nobody has
// vouched for, see package outbound.
func New(client *http.Client, now func() time.Time, url string) *Set {
	return &Set{http: client, now: now, url: url}
}

// Find returns the keys that may have made a signature with this header. An error wraps
// ErrUnreachable.
func (s *Set) Find(ctx context.Context, header jose.Header) ([]jose.JSONWebKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	fresh := now.Sub(s.at) < life
	if fresh {
		if found := Fitting(s.keys, header); len(found) > 0 {
			return found, nil
		}
	}
	if now.Before(s.next) {
		if !fresh {
			return nil, s.err
		}
		return nil, nil
	}
	keys, err := s.fetch(ctx)
	if err != nil {
		s.err, s.next = err, now.Add(retry)
		if fresh {
			s.next = now.Add(pause)
		}
		return nil, err
	}
	s.keys, s.at, s.next = keys, now, now.Add(pause)
	return Fitting(keys, header), nil
}

// Fitting are the keys that may have made a signature with this header: public ones for
// signatures, by its kid and algorithm; a key without a kid may be any. Never is a key
// looked at that the header brings along. go-jose itself checks that algorithm and type of
// a key go together.
func Fitting(keys []jose.JSONWebKey, header jose.Header) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, k := range keys {
		switch {
		case header.KeyID != "" && k.KeyID != "" && k.KeyID != header.KeyID, k.Use != "" && k.Use != "sig", k.Algorithm != "" && k.Algorithm != header.Algorithm:
		case !k.IsPublic(), tooShort(k):
		default:
			out = append(out, k)
		}
	}
	return out
}

func tooShort(k jose.JSONWebKey) bool {
	r, ok := k.Key.(*rsa.PublicKey)
	return ok && r.N.BitLen() < minRSA
}

func (s *Set) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	// Others wait for the same answer, so it does not hang on who asked first.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := s.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: status %d", ErrUnreachable, res.StatusCode)
	}
	keys, err := Parse(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return keys, nil
}

// Parse reads a JSON Web Key Set. Keys of kinds that are not known here are left out: they
// must not hide the others (RFC 7517 §5).
func Parse(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("jwks: this is no JSON Web Key Set")
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

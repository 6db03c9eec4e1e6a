package op

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// Types in the header of our tokens. Each verifier accepts one of them, so that
// no token passes for another kind (RFC 9068 §2.1, RFC 8725 §3.11).
const (
	typAccess = "at+jwt"
	typID     = "JWT"
	typLogout = "logout+jwt" // Back-Channel Logout §2.4
)

// maxToken bounds what is parsed at all.
const maxToken = 8 << 10

// errToken reports a token that is not ours, altered, or of another kind.
var errToken = errors.New("op: token not valid")

// errKeyUnknown is an errToken that is signed by a key which is not there, or says so.
var errKeyUnknown = fmt.Errorf("%w: no such key", errToken)

// sign makes a token of a type, with the tenant's active key for alg.
func (s *keySet) sign(alg jose.SignatureAlgorithm, typ string, claims any) (string, error) {
	k := s.active[alg]
	if k == nil {
		return "", fmt.Errorf("op: no active %s key", alg)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("op: claims: %w", err)
	}
	jws, err := k.signers[typ].Sign(payload)
	if err != nil {
		return "", fmt.Errorf("op: sign: %w", err)
	}
	return jws.CompactSerialize()
}

// verify is keySet.verify, by the keys of the tenant in ctx. Where they lack the token's
// key they are read again, but not for every made-up one.
func (p *Provider) verify(ctx context.Context, token, typ string, claims any) error {
	set, err := p.keySet(ctx)
	if err != nil {
		return err
	}
	if err := set.verify(token, typ, claims); !errors.Is(err, errKeyUnknown) {
		return err
	}
	if set, err = p.keySetOf(ctx, lookAgain); err != nil {
		return err
	}
	return set.verify(token, typ, claims)
}

// verify checks the signature and the type of a token of this tenant and decodes
// its claims. The key is found by kid among our own: a key or an address of one in
// the header is never looked at (SECURITY R17).
func (s *keySet) verify(token, typ string, claims any) error {
	if !strictCompact(token) {
		return errToken
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil || len(jws.Signatures) != 1 {
		return errToken
	}
	h := jws.Signatures[0].Protected
	k := s.byID[h.KeyID]
	if k == nil && typ == typID {
		k = s.old[h.KeyID]
	}
	if k == nil {
		return errKeyUnknown
	}
	if string(k.alg) != h.Algorithm || h.ExtraHeaders[jose.HeaderType] != typ {
		return errToken
	}
	payload, err := jws.Verify(k.public.Key)
	if err != nil || json.Unmarshal(payload, claims) != nil {
		return errToken
	}
	return nil
}

// strictCompact reports whether token is three base64url segments in their only
// spelling. Lenient decoding would accept a token whose last character was changed.
func strictCompact(token string) bool {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return false
	}
	for seg := range strings.SplitSeq(token, ".") {
		if strings.ContainsAny(seg, "\r\n") { // the decoder would skip them
			return false
		}
		if _, err := base64.RawURLEncoding.Strict().DecodeString(seg); err != nil {
			return false
		}
	}
	return true
}

// audience is one string or a list of them (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*a = audience{s}
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*a = list
	return nil
}

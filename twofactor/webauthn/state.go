package webauthn

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	lib "github.com/go-webauthn/webauthn/webauthn"

	"twofold/twofactor"
)

// mode is what a challenge is for. An answer to one kind is none to another.
type mode string

const (
	modeCreate   mode = "create"   // a new passkey
	modeGet      mode = "get"      // one of those a known user has
	modeIdentify mode = "identify" // any: it says whose it is
)

// challenge is what is remembered of a question.
type challenge struct {
	Mode             mode                                 `json:"mode"`
	Challenge        protocol.URLEncodedBase64            `json:"challenge"`
	UserVerification protocol.UserVerificationRequirement `json:"userVerification"`
	User             []byte                               `json:"user,omitempty"`    // create: the user handle
	Allowed          [][]byte                             `json:"allowed,omitempty"` // get: credential IDs
}

const challengeSize = 32 // bytes (SECURITY N24)

func (f *factor) ask(c challenge) (challenge, error) {
	random, err := f.random(challengeSize)
	c.Challenge = random
	return c, err
}

func (f *factor) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(f.env.Rand, b); err != nil {
		return nil, fmt.Errorf("webauthn: read randomness: %w", err)
	}
	return b, nil
}

// remembered reads back a challenge of one of the modes.
func remembered(s twofactor.State, modes ...mode) (challenge, error) {
	var c challenge
	// The text of the error could quote the state.
	if err := json.Unmarshal(s, &c); err != nil {
		return c, errors.New("webauthn: the state of the challenge is damaged")
	}
	for _, m := range modes {
		if c.Mode == m && len(c.Challenge) == challengeSize && c.UserVerification != "" && (m == modeCreate) == (len(c.User) > 0) {
			return c, nil
		}
	}
	return c, errors.New("webauthn: the state is not of such a challenge")
}

// session is c in the library's words, for the user with this handle.
func (f *factor) session(c challenge, user []byte) lib.SessionData {
	return lib.SessionData{
		Challenge: c.Challenge.String(), RelyingPartyID: f.party.id, Origin: f.party.origin,
		UserID: user, UserVerification: c.UserVerification, CredParams: lib.CredentialParametersRecommendedL3(),
	}
}

// key is a passkey as its enrollment keeps it.
type key struct {
	User       []byte         `json:"user"` // the user handle
	Credential lib.Credential `json:"credential"`
}

// The library asks a user for these.
func (k key) WebAuthnID() []byte                    { return k.User }
func (key) WebAuthnName() string                    { return "" }
func (key) WebAuthnDisplayName() string             { return "" }
func (k key) WebAuthnCredentials() []lib.Credential { return []lib.Credential{k.Credential} }

func (k key) state() (twofactor.State, error) {
	s, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("webauthn: keep a passkey: %w", err)
	}
	return s, nil
}

// keysOf reads all of a user's passkeys. What cannot be read is our failure, not a
// reason to go on with the rest.
func keysOf(bound []twofactor.Enrollment) ([]key, error) {
	keys := make([]key, len(bound))
	for i, e := range bound {
		k := &keys[i]
		if err := json.Unmarshal(e.State, k); err != nil || len(k.User) == 0 || len(k.Credential.ID) == 0 {
			return nil, errors.New("webauthn: the state of an enrollment is damaged")
		}
		if _, err := webauthncose.ParsePublicKey(k.Credential.PublicKey); err != nil {
			return nil, errors.New("webauthn: the public key of an enrollment is damaged")
		}
	}
	return keys, nil
}

func find(keys []key, id []byte) (int, bool) {
	for i, k := range keys {
		if bytes.Equal(k.Credential.ID, id) {
			return i, true
		}
	}
	return 0, false
}

func descriptors(keys []key) []protocol.CredentialDescriptor {
	out := make([]protocol.CredentialDescriptor, len(keys))
	for i, k := range keys {
		out[i] = k.Credential.Descriptor()
	}
	return out
}

// handleOf is the Handle of the enrollment with this credential.
func handleOf(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

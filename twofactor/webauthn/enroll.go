package webauthn

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	lib "github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"twofold/twofactor"
)

const userHandleSize = 64 // bytes: as many as the API takes

// BeginEnroll asks the browser to make a passkey on a device that has none yet.
func (f *factor) BeginEnroll(_ context.Context, u twofactor.User, bound []twofactor.Enrollment) (twofactor.Challenge, error) {
	if f.unusable != nil {
		return twofactor.Challenge{}, f.unusable
	}
	if len(bound) >= maxKeys {
		return twofactor.Challenge{}, fmt.Errorf("webauthn: there are %d passkeys already: %w", len(bound), twofactor.ErrUnusable)
	}
	keys, err := keysOf(bound)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	c, err := f.ask(challenge{Mode: modeCreate, UserVerification: f.uv})
	if err != nil {
		return twofactor.Challenge{}, err
	}
	if c.User, err = f.userHandle(keys); err != nil {
		return twofactor.Challenge{}, err
	}
	return f.prompt(c, u.Locale, protocol.PublicKeyCredentialCreationOptions{
		RelyingParty: protocol.RelyingPartyEntity{
			CredentialEntity: protocol.CredentialEntity{Name: cmp.Or(f.name, u.Realm, f.party.id)}, ID: f.party.id,
		},
		User:                   entity(u, c.User),
		Challenge:              c.Challenge,
		Parameters:             lib.CredentialParametersRecommendedL3(),
		Timeout:                int(lifetime.Milliseconds()),
		CredentialExcludeList:  descriptors(keys),
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: c.UserVerification},
		Attestation:            f.attestation,
	})
}

// entity is how browsers list the passkey: by mail address, if there is one.
func entity(u twofactor.User, handle []byte) protocol.UserEntity {
	name := cmp.Or(u.Email, u.Name, u.Realm)
	return protocol.UserEntity{
		CredentialEntity: protocol.CredentialEntity{Name: name}, DisplayName: cmp.Or(u.Name, name),
		ID: protocol.URLEncodedBase64(handle),
	}
}

// userHandle is one for all passkeys of a user: devices keep one passkey for each.
// It is random, so that it tells nothing about the user (WebAuthn §14.6.1).
func (f *factor) userHandle(keys []key) ([]byte, error) {
	if len(keys) > 0 {
		return keys[0].User, nil
	}
	return f.random(userHandleSize)
}

// FinishEnroll takes the new passkey.
func (f *factor) FinishEnroll(_ context.Context, u twofactor.User, bound []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Enrollment, error) {
	if f.unusable != nil {
		return twofactor.Enrollment{}, f.unusable
	}
	asked, err := remembered(c.State, modeCreate)
	if err != nil {
		return twofactor.Enrollment{}, err
	}
	keys, err := keysOf(bound)
	if err != nil {
		return twofactor.Enrollment{}, err
	}
	p, err := readCreation(a)
	if err != nil {
		return twofactor.Enrollment{}, err
	}
	if p.Response.CollectedClientData.Origin != f.party.origin {
		return twofactor.Enrollment{}, wrong("the registration was made at another origin")
	}
	if !bounded(p.Response.AttestationObject) {
		return twofactor.Enrollment{}, wrong("the attestation is not of a kind and size to look at")
	}
	made, err := f.lib.CreateCredential(key{User: asked.User}, f.session(asked, asked.User), p)
	if err != nil {
		return twofactor.Enrollment{}, refused("the registration", err)
	}
	// Without attestation the library has not looked at the key itself.
	if _, err := webauthncose.ParsePublicKey(made.PublicKey); err != nil {
		return twofactor.Enrollment{}, wrong("the public key is not one of its algorithm")
	}
	if !f.permits(made) {
		return twofactor.Enrollment{}, wrong("the authenticator is not one of those allowed")
	}
	if _, dup := find(keys, made.ID); dup {
		return twofactor.Enrollment{}, wrong("the passkey is set up already")
	}
	made.Transport = slices.DeleteFunc(made.Transport, unknownTransport)
	state, err := key{User: asked.User, Credential: *made}.state()
	if err != nil {
		return twofactor.Enrollment{}, err
	}
	return twofactor.Enrollment{
		Label: f.label(u.Locale, bound), Handle: handleOf(made.ID), State: state,
		AMR: amr(made.Flags.BackupEligible, made.Flags.UserVerified),
	}, nil
}

const (
	maxPublicKey    = 1 << 10 // bytes: RSA of 4096 bits takes half of it
	maxCertificate  = 4 << 10
	maxCertificates = 8
)

// bounded keeps the work of a registration small: the client chooses the keys that we
// verify with, and RSA with one that fills the answer would take seconds. Formats that
// nest others, or that nobody sends any more, are left out for the same reason.
func bounded(o protocol.AttestationObject) bool {
	switch protocol.AttestationFormat(o.Format) {
	case protocol.AttestationFormatNone, protocol.AttestationFormatPacked, protocol.AttestationFormatTPM,
		protocol.AttestationFormatAndroidKey, protocol.AttestationFormatFIDOUniversalSecondFactor, protocol.AttestationFormatApple:
	default:
		return false
	}
	chain, _ := o.AttStatement["x5c"].([]any)
	for _, c := range chain {
		if der, ok := c.([]byte); !ok || len(der) > maxCertificate {
			return false
		}
	}
	return len(chain) <= maxCertificates && len(o.AuthData.AttData.CredentialPublicKey) <= maxPublicKey
}

// permits holds a new passkey to the list of makes. Who signs his own attestation can
// claim any make, so it takes a certificate.
func (f *factor) permits(c *lib.Credential) bool {
	if len(f.allowed) == 0 {
		return true
	}
	switch metadata.AuthenticatorAttestationType(c.AttestationType) {
	case metadata.BasicFull, metadata.AttCA, metadata.AnonCA:
	default:
		return false
	}
	model, err := uuid.FromBytes(c.Authenticator.AAGUID)
	return err == nil && slices.Contains(f.allowed, model)
}

// unknownTransport sorts out what a client made up: the list goes into later pages.
func unknownTransport(t protocol.AuthenticatorTransport) bool {
	switch t {
	case protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal:
		return false
	}
	return true
}

// label is "Passkey", or with the first number that is free.
func (f *factor) label(locale string, bound []twofactor.Enrollment) string {
	name := f.texts.Say(locale, "label")
	label := name
	taken := func(e twofactor.Enrollment) bool { return e.Label == label }
	for n := len(bound) + 1; len(bound) > 0 && (label == name || slices.ContainsFunc(bound, taken)); n++ {
		label = name + " " + strconv.Itoa(n)
	}
	return label
}

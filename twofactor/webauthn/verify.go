package webauthn

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"

	"twofold/twofactor"
)

// Challenge asks for one of the user's passkeys.
func (f *factor) Challenge(_ context.Context, u twofactor.User, bound []twofactor.Enrollment) (twofactor.Challenge, error) {
	if f.unusable != nil {
		return twofactor.Challenge{}, f.unusable
	}
	if len(bound) == 0 {
		return twofactor.Challenge{}, fmt.Errorf("webauthn: there is no passkey: %w", twofactor.ErrUnusable)
	}
	keys, err := keysOf(bound)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	c, err := f.ask(challenge{Mode: modeGet, UserVerification: f.uv})
	if err != nil {
		return twofactor.Challenge{}, err
	}
	for _, k := range keys {
		c.Allowed = append(c.Allowed, k.Credential.ID)
	}
	return f.prompt(c, u.Locale, f.request(c, keys))
}

// Identify asks for any passkey. It stands for name, password and second factor, so
// the device must always check that it is the user.
func (f *factor) Identify(context.Context) (twofactor.Challenge, error) {
	if f.unusable != nil {
		return twofactor.Challenge{}, f.unusable
	}
	c, err := f.ask(challenge{Mode: modeIdentify, UserVerification: protocol.VerificationRequired})
	if err != nil {
		return twofactor.Challenge{}, err
	}
	return f.prompt(c, "", f.request(c, nil))
}

func (f *factor) request(c challenge, keys []key) protocol.PublicKeyCredentialRequestOptions {
	return protocol.PublicKeyCredentialRequestOptions{
		Challenge: c.Challenge, Timeout: int(lifetime.Milliseconds()), RelyingPartyID: f.party.id,
		AllowedCredentials: descriptors(keys), UserVerification: c.UserVerification,
	}
}

// Whose reads the credential ID of an answer to Identify.
func (f *factor) Whose(c twofactor.Challenge, a twofactor.Answer) (string, error) {
	if f.unusable != nil {
		return "", f.unusable
	}
	if _, err := remembered(c.State, modeIdentify); err != nil {
		return "", err
	}
	p, err := readAssertion(a)
	if err != nil {
		return "", err
	}
	return handleOf(p.RawID), nil
}

// Verify checks the assertion against the passkey it names (WebAuthn §7.2).
func (f *factor) Verify(ctx context.Context, bound []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	if f.unusable != nil {
		return twofactor.Result{}, f.unusable
	}
	asked, err := remembered(c.State, modeGet, modeIdentify)
	if err != nil {
		return twofactor.Result{}, err
	}
	keys, err := keysOf(bound)
	if err != nil {
		return twofactor.Result{}, err
	}
	p, err := readAssertion(a)
	if err != nil {
		return twofactor.Result{}, err
	}
	i, ok := find(keys, p.RawID)
	if !ok || !asked.allows(p.RawID) {
		return twofactor.Result{}, wrong("the passkey is not one of those asked for")
	}
	return f.judge(ctx, asked, bound[i], keys[i], p)
}

// allows reports whether the question left this credential open.
func (c challenge) allows(id []byte) bool {
	if c.Mode == modeIdentify {
		return true
	}
	return slices.ContainsFunc(c.Allowed, func(a []byte) bool { return bytes.Equal(a, id) })
}

func (f *factor) judge(ctx context.Context, asked challenge, e twofactor.Enrollment, k key, p *protocol.ParsedCredentialAssertionData) (twofactor.Result, error) {
	if p.Response.CollectedClientData.Origin != f.party.origin {
		return twofactor.Result{}, wrong("the assertion was made at another origin")
	}
	// The library compares a user handle that is there. Without a known user it must be.
	if asked.Mode == modeIdentify && !bytes.Equal(p.Response.UserHandle, k.User) {
		return twofactor.Result{}, wrong("the passkey is of another user")
	}
	used, err := f.lib.ValidateLogin(k, f.session(asked, k.User), p)
	if err != nil {
		return twofactor.Result{}, refused("the assertion", err)
	}
	if used.Authenticator.CloneWarning {
		f.env.Log.WarnContext(ctx, "webauthn: a sign count went back: the passkey may have been copied", "enrollment", e.ID)
		return twofactor.Result{}, wrong("the sign count went back")
	}
	k.Credential = *used
	if e.State, err = k.state(); err != nil {
		return twofactor.Result{}, err
	}
	verified := p.Response.AuthenticatorData.Flags.HasUserVerified()
	return twofactor.Result{Used: e, AMR: amr(used.Flags.BackupEligible, verified), Alone: verified}, nil
}

// amr speaks RFC 8176. A passkey that can be copied to another device is no hardware
// key, whatever keeps it now.
func amr(copied, verified bool) []string {
	out := []string{"hwk"}
	if copied {
		out[0] = "swk"
	}
	if verified {
		out = append(out, "user")
	}
	return out
}

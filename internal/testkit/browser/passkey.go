package browser

import (
	"github.com/chromedp/cdproto/webauthn"
)

// Authenticator is a virtual device for passkeys, as if built into the computer.
// WebAuthn needs a page on https or on http://localhost; 127.0.0.1 will not do.
type Authenticator struct {
	b  *Browser
	id webauthn.AuthenticatorID
}

// Passkey is what a device keeps of one passkey.
type Passkey struct {
	ID, UserHandle []byte
	RelyingParty   string
	Discoverable   bool
	SignCount      int
}

// AddAuthenticator connects a device that consents at once, with the user verified.
func (b *Browser) AddAuthenticator() *Authenticator {
	b.t.Helper()
	if _, err := call(b, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		b.fatalf("enable WebAuthn: %v", err)
	}
	res, err := call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
			Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
			IsUserVerified: true, AutomaticPresenceSimulation: true,
		},
	})
	if err != nil {
		b.fatalf("add an authenticator: %v", err)
	}
	return &Authenticator{b: b, id: res.AuthenticatorID}
}

// VerifyUser sets whether the user passes the device's own check from now on.
func (a *Authenticator) VerifyUser(ok bool) {
	a.b.t.Helper()
	_, err := call(a.b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: ok})
	if err != nil {
		a.b.fatalf("set user verification: %v", err)
	}
}

// Passkeys are the passkeys on the device.
func (a *Authenticator) Passkeys() []Passkey {
	a.b.t.Helper()
	res, err := call(a.b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
	if err != nil {
		a.b.fatalf("read the passkeys: %v", err)
	}
	var all []Passkey
	for _, c := range res.Credentials {
		all = append(all, Passkey{
			ID: c.CredentialID, UserHandle: c.UserHandle, RelyingParty: c.RpID,
			Discoverable: c.IsResidentCredential, SignCount: int(c.SignCount),
		})
	}
	return all
}

// Remove takes the device away.
func (a *Authenticator) Remove() {
	a.b.t.Helper()
	_, err := call(a.b, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: a.id})
	if err != nil {
		a.b.fatalf("remove the authenticator: %v", err)
	}
}

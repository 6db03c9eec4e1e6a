package webauthn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/google/uuid"

	"twofold/twofactor"
)

// attested puts a maker's attestation of this AAGUID in place of the device's own.
func attested(t *testing.T, raw, model string) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.MustParse(model)
	value, err := asn1.Marshal(id[:])
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		Subject:         pkix.Name{Country: []string{"CH"}, Organization: []string{"Acme Keys"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Acme"},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: value}},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	return edit(t, raw, func(_, response map[string]any) {
		hash := sha256.Sum256(decode(t, response["clientDataJSON"]))
		auth := authOf(t, raw)
		digest := sha256.Sum256(append(auth[:len(auth):len(auth)], hash[:]...))
		sig, err := ecdsa.SignASN1(rand.Reader, k, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		response["attestationObject"] = attestation(t, "packed", map[string]any{"alg": -7, "sig": sig, "x5c": []any{cert}}, auth)
	})
}

func TestAllowedAuthenticators(t *testing.T) {
	const other = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	list := `{"Attestation":"direct","AllowedAuthenticators":" ` + other + ` , ` + aaguid + ` "}`
	self := func(_ *testing.T, raw string) string { return raw }
	none := func(t *testing.T, raw string) string {
		return edit(t, raw, func(_, response map[string]any) {
			response["attestationObject"] = attestation(t, "none", map[string]any{}, authOf(t, raw))
		})
	}
	maker := func(model string) func(t *testing.T, raw string) string {
		return func(t *testing.T, raw string) string { return attested(t, raw, model) }
	}
	for _, tt := range []struct {
		name, options, device string
		attest                func(t *testing.T, raw string) string
		ok                    bool
	}{
		{"anything, no attestation", `{}`, aaguid, none, true},
		{"anything, its own word", `{}`, aaguid, self, true},
		{"anything, its maker's word", `{}`, aaguid, maker(aaguid), true},
		{"asked for attestation, gives none", `{"Attestation":"direct"}`, aaguid, none, true},
		{"in the list by its maker", list, aaguid, maker(aaguid), true},
		{"in the list by its own word", list, aaguid, self, false},
		{"in the list without attestation", list, aaguid, none, false},
		{"not in the list", list, "d8522d9f-575b-4866-88a9-ba99fa02f35b", maker("d8522d9f-575b-4866-88a9-ba99fa02f35b"), false},
		{"the maker attests another", list, aaguid, maker(other), false},
		{"no make", list, uuid.Nil.String(), maker(uuid.Nil.String()), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, d := open(t, tt.options), newDevice(virtualwebauthn.AuthenticatorOptions{})
			d.auth.Aaguid = uuid.MustParse(tt.device)
			c, err := f.BeginEnroll(t.Context(), ann, nil)
			if err != nil {
				t.Fatal(err)
			}
			e, err := f.FinishEnroll(t.Context(), ann, nil, c, credential(tt.attest(t, d.respond(t, c))))
			if !tt.ok {
				requireWrong(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			bound := []twofactor.Enrollment{e}
			if c, err = f.Challenge(t.Context(), ann, bound); err != nil {
				t.Fatal(err)
			}
			if _, err = f.Verify(t.Context(), bound, c, d.answer(t, c)); err != nil {
				t.Error(err)
			}
		})
	}
}

// What would keep a processor busy is not even begun.
func TestLargeAttestations(t *testing.T) {
	f, d := open(t, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	c, err := f.BeginEnroll(t.Context(), ann, nil)
	if err != nil {
		t.Fatal(err)
	}
	right := d.respond(t, c)
	auth := authOf(t, right)
	modulus := make([]byte, 40000)
	modulus[0], modulus[len(modulus)-1] = 0x80, 1
	rsa, err := webauthncbor.Marshal(map[int]any{1: 3, 3: -257, -1: modulus, -2: []byte{1, 0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	const key = 37 + 16 + 2 + 32
	heavy := append(auth[:key:key], rsa...)
	long := make([]any, 9)
	for i := range long {
		long[i] = []byte{0}
	}
	for name, object := range map[string]string{
		"a key without attestation": attestation(t, "none", map[string]any{}, heavy),
		"a key that signs itself":   attestation(t, "packed", map[string]any{"alg": -257, "sig": modulus[:4000]}, heavy),
		"a certificate":             attestation(t, "packed", map[string]any{"alg": -257, "sig": []byte{0}, "x5c": []any{modulus}}, auth),
		"many certificates":         attestation(t, "packed", map[string]any{"alg": -257, "sig": []byte{0}, "x5c": long}, auth),
		"certificates of text":      attestation(t, "packed", map[string]any{"alg": -257, "sig": []byte{0}, "x5c": []any{"evil"}}, auth),
		"SafetyNet":                 attestation(t, "android-safetynet", map[string]any{"ver": "1", "response": modulus}, auth),
		"many in one":               attestation(t, "compound", map[string]any{}, auth),
	} {
		t.Run(name, func(t *testing.T) {
			a := edit(t, right, func(_, response map[string]any) { response["attestationObject"] = object })
			_, err := f.FinishEnroll(t.Context(), ann, nil, c, credential(a))
			requireWrong(t, err)
			if name != "many in one" && !strings.Contains(err.Error(), "kind and size") {
				t.Errorf("refused for another reason: %v", err)
			}
		})
	}
}

// Keys by RSA are those of older Windows devices.
func TestRSA(t *testing.T) {
	f, d := open(t, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	c, err := f.BeginEnroll(t.Context(), ann, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := virtualwebauthn.ParseAttestationOptions(string(asked(t, c).PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	k := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA)
	d.auth.AddCredential(k)
	e, err := f.FinishEnroll(t.Context(), ann, nil, c, credential(virtualwebauthn.CreateAttestationResponse(d.rp, d.auth, k, *o)))
	if err != nil {
		t.Fatal(err)
	}
	bound := []twofactor.Enrollment{e}
	if c, err = f.Challenge(t.Context(), ann, bound); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Verify(t.Context(), bound, c, d.answer(t, c)); err != nil {
		t.Error(err)
	}
}

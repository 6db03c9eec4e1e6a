package webauthn_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sync"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
	"twofold/twofactor/webauthn"
)

// whole is a factor with all that it can do.
type whole interface {
	twofactor.Factor
	twofactor.Enroller
	twofactor.Identifier
}

var ann = twofactor.User{ID: "u-1", Name: "Ann Example", Email: "ann@example.ch", Locale: "en-GB", Realm: "Acme"}

func open(t testing.TB, options string) whole {
	t.Helper()
	return openAt(t, options, factortest.Env())
}

func openAt(t testing.TB, options string, env twofactor.Env) whole {
	t.Helper()
	f, err := webauthn.Provider().Open([]byte(options), env)
	if err != nil {
		t.Fatal(err)
	}
	return f.(whole)
}

// device is a virtual authenticator, and the browser it hangs on.
type device struct {
	mu    sync.Mutex
	rp    virtualwebauthn.RelyingParty
	auth  virtualwebauthn.Authenticator
	count uint32 // added to the sign count by each use
}

func newDevice(o virtualwebauthn.AuthenticatorOptions) *device {
	return &device{
		rp:   virtualwebauthn.RelyingParty{ID: "id.example", Origin: "https://id.example"},
		auth: virtualwebauthn.NewAuthenticatorWithOptions(o), count: 1,
	}
}

// question is what the script reads.
type question struct {
	Mode      string
	PublicKey json.RawMessage
	Texts     map[string]map[string]string
}

func asked(t testing.TB, c twofactor.Challenge) question {
	t.Helper()
	var q question
	if err := json.Unmarshal(c.Prompt.Data, &q); err != nil {
		t.Fatalf("prompt data: %v", err)
	}
	return q
}

func (d *device) answer(t testing.TB, c twofactor.Challenge) twofactor.Answer {
	t.Helper()
	return credential(d.respond(t, c))
}

func credential(raw string) twofactor.Answer { return twofactor.Answer{"credential": raw} }

func (d *device) respond(t testing.TB, c twofactor.Challenge) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	q := asked(t, c)
	if q.Mode == "create" {
		o, err := virtualwebauthn.ParseAttestationOptions(string(q.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		made := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		made.Counter = 1
		if d.count == 0 {
			made.Counter = 0
		}
		d.auth.AddCredential(made)
		d.auth.Options.UserHandle = []byte(o.UserID)
		return virtualwebauthn.CreateAttestationResponse(d.rp, d.auth, made, *o)
	}
	o, err := virtualwebauthn.ParseAssertionOptions(string(q.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	used := d.auth.FindAllowedCredential(*o)
	if used == nil {
		used = d.last()
	}
	used.Counter += d.count
	return virtualwebauthn.CreateAssertionResponse(d.rp, d.auth, *used, *o)
}

func (d *device) last() *virtualwebauthn.Credential {
	return &d.auth.Credentials[len(d.auth.Credentials)-1]
}

// enroll binds one more passkey of the device.
func (d *device) enroll(t testing.TB, f whole, bound ...twofactor.Enrollment) twofactor.Enrollment {
	t.Helper()
	c, err := f.BeginEnroll(t.Context(), ann, bound)
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.FinishEnroll(t.Context(), ann, bound, c, d.answer(t, c))
	if err != nil {
		t.Fatal(err)
	}
	e.ID = "e-" + e.Label
	return e
}

// edit changes an answer without signing it again.
func edit(t testing.TB, raw string, change func(body, response map[string]any)) string {
	t.Helper()
	body := object(t, []byte(raw))
	change(body, body["response"].(map[string]any))
	return text(t, body)
}

// signed is what an authenticator puts its signature under.
type signed struct {
	client map[string]any
	auth   []byte // rpIdHash 0–31, flags 32, counter 33–36
}

// Bits of the flags.
const (
	flagUP = 1 << 0
	flagUV = 1 << 2
	flagBE = 1 << 3
	flagBS = 1 << 4
)

// forge changes what is signed and signs it again: what a bad authenticator, a bad
// browser or another site's page could get.
func forge(t testing.TB, raw string, k *virtualwebauthn.Key, change func(s *signed)) string {
	t.Helper()
	return edit(t, raw, func(_, response map[string]any) {
		var object struct {
			Format   string         `json:"fmt"`
			Stmt     map[string]any `json:"attStmt"`
			AuthData []byte         `json:"authData"`
		}
		s := signed{client: objectOf(t, response["clientDataJSON"])}
		_, creation := response["attestationObject"]
		if creation {
			if err := webauthncbor.Unmarshal(decode(t, response["attestationObject"]), &object); err != nil {
				t.Fatal(err)
			}
			s.auth = object.AuthData
		} else {
			s.auth = decode(t, response["authenticatorData"])
		}
		change(&s)
		client := []byte(text(t, s.client))
		sig := sign(t, k, s.auth, client)
		response["clientDataJSON"] = encode(client)
		if !creation {
			response["authenticatorData"], response["signature"] = encode(s.auth), encode(sig)
			return
		}
		object.Stmt["sig"], object.AuthData = sig, s.auth
		response["attestationObject"] = attestation(t, object.Format, object.Stmt, object.AuthData)
	})
}

func attestation(t testing.TB, format string, stmt map[string]any, auth []byte) string {
	t.Helper()
	raw, err := webauthncbor.Marshal(map[string]any{"fmt": format, "attStmt": stmt, "authData": auth})
	if err != nil {
		t.Fatal(err)
	}
	return encode(raw)
}

func sign(t testing.TB, k *virtualwebauthn.Key, auth, client []byte) []byte {
	t.Helper()
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, auth...), hash[:]...))
	sig, err := k.Sign(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func object(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func objectOf(t testing.TB, encoded any) map[string]any {
	t.Helper()
	return object(t, decode(t, encoded))
}

func text(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(v.(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

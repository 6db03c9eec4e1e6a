package webauthn_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

// marker is put where a client can write; no error may show it.
const marker = "https://evil.example"

// requireWrong fails unless err is the user's mistake and quotes nothing of his.
func requireWrong(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, twofactor.ErrWrongAnswer) {
		t.Fatalf("got %v, want ErrWrongAnswer", err)
	}
	if strings.Contains(err.Error(), "evil") || len(err.Error()) > 150 {
		t.Errorf("the error quotes the client: %v", err)
	}
}

func setFlag(s *signed, flag byte, on bool) {
	s.auth[32] &^= flag
	if on {
		s.auth[32] |= flag
	}
}

// whatever is wrong with what was signed, for both ceremonies.
var forgeries = map[string]func(s *signed){
	"another challenge":           func(s *signed) { s.client["challenge"] = encode(make([]byte, 32)) },
	"no challenge":                func(s *signed) { delete(s.client, "challenge") },
	"padded challenge":            func(s *signed) { s.client["challenge"] = s.client["challenge"].(string) + "=" },
	"another origin":              func(s *signed) { s.client["origin"] = marker },
	"a subdomain":                 func(s *signed) { s.client["origin"] = "https://evil.id.example" },
	"the parent domain":           func(s *signed) { s.client["origin"] = "https://example" },
	"another port":                func(s *signed) { s.client["origin"] = "https://id.example:8443" },
	"plain http":                  func(s *signed) { s.client["origin"] = "http://id.example" },
	"origin with path":            func(s *signed) { s.client["origin"] = "https://id.example/evil" },
	"origin in capitals":          func(s *signed) { s.client["origin"] = "https://ID.EXAMPLE" },
	"origin with user":            func(s *signed) { s.client["origin"] = "https://evil@id.example" },
	"an app":                      func(s *signed) { s.client["origin"] = "android:apk-key-hash:evil" },
	"no origin":                   func(s *signed) { delete(s.client, "origin") },
	"in a frame":                  func(s *signed) { s.client["crossOrigin"] = true },
	"in a frame of":               func(s *signed) { s.client["crossOrigin"], s.client["topOrigin"] = true, marker },
	"top origin without frame":    func(s *signed) { s.client["topOrigin"] = "https://id.example" },
	"no type":                     func(s *signed) { delete(s.client, "type") },
	"type in capitals":            func(s *signed) { s.client["type"] = strings.ToUpper(s.client["type"].(string)) },
	"client data of wrong kinds":  func(s *signed) { s.client["origin"] = []string{marker} },
	"client data with two types":  func(s *signed) { s.client["Type"] = s.client["type"] },
	"another relying party":       func(s *signed) { s.auth[0] ^= 1 },
	"user not present":            func(s *signed) { setFlag(s, flagUP, false) },
	"user not verified":           func(s *signed) { setFlag(s, flagUV, false) },
	"backed up but never so":      func(s *signed) { setFlag(s, flagBS, true) },
	"extensions that are not":     func(s *signed) { setFlag(s, 1<<7, true) },
	"authenticator data too long": func(s *signed) { s.auth = append(s.auth, 0) },
	"authenticator data cut":      func(s *signed) { s.auth = s.auth[:36] },
	"no authenticator data":       func(s *signed) { s.auth = nil },
}

// whatever is wrong around it.
var edits = map[string]func(body, response map[string]any){
	"id is not rawId":        func(body, _ map[string]any) { body["id"] = encode([]byte("evil")) },
	"rawId is not id":        func(body, _ map[string]any) { body["rawId"] = encode([]byte("evil")) },
	"no id":                  func(body, _ map[string]any) { delete(body, "id") },
	"no rawId":               func(body, _ map[string]any) { delete(body, "rawId") },
	"no type":                func(body, _ map[string]any) { delete(body, "type") },
	"another type":           func(body, _ map[string]any) { body["type"] = "password" },
	"no response":            func(body, _ map[string]any) { delete(body, "response") },
	"response of wrong kind": func(body, _ map[string]any) { body["response"] = []any{marker} },
	"unasked extension":      func(body, _ map[string]any) { body["clientExtensionResults"] = map[string]any{"appid": true} },
	"no client data":         func(_, response map[string]any) { delete(response, "clientDataJSON") },
	"client data are text":   func(_, response map[string]any) { response["clientDataJSON"] = marker },
	"client data are null":   func(_, response map[string]any) { response["clientDataJSON"] = encode([]byte("null")) },
	"client data are not signed": func(_, response map[string]any) {
		response["clientDataJSON"] = "IA" + response["clientDataJSON"].(string)
	},
	"client data not UTF-8": func(_, response map[string]any) { response["clientDataJSON"] = encode([]byte("{\"type\":\"\xff\"}")) },
}

func TestForgedAssertions(t *testing.T) {
	f := open(t, `{}`)
	d := newDevice(virtualwebauthn.AuthenticatorOptions{})
	e := d.enroll(t, f)
	bound := []twofactor.Enrollment{e}
	known, err := f.Challenge(t.Context(), ann, bound)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := f.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stranger := newDevice(virtualwebauthn.AuthenticatorOptions{})
	stranger.enroll(t, f)
	for name, c := range map[string]twofactor.Challenge{"known": known, "unknown": unknown} {
		right := d.respond(t, c)
		if _, err := f.Verify(t.Context(), bound, c, credential(right)); err != nil {
			t.Fatalf("%s: the right answer: %v", name, err)
		}
		if _, err := f.Verify(t.Context(), bound, c, credential(forge(t, right, d.last().Key, func(*signed) {}))); err != nil {
			t.Fatalf("%s: signed again without a change: %v", name, err)
		}
		refuse := func(what, answer string) {
			t.Run(name+"/"+what, func(t *testing.T) {
				_, err := f.Verify(t.Context(), bound, c, credential(answer))
				requireWrong(t, err)
			})
		}
		for what, change := range forgeries {
			refuse(what, forge(t, right, d.last().Key, change))
		}
		for what, change := range edits {
			refuse(what, edit(t, right, change))
		}
		refuse("type of a registration", forge(t, right, d.last().Key, func(s *signed) { s.client["type"] = "webauthn.create" }))
		refuse("another backup eligibility", forge(t, right, d.last().Key, func(s *signed) { setFlag(s, flagBE, true) }))
		refuse("another key's signature", forge(t, right, stranger.last().Key, func(*signed) {}))
		refuse("an RSA key's signature", forge(t, right, virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA).Key, func(*signed) {}))
		refuse("signature altered", edit(t, right, func(_, response map[string]any) {
			sig := decode(t, response["signature"])
			sig[len(sig)-1] ^= 1
			response["signature"] = encode(sig)
		}))
		refuse("no signature", edit(t, right, func(_, response map[string]any) { delete(response, "signature") }))
		refuse("signature with a tail", edit(t, right, func(_, response map[string]any) { response["signature"] = response["signature"].(string) + "AAAA" }))
		refuse("another user's passkey", stranger.respond(t, c))
		refuse("another user's handle", edit(t, right, func(_, response map[string]any) { response["userHandle"] = encode(stranger.auth.Options.UserHandle) }))
		refuse("a registration", registration(t, f, stranger))
	}
	t.Run("unknown/no user handle", func(t *testing.T) {
		a := edit(t, d.respond(t, unknown), func(_, response map[string]any) { delete(response, "userHandle") })
		_, err := f.Verify(t.Context(), bound, unknown, credential(a))
		requireWrong(t, err)
	})
	t.Run("known/no user handle", func(t *testing.T) { // keys that keep no passkey have none to tell
		a := edit(t, d.respond(t, known), func(_, response map[string]any) { delete(response, "userHandle") })
		if _, err := f.Verify(t.Context(), bound, known, credential(a)); err != nil {
			t.Error(err)
		}
	})
}

// An answer is for one challenge: an older one's, another kind's, another set's is none.
func TestReplays(t *testing.T) {
	f, d := open(t, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	one := d.enroll(t, f)
	begin := func(bound ...twofactor.Enrollment) twofactor.Challenge {
		c, err := f.Challenge(t.Context(), ann, bound)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := begin(one)
	answer := d.answer(t, old)
	res, err := f.Verify(t.Context(), []twofactor.Enrollment{one}, old, answer)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Verify(t.Context(), []twofactor.Enrollment{one}, begin(one), answer)
	requireWrong(t, err) // another challenge
	identify, _ := f.Identify(t.Context())
	_, err = f.Verify(t.Context(), []twofactor.Enrollment{one}, identify, answer)
	requireWrong(t, err) // another kind
	_, err = f.Verify(t.Context(), []twofactor.Enrollment{res.Used}, old, answer)
	requireWrong(t, err) // the same, against what it has left: the count stands still
	_, err = f.Verify(t.Context(), nil, old, answer)
	requireWrong(t, err) // removed since

	c := begin(one)
	two := d.enroll(t, f, one)
	// A passkey that came later was not asked for.
	late := forge(t, d.respond(t, identify), d.last().Key, func(s *signed) { s.client["challenge"] = object(t, asked(t, c).PublicKey)["challenge"] })
	_, err = f.Verify(t.Context(), []twofactor.Enrollment{one, two}, c, credential(late))
	requireWrong(t, err)

	enroll, err := f.BeginEnroll(t.Context(), ann, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]twofactor.Challenge{"create": enroll} {
		if _, err := f.Verify(t.Context(), []twofactor.Enrollment{one}, c, answer); err == nil || errors.Is(err, twofactor.ErrWrongAnswer) {
			t.Errorf("verify of a challenge to %s: got %v, want a failure", name, err)
		}
	}
	for name, c := range map[string]twofactor.Challenge{"get": old, "identify": identify} {
		if _, err := f.FinishEnroll(t.Context(), ann, nil, c, d.answer(t, enroll)); err == nil || errors.Is(err, twofactor.ErrWrongAnswer) {
			t.Errorf("enrolment by a challenge to %s: got %v, want a failure", name, err)
		}
	}
}

func TestForgedRegistrations(t *testing.T) {
	f, d := open(t, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	e := d.enroll(t, f)
	c, err := f.BeginEnroll(t.Context(), ann, nil)
	if err != nil {
		t.Fatal(err)
	}
	right := d.respond(t, c)
	for _, answer := range []string{right, forge(t, right, d.last().Key, func(*signed) {})} {
		if _, err := f.FinishEnroll(t.Context(), ann, nil, c, credential(answer)); err != nil {
			t.Fatalf("the right answer: %v", err)
		}
	}
	refuse := func(what, answer string) {
		t.Run(what, func(t *testing.T) {
			_, err := f.FinishEnroll(t.Context(), ann, []twofactor.Enrollment{e}, c, credential(answer))
			requireWrong(t, err)
		})
	}
	for what, change := range forgeries {
		refuse(what, forge(t, right, d.last().Key, change))
	}
	for what, change := range edits {
		refuse(what, edit(t, right, change))
	}
	none := func(auth []byte) func(_, response map[string]any) {
		return func(_, response map[string]any) {
			response["attestationObject"] = attestation(t, "none", map[string]any{}, auth)
		}
	}
	auth := func() []byte { return authOf(t, right) }
	idAt := 37 + 16 + 2
	refuse("type of an assertion", forge(t, right, d.last().Key, func(s *signed) { s.client["type"] = "webauthn.get" }))
	refuse("another credential's attestation", forge(t, right, virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2).Key, func(*signed) {}))
	refuse("an unknown attestation", edit(t, right, func(_, response map[string]any) {
		response["attestationObject"] = attestation(t, "evil", map[string]any{}, auth())
	}))
	refuse("none with a statement", edit(t, right, func(_, response map[string]any) {
		response["attestationObject"] = attestation(t, "none", map[string]any{"x": 1}, auth())
	}))
	refuse("another credential's id", edit(t, right, none(func() []byte { a := auth(); a[idAt] ^= 1; return a }())))
	refuse("id longer than the data", edit(t, right, none(func() []byte { a := auth(); binary.BigEndian.PutUint16(a[idAt-2:], 1023); return a }())))
	refuse("algorithm not asked for", edit(t, right, none(swap(t, auth(), []byte{0x03, 0x26}, []byte{0x03, 0x27}))))        // -8, for a key on P-256
	refuse("algorithm of no key", edit(t, right, none(swap(t, auth(), []byte{0x03, 0x26}, []byte{0x03, 0x20}))))            // -1
	refuse("algorithm of another curve", edit(t, right, none(swap(t, auth(), []byte{0x03, 0x26}, []byte{0x03, 0x38, 34})))) // -35
	refuse("no attested data", edit(t, right, none(func() []byte { a := auth()[:37]; a[32] &^= 1 << 6; return a }())))
	refuse("no attestation", edit(t, right, func(_, response map[string]any) { delete(response, "attestationObject") }))
	assert, _ := f.Challenge(t.Context(), ann, []twofactor.Enrollment{e})
	refuse("an assertion", d.respond(t, assert))
	other, _ := f.BeginEnroll(t.Context(), ann, nil)
	refuse("of another challenge", d.respond(t, other))

	t.Run("set up already", func(t *testing.T) {
		first, err := f.FinishEnroll(t.Context(), ann, nil, c, credential(right))
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.FinishEnroll(t.Context(), ann, []twofactor.Enrollment{e, first}, c, credential(right))
		requireWrong(t, err)
	})
	t.Run("transports made up", func(t *testing.T) {
		a := edit(t, right, func(_, response map[string]any) { response["transports"] = []any{marker, "usb"} })
		made, err := f.FinishEnroll(t.Context(), ann, nil, c, credential(a))
		if err != nil || bytes.Contains(made.State, []byte("evil")) || !bytes.Contains(made.State, []byte(`"usb"`)) {
			t.Errorf("kept %s, error %v", made.State, err)
		}
	})
}

func authOf(t testing.TB, raw string) []byte {
	t.Helper()
	var auth []byte
	forge(t, raw, virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2).Key, func(s *signed) { auth = bytes.Clone(s.auth) })
	return auth
}

func swap(t testing.TB, in, old, replacement []byte) []byte {
	t.Helper()
	const key = 37 + 16 + 2 + 32 // what is before the public key
	if !bytes.Contains(in[key:], old) {
		t.Fatal("nothing to swap")
	}
	return append(in[:key:key], bytes.Replace(in[key:], old, replacement, 1)...)
}

func TestSignCounts(t *testing.T) {
	for _, tt := range []struct {
		name     string
		eligible bool
		kept     uint32
		given    uint32
		ok       bool
	}{
		{"up by one", false, 5, 6, true},
		{"up by many", false, 5, 5000, true},
		{"never counts", false, 0, 0, true},
		{"synced and never counts", true, 0, 0, true},
		{"begins to count", false, 0, 7, true},
		{"stands still", false, 5, 5, false},
		{"goes back", false, 5, 4, false},
		{"goes back to nothing", false, 5, 0, false},
		{"goes back though synced", true, 5, 4, false},
		{"stops counting though synced", true, 5, 0, false},
		{"wraps", false, 1<<32 - 1, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			env := factortest.Env()
			env.Log = slog.New(slog.NewTextHandler(&log, nil))
			f := openAt(t, `{}`, env)
			d := newDevice(virtualwebauthn.AuthenticatorOptions{BackupEligible: tt.eligible})
			c, err := f.BeginEnroll(t.Context(), ann, nil)
			if err != nil {
				t.Fatal(err)
			}
			raw := d.respond(t, c)
			e, err := f.FinishEnroll(t.Context(), ann, nil, c, credential(forge(t, raw, d.last().Key, func(s *signed) { binary.BigEndian.PutUint32(s.auth[33:], tt.kept) })))
			if err != nil {
				t.Fatal(err)
			}
			e.ID = "e-1"
			if c, err = f.Challenge(t.Context(), ann, []twofactor.Enrollment{e}); err != nil {
				t.Fatal(err)
			}
			raw = forge(t, d.respond(t, c), d.last().Key, func(s *signed) { binary.BigEndian.PutUint32(s.auth[33:], tt.given) })
			res, err := f.Verify(t.Context(), []twofactor.Enrollment{e}, c, credential(raw))
			if tt.ok {
				var kept struct {
					Credential struct{ Authenticator struct{ SignCount uint32 } }
				}
				if err != nil || json.Unmarshal(res.Used.State, &kept) != nil || kept.Credential.Authenticator.SignCount != tt.given || log.Len() > 0 {
					t.Errorf("error %v, kept %+v, log %q", err, kept, log.String())
				}
				return
			}
			requireWrong(t, err)
			if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "enrollment=e-1") {
				t.Errorf("nobody is told: %q", log.String())
			}
		})
	}
}

// What we keep ourselves and cannot read is a failure, never the user's mistake.
func TestDamagedState(t *testing.T) {
	f, d := open(t, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	e := d.enroll(t, f)
	c, err := f.Challenge(t.Context(), ann, []twofactor.Enrollment{e})
	if err != nil {
		t.Fatal(err)
	}
	answer := d.answer(t, c)
	failure := func(what string, err error) {
		t.Helper()
		if err == nil || errors.Is(err, twofactor.ErrWrongAnswer) || errors.Is(err, twofactor.ErrUnusable) {
			t.Errorf("%s: got %v, want a failure", what, err)
		}
	}
	kept := object(t, e.State)
	change := func(name string, value any) string {
		k := object(t, e.State)
		k["credential"].(map[string]any)[name] = value
		return text(t, k)
	}
	for _, state := range []string{
		"", "{}", "null", "[]", "\x00", string(e.State[:len(e.State)-1]), text(t, map[string]any{"credential": kept["credential"]}),
		text(t, map[string]any{"user": kept["user"]}), change("id", ""), change("publicKey", "AAAA"), change("publicKey", ""),
	} {
		bad := e
		bad.State = twofactor.State(state)
		bound := []twofactor.Enrollment{bad}
		_, err := f.Verify(t.Context(), bound, c, answer)
		failure("verify with "+state, err)
		_, err = f.Challenge(t.Context(), ann, bound)
		failure("challenge with "+state, err)
		_, err = f.BeginEnroll(t.Context(), ann, bound)
		failure("enrol with "+state, err)
	}
	create, err := f.BeginEnroll(t.Context(), ann, nil)
	if err != nil {
		t.Fatal(err)
	}
	right := d.answer(t, create)
	create.State = twofactor.State(strings.Replace(string(create.State), `"user"`, `"nobody"`, 1))
	_, err = f.FinishEnroll(t.Context(), ann, nil, create, right)
	failure("finish for nobody", err)
	question := object(t, c.State)
	for _, state := range []string{
		"", "{}", "null", string(c.State[:len(c.State)-1]), strings.Replace(string(c.State), `"get"`, `"other"`, 1),
		strings.Replace(string(c.State), question["challenge"].(string), "AAAA", 1), strings.Replace(string(c.State), `"required"`, `""`, 1),
	} {
		bad := c
		bad.State = twofactor.State(state)
		_, err := f.Verify(t.Context(), []twofactor.Enrollment{e}, bad, answer)
		failure("verify of "+state, err)
		_, err = f.Whose(bad, answer)
		failure("whose of "+state, err)
		_, err = f.FinishEnroll(t.Context(), ann, nil, bad, answer)
		failure("finish of "+state, err)
	}
}

func TestNoRandomness(t *testing.T) {
	env := factortest.Env()
	env.Rand = strings.NewReader("too little")
	f := openAt(t, `{}`, env)
	if _, err := f.Identify(t.Context()); err == nil {
		t.Error("a challenge without randomness")
	}
	env.Rand = strings.NewReader(strings.Repeat("r", 32+63))
	if _, err := openAt(t, `{}`, env).BeginEnroll(t.Context(), ann, nil); err == nil {
		t.Error("a user handle without randomness")
	}
}

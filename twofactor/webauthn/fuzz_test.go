package webauthn_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"twofold/twofactor"
)

// hostile are answers of no browser.
func hostile(t testing.TB, right string) map[string]string {
	with := func(name, value string) string {
		return strings.Replace(right, `"`+name+`":"`, `"`+name+`":"`+value, 1)
	}
	bomb := func(head string) string { return encode([]byte(head)) }
	object := func(v string) string {
		return edit(t, right, func(_, response map[string]any) { response["attestationObject"], response["authenticatorData"] = v, v })
	}
	return map[string]string{
		"deep":                 strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
		"deep lists":           strings.Repeat("[", 60000),
		"deep where unknown":   strings.Replace(right, "{", `{"x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+",", 1),
		"too long":             right + strings.Repeat(" ", 64<<10),
		"id twice":             strings.Replace(right, "{", `{"id":"AAAA",`, 1),
		"id twice, by case":    strings.Replace(right, "{", `{"ID":"AAAA",`, 1),
		"rawId twice, by fold": strings.Replace(right, "{", `{"\u0072awId":"AAAA",`, 1),
		"many names":           "{" + strings.Repeat(`"a":1,`, 40) + `"b":1}`,
		"two values":           right + right,
		"a list":               "[" + right + "]",
		"cut":                  right[:len(right)/2],
		"numbers for text":     strings.ReplaceAll(right, `":"`, `":1,"`),
		"bad base64":           with("clientDataJSON", "!!"),
		"NUL":                  "\x00",
		"CBOR deep":            object(bomb(strings.Repeat("\x81", 20000))),
		"CBOR endless":         object(bomb("\x9f\x9f\x9f")),
		"CBOR huge array":      object(bomb("\x9b\x7f\xff\xff\xff\xff\xff\xff\xff")),
		"CBOR huge map":        object(bomb("\xbb\x00\x00\x00\x00\x7f\xff\xff\xff")),
		"CBOR huge bytes":      object(bomb("\x5b\x00\x00\x00\x00\x7f\xff\xff\xff")),
		"CBOR same key twice":  object(bomb("\xa2\x63fmt\x64none\x63fmt\x64none")),
		"CBOR tag":             object(bomb("\xc2\x41\x00")),
	}
}

func TestHostileAnswers(t *testing.T) {
	f, d := open(t, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	e := d.enroll(t, f)
	create, err := f.BeginEnroll(t.Context(), ann, nil)
	if err != nil {
		t.Fatal(err)
	}
	identify, err := f.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range hostile(t, d.respond(t, identify)) {
		t.Run("assertion/"+name, func(t *testing.T) {
			_, err := f.Verify(t.Context(), []twofactor.Enrollment{e}, identify, credential(answer))
			requireWrong(t, err)
			if _, err := f.Whose(identify, credential(answer)); err != nil { // it need not look at all
				requireWrong(t, err)
			}
		})
	}
	for name, answer := range hostile(t, d.respond(t, create)) {
		t.Run("registration/"+name, func(t *testing.T) {
			_, err := f.FinishEnroll(t.Context(), ann, nil, create, credential(answer))
			requireWrong(t, err)
		})
	}
}

// seeds are the short ones: a fuzzer spends its time on making long ones shorter.
func seeds(f *testing.F, right string) []string {
	var short []string
	for _, answer := range hostile(f, right) {
		if len(answer) < 2048 {
			short = append(short, answer)
		}
	}
	return short
}

// FuzzRegistration: whatever a browser sends, it is taken or is the user's mistake.
func FuzzRegistration(f *testing.F) {
	factor, d := open(f, `{"UserVerification":"discouraged"}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	c, err := factor.BeginEnroll(f.Context(), ann, nil)
	if err != nil {
		f.Fatal(err)
	}
	right := d.respond(f, c)
	body := object(f, []byte(right))
	response := body["response"].(map[string]any)
	f.Add("{}", decode(f, response["attestationObject"]), decode(f, response["clientDataJSON"]))
	for _, answer := range seeds(f, right) {
		f.Add(answer, []byte{0xa0}, []byte("{}"))
	}
	f.Fuzz(func(t *testing.T, answer string, attestation, client []byte) {
		// The second reaches the inner formats, which are lost on a fuzzer behind base64.
		inner := fmt.Sprintf(`{"id":"%s","rawId":"%[1]s","type":"public-key","response":{"attestationObject":"%s","clientDataJSON":"%s"}}`,
			body["id"], encode(attestation), encode(client))
		for _, a := range []string{answer, inner} {
			e, err := factor.FinishEnroll(t.Context(), ann, nil, c, credential(a))
			if err != nil && !errors.Is(err, twofactor.ErrWrongAnswer) {
				t.Fatal(err)
			}
			if err != nil {
				continue
			}
			if _, err := factor.Challenge(t.Context(), ann, []twofactor.Enrollment{e}); err != nil {
				t.Fatalf("a passkey that was taken cannot be used: %v", err)
			}
		}
	})
}

// FuzzAssertion: nothing but a signature of the key is taken.
func FuzzAssertion(f *testing.F) {
	factor, d := open(f, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	e := d.enroll(f, factor)
	bound := []twofactor.Enrollment{e}
	c, err := factor.Identify(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	right := d.respond(f, c)
	body := object(f, []byte(right))
	response := body["response"].(map[string]any)
	auth, client, sig := decode(f, response["authenticatorData"]), decode(f, response["clientDataJSON"]), decode(f, response["signature"])
	f.Add("{}", auth, client, sig)
	for _, answer := range seeds(f, right) {
		f.Add(answer, auth, client, sig[1:])
	}
	f.Fuzz(func(t *testing.T, answer string, a, cl, s []byte) {
		inner := fmt.Sprintf(`{"id":"%s","rawId":"%[1]s","type":"public-key","response":{"authenticatorData":"%s","clientDataJSON":"%s","signature":"%s","userHandle":"%s"}}`,
			body["id"], encode(a), encode(cl), encode(s), response["userHandle"])
		for _, raw := range []string{answer, inner} {
			handle, whoseErr := factor.Whose(c, credential(raw))
			_, err := factor.Verify(t.Context(), bound, c, credential(raw))
			for _, err := range []error{err, whoseErr} {
				if err != nil && !errors.Is(err, twofactor.ErrWrongAnswer) {
					t.Fatal(err)
				}
			}
			if err != nil {
				continue
			}
			var given struct {
				Response struct{ AuthenticatorData, ClientDataJSON, Signature string }
			}
			if json.Unmarshal([]byte(raw), &given) != nil || handle != e.Handle {
				t.Fatalf("taken: %q", raw)
			}
			got := [3]string{string(lax(given.Response.AuthenticatorData)), string(lax(given.Response.ClientDataJSON)), string(lax(given.Response.Signature))}
			if got != [3]string{string(auth), string(client), string(sig)} {
				t.Fatalf("taken, though not what the key has signed: %q", raw)
			}
		}
	})
}

// lax decodes as the library does: padding and line breaks are nothing.
func lax(s string) []byte {
	b, _ := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	return b
}

package webauthn_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/google/go-cmp/cmp"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
	"twofold/twofactor/webauthn"
)

const aaguid = "ee882879-721c-4913-9775-3dfcce97072a"

func TestFactor(t *testing.T) {
	d := newDevice(virtualwebauthn.AuthenticatorOptions{})
	factortest.Run(t, factortest.Config{
		Provider: webauthn.Provider(),
		Env:      factortest.Env(),
		Options:  `{"RelyingPartyName":"Acme"}`,
		Invalid: []factortest.Invalid{
			{Name: "no such verification", Options: `{"UserVerification":"always"}`, Fields: []string{"UserVerification"}},
			{Name: "no such attestation", Options: `{"Attestation":"enterprise"}`, Fields: []string{"Attestation"}},
			{Name: "list without attestation", Options: `{"AllowedAuthenticators":"` + aaguid + `"}`, Fields: []string{"Attestation"}},
			{Name: "list with indirect attestation", Options: `{"Attestation":"indirect","AllowedAuthenticators":"` + aaguid + `"}`, Fields: []string{"Attestation"}},
			{Name: "no AAGUID", Options: `{"Attestation":"direct","AllowedAuthenticators":"YubiKey 5"}`, Fields: []string{"AllowedAuthenticators"}},
			{Name: "AAGUID in braces", Options: `{"Attestation":"direct","AllowedAuthenticators":"{` + aaguid + `}"}`, Fields: []string{"AllowedAuthenticators"}},
			{Name: "AAGUID of nothing", Options: `{"Attestation":"direct","AllowedAuthenticators":"00000000-0000-0000-0000-000000000000"}`, Fields: []string{"AllowedAuthenticators"}},
			{Name: "empty item", Options: `{"Attestation":"direct","AllowedAuthenticators":"` + aaguid + `,"}`, Fields: []string{"AllowedAuthenticators"}},
		},
		User:     ann,
		Unusable: []twofactor.User{{}, ann},
		Wrong:    []twofactor.Answer{credential("{}"), credential("null"), credential("000000")},
		Answer:   d.answer,
	})
}

func TestRegistrationPrompt(t *testing.T) {
	f := open(t, `{"UserVerification":"preferred","Attestation":"indirect"}`)
	d := newDevice(virtualwebauthn.AuthenticatorOptions{Transports: []virtualwebauthn.Transport{virtualwebauthn.TransportUSB, virtualwebauthn.TransportNFC}})
	first := d.enroll(t, f)
	c, err := f.BeginEnroll(t.Context(), ann, []twofactor.Enrollment{first})
	if err != nil {
		t.Fatal(err)
	}
	if c.Prompt.Script != "webauthn.js" || len(c.Prompt.Fields) != 0 || c.Prompt.Message == "" {
		t.Errorf("prompt = %+v", c.Prompt)
	}
	got := object(t, asked(t, c).PublicKey)
	challenge, user := decode(t, got["challenge"]), got["user"].(map[string]any)
	if len(challenge) != 32 || len(decode(t, user["id"])) != 64 {
		t.Errorf("challenge of %d bytes, user handle of %d", len(challenge), len(decode(t, user["id"])))
	}
	want := map[string]any{
		"rp":                     map[string]any{"id": "id.example", "name": "Acme"},
		"user":                   map[string]any{"id": encode(d.auth.Options.UserHandle), "name": "ann@example.ch", "displayName": "Ann Example"},
		"challenge":              got["challenge"],
		"pubKeyCredParams":       []any{param(-8), param(-7), param(-257)},
		"timeout":                300000.0,
		"excludeCredentials":     []any{map[string]any{"type": "public-key", "id": first.Handle, "transports": []any{"usb", "nfc"}}},
		"authenticatorSelection": map[string]any{"residentKey": "preferred", "userVerification": "preferred"},
		"attestation":            "indirect",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func param(alg float64) any { return map[string]any{"type": "public-key", "alg": alg} }

func TestNames(t *testing.T) {
	name := func(options string, u twofactor.User) string {
		c, err := open(t, options).BeginEnroll(t.Context(), u, nil)
		if err != nil {
			t.Fatal(err)
		}
		o := object(t, asked(t, c).PublicKey)
		user := o["user"].(map[string]any)
		return fmt.Sprint(o["rp"].(map[string]any)["name"], " / ", user["name"], " / ", user["displayName"])
	}
	for _, tt := range []struct {
		options string
		user    twofactor.User
		want    string
	}{
		{`{"RelyingPartyName":" Acme Group "}`, ann, "Acme Group / ann@example.ch / Ann Example"},
		{`{}`, ann, "Acme / ann@example.ch / Ann Example"},
		{`{}`, twofactor.User{Name: "Bob"}, "id.example / Bob / Bob"},
		{`{}`, twofactor.User{Realm: "Acme"}, "Acme / Acme / Acme"},
	} {
		if got := name(tt.options, tt.user); got != tt.want {
			t.Errorf("%s of %+v: got %q, want %q", tt.options, tt.user, got, tt.want)
		}
	}
}

func TestLabels(t *testing.T) {
	f, d := open(t, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	one := d.enroll(t, f)
	two := d.enroll(t, f, one)
	three := d.enroll(t, f, one, two)
	again := d.enroll(t, f, two, three) // the first is gone
	got := []string{one.Label, two.Label, three.Label, again.Label}
	if diff := cmp.Diff([]string{"Passkey", "Passkey 2", "Passkey 3", "Passkey 4"}, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	u := ann
	u.Locale = "fr-CH"
	c, err := f.BeginEnroll(t.Context(), u, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.FinishEnroll(t.Context(), u, nil, c, d.answer(t, c))
	if err != nil || e.Label != "Clé d’accès" {
		t.Errorf("label %q, error %v", e.Label, err)
	}
}

func TestLimit(t *testing.T) {
	f, d := open(t, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	var bound []twofactor.Enrollment
	for range 20 {
		bound = append(bound, d.enroll(t, f, bound...))
	}
	if _, err := f.BeginEnroll(t.Context(), ann, bound); !errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("the 21st passkey: got %v, want ErrUnusable", err)
	}
}

func TestSignIn(t *testing.T) {
	for _, tt := range []struct {
		name, options string
		device        virtualwebauthn.AuthenticatorOptions
		amr           []string
		alone         bool
	}{
		{"device-bound", `{}`, virtualwebauthn.AuthenticatorOptions{}, []string{"hwk", "user"}, true},
		{"synced", `{}`, virtualwebauthn.AuthenticatorOptions{BackupEligible: true, BackupState: true}, []string{"swk", "user"}, true},
		{"could be synced", `{}`, virtualwebauthn.AuthenticatorOptions{BackupEligible: true}, []string{"swk", "user"}, true},
		{"not verified", `{"UserVerification":"discouraged"}`, virtualwebauthn.AuthenticatorOptions{UserNotVerified: true}, []string{"hwk"}, false},
		{"verified though not asked", `{"UserVerification":"discouraged"}`, virtualwebauthn.AuthenticatorOptions{}, []string{"hwk", "user"}, true},
		{"preferred", `{"UserVerification":"preferred"}`, virtualwebauthn.AuthenticatorOptions{UserNotVerified: true, BackupEligible: true}, []string{"swk"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, d := open(t, tt.options), newDevice(tt.device)
			other := newDevice(tt.device).enroll(t, f)
			e := d.enroll(t, f)
			bound := []twofactor.Enrollment{other, e}
			for range 3 {
				c, err := f.Challenge(t.Context(), ann, bound)
				if err != nil {
					t.Fatal(err)
				}
				before := string(bound[1].State)
				got, err := f.Verify(t.Context(), bound, c, d.answer(t, c))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.amr, got.AMR); diff != "" || got.Alone != tt.alone {
					t.Errorf("alone %t, amr (-want +got):\n%s", got.Alone, diff)
				}
				if got.Used.ID != e.ID || got.Used.Handle != e.Handle || got.Used.Label != e.Label || string(bound[1].State) != before {
					t.Errorf("used %+v, or bound has changed", got.Used)
				}
				if string(got.Used.State) == before {
					t.Error("the state has not moved on")
				}
				bound[1] = got.Used
			}
		})
	}
}

// The backup state may change, and is kept.
func TestBackupState(t *testing.T) {
	f, d := open(t, `{}`), newDevice(virtualwebauthn.AuthenticatorOptions{BackupEligible: true})
	e := d.enroll(t, f)
	d.auth.Options.BackupState = true
	c, _ := f.Challenge(t.Context(), ann, []twofactor.Enrollment{e})
	got, err := f.Verify(t.Context(), []twofactor.Enrollment{e}, c, d.answer(t, c))
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Credential struct {
			Flags struct{ BackupEligible, BackupState bool }
		}
	}
	if err := json.Unmarshal(got.Used.State, &kept); err != nil || !kept.Credential.Flags.BackupState || !kept.Credential.Flags.BackupEligible {
		t.Errorf("flags kept: %+v, error %v", kept.Credential.Flags, err)
	}
}

func TestChallengePrompt(t *testing.T) {
	f, d := open(t, `{"UserVerification":"discouraged"}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	one := d.enroll(t, f)
	two := d.enroll(t, f, one)
	c, err := f.Challenge(t.Context(), ann, []twofactor.Enrollment{one, two})
	if err != nil {
		t.Fatal(err)
	}
	got := object(t, asked(t, c).PublicKey)
	descriptor := func(e twofactor.Enrollment) any {
		return map[string]any{"type": "public-key", "id": e.Handle, "transports": []any{"internal"}}
	}
	want := map[string]any{
		"challenge": got["challenge"], "timeout": 300000.0, "rpId": "id.example", "userVerification": "discouraged",
		"allowCredentials": []any{descriptor(one), descriptor(two)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	if left := time.Until(c.ExpiresAt); left > 5*time.Minute || left < 4*time.Minute {
		t.Errorf("expires in %v", left)
	}
	again, err := f.Challenge(t.Context(), ann, []twofactor.Enrollment{one, two})
	if err != nil || object(t, asked(t, again).PublicKey)["challenge"] == got["challenge"] {
		t.Errorf("the challenge comes again, or error %v", err)
	}
}

func TestIdentify(t *testing.T) {
	f, d := open(t, `{"UserVerification":"discouraged"}`), newDevice(virtualwebauthn.AuthenticatorOptions{})
	e := d.enroll(t, f)
	c, err := f.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q := asked(t, c)
	got := object(t, q.PublicKey)
	want := map[string]any{"challenge": got["challenge"], "timeout": 300000.0, "rpId": "id.example", "userVerification": "required"}
	if diff := cmp.Diff(want, got); diff != "" || q.Mode != "identify" || len(q.Texts) != 4 {
		t.Errorf("mode %s, %d languages, options (-want +got):\n%s", q.Mode, len(q.Texts), diff)
	}
	a := d.answer(t, c)
	handle, err := f.Whose(c, a)
	if err != nil || handle != e.Handle {
		t.Fatalf("whose: %q, error %v", handle, err)
	}
	res, err := f.Verify(t.Context(), []twofactor.Enrollment{e}, c, a)
	if err != nil || !res.Alone || res.Used.ID != e.ID {
		t.Errorf("result %+v, error %v", res, err)
	}
	for name, bad := range map[string]twofactor.Answer{
		"nothing":         nil,
		"no JSON":         credential("x"),
		"no credential":   credential("{}"),
		"a registration":  credential(registration(t, f, d)),
		"id is not rawId": credential(edit(t, a["credential"], func(body, _ map[string]any) { body["id"] = encode([]byte("other")) })),
	} {
		if _, err := f.Whose(c, bad); !errors.Is(err, twofactor.ErrWrongAnswer) {
			t.Errorf("whose is %s: got %v, want ErrWrongAnswer", name, err)
		}
	}
	known, _ := f.Challenge(t.Context(), ann, []twofactor.Enrollment{e})
	if _, err := f.Whose(known, a); err == nil || errors.Is(err, twofactor.ErrWrongAnswer) {
		t.Errorf("whose, of a challenge to a known user: got %v, want a failure", err)
	}
}

func registration(t testing.TB, f whole, d *device) string {
	t.Helper()
	c, err := f.BeginEnroll(t.Context(), ann, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d.respond(t, c)
}

func TestOrigins(t *testing.T) {
	for _, tt := range []struct{ origin, id, written, why string }{
		{"https://id.example", "id.example", "https://id.example", ""},
		{"https://id.example:8443", "id.example", "https://id.example:8443", ""},
		{"https://ID.Example:443/", "id.example", "https://id.example", ""},
		{"https://anmeldung.zürich.example", "anmeldung.xn--zrich-kva.example", "https://anmeldung.xn--zrich-kva.example", ""},
		{"http://localhost:8080", "localhost", "http://localhost:8080", ""},
		{"http://acme.localhost:80", "acme.localhost", "http://acme.localhost", ""},
		{"http://127.0.0.1:8080", "", "", "a host name"},
		{"https://127.1", "", "", "a host name"},
		{"https://0x7f000001", "", "", "a host name"},
		{"https://2130706433", "", "", "a host name"},
		{"https://10.0.08.1", "", "", "a host name"},
		{"https://[::1]:8080", "", "", "a host name"},
		{"https://", "", "", "a host name"},
		{"", "", "", "a host name"},
		{"%", "", "", "a host name"},
		{"http://id.example", "", "", "https"},
		{"http://notlocalhost", "", "", "https"},
		{"ftp://id.example", "", "", "https"},
	} {
		t.Run(tt.origin, func(t *testing.T) {
			env := factortest.Env()
			env.Origin = tt.origin
			f := openAt(t, `{}`, env)
			c, err := f.BeginEnroll(t.Context(), ann, nil)
			if tt.why != "" {
				_, challengeErr := f.Challenge(t.Context(), ann, []twofactor.Enrollment{{ID: "e"}})
				_, identifyErr := f.Identify(t.Context())
				_, finishErr := f.FinishEnroll(t.Context(), ann, nil, twofactor.Challenge{}, nil)
				_, whoseErr := f.Whose(twofactor.Challenge{}, nil)
				_, verifyErr := f.Verify(t.Context(), nil, twofactor.Challenge{}, nil)
				for i, err := range []error{err, challengeErr, identifyErr, finishErr, whoseErr, verifyErr} {
					if !errors.Is(err, twofactor.ErrUnusable) || !strings.Contains(err.Error(), "passkeys need "+tt.why+":") {
						t.Errorf("%d: got %v, want ErrUnusable because of %s", i, err, tt.why)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id := object(t, asked(t, c).PublicKey)["rp"].(map[string]any)["id"]; id != tt.id {
				t.Errorf("relying party %q, want %q", id, tt.id)
			}
			d := newDevice(virtualwebauthn.AuthenticatorOptions{})
			d.rp = virtualwebauthn.RelyingParty{ID: tt.id, Origin: tt.written}
			if _, err := f.FinishEnroll(t.Context(), ann, nil, c, d.answer(t, c)); err != nil {
				t.Errorf("an answer from %s: %v", tt.written, err)
			}
		})
	}
}

func TestLanguages(t *testing.T) {
	f := open(t, `{}`)
	for locale, want := range map[string]string{"": "en", "de-CH": "de", "fr": "fr", "IT": "it", "rm": "en"} {
		u := ann
		u.Locale = locale
		c, err := f.BeginEnroll(t.Context(), u, nil)
		if err != nil {
			t.Fatal(err)
		}
		q := asked(t, c)
		if len(q.Texts) != 1 || len(q.Texts[want]) != 7 {
			t.Errorf("locale %q: texts %v, want those of %s", locale, q.Texts, want)
		}
		for name, sentence := range q.Texts[want] {
			if sentence == "" || strings.Contains(c.Prompt.Message, sentence) {
				t.Errorf("locale %q: %s is %q", locale, name, sentence)
			}
		}
	}
}

func TestAssets(t *testing.T) {
	f, err := webauthn.Provider().Assets.Open("webauthn.js")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > 6<<10 {
		t.Errorf("size %d, error %v", info.Size(), err)
	}
}

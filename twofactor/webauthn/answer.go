package webauthn

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"

	"twofold/twofactor"
)

const (
	fieldCredential = "credential" // what the script posts
	maxAnswer       = 64 << 10     // bytes
	maxDepth        = 8            // of nested JSON
	maxNames        = 32           // in one JSON object
)

// wrong is an answer that does not hold. Reasons are ours: nothing of the client's.
func wrong(reason string) error {
	return fmt.Errorf("webauthn: %s: %w", reason, twofactor.ErrWrongAnswer)
}

// refused is what the library found, by its kind alone: its text quotes the client.
func refused(what string, err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return wrong(what + " does not hold (" + e.Type + ")")
	}
	return wrong(what + " does not hold")
}

// readCreation reads the answer of a browser that has made a passkey.
func readCreation(a twofactor.Answer) (*protocol.ParsedCredentialCreationData, error) {
	raw, err := given(a)
	if err != nil {
		return nil, err
	}
	p, err := protocol.ParseCredentialCreationResponseBytes(raw)
	if err != nil {
		return nil, refused("the form of the registration", err)
	}
	if !plain(p.Raw.AttestationResponse.ClientDataJSON) {
		return nil, wrong("the client data are not plain JSON")
	}
	return p, nil
}

// readAssertion reads the answer of a browser that has used a passkey.
func readAssertion(a twofactor.Answer) (*protocol.ParsedCredentialAssertionData, error) {
	raw, err := given(a)
	if err != nil {
		return nil, err
	}
	p, err := protocol.ParseCredentialRequestResponseBytes(raw)
	if err != nil {
		return nil, refused("the form of the assertion", err)
	}
	if !plain(p.Raw.AssertionResponse.ClientDataJSON) {
		return nil, wrong("the client data are not plain JSON")
	}
	return p, nil
}

func given(a twofactor.Answer) ([]byte, error) {
	raw := a[fieldCredential]
	switch {
	case raw == "":
		return nil, wrong("no passkey was used")
	case len(raw) > maxAnswer:
		return nil, wrong("the answer is too long")
	case !plain([]byte(raw)):
		return nil, wrong("the answer is not plain JSON")
	}
	return []byte(raw), nil
}

// plain reports whether raw is one JSON value of modest depth without repeated
// names: of two values for one name, every reader would take the one it likes.
func plain(raw []byte) bool {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if !plainValue(dec, maxDepth) {
		return false
	}
	_, err := dec.Token()
	return errors.Is(err, io.EOF)
}

func plainValue(dec *json.Decoder, depth int) bool {
	tok, err := dec.Token()
	if err != nil {
		return false
	}
	open, ok := tok.(json.Delim)
	if !ok {
		return true
	}
	var names []string
	for depth > 0 && dec.More() {
		if open == '{' {
			tok, err := dec.Token()
			name, ok := tok.(string)
			if err != nil || !ok || len(names) == maxNames || repeated(names, name) {
				return false
			}
			names = append(names, name)
		}
		if !plainValue(dec, depth-1) {
			return false
		}
	}
	_, err = dec.Token() // the closing bracket
	return depth > 0 && err == nil
}

// repeated compares as encoding/json does, which ignores case.
func repeated(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

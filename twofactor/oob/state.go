package oob

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"twofold/twofactor"
)

// state is what must travel from Challenge to Verify.
type state struct {
	Code string `json:"code"`
}

func newState(code string) (twofactor.State, error) {
	st, err := json.Marshal(state{Code: code})
	if err != nil {
		return nil, fmt.Errorf("oob: state: %w", err)
	}
	return st, nil
}

// codeOf reads the code from a state; ok is false for a state that is not ours.
// There is no error, for the decoder's may quote the state.
func codeOf(st twofactor.State) (code string, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(st))
	dec.DisallowUnknownFields()
	var s state
	if dec.Decode(&s) != nil {
		return "", false
	}
	if _, err := dec.Token(); err != io.EOF { //nolint:errorlint // Token returns it bare
		return "", false
	}
	if len(s.Code) < minLength || len(s.Code) > maxLength || strings.Trim(s.Code, "0123456789") != "" {
		return "", false
	}
	return s.Code, true
}

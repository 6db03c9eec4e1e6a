package oob

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"twofold/twofactor"
)

// state is what must travel from Challenge to Verify.
type state struct {
	Code  string `json:"code"`
	Asked int64  `json:"asked,omitempty"` // when, as Unix time: whoever carries the code tells
}

func newState(code string, asked time.Time) (twofactor.State, error) {
	st, err := json.Marshal(state{Code: code, Asked: asked.Unix()})
	if err != nil {
		return nil, fmt.Errorf("oob: state: %w", err)
	}
	return st, nil
}

// readState reads a state; ok is false for one that is not ours. There is no error, for
// the decoder's may quote the state.
func readState(st twofactor.State) (s state, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(st))
	dec.DisallowUnknownFields()
	if dec.Decode(&s) != nil {
		return state{}, false
	}
	if _, err := dec.Token(); err != io.EOF { //nolint:errorlint // Token returns it bare
		return state{}, false
	}
	if len(s.Code) < minLength || len(s.Code) > maxLength || strings.Trim(s.Code, "0123456789") != "" {
		return state{}, false
	}
	return s, true
}

// asked is when the code was asked for; zero: not known.
func (s state) asked() time.Time {
	if s.Asked == 0 {
		return time.Time{}
	}
	return time.Unix(s.Asked, 0)
}

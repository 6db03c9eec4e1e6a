package twofactor

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Secret is an option value that must not leave by accident: it hides itself
// from fmt, JSON and slog. Reveal gives the value to the code that uses it.
type Secret string

const hidden = "[secret]"

// Reveal returns the value.
func (s Secret) Reveal() string { return string(s) }

// Format hides the value from every verb: without it, a wrong one such as %d
// would print the value in its complaint.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) } //nolint:errcheck // fmt.State never fails

// String hides the value.
func (s Secret) String() string { return hidden }

// GoString hides the value.
func (s Secret) GoString() string { return hidden }

// MarshalJSON hides the value.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(hidden) }

// MarshalText hides the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalJSON reads a plain string.
func (s *Secret) UnmarshalJSON(b []byte) error {
	var v string
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*s = Secret(v)
	return nil
}

// LogValue hides the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

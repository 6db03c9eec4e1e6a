package oob

import (
	"strings"
	"testing"
)

func FuzzDigits(f *testing.F) {
	for _, s := range []string{"123456", "123 456", "１２３", "\xff", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		got, err := Digits(answer)
		if err != nil {
			return
		}
		if got == "" || len(got) > 64 || strings.Trim(got, "0123456789") != "" {
			t.Errorf("Digits(%q) = %q", answer, got)
		}
		if again, err := Digits(got); err != nil || again != got {
			t.Errorf("Digits(%q) = %q, %v", got, again, err)
		}
	})
}

// FuzzState: no state gives a code that is none, and no error tells one.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"code":"123456"}`))
	f.Add([]byte(`{"code":"123456","asked":1772625600}`))
	f.Add([]byte(`{"code":"12345","x":1}`))
	f.Fuzz(func(t *testing.T, state []byte) {
		st, ok := readState(state)
		if digits, err := Digits(st.Code); ok && (err != nil || digits != st.Code || len(st.Code) < 6 || len(st.Code) > 10) {
			t.Errorf("readState(%q) = %q", state, st.Code)
		}
	})
}

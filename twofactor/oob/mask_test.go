package oob

import (
	"strings"
	"testing"
)

func TestMaskEmail(t *testing.T) {
	for address, want := range map[string]string{
		"mia@example.ch":              "m•••@example.ch",
		"maximiliana.long@example.ch": "m•••@example.ch",
		"mi@example.ch":               "m•••@example.ch",
		"m@example.ch":                "•••@example.ch",
		"ömer@example.ch":             "ö•••@example.ch",
		"no address":                  "•••",
		"@example.ch":                 "•••",
		"":                            "•••",
		"Mia <mia@example.ch>":        "•••",
	} {
		if got := MaskEmail(address); got != want {
			t.Errorf("MaskEmail(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestMaskPhone(t *testing.T) {
	for number, want := range map[string]string{
		"+41791234567":     "+41 •• ••• 67",
		"+15005550006":     "+1 •• ••• 06",
		"+79161234567":     "+7 •• ••• 67",
		"+4233702345":      "+423 •• ••• 45",
		"+4915112345678":   "+49 •• ••• 78",
		"+999123456789012": "+999 •• ••• 12",
		"+35312345":        "+353 •• ••• ••",
		"+4112345":         "+41 •• ••• ••",
		"079 123 45 67":    "•••",
		"+0791234567":      "•••",
		"+41":              "•••",
		"":                 "•••",
	} {
		if got := MaskPhone(number); got != want {
			t.Errorf("MaskPhone(%q) = %q, want %q", number, got, want)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add("mia@example.ch", "+41791234567")
	f.Fuzz(func(t *testing.T, address, number string) {
		if m := MaskEmail(address); !strings.Contains(m, hidden) && m != hidden {
			t.Errorf("MaskEmail(%q) = %q", address, m)
		}
		if m := MaskPhone(number); len(number) >= 8 && strings.Contains(m, number) {
			t.Errorf("MaskPhone(%q) = %q", number, m)
		}
	})
}

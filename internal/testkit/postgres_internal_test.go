package testkit

import (
	"testing"
	"time"
)

func TestIsLeftover(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	tests := []struct {
		name string
		want bool
	}{
		{"twofold_test_1899999000_abc", false},
		{"twofold_test_1899900000_abc", true},
		{"twofold_test_mine", false},
		{newName(), true}, // made decades before now
	}
	for _, tt := range tests {
		if got := isLeftover(tt.name, now); got != tt.want {
			t.Errorf("isLeftover(%q) = %v, want %v", tt.name, got, tt.want)
		}
	}
	if isLeftover(newName(), time.Now()) {
		t.Error("a name made now counts as left over")
	}
}

package testkit

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	zone := time.FixedZone("somewhere", 3600)
	c := NewClock(time.Date(2030, 1, 2, 3, 4, 5, 6789, zone))
	want := time.Date(2030, 1, 2, 2, 4, 5, 6000, time.UTC)
	if got := c.Now(); got != want {
		t.Errorf("Now = %v, want %v", got, want)
	}
	if got := c.Advance(time.Minute + 999); got != want.Add(time.Minute) {
		t.Errorf("Advance = %v, want %v", got, want.Add(time.Minute))
	}
	c.Set(want)
	if got := c.Now(); got != want {
		t.Errorf("Now after Set = %v, want %v", got, want)
	}
}

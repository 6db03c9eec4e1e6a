package limits_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/limits"
	"twofold/internal/seal"
	"twofold/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

var five = limits.Limit{Burst: 5, Per: 10 * time.Minute} // one more each two minutes

type kit struct {
	*limits.Limiter
	clock *testkit.Clock
}

func each(t *testing.T, f func(t *testing.T, k kit)) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d, err := db.Open(t.Context(), url, db.Options{})
		must(t, err)
		t.Cleanup(func() { _ = d.Close() })
		s, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
		must(t, err)
		clock := testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		f(t, kit{&limits.Limiter{DB: d, Seal: s, Now: clock.Now}, clock})
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (k kit) take(t *testing.T, l limits.Limit, parts ...string) (bool, time.Duration) {
	t.Helper()
	ok, after, err := k.Take(t.Context(), l, parts...)
	must(t, err)
	if ok != (after == 0) || after < 0 {
		t.Errorf("ok is %v, after is %v", ok, after)
	}
	return ok, after
}

// drain takes until nothing is left, and says how many there were.
func (k kit) drain(t *testing.T, l limits.Limit, parts ...string) (n int) {
	t.Helper()
	for ok, _ := k.take(t, l, parts...); ok; ok, _ = k.take(t, l, parts...) {
		n++
	}
	return n
}

func TestParallelTakes(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				ok, after, err := k.Take(t.Context(), five, "who")
				switch {
				case err != nil || after < 0:
					t.Error(after, err)
				case ok:
					allowed.Add(1)
				}
			})
		}
		wg.Wait()
		if allowed.Load() != 5 {
			t.Errorf("%d allowed, want 5", allowed.Load())
		}
	})
}

func TestRefill(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, step := range []struct {
			wait time.Duration
			want int
		}{
			{0, 5},
			{0, 0},
			{2*time.Minute - time.Microsecond, 0},
			{time.Microsecond, 1},
			{time.Minute, 0},
			{time.Minute, 1},
			{4 * time.Minute, 2},
			{5 * time.Minute, 2},
			{time.Minute, 1},
			{10 * time.Minute, 5},
			{time.Hour, 5},
			{0, 0},
		} {
			k.clock.Advance(step.wait)
			if got := k.drain(t, five, "who"); got != step.want {
				t.Errorf("%v later: %d, want %d", step.wait, got, step.want)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.drain(t, five, "who")
		for _, c := range []struct{ wait, want time.Duration }{
			{0, 2 * time.Minute},
			{30 * time.Second, 90 * time.Second},
			{89 * time.Second, time.Second},
			{900 * time.Millisecond, time.Second}, // a second at least
		} {
			k.clock.Advance(c.wait)
			if ok, after := k.take(t, five, "who"); ok || after != c.want {
				t.Errorf("%v later: %v, %v; want %v", c.wait, ok, after, c.want)
			}
		}
		k.clock.Advance(100 * time.Millisecond)
		if ok, _ := k.take(t, five, "who"); !ok {
			t.Error("refused at the time that was named")
		}
		// A replica whose clock is behind must not hear of the past.
		k.clock.Advance(-time.Hour)
		if ok, after := k.take(t, five, "who"); ok || after != time.Hour+2*time.Minute {
			t.Errorf("an hour earlier: %v, %v", ok, after)
		}
	})
}

func TestBudgetsAreApart(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, parts := range [][]string{{"a"}, {"b"}, {"a", "b"}, {"ab"}, {"a", "b", ""}, {"b", "a"}, {}, {""}} {
			if n := k.drain(t, five, parts...); n != 5 {
				t.Errorf("%q has %d left", parts, n)
			}
		}
	})
}

func TestOddLimits(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, l := range []limits.Limit{{}, {Burst: 5}, {Per: time.Hour}, {Burst: -1, Per: time.Hour}, {Burst: 1000, Per: time.Microsecond}, {Burst: 1, Per: -time.Hour}} {
			if ok, _, err := k.Take(t.Context(), l, "odd"); ok || err == nil {
				t.Errorf("%+v: %v, %v; want an error", l, ok, err)
			}
		}
		for _, l := range []limits.Limit{{1, time.Hour}, {7, time.Second}, {3, 10 * time.Microsecond}, {1000, 1999 * time.Microsecond}} {
			if n := k.drain(t, l, "odd", l.Per.String()); n != l.Burst {
				t.Errorf("%+v: %d", l, n)
			}
		}
	})
}

func TestARollbackGivesNothingBack(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		undo := errors.New("undo")
		if k.DB.Dialect() == db.SQLite {
			return // its one writer is the transaction, see db.Outside
		}
		err := k.DB.Tx(t.Context(), func(ctx context.Context) error {
			for range 5 {
				if ok, _, err := k.Take(ctx, five, "who"); !ok || err != nil {
					t.Error(ok, err)
				}
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		if n := k.drain(t, five, "who"); n != 0 {
			t.Errorf("%d came back", n)
		}
	})
}

func TestKeysSayNothing(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.take(t, five, "sign-in", "anna@example.com", "203.0.113.7")
		var keys []string
		must(t, k.DB.QueryRaw(t.Context(), &keys, "SELECT key FROM rate_counters"))
		if len(keys) != 1 || len(keys[0]) != 32 || strings.Trim(keys[0], "0123456789abcdef") != "" {
			t.Errorf("keys are %q", keys)
		}
	})
}

func TestSweep(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.take(t, five, "one")
		k.drain(t, five, "all")
		count := func() (n []int64) {
			must(t, k.DB.QueryRaw(t.Context(), &n, "SELECT count(*) FROM rate_counters"))
			return n
		}
		for _, step := range []struct {
			wait time.Duration
			want int64
		}{{0, 2}, {2 * time.Minute, 2}, {time.Microsecond, 1}, {8 * time.Minute, 0}} {
			k.clock.Advance(step.wait)
			must(t, k.Sweep(t.Context()))
			if n := count(); n[0] != step.want {
				t.Errorf("%v later: %d rows, want %d", step.wait, n[0], step.want)
			}
		}
	})
}

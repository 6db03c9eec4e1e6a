package ceremony

import (
	"context"
	"errors"
	"sync"
	"testing"

	"twofold/internal/testkit"
)

func TestModels(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		testkit.CheckModels(t, url, challengeRow{}, failureRow{}, enrollmentRow{}, smsNumberRow{}, smsBlockRow{}, smsDayRow{})
	})
}

func TestTurns(t *testing.T) {
	var ts turns
	done, err := ts.take(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := ts.take(t.Context(), "b") // nobody stands in the way of another
	if err != nil {
		t.Fatal(err)
	}
	other()
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := ts.take(gone, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("who hung up while waiting: %v", err)
	}
	var inside, most int
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			done, err := ts.take(t.Context(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			inside++ // the race detector looks on
			most = max(most, inside)
			inside--
			done()
		})
	}
	done()
	wg.Wait()
	if most != 1 {
		t.Errorf("%d at once", most)
	}
	if len(ts.open) != 0 {
		t.Errorf("%d turns are left over", len(ts.open))
	}
}

package problem_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"twofold/internal/problem"
)

func TestStatus(t *testing.T) {
	for k, want := range map[problem.Kind]int{
		problem.Internal: http.StatusInternalServerError, problem.Invalid: http.StatusBadRequest, problem.Unauthenticated: http.StatusUnauthorized,
		problem.Forbidden: http.StatusForbidden, problem.NotFound: http.StatusNotFound, problem.Method: http.StatusMethodNotAllowed,
		problem.Conflict: http.StatusConflict, problem.Gone: http.StatusGone, problem.TooMany: http.StatusTooManyRequests,
		problem.Unavailable: http.StatusServiceUnavailable, -1: http.StatusInternalServerError, 99: http.StatusInternalServerError,
	} {
		if got := k.Status(); got != want {
			t.Errorf("kind %d: %d, want %d", k, got, want)
		}
	}
}

func TestFrom(t *testing.T) {
	p := problem.New(problem.Gone, "over", "Start again.")
	for name, err := range map[string]error{
		"itself": p, "wrapped": fmt.Errorf("idp: %w", p), "joined": errors.Join(io.EOF, p),
	} {
		if got := problem.From(err); got != p {
			t.Errorf("%s: got %v", name, got)
		}
		if !problem.Is(err, problem.Gone) || problem.Is(err, problem.Invalid) {
			t.Errorf("%s: Is is wrong", name)
		}
	}
	other := problem.From(io.EOF)
	if other.Kind != problem.Internal || !errors.Is(other, io.EOF) || other.Message == io.EOF.Error() {
		t.Errorf("of another error: %+v", other)
	}
	if problem.Is(io.EOF, problem.Internal) || problem.Is(nil, problem.Internal) {
		t.Error("an error that is no problem has no kind")
	}
}

func TestErrors(t *testing.T) {
	wrapped := problem.Wrap(problem.Conflict, "taken", "This name is taken.", io.EOF)
	if got := wrapped.Error(); got != "taken: This name is taken.: EOF" || !errors.Is(wrapped, io.EOF) {
		t.Error(got)
	}
	if got := problem.New(problem.Conflict, "taken", "This name is taken."); got.Error() != "taken: This name is taken." || errors.Unwrap(got) != nil {
		t.Error(got)
	}
	if got := problem.Busy(problem.TooMany, "slow", "Wait.", time.Minute); got.RetryAfter != time.Minute || got.Kind != problem.TooMany {
		t.Errorf("%+v", got)
	}
}

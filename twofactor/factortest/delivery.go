package factortest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"twofold/twofactor"
)

// classes are those of which a failed delivery must have exactly one.
var classes = []error{twofactor.ErrRetry, twofactor.ErrRecipient, twofactor.ErrAccount, twofactor.ErrContent}

// slack is how long Send may take to notice that its time is up.
const slack = 2 * time.Second

// send checks delivery, by its success and by its failures.
func (s *suite) send(t *testing.T) {
	f := s.open(t)
	sender, ok := f.(twofactor.Sender)
	if !ok {
		return
	}
	if s.Delivery == nil {
		t.Fatal("a factor that sends needs Config.Delivery")
	}
	t.Run("delivers", func(t *testing.T) {
		c, _ := s.begin(t, f, s.User)
		for range 2 { // the outbox may send a message more than once
			if _, err := sender.Send(t.Context(), *c.Outgoing); err != nil {
				t.Fatalf("Send: %v", err)
			}
			s.Delivery.Delivered(t, *c.Outgoing)
		}
	})
	t.Run("never late", func(t *testing.T) {
		c, _ := s.begin(t, f, s.User)
		late := *c.Outgoing
		late.ExpiresAt = s.Env.Now().Add(-time.Second)
		_, err := sender.Send(t.Context(), late)
		s.failure(t, c, err, nil)
	})
	t.Run("context ended", func(t *testing.T) {
		c, _ := s.begin(t, f, s.User)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := sender.Send(ctx, *c.Outgoing)
		s.failure(t, c, err, twofactor.ErrRetry)
	})
	t.Run("service hangs", func(t *testing.T) { s.hang(t, sender, f) })
	for _, failure := range s.Delivery.Failures {
		t.Run(failure.Name, func(t *testing.T) { s.fail(t, failure) })
	}
}

func (s *suite) hang(t *testing.T, sender twofactor.Sender, f twofactor.Factor) {
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 200*time.Millisecond)
		},
		"cancel": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(200*time.Millisecond, cancel)
			return ctx, cancel
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := s.begin(t, f, s.User)
			s.Delivery.Hang()
			defer s.Delivery.Heal()
			ctx, cancel := end(t.Context())
			defer cancel()
			start := time.Now()
			_, err := sender.Send(ctx, *c.Outgoing)
			if took := time.Since(start); took > 200*time.Millisecond+slack {
				t.Errorf("Send took %v of 200ms", took)
			}
			s.failure(t, c, err, twofactor.ErrRetry)
		})
	}
}

func (s *suite) fail(t *testing.T, want Failure) {
	options := s.Options
	if want.Options != "" {
		options = want.Options
	}
	f, err := s.Provider.Open([]byte(options), s.Env)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	c, _ := s.begin(t, f, s.User)
	if want.Arrange != nil {
		want.Arrange()
		defer s.Delivery.Heal()
	}
	_, err = f.(twofactor.Sender).Send(t.Context(), *c.Outgoing)
	s.failure(t, c, err, want.Want)
	var e *twofactor.SendError
	if !errors.As(err, &e) {
		t.Fatalf("got %T, want a *SendError", err)
	}
	if want.Stage != "" && e.Stage != want.Stage {
		t.Errorf("stage %q, want %q", e.Stage, want.Stage)
	}
	if want.Status != 0 && e.Status != want.Status {
		t.Errorf("status %d, want %d", e.Status, want.Status)
	}
	if want.Code != "" && e.Code != want.Code {
		t.Errorf("code %q, want %q", e.Code, want.Code)
	}
	if e.RetryAfter != want.After {
		t.Errorf("retry after %v, want %v", e.RetryAfter, want.After)
	}
	if e.Help == "" {
		t.Error("has no help")
	}
}

// failure checks the class of an error and that it tells no secret; want nil
// takes any class.
func (s *suite) failure(t *testing.T, c twofactor.Challenge, err, want error) {
	t.Helper()
	if err == nil {
		t.Fatal("Send succeeded")
	}
	var got []error
	for _, class := range classes {
		if errors.Is(err, class) {
			got = append(got, class)
		}
	}
	if len(got) != 1 || (want != nil && !errors.Is(got[0], want)) {
		t.Errorf("error %q is of classes %v, want %v", err, got, want)
	}
	text := err.Error()
	if e := (*twofactor.SendError)(nil); errors.As(err, &e) {
		text = strings.Join([]string{text, e.Stage, e.Code, e.Help}, "\n")
	}
	s.mustHide(t, "the error", text)
	told := []string{c.Outgoing.To, c.Outgoing.Text, strings.TrimPrefix(c.Outgoing.To, "+")}
	for _, right := range s.Answer(t, c) {
		told = append(told, right)
	}
	for _, secret := range told {
		if strings.Contains(text, secret) {
			t.Errorf("the error tells %q: %s", secret, text)
		}
	}
}

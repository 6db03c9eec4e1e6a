package factortest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/twofactor"
)

// challenge checks what a page and the outbox get.
func (s *suite) challenge(t *testing.T) {
	f := s.open(t)
	c, bound := s.begin(t, f, s.User)
	s.mustHide(t, "the prompt", printed(c.Prompt))
	s.mustKeep(t, "the prompt", printed(c.Prompt))
	s.asks(t, c)
	if c.Outgoing != nil {
		s.outgoing(t, c, bound)
	}
	for _, u := range s.Unusable {
		if _, err := f.Challenge(t.Context(), u, nil); !errors.Is(err, twofactor.ErrUnusable) {
			t.Errorf("Challenge for %+v: got %v, want ErrUnusable", u, err)
		}
	}
}

// asks checks that a page can draw the question.
func (s *suite) asks(t testing.TB, c twofactor.Challenge) {
	t.Helper()
	if c.Prompt.Message == "" && c.Prompt.Script == "" {
		t.Error("the prompt says nothing")
	}
	for _, field := range c.Prompt.Fields {
		if field.Name == "" || field.Label == "" || field.Kind == "" {
			t.Errorf("prompt field %+v lacks name, label or kind", field)
		}
	}
	if now := s.Env.Now(); !c.ExpiresAt.IsZero() && (!c.ExpiresAt.After(now) || c.ExpiresAt.After(now.Add(10*time.Minute))) {
		t.Errorf("expires %v after now, want within ten minutes", c.ExpiresAt.Sub(now))
	}
}

func (s *suite) outgoing(t *testing.T, c twofactor.Challenge, bound []twofactor.Enrollment) {
	m := *c.Outgoing
	if m.To == "" || m.Text == "" || m.ID == "" {
		t.Errorf("message lacks To, Text or ID: %+v", m)
	}
	if m.Masked == "" || strings.Contains(m.Masked, m.To) || c.Prompt.Destination != m.Masked {
		t.Errorf("masked %q, prompt's destination %q, to %q", m.Masked, c.Prompt.Destination, m.To)
	}
	if !m.ExpiresAt.Equal(c.ExpiresAt) {
		t.Errorf("message expires %v, challenge %v", m.ExpiresAt, c.ExpiresAt)
	}
	prompt := printed(c.Prompt)
	if strings.Contains(prompt, m.To) {
		t.Error("the prompt shows the whole destination")
	}
	for _, right := range s.answer(t, c, bound) {
		if strings.Contains(prompt, right) || strings.Contains(m.Subject, right) {
			t.Error("the right answer is in the prompt or the subject")
		}
	}
}

// verify checks right and wrong answers, on this replica and on another.
func (s *suite) verify(t *testing.T) {
	f, other := s.open(t), s.open(t)
	c, bound := s.begin(t, f, s.User)
	right := s.answer(t, c, bound)
	wrong := append([]twofactor.Answer{nil, {}, {"other": "1"}}, s.Wrong...)
	for name, value := range right {
		for _, v := range []string{"", value + "0", strings.Repeat(value+" ", 1000), "٠١٢٣٤٥", "１２３４５６", "\x00", altered(value), alteredEnd(value)} {
			wrong = append(wrong, twofactor.Answer{name: v})
		}
	}
	for _, a := range wrong {
		if _, err := f.Verify(t.Context(), bound, c, a); !errors.Is(err, twofactor.ErrWrongAnswer) {
			t.Errorf("Verify of a wrong answer: got %v, want ErrWrongAnswer", err)
		}
	}

	stored := stored(t, c)
	first, err := other.Verify(t.Context(), bound, stored, right)
	if err != nil {
		t.Fatalf("Verify of the right answer, on another replica: %v", err)
	}
	if len(first.AMR) == 0 {
		t.Error("the result says no amr")
	}
	if len(bound) > 0 && first.Used.ID != bound[0].ID {
		t.Errorf("used %q, want %q", first.Used.ID, bound[0].ID)
	}
	amr := slices.Clone(first.AMR)
	for i := range first.AMR {
		first.AMR[i] = "changed"
	}
	second, err := f.Verify(t.Context(), bound, c, right)
	if err != nil {
		t.Fatalf("Verify must not consume, ceremony does: %v", err)
	}
	if diff := cmp.Diff(amr, second.AMR); diff != "" {
		t.Errorf("amr is shared between results (-want +got):\n%s", diff)
	}
	s.corrupt(t, f, bound, c)
}

// corrupt checks that no damaged state lets anybody in.
func (s *suite) corrupt(t *testing.T, f twofactor.Factor, bound []twofactor.Enrollment, c twofactor.Challenge) {
	if len(c.State) == 0 {
		return
	}
	for _, state := range []string{"", "{}", "null", "[]", `"x"`, "\x00", string(c.State[:len(c.State)-1]), `{"code":""}`} {
		damaged := c
		damaged.State = twofactor.State(state)
		for _, a := range []twofactor.Answer{nil, {}, {"code": ""}, {"code": "000000"}} {
			if _, err := f.Verify(t.Context(), bound, damaged, a); err == nil {
				t.Errorf("state %q accepts %v", state, a)
			} else if strings.Contains(err.Error(), string(c.State)) {
				t.Errorf("the error quotes the state: %v", err)
			}
		}
	}
}

// stored is c as it comes back from a database: bytes only, another memory.
func stored(t testing.TB, c twofactor.Challenge) twofactor.Challenge {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatalf("challenge as JSON: %v", err)
	}
	var out twofactor.Challenge
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("challenge from JSON: %v", err)
	}
	if !bytes.Equal(out.State, c.State) {
		t.Fatal("the state does not survive storage")
	}
	return out
}

// altered changes the first character of an answer.
func altered(s string) string {
	if s == "" {
		return "x"
	}
	if s[0] == '0' {
		return "1" + s[1:]
	}
	return "0" + s[1:]
}

// alteredEnd changes the last character of an answer.
func alteredEnd(s string) string {
	if s == "" {
		return "x"
	}
	return s[:len(s)-1] + altered(s[len(s)-1:])
}

// concurrent uses one factor from many goroutines; the race detector watches.
func (s *suite) concurrent(t *testing.T) {
	f := s.open(t)
	_, enrolls := f.(twofactor.Enroller)
	var shared []twofactor.Enrollment
	if enrolls {
		shared = s.bind(t, f, s.User)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			u := s.User
			u.Realm = fmt.Sprintf("%s %d", u.Realm, i)
			c, err := f.Challenge(t.Context(), u, shared)
			if err != nil {
				t.Errorf("Challenge: %v", err)
				return
			}
			if sender, ok := f.(twofactor.Sender); ok && c.Outgoing != nil {
				if _, err := sender.Send(t.Context(), *c.Outgoing); err != nil {
					t.Errorf("Send: %v", err)
				}
			}
			if _, err := f.Verify(t.Context(), shared, c, s.answer(t, c, shared)); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
	wg.Wait()
}

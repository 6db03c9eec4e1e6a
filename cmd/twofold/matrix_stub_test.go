package main

import (
	"context"
	"strings"
	"time"

	"twofold/internal/fakes"
)

func (m *matrix) waitMessage(to, text string) fakes.Message {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	msg, err := m.inbox.Wait(ctx, func(msg fakes.Message) bool { return msg.To == to && strings.Contains(msg.Text, text) })
	if err != nil {
		m.t.Fatalf("nothing with %q came: %v", text, err)
	}
	return msg
}

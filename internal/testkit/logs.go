package testkit

import (
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// LogBuffer holds what a logger wrote, one JSON object a line.
type LogBuffer struct {
	mu      sync.Mutex
	text    strings.Builder
	written chan struct{} // closed and replaced with each line
}

// Logs returns a logger that keeps everything, debug lines too, in the buffer.
// When the test fails, the log is shown.
func Logs(t testing.TB) (*slog.Logger, *LogBuffer) {
	t.Helper()
	b := &LogBuffer{written: make(chan struct{})}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of this test:\n%s", b)
		}
	})
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b
}

// Write implements io.Writer.
func (b *LogBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.written)
	b.written = make(chan struct{})
	return b.text.Write(p)
}

// String is the whole log.
func (b *LogBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Contains reports whether s is in the log.
func (b *LogBuffer) Contains(s string) bool { return strings.Contains(b.String(), s) }

// Reset forgets what was written.
func (b *LogBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

// Records are the lines as objects.
func (b *LogBuffer) Records() []map[string]any {
	var all []map[string]any
	for line := range strings.Lines(b.String()) {
		var r map[string]any
		if json.Unmarshal([]byte(line), &r) == nil {
			all = append(all, r)
		}
	}
	return all
}

// Wait waits until s is in the log, and ends the test if it never gets there.
func (b *LogBuffer) Wait(t testing.TB, s string) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		b.mu.Lock()
		written := b.written
		b.mu.Unlock()
		if b.Contains(s) {
			return
		}
		select {
		case <-written:
		case <-late:
			t.Fatalf("testkit: the log never says %q", s)
		}
	}
}

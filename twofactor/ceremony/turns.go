package ceremony

import (
	"context"
	"sync"
)

// turns lets the answers of one user be judged one after the other.
//
// Every answer counts as wrong until it is judged. Without turns, honest sign-ins
// of one user at the same moment would add up to a back-off, though all of them
// are right (SECURITY §3, row 77). What holds against guessing is the counter in
// the database, over all replicas; turns only keeps a process from standing in
// its own way.
type turns struct {
	mu   sync.Mutex
	open map[string]*turn
}

type turn struct {
	token   chan struct{} // holds one while somebody has his turn
	waiting int           // who has it or waits for it
}

// take waits for the turn of key. The caller must call done, and must not take
// the same key again before.
func (t *turns) take(ctx context.Context, key string) (done func(), err error) {
	t.mu.Lock()
	if t.open == nil {
		t.open = map[string]*turn{}
	}
	mine := t.open[key]
	if mine == nil {
		mine = &turn{token: make(chan struct{}, 1)}
		t.open[key] = mine
	}
	mine.waiting++
	t.mu.Unlock()
	select {
	case mine.token <- struct{}{}:
		return func() { <-mine.token; t.leave(key, mine) }, nil
	case <-ctx.Done():
		t.leave(key, mine)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(key string, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.waiting--; mine.waiting == 0 {
		delete(t.open, key)
	}
}

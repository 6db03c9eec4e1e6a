package fakes

import (
	"context"
	"slices"
	"sync"
)

// keep bounds a box, so that a demo may run for weeks.
const keep = 1000

// box is a list that can be waited on. Its zero value is ready.
type box[T any] struct {
	mu      sync.Mutex
	items   []T
	changed chan struct{} // closed and replaced at every change; nil until somebody waits
}

func (b *box[T]) add(item T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, item)
	if len(b.items) > keep {
		b.items = slices.Clone(b.items[len(b.items)-keep:])
	}
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

func (b *box[T]) all() []T {
	items, _ := b.look()
	return items
}

// look returns what is there and a channel closed at the next change.
func (b *box[T]) look() ([]T, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return slices.Clone(b.items), b.changed
}

// wait returns the newest item that matches, now or as soon as there is one.
func (b *box[T]) wait(ctx context.Context, match func(T) bool) (T, error) {
	for {
		items, changed := b.look()
		for _, item := range slices.Backward(items) {
			if match(item) {
				return item, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}

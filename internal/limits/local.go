package limits

import (
	"maps"
	"sync"
	"time"
)

// Local takes from budgets of this process alone, and costs no query: for what is only to
// be kept within bounds. Each name stands there until its budget is full again; whoever
// calls must bound how many there are.
type Local struct {
	Now func() time.Time

	mu    sync.Mutex
	tat   map[string]time.Time // GCRA's theoretical arrival times
	swept time.Time
}

// Take takes one from the budget of lim that has a name. When it is used up, ok is false
// and after says how long until the next one, a second at least.
func (l *Local) Take(lim Limit, name string) (ok bool, after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, iv := l.Now(), lim.Per/time.Duration(lim.Burst)
	l.sweep(now)
	tat := l.tat[name]
	if tat.Before(now) {
		tat = now
	}
	tat = tat.Add(iv)
	if over := tat.Sub(now) - iv*time.Duration(lim.Burst); over > 0 {
		return false, max(over, time.Second)
	}
	l.tat[name] = tat
	return true, 0
}

// sweep forgets, once a minute, the budgets that are full again.
func (l *Local) sweep(now time.Time) {
	if l.tat == nil {
		l.tat = map[string]time.Time{}
	}
	if now.Sub(l.swept) < time.Minute {
		return
	}
	l.swept = now
	maps.DeleteFunc(l.tat, func(_ string, tat time.Time) bool { return tat.Before(now) })
}

package op

import (
	"errors"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Times of signing keys (SECURITY N50, docs/adr/0030).
const (
	// verifiersFor is how long others may use the key set that they fetched: its max-age.
	verifiersFor = 5 * time.Minute
	// keyMargin covers clocks of replicas that differ, and a transaction that is slow.
	keyMargin = 4 * time.Minute
	// MinKeyAhead is the least time between publishing a key and signing with it: a
	// verifier's key set is at most verifiersFor old, and came from a replica whose own was
	// at most keysFor old.
	MinKeyAhead = keysFor + verifiersFor + keyMargin
	// DefaultKeyAhead and DefaultKeyLife hold where nothing else is set.
	DefaultKeyAhead = 24 * time.Hour
	DefaultKeyLife  = 90 * 24 * time.Hour
	// MinKeyLife keeps the key set small: what retires stays in it for keyPublished.
	MinKeyLife = 24 * time.Hour
	// keyPublished is how long a retired key stays in the key set: for keysFor a replica may
	// go on signing with it, and what it signed lives as long as a token does.
	keyPublished = max(accessLife, idTokenLife) + keysFor + 24*time.Hour
	// keyForHints is how long we alone still know a retired key, for ID tokens that apps send
	// as hints long after they ended: no session lasts longer than 90 days.
	keyForHints = 90*24*time.Hour + keyPublished
)

// keyAlgs are the algorithms of which each tenant has a key.
func keyAlgs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.RS256, jose.ES256} }

// KeyTimes are how long signing keys stay in their states.
type KeyTimes struct {
	Ahead time.Duration // from publishing to signing; 0: DefaultKeyAhead
	Life  time.Duration // from signing to being replaced; 0: DefaultKeyLife, below 0: until a command
}

// Check reports times by which verifiers would meet keys that they do not know.
func (t KeyTimes) Check() error {
	switch {
	case t.Ahead != 0 && t.Ahead < MinKeyAhead:
		return errors.New("a signing key must be published at least " + MinKeyAhead.String() + " before it signs")
	case t.Life > 0 && t.Life < MinKeyLife:
		return errors.New("a signing key must sign for at least " + MinKeyLife.String())
	case t.Life > 0 && t.Life < t.ahead():
		return errors.New("a signing key must sign for at least as long as the next one is published ahead")
	}
	return nil
}

func (t KeyTimes) ahead() time.Duration {
	if t.Ahead == 0 {
		return DefaultKeyAhead
	}
	return t.Ahead
}

func (t KeyTimes) life() time.Duration {
	if t.Life == 0 {
		return DefaultKeyLife
	}
	return t.Life
}

// bySchedule reports whether keys are replaced without a command.
func (t KeyTimes) bySchedule() bool { return t.life() > 0 }

// keyAct is a transition of signing keys.
type keyAct int

const (
	keyPublish  keyAct = iota + 1 // make the next key and publish it
	keyTakeOver                   // the next key signs, the active one retires
	keyDelete                     // a retired key goes for good
)

// keyStep is one transition that is due: of key, and by keyTakeOver to the key next.
type keyStep struct {
	act       keyAct
	key, next signingKeyRow
}

// steps says what must happen now to the keys of one tenant.
func (t KeyTimes) steps(rows []signingKeyRow, now time.Time) (out []keyStep) {
	for _, alg := range keyAlgs() {
		active, signs := keyIn(rows, alg, keyActive)
		next, ready := keyIn(rows, alg, keyNext)
		switch {
		case !signs: // nothing takes over from nobody: that is for CreateKeys
		case ready && !t.takesOver(next).After(now):
			out = append(out, keyStep{keyTakeOver, active, next})
		case !ready && t.nextDue(active, now):
			out = append(out, keyStep{act: keyPublish, key: active})
		}
	}
	for _, r := range rows {
		if r.State == keyRetired && !r.since().Add(keyForHints).After(now) {
			out = append(out, keyStep{act: keyDelete, key: r})
		}
	}
	return out
}

// nextDue reports whether the key after an active one must be made. A time that is set
// counts before the schedule: a command's, or that of a replica which is making the key.
func (t KeyTimes) nextDue(active signingKeyRow, now time.Time) bool {
	if active.DueAt != nil {
		return !active.DueAt.After(now)
	}
	return t.bySchedule() && !active.since().Add(t.life()-t.ahead()).After(now)
}

// takesOver is when a next key signs.
func (t KeyTimes) takesOver(next signingKeyRow) time.Time {
	if next.DueAt != nil {
		return *next.DueAt
	}
	return next.since().Add(t.ahead())
}

// since is when a key came to its state.
func (r signingKeyRow) since() time.Time {
	if r.ChangedAt != nil {
		return *r.ChangedAt
	}
	return r.CreatedAt
}

// published reports whether a key belongs into the key set that others fetch.
func (r signingKeyRow) published(now time.Time) bool {
	return r.State != keyRetired || r.since().Add(keyPublished).After(now)
}

func keyIn(rows []signingKeyRow, alg jose.SignatureAlgorithm, state string) (signingKeyRow, bool) {
	i := slices.IndexFunc(rows, func(r signingKeyRow) bool { return r.Alg == string(alg) && r.State == state })
	if i < 0 {
		return signingKeyRow{}, false
	}
	return rows[i], true
}

package op

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

func TestKeyTimes(t *testing.T) {
	for _, c := range []struct {
		name string
		KeyTimes
		good bool
	}{
		{"defaults", KeyTimes{}, true},
		{"the least", KeyTimes{Ahead: MinKeyAhead, Life: MinKeyLife}, true},
		{"on command alone", KeyTimes{Life: -1}, true},
		{"not long enough ahead", KeyTimes{Ahead: MinKeyAhead - 1}, false},
		{"short life", KeyTimes{Ahead: MinKeyAhead, Life: MinKeyLife - 1}, false},
		{"longer ahead than it signs", KeyTimes{Ahead: 48 * time.Hour, Life: MinKeyLife}, false},
	} {
		if err := c.Check(); (err == nil) != c.good {
			t.Error(c.name, err)
		}
	}
}

func TestKeySteps(t *testing.T) {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	times := KeyTimes{Ahead: time.Hour, Life: 48 * time.Hour}
	row := func(id, state string, since time.Time, due ...time.Time) signingKeyRow {
		r := signingKeyRow{ID: id, Alg: "ES256", State: state, ChangedAt: &since, CreatedAt: t0.Add(-1000 * time.Hour)}
		if len(due) > 0 {
			r.DueAt = &due[0]
		}
		return r
	}
	a := func(due ...time.Time) signingKeyRow { return row("a", keyActive, t0, due...) }
	n := func(since time.Time, due ...time.Time) signingKeyRow { return row("n", keyNext, since, due...) }
	old := signingKeyRow{ID: "a", Alg: "ES256", State: keyActive, CreatedAt: t0}
	for _, c := range []struct {
		name string
		KeyTimes
		rows []signingKeyRow
		at   time.Duration
		want string
	}{
		{"young", times, []signingKeyRow{a()}, 47*time.Hour - 1, ""},
		{"next is due", times, []signingKeyRow{a()}, 47 * time.Hour, "publish after a"},
		{"made by a version before", times, []signingKeyRow{old}, 47 * time.Hour, "publish after a"},
		{"on command alone", KeyTimes{Life: -1}, []signingKeyRow{a()}, 10000 * time.Hour, ""},
		{"commanded", KeyTimes{Life: -1}, []signingKeyRow{a(t0)}, 0, "publish after a"},
		{"another replica makes it", times, []signingKeyRow{a(t0.Add(47*time.Hour + keyLease))}, 47 * time.Hour, ""},
		{"it never came back", times, []signingKeyRow{a(t0.Add(47 * time.Hour))}, 47 * time.Hour, "publish after a"},
		{"published", times, []signingKeyRow{a(), n(t0)}, time.Hour - 1, ""},
		{"ahead for long enough", times, []signingKeyRow{a(), n(t0)}, time.Hour, "n after a"},
		{"as it was said when it was made", times, []signingKeyRow{a(), n(t0, t0.Add(2*time.Hour))}, time.Hour, ""},
		{"long overdue", times, []signingKeyRow{a(), n(t0)}, 1000 * time.Hour, "n after a"},
		{"nobody signs", times, []signingKeyRow{n(t0)}, 1000 * time.Hour, ""},
		{"retired", times, []signingKeyRow{row("r", keyRetired, t0), row("b", keyActive, t0.Add(keyForHints))}, keyForHints - 1, ""},
		{"forgotten", times, []signingKeyRow{row("r", keyRetired, t0), row("b", keyActive, t0.Add(keyForHints))}, keyForHints, "delete r"},
		{"of another algorithm", times, []signingKeyRow{a(), {ID: "x", Alg: "RS256", State: keyNext, CreatedAt: t0}}, time.Hour, ""},
		{"both at once", times, []signingKeyRow{a(t0), {ID: "x", Alg: "RS256", State: keyActive, CreatedAt: t0.Add(-100 * time.Hour)}}, 0, "publish after x, publish after a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, s := range c.steps(c.rows, t0.Add(c.at)) {
				got = append(got, map[keyAct]string{
					keyPublish: "publish after " + s.key.ID, keyTakeOver: s.next.ID + " after " + s.key.ID, keyDelete: "delete " + s.key.ID,
				}[s.act])
			}
			if all := strings.Join(got, ", "); all != c.want {
				t.Errorf("%q, want %q", all, c.want)
			}
		})
	}
}

// TestKeysNeverSurprise plays many days: replicas that read the keys up to keysFor ago
// and whose clocks differ, jobs that come when they come, commands at any time, and a
// verifier that never looks again before its five minutes are over.
func TestKeysNeverSurprise(t *testing.T) {
	for seed := range uint64(12) {
		p := newKeyPlay(seed, KeyTimes{Ahead: MinKeyAhead, Life: MinKeyLife})
		p.run(4 * 24 * time.Hour)
		if p.failed != "" || p.took < 4 || p.checked < 10_000 {
			t.Errorf("seed %d: %q, rotations %d, tokens %d", seed, p.failed, p.took, p.checked)
		}
	}
	// The play would see it: this is too short.
	broken := 0
	for seed := range uint64(4) {
		p := newKeyPlay(seed, KeyTimes{Ahead: keysFor + time.Minute, Life: MinKeyLife})
		if p.run(4 * 24 * time.Hour); p.failed != "" {
			broken++
		}
	}
	if broken == 0 {
		t.Error("no failure although keys are not published for long enough")
	}
}

// keyPlay is a tenant's keys and all who use them.
type keyPlay struct {
	*rand.Rand
	times    KeyTimes
	now      time.Time
	rows     []signingKeyRow
	pending  []keyWrite // committed later than decided
	replicas [3]keyReplica
	verifier keyVerifier
	tokens   []keyToken
	made     int
	took     int
	checked  int
	failed   string
}

type keyWrite struct {
	at   time.Time
	step keyStep
	row  signingKeyRow
}

type keyReplica struct {
	skew   time.Duration
	readAt time.Time
	seen   []signingKeyRow
}

type keyVerifier struct {
	at   time.Time
	keys map[string]bool
}

type keyToken struct {
	kid    string
	signed time.Time
}

func newKeyPlay(seed uint64, times KeyTimes) *keyPlay {
	p := &keyPlay{Rand: rand.New(rand.NewPCG(seed, 2)), times: times, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := range p.replicas {
		p.replicas[i].skew = time.Duration(p.Int64N(int64(2*time.Minute))) - time.Minute
	}
	at := p.now
	p.rows = []signingKeyRow{{ID: "k0", Alg: string(jose.ES256), State: keyActive, CreatedAt: at, ChangedAt: &at}}
	return p
}

func (p *keyPlay) run(length time.Duration) {
	for end := p.now.Add(length); p.now.Before(end) && p.failed == ""; {
		p.now = p.now.Add(time.Duration(p.Int64N(int64(20 * time.Second))))
		p.commit()
		r := &p.replicas[p.IntN(len(p.replicas))]
		switch p.IntN(12) {
		case 0, 1:
			p.job(r)
		case 2:
			if p.IntN(500) == 0 {
				p.command()
			}
		default:
			p.sign(r)
		}
		p.verify()
	}
}

// job decides by the database as it is, and by its replica's own clock.
func (p *keyPlay) job(r *keyReplica) {
	if len(p.pending) > 0 {
		return // by compare-and-set only one acts: see TestKeysRaced
	}
	now := p.now.Add(r.skew)
	for _, s := range p.times.steps(p.rows, now) {
		w := keyWrite{at: p.now.Add(time.Duration(p.Int64N(int64(90 * time.Second)))), step: s}
		if s.act == keyPublish {
			p.made++
			due := now.Add(p.times.ahead())
			w.row = signingKeyRow{ID: fmt.Sprint("k", p.made), Alg: s.key.Alg, State: keyNext, CreatedAt: now, ChangedAt: &now, DueAt: &due}
		}
		p.pending = append(p.pending, w)
	}
}

func (p *keyPlay) command() {
	for i, r := range p.rows {
		if r.State == keyActive && r.DueAt == nil {
			at := p.now
			p.rows[i].DueAt = &at
		}
	}
}

func (p *keyPlay) commit() {
	var left []keyWrite
	for _, w := range p.pending {
		if w.at.After(p.now) {
			left = append(left, w)
			continue
		}
		p.apply(w)
	}
	p.pending = left
}

func (p *keyPlay) apply(w keyWrite) {
	rows := []signingKeyRow{} // a new list: replicas hold the old one
	for _, r := range p.rows {
		at := w.at
		switch {
		case w.step.act == keyDelete && r.ID == w.step.key.ID:
			continue
		case w.step.act == keyPublish && r.ID == w.step.key.ID:
			lease := at.Add(keyLease)
			r.DueAt = &lease
		case w.step.act == keyTakeOver && r.ID == w.step.key.ID:
			r.State, r.ChangedAt, r.DueAt = keyRetired, &at, nil
		case w.step.act == keyTakeOver && r.ID == w.step.next.ID:
			r.State, r.ChangedAt, r.DueAt = keyActive, &at, nil
			p.took++
		}
		rows = append(rows, r)
	}
	if w.step.act == keyPublish {
		rows = append(rows, w.row)
	}
	p.rows = rows
}

// read is what a replica goes by.
func (p *keyPlay) read(r *keyReplica) []signingKeyRow {
	if r.seen == nil || p.now.Sub(r.readAt) >= keysFor {
		r.seen, r.readAt = p.rows, p.now
	}
	return r.seen
}

func (p *keyPlay) sign(r *keyReplica) {
	k, ok := keyIn(p.read(r), jose.ES256, keyActive)
	if !ok {
		p.failed = "a replica has no key to sign with"
		return
	}
	p.tokens = append(p.tokens, keyToken{k.ID, p.now})
}

// verify checks one of the tokens that live.
func (p *keyPlay) verify() {
	for len(p.tokens) > 0 && p.now.Sub(p.tokens[0].signed) > accessLife+time.Minute {
		p.tokens = p.tokens[1:]
	}
	if p.verifier.keys == nil || p.now.Sub(p.verifier.at) >= verifiersFor {
		r := &p.replicas[p.IntN(len(p.replicas))]
		p.verifier = keyVerifier{p.now, map[string]bool{}}
		for _, k := range p.read(r) {
			if k.published(r.readAt.Add(r.skew)) {
				p.verifier.keys[k.ID] = true
			}
		}
	}
	if len(p.tokens) == 0 {
		return
	}
	t := p.tokens[len(p.tokens)-1]
	if p.IntN(2) == 0 {
		t = p.tokens[p.IntN(len(p.tokens))]
	}
	p.checked++
	if !p.verifier.keys[t.kid] {
		p.failed = fmt.Sprintf("token of %s, signed %s ago, not verified", t.kid, p.now.Sub(t.signed))
	}
	for i := range p.replicas { // and all of us take it
		if r := &p.replicas[i]; p.failed == "" {
			known := false
			for _, k := range p.read(r) {
				known = known || k.ID == t.kid && k.published(r.readAt.Add(r.skew))
			}
			if !known {
				p.failed = "one of our replicas refuses a token of " + t.kid
			}
		}
	}
}

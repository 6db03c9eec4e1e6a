package apply

import "time"

// Bounds of sessions (SPEC §6).
const (
	minSession = 5 * time.Minute
	maxSession = 90 * 24 * time.Hour
	minIdle    = time.Minute
)

// spans checks the session of a tenant or a subscription, and its idle time if both are
// in the file. Zero is inherited.
func (p *parser) spans(session, idle span) {
	if !session.set || session.v == 0 {
		p.idleAlone(idle)
		return
	}
	if session.v < minSession || session.v > maxSession {
		p.found(session.place, "must be from 5m to 90d")
		return
	}
	if idle.set && idle.v > session.v {
		p.found(idle.place, "must not be longer than the session")
		return
	}
	p.idleAlone(idle)
}

func (p *parser) idleAlone(idle span) {
	if idle.set && idle.v != 0 && (idle.v < minIdle || idle.v > maxSession) {
		p.found(idle.place, "must be from 1m to the length of the session")
	}
}

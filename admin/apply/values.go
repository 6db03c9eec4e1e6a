package apply

import (
	"encoding/json"
	"time"
)

// place is where something stands in the file.
type place struct {
	line, column int
	path         string
}

// under is the place of a key that is not there.
func (p place) under(key string) place {
	p.path += "." + key
	return p
}

// entry is what each mapping of the file carries: where it begins.
type entry struct{ at place }

func (e *entry) placed(at place) { e.at = at }

// value is one key's value. One that is not set changes nothing.
type value[T any] struct {
	place
	set bool
	v   T
}

// The kinds of values that a key may take. What they accept is in readvalue.go and readsource.go.
type (
	text     = value[string]
	flag     = value[bool]
	count    = value[int64] // a whole number, not negative
	span     = value[time.Duration]
	moment   = value[time.Time]
	texts    = value[[]text]
	source   = value[origin]          // a secret or a long text, or where it is kept
	options  = value[tree]            // options of one TwoFactor, by name
	bases    = value[[]typeBase]      // base settings, by factor type
	target   = value[destination]     // a level and the name of what is on it
	rules    = value[[]claimRule]     // of claims, see claimrules.go
	constant = value[json.RawMessage] // text, a number, true, false or a list of these
)

// origin says where the text of a secret comes from: one of the four.
type origin struct {
	literal, env, file string
	kept               bool // it is what the database has
}

func (o origin) elsewhere() bool { return o.env != "" || o.file != "" }

// typeBase is one key of base settings: a factor type and its options.
type typeBase struct {
	factorType text
	options    options
}

// destination is what an assignment or an exemption is for.
type destination struct {
	level string // a tenants.Level
	name  string // empty for the subscription
}

// assign copies a value that the file gives.
func assign[T any](to *T, from value[T]) {
	if from.set {
		*to = from.v
	}
}

// words are the plain values of a list.
func words(list texts) []string {
	out := make([]string, len(list.v))
	for i, t := range list.v {
		out[i] = t.v
	}
	return out
}

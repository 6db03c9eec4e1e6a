package fakes

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// Fault is one scripted answer of an HTTP fake, given in place of its own to a
// request that would have been accepted.
type Fault struct {
	Status  int // default 200
	Header  http.Header
	Body    string
	Hang    bool // answer nothing until the client goes away
	Accept  bool // take the message all the same, as services do that fail late
	Forever bool // strike every time, not only once
}

// Faults is the script of an HTTP fake.
type Faults struct {
	mu    sync.Mutex
	queue []Fault
}

// Script queues faults; each strikes once, in order.
func (f *Faults) Script(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, faults...)
}

// Heal forgets all faults that have not struck yet.
func (f *Faults) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = nil
}

// strike plays the next fault; answered is false when there is none. taken says
// whether the message counts as accepted.
func (f *Faults) strike(w http.ResponseWriter, r *http.Request) (answered, taken bool) {
	f.mu.Lock()
	if len(f.queue) == 0 {
		f.mu.Unlock()
		return false, true
	}
	fault := f.queue[0]
	if !fault.Forever {
		f.queue = f.queue[1:]
	}
	f.mu.Unlock()
	if fault.Hang {
		<-r.Context().Done()
		return true, fault.Accept
	}
	for name, values := range fault.Header {
		w.Header()[name] = values
	}
	if fault.Status != 0 {
		w.WriteHeader(fault.Status)
	}
	io.WriteString(w, fault.Body) //nolint:errcheck // the client may be gone
	return true, fault.Accept
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) //nolint:errcheck // the client may be gone
}

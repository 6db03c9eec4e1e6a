// Package delivery is the outbox: what must reach a person is written, sealed, in
// the transaction that needs it, sent at once after the commit, tried again by the
// class of its failure, handed to another instance when it has failed for good, and
// logged. Later reports of a provider count too.
//
// It owns the table messages. Any replica may send any message; a killed one's
// work is taken over when its lease ends. It knows no factor by name.
package delivery

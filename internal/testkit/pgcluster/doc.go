// Package pgcluster runs a throw-away PostgreSQL server for tests: in a
// temporary directory, on a unix socket only, with everything that makes a
// database durable switched off.
//
// It owns that directory and the server process and cleans up after itself,
// also after a run that was killed. It knows nothing of schemas or of this
// project's tables, and imports little, so that with-postgres compiles in
// a moment.
package pgcluster

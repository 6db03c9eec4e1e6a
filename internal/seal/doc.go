// Package seal keeps secrets at rest.
//
// Values are encrypted by AES-256-GCM under a key derived (HKDF-SHA-256) from a
// master key outside the database, and bound to the place they stand in: a
// ciphertext moved to another row, column or tenant does not open. It also
// derives keys for MACs. It knows no table.
package seal

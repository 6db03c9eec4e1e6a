// Package totp is the factor of type "totp": codes of an authenticator app that
// follow the clock (RFC 6238).
//
// It owns its options, the key that the app and we share, and which of its codes
// have been used: a code counts once, and none counts after a later one. What it
// must remember travels as the enrollment's State. It knows no other app than
// one that reads an otpauth URI, and sends nothing.
package totp

// Package webauthn is the factor of type "webauthn": passkeys and security keys.
//
// It owns its options, the ceremonies of the Web Authentication API and the script
// that holds them in the browser. The relying party is the host of Env.Origin, and
// that origin alone may answer. It keeps nothing itself: a challenge travels in the
// challenge's State, a passkey in its enrollment's.
package webauthn

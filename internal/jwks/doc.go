// Package jwks finds the public keys that somebody else publishes at an address as a JSON
// Web Key Set (RFC 7517): an OpenID Provider for its ID tokens, a client app for its
// assertions.
package jwks

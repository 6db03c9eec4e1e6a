// Package demo is what `twofold demo` shows beside the provider: a sample
// configuration with its facts, a small web app that signs people in by OpenID
// Connect, and a mailbox page for the codes that the sample users get.
//
// It knows the provider only as any client app does, by issuer, client id and
// secret, and must not import its packages. Servers, the provider itself and the
// fake services are wired by the caller.
package demo

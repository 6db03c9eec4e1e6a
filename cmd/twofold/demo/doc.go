// Package demo is what `twofold demo` shows beside the provider: a sample
// configuration with its facts, a small web app that signs people in by OpenID
// Connect, and a mailbox page for the codes that the sample users get.
//
// It knows the provider only as any client app does, by issuer, client id and
// secret: of the product it imports the looks (ui) and nothing else. Servers, the
// provider itself and the fake services are wired by the caller.
package demo

// Package upstream is the relying-party side of IDPs of type oidc: it sends users to
// another OpenID Provider and believes its answers only where the specification lets it.
//
// It keeps nothing but what providers publish about themselves. It knows no sign-in, no
// browser and no user: who asked, and whom an answer is about, is for package idp.
package upstream

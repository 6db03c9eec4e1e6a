// Package op is the OAuth 2.0 and OpenID Connect half of the provider: it
// validates authorization requests, answers them, and serves the machine
// endpoints (discovery, keys, token, userinfo, introspection, revocation).
//
// It owns the tables signing_keys, auth_requests, pushed_requests, device_requests,
// auth_codes, grants, consents, revoked_tokens and replay, and reads the views
// grant_subjects and usable_apps. It is the only importer of the protocol library, whose types stay inside. It must not know how
// a user signs in: package idp tells it who did, and shows every page.
//
//	Authorize ─► auth_requests ─┬─ Grant ─► grants + auth_codes ─► /token ─► access, ID, refresh token
//	                            └─ Deny  ─► error response             └─ rotates grants.generation
//
// Access tokens are JWTs without a row of their own: the grant they name carries
// their revocation. Refresh tokens are a grant, a generation and a MAC over both.
package op

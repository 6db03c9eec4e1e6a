// Package catalog lists the factors that Twofold comes with. It is the only
// place that names them; a new factor is one more line.
package catalog

import (
	"twofold/twofactor"
	"twofold/twofactor/ecall"
	"twofold/twofactor/email"
	"twofold/twofactor/recovery"
	"twofold/twofactor/totp"
	"twofold/twofactor/twilio"
	"twofold/twofactor/webauthn"
	"twofold/twofactor/webhook"
)

// Builtin returns the built-in factors.
func Builtin() twofactor.Catalog {
	return twofactor.NewCatalog(
		email.Provider(),
		twilio.Provider(),
		ecall.Provider(),
		totp.Provider(),
		recovery.Provider(),
		webhook.Provider(),
		webauthn.Provider(),
	)
}

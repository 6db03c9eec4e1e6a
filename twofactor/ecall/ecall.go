package ecall

import (
	"regexp"
	"strings"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// Options are the options of an instance. Their names are those that
// administrators know from other systems (SPEC §3.4).
type Options struct {
	ECallAccountName       string           `json:"ECallAccountName" label:"Account name" guards:"true" help:"Name of the account, better of a sub-user for interfaces. The REST interface must be switched on in the eCall portal." required:"true"`
	ECallAccountPassword   twofactor.Secret `json:"ECallAccountPassword" label:"Account password" help:"Password of that account. eCall may take some minutes to notice a new one." required:"true"`
	ECallAccountFromNumber string           `json:"ECallAccountFromNumber" label:"From" help:"A number of up to 16 digits, or a sender name of up to 11 characters that eCall has approved." required:"true"`
	oob.Options
}

var defaults = Options{Options: oob.Defaults}

// Provider describes the factor.
func Provider() twofactor.Provider {
	return twofactor.Define(twofactor.Info{
		Type:     "ecall",
		Name:     "SMS code (eCall)",
		Needs:    []twofactor.Attribute{twofactor.NeedsPhone},
		Strength: twofactor.StrengthAAL2,
	}, defaults, open)
}

func open(o Options, env twofactor.Env) (twofactor.Factor, error) {
	sender, err := newSender(o, env)
	if err != nil {
		return nil, err
	}
	return oob.New(oob.SMS, o.Options, env, sender), nil
}

// from is what eCall takes as a sender: up to 16 digits, or 11 characters of ASCII.
var from = regexp.MustCompile(`^(\+?[0-9]{1,16}|[ -~]{1,11})$`)

// Validate checks the forms. A colon would end the name in basic authentication
// (RFC 7617 §2).
func (o *Options) Validate() []twofactor.FieldError {
	var errs []twofactor.FieldError
	if strings.ContainsFunc(o.ECallAccountName, func(r rune) bool { return r == ':' || r < ' ' || r == 0x7f }) {
		errs = append(errs, twofactor.FieldError{Field: "ECallAccountName", Message: "must not contain a colon or line breaks"})
	}
	if !from.MatchString(o.ECallAccountFromNumber) || strings.TrimSpace(o.ECallAccountFromNumber) == "" {
		errs = append(errs, twofactor.FieldError{
			Field: "ECallAccountFromNumber", Message: "must be a number of up to 16 digits or a sender name of up to 11 characters",
		})
	}
	return errs
}

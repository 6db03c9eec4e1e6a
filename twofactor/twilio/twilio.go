package twilio

import (
	"regexp"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// Options are the options of an instance. Their names are those that
// administrators know from other systems (SPEC §3.4).
type Options struct {
	TwilioAccountSid    string           `json:"TwilioAccountSid" label:"Account SID" guards:"true" help:"AC and 32 characters, from the Twilio console." required:"true"`
	TwilioAuthToken     twofactor.Secret `json:"TwilioAuthToken" label:"Auth token" help:"From the Twilio console, beside the account SID." required:"true"`
	TwilioSmsFromNumber string           `json:"TwilioSmsFromNumber" label:"From" help:"A number of the account such as +41791234567, a sender name of up to 11 characters, or a messaging service (MG and 32 characters)." required:"true"`
	oob.Options
}

var defaults = Options{Options: oob.Defaults}

// Provider describes the factor.
func Provider() twofactor.Provider {
	return twofactor.Define(twofactor.Info{
		Type:     "twilio",
		Name:     "SMS code (Twilio)",
		Needs:    []twofactor.Attribute{twofactor.NeedsPhone},
		Strength: twofactor.StrengthAAL2,
	}, defaults, open)
}

func open(o Options, env twofactor.Env) (twofactor.Factor, error) {
	sender, err := newSender(o, env)
	if err != nil {
		return nil, err
	}
	return &factor{oob.New(oob.SMS, o.Options, env, sender), sender}, nil
}

// factor is a code by SMS whose provider tells how it fared.
type factor struct {
	*oob.Factor
	sender *sender
}

var _ twofactor.Reporter = (*factor)(nil)

// Forms of identifiers and senders. The account SID becomes part of a URL.
var (
	accountSid = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	serviceSid = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	number     = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	senderName = regexp.MustCompile(`^[A-Za-z0-9 +_&-]{0,10}[A-Za-z][A-Za-z0-9 +_&-]{0,10}$`)
)

const maxSenderName = 11

// Validate checks the forms.
func (o *Options) Validate() []twofactor.FieldError {
	var errs []twofactor.FieldError
	if !accountSid.MatchString(o.TwilioAccountSid) {
		errs = append(errs, twofactor.FieldError{Field: "TwilioAccountSid", Message: "must be AC and 32 hexadecimal digits"})
	}
	from := o.TwilioSmsFromNumber
	isName := len(from) <= maxSenderName && senderName.MatchString(from)
	if !number.MatchString(from) && !serviceSid.MatchString(from) && !isName {
		errs = append(errs, twofactor.FieldError{
			Field:   "TwilioSmsFromNumber",
			Message: "must be a number such as +41791234567, a sender name of up to 11 characters, or MG and 32 hexadecimal digits",
		})
	}
	return errs
}

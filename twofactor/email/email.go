package email

import (
	"errors"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// Options are the options of an instance. Their names are those that
// administrators know from other systems (SPEC §3.4).
type Options struct {
	EMailSenderAddress string     `json:"EMailSenderAddress" label:"Sender address" help:"The address codes come from, with a name if you like: Acme <noreply@example.ch>." required:"true"`
	MailServerConfig   MailServer `json:"MailServerConfig" label:"Mail server" help:"How mail leaves: by SMTP or by Microsoft 365." required:"true"`
	oob.Options
}

// Kinds of mail servers.
const (
	typeSMTP = "SMTP"
	typeM365 = "M365"
)

// MailServer says how mail leaves. The options of the other type are ignored.
type MailServer struct {
	MailType string `json:"MailType" label:"Type" guards:"true" help:"SMTP, or M365 for Microsoft 365." choices:"SMTP,M365"`

	Host      string           `json:"Host" label:"Host" guards:"true" help:"SMTP: name of the mail server."`
	Port      int              `json:"Port" label:"Port" guards:"true" help:"SMTP: 465 for TLS from the start, usually 587 for STARTTLS." min:"1" max:"65535"`
	EnableSSL bool             `json:"EnableSSL" label:"Use TLS" guards:"true" help:"SMTP: TLS from the start on port 465, STARTTLS required on others. Without it mail travels in clear, and credentials only to this very machine."`
	UserName  string           `json:"UserName" label:"User name" guards:"true" help:"SMTP: leave empty for a server that asks for none."`
	Password  twofactor.Secret `json:"Password" label:"Password" help:"SMTP: password of that user."`
	Timeout   int              `json:"Timeout" label:"Timeout" help:"SMTP: milliseconds for a whole delivery." min:"1000" max:"60000"`

	ClientID     string           `json:"ClientId" label:"Client ID" guards:"true" help:"M365: application (client) ID of the app registration. It needs the application permission Mail.Send; limit it to one mailbox, or it may send as anybody."`
	ClientSecret twofactor.Secret `json:"ClientSecret" label:"Client secret" help:"M365: a client secret of that registration."`
	TenantID     string           `json:"TenantId" label:"Tenant ID" guards:"true" help:"M365: directory (tenant) ID."`
	UserID       string           `json:"UserId" label:"Mailbox" help:"M365: user principal name or ID of the mailbox that sends."`
}

var defaults = Options{
	MailServerConfig: MailServer{MailType: typeSMTP, Port: 465, EnableSSL: true, Timeout: 20000},
	Options:          oob.Defaults,
}

// Provider describes the factor.
func Provider() twofactor.Provider {
	return twofactor.Define(twofactor.Info{
		Type:     "email",
		Name:     "E-mail code",
		Needs:    []twofactor.Attribute{twofactor.NeedsEmail},
		Strength: twofactor.Strength2FA,
	}, defaults, open)
}

func open(o Options, env twofactor.Env) (twofactor.Factor, error) {
	from, err := parseAddress(o.EMailSenderAddress)
	if err != nil {
		return nil, twofactor.BadOption("EMailSenderAddress", notAddress)
	}
	var sender twofactor.Sender = newSMTP(from, o.MailServerConfig, env)
	if o.MailServerConfig.MailType == typeM365 {
		if sender, err = newM365(from, o.MailServerConfig, env); err != nil {
			return nil, err
		}
	}
	return oob.New(oob.Mail, o.Options, env, sender), nil
}

const notAddress = "must be a mail address, such as noreply@example.ch or Acme <noreply@example.ch>"

// Validate checks the sender address.
func (o *Options) Validate() []twofactor.FieldError {
	if _, err := parseAddress(o.EMailSenderAddress); err != nil {
		return []twofactor.FieldError{{Field: "EMailSenderAddress", Message: notAddress}}
	}
	return nil
}

// parseAddress reads an address with or without a name, and turns an
// internationalised domain into its ASCII form, which every server understands.
func parseAddress(s string) (*mail.Address, error) {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, err
	}
	at := strings.LastIndexByte(a.Address, '@')
	// Quoted names are legal, used by nobody, and were a way to inject commands
	// (CVE-2025-59937).
	if strings.ContainsAny(a.Address[:at], "\"\\<>()[]:;,@ \t") {
		return nil, errors.New("email: quoted local part")
	}
	domain, err := idna.Lookup.ToASCII(a.Address[at+1:])
	if err != nil {
		return nil, err
	}
	a.Address = a.Address[:at+1] + domain
	return a, nil
}

// domainOf returns what follows the @.
func domainOf(a *mail.Address) string {
	return a.Address[strings.LastIndexByte(a.Address, '@')+1:]
}

package totp

import (
	"embed"
	"encoding/json"
	"io/fs"
	"strings"
	"time"

	"twofold/twofactor"
)

// Options are the options of an instance. Their names are those that
// administrators know from other systems (SPEC §3.4).
type Options struct {
	Issuer    string `json:"Issuer" label:"Issuer" help:"What the app shows beside a code, without a colon. Empty: the name of the tenant."`
	Digits    Number `json:"Digits" label:"Digits" help:"Length of a code. Apps that are set up already keep theirs." choices:"6,8"`
	Period    Number `json:"Period" label:"Period" help:"Seconds after which the code changes. Many apps know only 30." kind:"text" choices:"30"`
	Algorithm string `json:"Algorithm" label:"Algorithm" help:"Many apps know only SHA1, whatever the QR code asks for. It is safe for this use." kind:"text" choices:"SHA1"`
	EnrollBy  string `json:"EnrollBy" label:"Set up by" help:"page: users set up the app when they sign in. email-link: they first open a link that is mailed to them; the key itself is never mailed." choices:"page,email-link"`
}

// Number is one of a few numbers. As a string it can be a choice.
type Number string

// UnmarshalJSON reads 6 as well as "6".
func (n *Number) UnmarshalJSON(b []byte) error {
	var number json.Number
	if json.Unmarshal(b, &number) == nil {
		*n = Number(number)
		return nil
	}
	return json.Unmarshal(b, (*string)(n))
}

const byLink = "email-link"

var defaults = Options{Digits: "6", Period: "30", Algorithm: "SHA1", EnrollBy: "page"}

// Validate says what tags cannot.
func (o *Options) Validate() []twofactor.FieldError {
	switch {
	case strings.Contains(o.Issuer, ":"):
		// It parts issuer and account in what the app reads.
		return []twofactor.FieldError{{Field: "Issuer", Message: "must not contain a colon"}}
	case plain(o.Issuer) != o.Issuer:
		return []twofactor.FieldError{{Field: "Issuer", Message: "must be one line of at most 60 characters, all of them visible"}}
	}
	return nil
}

// Provider describes the factor.
func Provider() twofactor.Provider {
	return twofactor.Define(twofactor.Info{
		Type:     "totp",
		Name:     "Authenticator app",
		Strength: twofactor.StrengthAAL2,
		Enrolls:  true,
	}, defaults, open)
}

//go:embed texts
var textFiles embed.FS

// factor is an instance.
type factor struct {
	options Options
	env     twofactor.Env
	texts   twofactor.Texts
}

var (
	_ twofactor.Factor       = (*factor)(nil)
	_ twofactor.Enroller     = (*factor)(nil)
	_ twofactor.Resyncer     = (*factor)(nil)
	_ twofactor.LinkEnroller = (*factor)(nil)
)

func open(o Options, env twofactor.Env) (twofactor.Factor, error) {
	texts, err := fs.Sub(textFiles, "texts")
	if err != nil {
		return nil, err
	}
	return &factor{options: o, env: env, texts: twofactor.MustTexts(texts)}, nil
}

// EnrollByLink reports whether users set up the app from a mailed link.
func (f *factor) EnrollByLink() bool { return f.options.EnrollBy == byLink }

// digits is the length of codes of apps that are set up from now on.
func (f *factor) digits() int {
	if f.options.Digits == "8" {
		return 8
	}
	return 6
}

// period is how long a code is shown (RFC 6238 §4.1).
const period = 30 * time.Second

// step is the number of the code that an app with a right clock shows now.
func (f *factor) step() int64 { return f.env.Now().Unix() / int64(period/time.Second) }

package webhook

import (
	"embed"
	"errors"
	"io/fs"
	"net/url"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// Modes: who owns the code.
const (
	modeDeliver = "deliver" // we make and check it, the hook sends it
	modeDecide  = "decide"  // the hook
)

// Options are the options of an instance (SPEC §3.4).
type Options struct {
	URL           string           `json:"Url" label:"Address" guards:"true" help:"Where the hook is called: https://HOST/PATH. It must be at a public address, unless the operator allows others." required:"true"`
	SigningSecret twofactor.Secret `json:"SigningSecret" label:"Signing secret" help:"Signs calls and replies, known to both sides: at least 32 characters, better random." required:"true"`
	Mode          string           `json:"Mode" label:"Mode" help:"With deliver we make and check the code and the hook sends it; with decide the hook owns the code, and code length has no effect." choices:"deliver,decide"`
	oob.Options
}

var defaults = Options{Mode: modeDeliver, Options: oob.Defaults}

//go:embed texts
var files embed.FS

// Provider describes the factor. It needs nothing of a user: a chat system, say,
// knows him by his id.
func Provider() twofactor.Provider {
	dir, err := fs.Sub(files, "texts")
	if err != nil {
		panic("webhook: texts: " + err.Error())
	}
	texts := twofactor.MustTexts(dir)
	return twofactor.Define(twofactor.Info{
		Type:     "webhook",
		Name:     "Webhook",
		Strength: twofactor.Strength2FA,
	}, defaults, func(o Options, env twofactor.Env) (twofactor.Factor, error) {
		if env.Guarded == nil {
			return nil, errors.New("webhook: there is no guarded client")
		}
		h := newHook(o, env)
		if o.Mode == modeDecide {
			return &decide{hook: h, texts: texts}, nil
		}
		if env.Compose == nil {
			return nil, errors.New("webhook: nobody composes messages")
		}
		return &deliver{hook: h, texts: texts}, nil
	})
}

// Bounds of the options.
const (
	maxURL    = 2000
	minSecret = 32
)

// Validate checks the forms. Whether plain http or a private address is fine, the
// guarded client says, at every call.
func (o *Options) Validate() []twofactor.FieldError {
	var errs []twofactor.FieldError
	u, err := url.Parse(o.URL)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", len(o.URL) > maxURL:
		errs = append(errs, twofactor.FieldError{Field: "Url", Message: "must be an address such as https://hooks.example.com/twofold"})
	case u.User != nil, u.Fragment != "":
		errs = append(errs, twofactor.FieldError{Field: "Url", Message: "must have no user, password or fragment: calls are signed"})
	}
	if len(o.SigningSecret.Reveal()) < minSecret {
		errs = append(errs, twofactor.FieldError{Field: "SigningSecret", Message: "must have at least 32 characters"})
	}
	return errs
}

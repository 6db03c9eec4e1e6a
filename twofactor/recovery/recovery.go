package recovery

import (
	"embed"
	"io/fs"

	"twofold/twofactor"
)

// Options are the options of an instance (SPEC §3.4).
type Options struct {
	Count int `json:"Count" label:"Count" help:"Codes in a set, 8 to 16." min:"8" max:"16"`
}

var defaults = Options{Count: 8}

// Provider describes the factor.
func Provider() twofactor.Provider {
	return twofactor.Define(twofactor.Info{
		Type:     "recovery",
		Name:     "Recovery codes",
		Strength: twofactor.StrengthAAL2,
		Enrolls:  true,
		Fallback: true,
	}, defaults, open)
}

//go:embed texts
var textFiles embed.FS

// factor is an instance.
type factor struct {
	options Options
	env     twofactor.Env
	texts   twofactor.Texts
	hasher  hasher
}

var (
	_ twofactor.Factor   = (*factor)(nil)
	_ twofactor.Enroller = (*factor)(nil)
)

func open(o Options, env twofactor.Env) (twofactor.Factor, error) {
	texts, err := fs.Sub(textFiles, "texts")
	if err != nil {
		return nil, err
	}
	return &factor{options: o, env: env, texts: twofactor.MustTexts(texts), hasher: newHasher()}, nil
}

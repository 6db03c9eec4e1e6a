package oob

import (
	"embed"
	"io/fs"

	"twofold/twofactor"
)

//go:embed texts
var textFiles embed.FS

// parseTexts panics on texts that do not agree: a programming mistake.
func parseTexts() twofactor.Texts {
	sub, err := fs.Sub(textFiles, "texts")
	if err != nil {
		panic("oob: texts: " + err.Error())
	}
	return twofactor.MustTexts(sub)
}

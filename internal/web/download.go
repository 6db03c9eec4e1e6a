package web

import (
	"errors"
	"net/http"
	"time"
)

// Download is a file that somebody takes along, as it comes. Nothing is sent before the
// first Write, so that until then a failure can still be told.
type Download struct {
	W           http.ResponseWriter
	Media, Name string
	Begun       bool
}

// patience is how long one piece of a download may take to be taken.
const patience = time.Minute

// Write sends a piece; with none it begins a file that may stay empty.
func (f *Download) Write(p []byte) (int, error) {
	if !f.Begun {
		f.Begun = true
		h := f.W.Header()
		h.Set("Content-Type", f.Media)
		h.Set("Content-Disposition", `attachment; filename="`+f.Name+`"`)
		h.Set("Cache-Control", "no-store")
		f.W.WriteHeader(http.StatusOK)
	}
	if len(p) == 0 {
		return 0, nil
	}
	err := http.NewResponseController(f.W).SetWriteDeadline(time.Now().Add(patience)) //nolint:forbidigo // the kernel knows no other clock
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return f.W.Write(p)
}

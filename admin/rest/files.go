package rest

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"twofold/internal/web"
)

const mediaLines = "application/jsonl"

// fileShape is a body that is a file and no JSON.
type fileShape struct {
	media  []string // that it may have
	format string   // of its schema; "binary": bytes
	limit  int64
	doc    string
}

// allow looks at what is sent before any of it is read, and lets it be as large as its
// operation takes. Nothing else of the API takes more than web.MaxBody.
func (s *fileShape) allow(c *call) error {
	if given, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err != nil || !slices.Contains(s.media, given) {
		return failure(http.StatusUnsupportedMediaType, "media_type", "The body must be a file: Content-Type: "+strings.Join(s.media, " or "))
	}
	web.AllowBody(c.w, c.Request, s.limit)
	return nil
}

// whole reads the file into memory.
func (c *call) whole() ([]byte, error) {
	file, err := io.ReadAll(io.LimitReader(c.Body, c.op.file.limit+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) || int64(len(file)) > c.op.file.limit:
		return nil, errTooLarge
	case err != nil:
		return nil, errCut
	}
	return file, nil
}

// stream is an answer that is written as it comes.
type stream struct {
	media, name string
	write       func(out io.Writer) error
}

// pour writes a stream. When it breaks in the middle the connection is cut, so that
// nobody takes a part for the whole.
func (a *API) pour(w http.ResponseWriter, r *http.Request, s *stream) {
	out := &web.Download{W: w, Media: s.media, Name: s.name}
	err := s.write(out)
	if err != nil && !out.Begun {
		a.fail(w, r, err)
		return
	}
	if err == nil && !out.Begun { // there was nothing to write: a file without lines
		_, err = out.Write(nil)
	}
	if err != nil {
		a.Log.ErrorContext(r.Context(), "admin API: an answer broke off", "request", web.RequestID(r.Context()), "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
}

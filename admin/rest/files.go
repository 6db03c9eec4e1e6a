package rest

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

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

// mayTake lets a request take longer than the server lets others: for what reads much
// before it can answer.
func (c *call) mayTake(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc, error) {
	// Connections know the real time alone. A writer that knows no limits has none.
	until, conn := time.Now().Add(d), http.NewResponseController(c.w) //nolint:forbidigo // the kernel knows no other clock
	if err := errors.Join(conn.SetReadDeadline(until), conn.SetWriteDeadline(until)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, nil, err
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	return ctx, cancel, nil
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

package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

// ownClient is a client for the server's own addresses that never leaves the process:
// the public address may not be reachable from here, or lead past a proxy to another
// version. A request keeps its context, and with it id and origin of the one that it
// serves. Other addresses it refuses.
func ownClient(h http.Handler, publicURL string) *http.Client {
	return &http.Client{
		Transport:     &loop{h, publicURL + "/"},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type loop struct {
	handler http.Handler
	below   string
}

// RoundTrip implements http.RoundTripper.
func (l *loop) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	if !strings.HasPrefix(req.URL.String(), l.below) {
		return nil, errors.New("in process: not an address of this server")
	}
	r := req.Clone(req.Context())
	r.RequestURI = req.URL.RequestURI()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := &recording{header: http.Header{}}
	l.handler.ServeHTTP(rec, r)
	rec.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: http.StatusText(rec.status), StatusCode: rec.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: rec.sent,
		Body: io.NopCloser(&rec.body), ContentLength: int64(rec.body.Len()), Request: req,
	}, nil
}

// recording is an answer on its way to a client in the same process.
type recording struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

func (r *recording) Header() http.Header { return r.header }

// WriteHeader takes the first final status, as a server does.
func (r *recording) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status, r.sent = status, r.header.Clone()
	}
}

func (r *recording) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

package rest

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"twofold/internal/problem"
	"twofold/internal/web"
)

// Problem is what went wrong (RFC 9457). It never repeats a value that was sent.
type Problem struct {
	Type      string  `json:"type" doc:"Always about:blank: code tells problems apart." example:"about:blank"`
	Title     string  `json:"title" doc:"The status in words." example:"Unprocessable Entity"`
	Status    int     `json:"status" doc:"The HTTP status." example:"422"`
	Detail    string  `json:"detail" doc:"What is wrong, for people." example:"Some members are not right."`
	Code      string  `json:"code" doc:"What is wrong, for programs. It stays the same from version to version." example:"invalid"`
	RequestID string  `json:"request_id" doc:"Names this request in logs and in the audit trail." example:"ABCDE-FGHIJ"`
	Errors    []Fault `json:"errors,omitempty" doc:"What is wrong with single members or parameters."`
}

// Fault is what is wrong with one member or parameter.
type Fault struct {
	Field   string `json:"field" doc:"Name of the member or parameter." example:"min_acr"`
	Message string `json:"message" doc:"What is wrong with it." example:"is not known here"`
}

// Failure is an error with its status and headers.
type Failure struct {
	Problem
	header http.Header
	more   any // a body that holds more than the Problem; its fields, once it is filled
}

func (f *Failure) Error() string { return f.Code + ": " + f.Detail }

func failure(status int, code, detail string, faults ...Fault) *Failure {
	return &Failure{Problem: Problem{Status: status, Code: code, Detail: detail, Errors: faults}, header: http.Header{}}
}

// invalid is what is wrong with members of the body or with parameters.
func invalid(faults ...Fault) *Failure {
	return failure(http.StatusUnprocessableEntity, "invalid", "Some of what was sent is not right: see errors.", faults...)
}

var errUnknown = problem.New(problem.NotFound, "unknown", "There is no such thing, or it was deleted.")

// asFailure turns an error of the house into what the outside may know of it.
func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	p := problem.From(err)
	f = failure(p.Kind.Status(), p.Code, p.Message)
	for _, field := range p.Fields {
		f.Errors = append(f.Errors, Fault{Field: field.Name, Message: field.Message})
	}
	switch p.Kind {
	case problem.Invalid:
		f.Status = http.StatusUnprocessableEntity // it could be read: what could not fails earlier
	case problem.Unauthenticated:
		f = again(err, f)
	case problem.TooMany, problem.Unavailable:
		f.header.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(p.RetryAfter.Seconds())))))
	case problem.Internal, problem.Forbidden, problem.NotFound, problem.Method, problem.Conflict, problem.Gone, problem.Stale:
	}
	if f.Status >= http.StatusInternalServerError && p.Kind != problem.Unavailable {
		f.Code, f.Detail, f.Errors = "internal", "Something went wrong on our side.", nil
	}
	return f
}

// extended is a problem that carries more than a Problem.
type extended interface{ with(p Problem) any }

// fail answers with a problem.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := asFailure(err)
	if f.Status >= http.StatusInternalServerError {
		a.Log.ErrorContext(r.Context(), "admin API", "request", web.RequestID(r.Context()), "method", r.Method, "path", r.URL.Path, "error", err)
	}
	p := f.Problem
	p.Type, p.Title, p.RequestID = "about:blank", http.StatusText(p.Status), web.RequestID(r.Context())
	var out any = p
	if more, ok := f.more.(extended); ok {
		out = more.with(p)
	}
	text, err := json.Marshal(out)
	if err != nil { // never of a Problem: it is text
		text = []byte(`{"type":"about:blank","status":500,"code":"internal"}`)
	}
	head := w.Header()
	for name, values := range f.header {
		head[name] = values
	}
	head.Set("Content-Type", "application/problem+json")
	head.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(text, '\n'))
}

// Failed answers a request below Root whose handler panicked; others it leaves alone.
func (a *API) Failed(w http.ResponseWriter, r *http.Request) (answered bool) {
	if !strings.HasPrefix(r.URL.Path, Root+"/") {
		return false
	}
	a.fail(w, r, problem.New(problem.Internal, "internal", ""))
	return true
}

// write answers with what an operation gave.
func (a *API) write(op *operation, w http.ResponseWriter, r *http.Request, out *answer) {
	var text []byte
	if out.body != nil {
		var err error
		if text, err = json.Marshal(out.body); err != nil {
			a.fail(w, r, err)
			return
		}
	}
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	if out.version != 0 {
		head.Set("ETag", etag(out.version))
		if r.Method == http.MethodGet {
			head.Set("Cache-Control", "private, no-cache")
		}
	}
	if out.location != "" {
		head.Set("Location", a.PublicURL+out.location)
	}
	if out.next != "" {
		head.Set("Link", "<"+a.PublicURL+out.next+`>; rel="next"`)
	}
	status := out.status
	if status == 0 {
		status = op.DefaultStatus
	}
	if r.Method == http.MethodGet && out.version != 0 && matches(r.Header.Values("If-None-Match"), out.version) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if text == nil {
		w.WriteHeader(status)
		return
	}
	head.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

// etag is the version of a thing as HTTP has it.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// matches reports whether a header such as If-None-Match names a version. There W/
// does not matter (RFC 9110 §13.1.2).
func matches(header []string, version int64) bool {
	for tag := range strings.SplitSeq(strings.Join(header, ","), ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag(version) {
			return true
		}
	}
	return false
}

// ifMatch reads the version that a change is made to. Without one a change could undo
// another that nobody has seen; "*" says that this is meant. What was never an ETag
// of ours is a version that nothing has.
func ifMatch(r *http.Request) (int64, error) {
	given := strings.TrimSpace(strings.Join(r.Header.Values("If-Match"), ","))
	switch given {
	case "":
		return 0, failure(http.StatusPreconditionRequired, "if_match_missing", `Send the ETag that you have seen: If-Match: "3".`)
	case "*":
		return 0, nil
	}
	if n, err := strconv.ParseInt(strings.Trim(given, `"`), 10, 64); err == nil && n > 0 && given == etag(n) {
		return n, nil
	}
	return -1, nil
}

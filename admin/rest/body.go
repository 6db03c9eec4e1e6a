package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"twofold/internal/web"
)

// maxDepth is how deep a body may be nested.
const maxDepth = 16

// shape is what a body must look like.
type shape struct {
	registry huma.Registry
	schema   *huma.Schema
	patch    bool     // null takes a member's value away (RFC 7396)
	must     []string // members that must be there
	readOnly []string // members that are answered but not taken
	fixed    []string // members that are chosen once
	limit    int64    // 0: web.MaxBody
}

var (
	errTooLarge = failure(http.StatusRequestEntityTooLarge, "too_large", "The body is too large.")
	errCut      = failure(http.StatusBadRequest, "body_cut", "The body ended too early.")
)

// body is one that has its shape.
type body struct {
	raw     []byte
	members map[string]any
}

// given reports whether a member is there.
func (b body) given(name string) bool { _, ok := b.members[name]; return ok }

// read takes a body that is JSON of the right shape, or says at each member what is
// wrong with it.
func (s *shape) read(r *http.Request) (body, error) {
	if err := s.mediaType(r); err != nil {
		return body{}, err
	}
	limit := s.limit
	if limit == 0 {
		limit = web.MaxBody
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) || int64(len(raw)) > limit:
		return body{}, errTooLarge
	case err != nil:
		return body{}, errCut
	}
	v, err := parse(raw)
	if err != nil {
		return body{}, err
	}
	members, ok := v.(map[string]any)
	if !ok {
		return body{}, failure(http.StatusUnprocessableEntity, "invalid", "The body must be a JSON object.")
	}
	if faults := s.check(members); len(faults) > 0 {
		return body{}, invalid(faults...)
	}
	return body{raw, members}, nil
}

func (s *shape) mediaType(r *http.Request) error {
	given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && (given == mediaJSON || s.patch && given == mediaPatch) {
		return nil
	}
	return failure(http.StatusUnsupportedMediaType, "media_type", "The body must be JSON: Content-Type: "+s.media())
}

const (
	mediaJSON  = "application/json"
	mediaPatch = "application/merge-patch+json"
)

func (s *shape) media() string {
	if s.patch {
		return mediaPatch
	}
	return mediaJSON
}

// check lists what is wrong, in the order of names. Names are looked at here: the
// library takes Active for active.
func (s *shape) check(members map[string]any) (faults []Fault) {
	present := map[string]any{}
	for name, v := range members {
		_, known := s.schema.Properties[name]
		switch {
		case !known:
			faults = append(faults, Fault{name, s.stranger(name)})
		case v != nil:
			present[name] = v
			faults = append(faults, s.strangersIn(name, v)...)
		case !s.patch:
			faults = append(faults, Fault{name, "is null: leave it out"})
		}
	}
	for _, name := range s.must {
		if _, ok := members[name]; !ok {
			faults = append(faults, Fault{name, "is required"})
		}
	}
	res := &huma.ValidateResult{}
	huma.Validate(s.registry, s.schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeWriteToServer, present, res)
	for _, err := range res.Errors {
		var d *huma.ErrorDetail
		if !errors.As(err, &d) || d.Location == "" {
			continue // a required member, see above
		}
		text, _, _ := strings.Cut(d.Message, ": ") // behind it may be what a parser says, with the value
		faults = append(faults, Fault{d.Location, text})
	}
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Field, b.Field) })
	return faults
}

// strangersIn are the members of the objects of a list that are not known.
func (s *shape) strangersIn(name string, v any) (faults []Fault) {
	items := s.schema.Properties[name].Items
	if items == nil || items.Ref == "" {
		return nil
	}
	known := s.registry.SchemaFromRef(items.Ref).Properties
	list, _ := v.([]any)
	for i, item := range list {
		object, _ := item.(map[string]any)
		for member := range object {
			if _, ok := known[member]; !ok {
				faults = append(faults, Fault{fmt.Sprintf("%s[%d].%s", name, i, member), "is not known here"})
			}
		}
	}
	return faults
}

// stranger says why a member is not taken.
func (s *shape) stranger(name string) string {
	switch {
	case slices.Contains(s.fixed, name):
		return "cannot be changed here"
	case slices.Contains(s.readOnly, name):
		return "is read-only: leave it out"
	}
	return "is not known here"
}

// decode reads the members into a struct that has the shape. Those that are absent it
// leaves alone; null empties.
func (b body) decode(dst any) error {
	// The decoder reads into what a list holds already: what it is not given would stay.
	v := reflect.ValueOf(dst).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && b.given(memberOf(f)) {
			v.FieldByIndex(f.Index).SetZero()
		}
	}
	err := json.Unmarshal(b.raw, dst)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		field := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
		return invalid(Fault{field, "does not fit"})
	}
	if err != nil {
		return failure(http.StatusUnprocessableEntity, "invalid", "The body cannot be read.")
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		if value, ok := b.members[memberOf(f)]; ok && value == nil && !f.Anonymous {
			v.FieldByIndex(f.Index).SetZero()
		}
	}
	return nil
}

// memberOf is the name of a field in JSON.
func memberOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// parse reads one JSON value. It refuses what readers disagree about, and what no
// column can keep: names given twice, broken UTF-8, NUL, numbers out of range.
func parse(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, failure(http.StatusBadRequest, "json", "The body is not UTF-8.")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	v, err := value(dec, 0)
	var f *Failure
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	switch {
	case errors.As(err, &f):
		return nil, f
	case err != nil:
		return nil, failure(http.StatusBadRequest, "json", "The body is not JSON.")
	}
	return v, nil
}

func value(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, failure(http.StatusBadRequest, "json_deep", "The body is nested too deep.")
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return object(dec, depth)
		}
		list := []any{}
		for dec.More() {
			v, err := value(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	case json.Number:
		n, err := t.Float64()
		if err != nil || math.IsInf(n, 0) {
			return nil, failure(http.StatusBadRequest, "json_number", "The body holds a number that is too large.")
		}
		return n, nil
	case string:
		return t, noNUL(t)
	}
	return t, nil // true, false, nil
}

func object(dec *json.Decoder, depth int) (any, error) {
	members := map[string]any{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := members[name]; twice {
			return nil, failure(http.StatusBadRequest, "json_twice", "The body names a member twice.")
		}
		if err := noNUL(name); err != nil {
			return nil, err
		}
		v, err := value(dec, depth+1)
		if err != nil {
			return nil, err
		}
		members[name] = v
	}
	_, err := dec.Token()
	return members, err
}

func noNUL(s string) error {
	if strings.ContainsRune(s, 0) {
		return failure(http.StatusBadRequest, "json_nul", "The body holds a NUL character.")
	}
	return nil
}

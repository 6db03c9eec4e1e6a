package apply

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parser reads a file into a document, strictly, and goes on after a mistake.
type parser struct {
	finder
	origins []placedOrigin
}

type placedOrigin struct {
	place
	origin
}

// root finds the one mapping that a file is.
func (p *parser) root(data []byte) *yaml.Node {
	start := place{line: 1, column: 1}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || (err == nil && len(doc.Content) == 0) {
		p.found(start, "the file is empty")
		return nil
	} else if err != nil {
		p.syntax(err)
		return nil
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		p.found(placeOf(&more, ""), "the file holds more than one YAML document")
	case !errors.Is(err, io.EOF):
		p.syntax(err)
	}
	return doc.Content[0]
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax reports what the YAML library found; it knows no columns.
func (p *parser) syntax(err error) {
	at := place{line: 1, column: 1}
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		p.found(at, "is not valid YAML")
		return
	}
	if n, err := strconv.Atoi(m[1]); err == nil {
		at.line = n
	}
	if strings.HasPrefix(m[2], "did not find expected") {
		// Of these the library counts lines from 0, and names where the list or
		// mapping begins.
		at.line++
		p.found(at, "is not valid YAML near here: %s", m[2])
		return
	}
	p.found(at, "is not valid YAML: %s", m[2])
}

// placeOf is where n begins. Nodes that are only implied have no place of their own.
func placeOf(n *yaml.Node, path string) place {
	return place{line: max(n.Line, 1), column: max(n.Column, 1), path: path}
}

// plain refuses aliases: a file says what it says where it says it, and a few
// lines of them can stand for gigabytes.
func (p *parser) plain(n *yaml.Node, at place) bool {
	if n.Kind == yaml.AliasNode {
		p.found(at, "is an alias; write the value out")
		return false
	}
	return true
}

// eachKey walks a mapping, refusing keys that are not text or come twice.
func (p *parser) eachKey(n *yaml.Node, path string, do func(key, value *yaml.Node, at place)) {
	seen := map[string]place{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		at := placeOf(key, joined(path, key.Value))
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null" || key.ShortTag() == "!!merge" {
			at.path = path
			p.found(at, "has a key that is not plain text")
			continue
		}
		if first, twice := seen[key.Value]; twice {
			p.found(at, "comes twice, first in line %d", first.line)
			continue
		}
		seen[key.Value] = at
		do(key, n.Content[i+1], at)
	}
}

func joined(path, key string) string {
	if strings.ContainsFunc(key, func(r rune) bool { return r != '-' && r != '_' && notWord(r) }) || key == "" {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// object fills a struct of spec.go from a mapping.
func (p *parser) object(n *yaml.Node, at place, dst reflect.Value) {
	if e, ok := dst.Addr().Interface().(interface{ placed(at place) }); ok {
		e.placed(at)
	}
	if !p.plain(n, at) {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.found(at, "must be a mapping of keys to values")
		return
	}
	given := map[string]bool{}
	p.eachKey(n, at.path, func(key, value *yaml.Node, keyAt place) {
		given[key.Value] = true
		for i := range dst.NumField() {
			if f := dst.Type().Field(i); f.Tag.Get("key") == key.Value && key.Value != "" {
				p.read(value, placeOf(value, keyAt.path), dst.Field(i).Addr().Interface(), f.Tag)
				return
			}
		}
		p.found(keyAt, "is not a key here; there are %s", strings.Join(keysOf(dst.Type()), ", "))
	})
	for i := range dst.NumField() {
		if tag := dst.Type().Field(i).Tag; tag.Get("must") == "true" && !given[tag.Get("key")] {
			missing := at
			missing.path = joined(at.path, tag.Get("key"))
			p.found(missing, "is required")
		}
	}
}

// keysOf lists the keys of a struct of spec.go.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("key"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// read fills one field of such a struct.
func (p *parser) read(n *yaml.Node, at place, dst any, tag reflect.StructTag) {
	if !p.plain(n, at) {
		return
	}
	switch d := dst.(type) {
	case *text:
		d.place = at
		d.v, d.set = p.text(n, at, tag)
	case *flag:
		d.place = at
		d.v, d.set = p.flag(n, at)
	case *count:
		d.place = at
		d.v, d.set = p.count(n, at, tag)
	case *span:
		d.place = at
		d.v, d.set = p.span(n, at)
	case *moment:
		d.place = at
		d.v, d.set = p.moment(n, at)
	case *texts:
		d.place = at
		d.v, d.set = p.texts(n, at, tag)
	case *source:
		d.place = at
		d.v, d.set = p.source(n, at, tag)
	case *options:
		p.options(n, at, d)
	case *bases:
		p.bases(n, at, d)
	case *rules:
		d.place = at
		p.list(n, at, reflect.ValueOf(&d.v).Elem())
		d.set = n.Kind == yaml.SequenceNode
	case *constant:
		d.place = at
		d.v, d.set = p.constant(n, at)
	case *target:
		d.place = at
		d.v, d.set = p.target(n, at, tag)
	default:
		p.list(n, at, reflect.ValueOf(dst).Elem())
	}
}

// list fills a slice of structs.
func (p *parser) list(n *yaml.Node, at place, dst reflect.Value) {
	if !p.sequence(n, at) {
		return
	}
	dst.Set(reflect.MakeSlice(dst.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		p.object(c, placeOf(c, fmt.Sprintf("%s[%d]", at.path, i)), dst.Index(i))
	}
}

func (p *parser) sequence(n *yaml.Node, at place) bool {
	if n.Kind != yaml.SequenceNode {
		p.found(at, "must be a list; an empty one is []")
		return false
	}
	return true
}

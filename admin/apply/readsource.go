package apply

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const wantOrigin = "must be text, {env: NAME} or {file: PATH}"

// source reads a secret, or text that may be kept elsewhere. What stands there is
// never repeated in a message.
func (p *parser) source(n *yaml.Node, at place, tag reflect.StructTag) (origin, bool) {
	if n.Kind == yaml.MappingNode {
		return p.elsewhere(n, at)
	}
	if n.Kind != yaml.ScalarNode || !slices.Contains([]string{"!!str", "!!int", "!!float", "!!timestamp"}, n.ShortTag()) {
		p.found(at, wantOrigin)
		return origin{}, false
	}
	if n.Value == "" {
		p.found(at, "is empty")
		return origin{}, false
	}
	if !isRef(n.Value) {
		return origin{literal: unescaped(n.Value)}, true
	}
	o, ok := p.reference(n.Value, at)
	if o.kept && tag.Get("secret") != "true" {
		p.found(at, "has nothing to keep: it is no secret; leave the key out, or give the text")
		return origin{}, false
	}
	return o, ok
}

// isOrigin tells {env: NAME} and {file: PATH} from options of their own.
func isOrigin(n *yaml.Node) bool {
	return len(n.Content) == 2 && n.Content[0].Kind == yaml.ScalarNode && (n.Content[0].Value == "env" || n.Content[0].Value == "file")
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// elsewhere reads {env: NAME} or {file: PATH} and notes it for looking up.
func (p *parser) elsewhere(n *yaml.Node, at place) (origin, bool) {
	if !isOrigin(n) {
		p.found(at, wantOrigin)
		return origin{}, false
	}
	key, value := n.Content[0], n.Content[1]
	where := placeOf(value, joined(at.path, key.Value))
	if value.Kind != yaml.ScalarNode || value.ShortTag() == "!!null" || value.Value == "" {
		p.found(where, "must be text")
		return origin{}, false
	}
	o := origin{file: value.Value}
	if key.Value == "env" {
		o = origin{env: value.Value}
	}
	return p.origin(o, at, where)
}

// options reads the options of an instance or of base settings.
func (p *parser) options(n *yaml.Node, at place, d *options) {
	d.place = at
	if n.Kind != yaml.MappingNode {
		p.found(at, "must be a mapping of options to values; an empty one is {}")
		return
	}
	d.v = tree{place: at, kind: objectTree}
	d.set = p.members(n, at, &d.v, 0)
}

// bases reads base settings: options by factor type.
func (p *parser) bases(n *yaml.Node, at place, d *bases) {
	d.place = at
	if n.Kind != yaml.MappingNode {
		p.found(at, "must be a mapping of factor types to options")
		return
	}
	d.set = true
	p.eachKey(n, at.path, func(key, value *yaml.Node, keyAt place) {
		b := typeBase{factorType: text{place: keyAt, set: true, v: key.Value}}
		valueAt := placeOf(value, keyAt.path)
		if p.plain(value, valueAt) {
			p.options(value, valueAt, &b.options)
		}
		d.v = append(d.v, b)
	})
}

// target reads {tenant: acme} and the like.
func (p *parser) target(n *yaml.Node, at place, tag reflect.StructTag) (destination, bool) {
	levels := strings.Split(tag.Get("levels"), ",")
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 || !slices.Contains(levels, n.Content[0].Value) {
		p.found(at, "must be {LEVEL: NAME} with one level of %s", strings.Join(levels, ", "))
		return destination{}, false
	}
	key, value := n.Content[0], n.Content[1]
	where := placeOf(value, joined(at.path, key.Value))
	if !p.plain(value, where) {
		return destination{}, false
	}
	if key.Value == levelSubscription {
		if yes, ok := p.flag(value, where); !ok || !yes {
			if ok {
				p.found(where, "must be true")
			}
			return destination{}, false
		}
		return destination{level: key.Value}, true
	}
	name, ok := p.text(value, where, "")
	return destination{level: key.Value, name: name}, ok
}

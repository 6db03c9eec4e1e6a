package apply

import (
	"fmt"
	"math"

	"go.yaml.in/yaml/v3"
)

// tree is a value of any form, for options: what they may be, only their factor
// type knows.
type tree struct {
	place
	kind    treeKind
	scalar  any    // string, int64, float64 or bool
	raw     string // a scalar as it was written
	members []member
	items   []tree
	origin  origin
}

type treeKind int

const (
	scalarTree treeKind = iota
	objectTree
	listTree
	originTree // ${env:NAME}, {env: NAME} and the like, ${kept}
)

type member struct {
	place
	name  string
	value tree
}

// maxDepth of options; none is deeper than two.
const maxDepth = 20

// tree reads a value of any form.
func (p *parser) tree(n *yaml.Node, at place, depth int) (tree, bool) {
	t := tree{place: at}
	switch {
	case depth > maxDepth:
		p.found(at, "is nested too deeply")
		return t, false
	case !p.plain(n, at):
		return t, false
	case n.Kind == yaml.SequenceNode:
		t.kind = listTree
		for i, c := range n.Content {
			item, ok := p.tree(c, placeOf(c, fmt.Sprintf("%s[%d]", at.path, i)), depth+1)
			if !ok {
				return t, false
			}
			t.items = append(t.items, item)
		}
		return t, true
	case n.Kind == yaml.MappingNode && isOrigin(n):
		t.kind = originTree
		var ok bool
		t.origin, ok = p.elsewhere(n, at)
		return t, ok
	case n.Kind == yaml.MappingNode:
		t.kind = objectTree
		return t, p.members(n, at, &t, depth)
	case n.Kind == yaml.ScalarNode && isRef(n.Value):
		t.kind = originTree
		var ok bool
		t.origin, ok = p.reference(n.Value, at)
		return t, ok
	}
	return t, p.scalar(n, at, &t)
}

func (p *parser) members(n *yaml.Node, at place, t *tree, depth int) bool {
	ok := true
	p.eachKey(n, at.path, func(key, value *yaml.Node, keyAt place) {
		v, fine := p.tree(value, placeOf(value, keyAt.path), depth+1)
		ok = ok && fine
		t.members = append(t.members, member{keyAt, key.Value, v})
	})
	return ok
}

func (p *parser) scalar(n *yaml.Node, at place, t *tree) bool {
	t.raw = unescaped(n.Value)
	var err error
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		t.scalar = t.raw
		return true
	case "!!bool":
		var b bool
		err = n.Decode(&b)
		t.scalar = b
	case "!!int":
		var i int64
		err = n.Decode(&i)
		t.scalar = i
	case "!!float":
		var f float64
		err = n.Decode(&f)
		t.scalar = f
		if math.IsNaN(f) || math.IsInf(f, 0) {
			p.found(at, "must be a number")
			return false
		}
	case "!!null":
		p.found(at, "is empty: give a value, or leave the key out")
		return false
	default:
		p.found(at, "must be text, a number, true or false, a list or a mapping")
		return false
	}
	if err != nil {
		p.found(at, "is a number that is too large")
		return false
	}
	return true
}

package apply

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The readers of plain values. Each returns false after it has said what is wrong.

// text accepts numbers and dates too, as they were written: who types digits
// where text belongs means those digits.
func (p *parser) text(n *yaml.Node, at place, tag reflect.StructTag) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		p.found(at, "must be text")
		return "", false
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!timestamp":
	case "!!null":
		p.found(at, `is empty: write "", or leave the key out`)
		return "", false
	default:
		p.found(at, "must be text; put it in quotes")
		return "", false
	}
	if isRef(n.Value) {
		p.found(at, "cannot be a reference; write $${ for text that begins with ${")
		return "", false
	}
	v := unescaped(n.Value)
	if why := checkText(v, tag); why != "" {
		p.found(at, "%s", why)
		return "", false
	}
	return v, true
}

func (p *parser) flag(n *yaml.Node, at place) (bool, bool) {
	var b bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&b) != nil {
		p.found(at, "must be true or false")
		return false, false
	}
	return b, true
}

// count accepts plain digits: no 0x10, no 1_000, no 1e3.
func (p *parser) count(n *yaml.Node, at place, tag reflect.StructTag) (int64, bool) {
	most := tag.Get("most")
	limit, err := strconv.ParseInt(most, 10, 64)
	if err != nil {
		panic("apply: " + tag.Get("key") + " has no most")
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || strings.Trim(n.Value, "0123456789") != "" || v > limit {
		p.found(at, "must be a whole number from 0 to %s", most)
		return 0, false
	}
	return v, true
}

// span accepts 90d beside what Go reads: 24h, 1h30m.
func (p *parser) span(n *yaml.Node, at place) (time.Duration, bool) {
	days, err := 0, error(nil)
	var rest time.Duration
	head, tail, hasDays := strings.Cut(n.Value, "d")
	if hasDays {
		days, err = strconv.Atoi(head)
	} else {
		tail = head
	}
	if err == nil && tail != "" {
		rest, err = time.ParseDuration(tail)
	}
	const most = 1000
	d := time.Duration(days)*24*time.Hour + rest
	if n.Kind != yaml.ScalarNode || err != nil || n.Value == "" || days < 0 || days > most || rest < 0 || rest > most*24*time.Hour || d%time.Second != 0 {
		p.found(at, "must be a time span such as 45m, 24h or 30d")
		return 0, false
	}
	return d, true
}

func (p *parser) moment(n *yaml.Node, at place) (time.Time, bool) {
	if n.Kind == yaml.ScalarNode {
		if day, err := time.Parse(time.DateOnly, n.Value); err == nil {
			return day.Add(24*time.Hour - time.Second), true
		}
		if t, err := time.Parse(time.RFC3339, n.Value); err == nil {
			return t.UTC().Truncate(time.Microsecond), true
		}
	}
	p.found(at, "must be a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z")
	return time.Time{}, false
}

func (p *parser) texts(n *yaml.Node, at place, tag reflect.StructTag) ([]text, bool) {
	if !p.sequence(n, at) {
		return nil, false
	}
	list, ok := []text{}, true
	seen := map[string]bool{}
	for i, c := range n.Content {
		t := text{place: placeOf(c, fmt.Sprintf("%s[%d]", at.path, i))}
		if p.plain(c, t.place) {
			t.v, t.set = p.text(c, t.place, tag)
		}
		if t.set && seen[normal(tag.Get("ref"), t.v)] {
			p.found(t.place, "comes twice")
			t.set = false
		}
		seen[normal(tag.Get("ref"), t.v)] = true
		if ok = ok && t.set; t.set {
			list = append(list, t)
		}
	}
	return list, ok
}

package apply

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"twofold/tenants"
)

// claimRules are the rules of a file as package tenants has them.
func claimRules(list rules) tenants.ClaimRules {
	out := make(tenants.ClaimRules, len(list.v))
	for i, r := range list.v {
		out[i] = tenants.ClaimRule{
			Name: r.Name.v, Source: r.Source.v, Scope: r.Scope.v, Value: r.Value.v, Attribute: r.Attribute.v, IDP: r.IDP.v, Prefix: r.Prefix.v,
		}
		if len(r.In.v) > 0 {
			out[i].In = words(r.In)
		}
		if len(r.Map.v) > 0 {
			out[i].Map = words(r.Map)
		}
	}
	return out
}

// rulesOf is claimRules backwards: keys that say nothing are not set.
func rulesOf(list tenants.ClaimRules) rules {
	out := rules{set: true, v: make([]claimRule, len(list))}
	said := func(s string) text { return text{set: s != "", v: s} }
	many := func(l []string) texts {
		t := textsOf(l)
		t.set = len(l) > 0
		return t
	}
	for i, r := range list {
		out.v[i] = claimRule{
			Name: said(r.Name), Source: said(r.Source), Scope: said(r.Scope), Value: constant{set: len(r.Value) > 0, v: r.Value},
			Attribute: said(r.Attribute), IDP: said(r.IDP), Prefix: said(r.Prefix), Map: many(r.Map), In: many(r.In),
		}
	}
	return out
}

// shownRules are rules in words, for the report and the trail.
func shownRules(list tenants.ClaimRules) []string {
	out := make([]string, len(list))
	for i, r := range list {
		parts := []string{r.Name, r.Source, string(r.Value), r.Attribute}
		for _, p := range []struct{ key, v string }{
			{"idp", r.IDP}, {"prefix", r.Prefix}, {"map", strings.Join(r.Map, "; ")}, {"scope", r.Scope}, {"in", strings.Join(r.In, ",")},
		} {
			if p.v != "" {
				parts = append(parts, p.key+" "+p.v)
			}
		}
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		out[i] = strings.Join(parts, " ")
	}
	return out
}

// constant reads what a rule may always tell.
func (p *parser) constant(n *yaml.Node, at place) (json.RawMessage, bool) {
	t, ok := p.tree(n, at, 0)
	if !ok {
		return nil, false
	}
	var v any = t.scalar
	plain := t.kind == scalarTree
	if t.kind == listTree {
		list := make([]any, len(t.items))
		plain = true
		for i, item := range t.items {
			list[i], plain = item.scalar, plain && item.kind == scalarTree
		}
		v = list
	}
	raw, err := json.Marshal(v)
	if !plain || err != nil {
		p.found(at, "must be text, a number, true, false or a list of these")
		return nil, false
	}
	return raw, true
}

// rules writes a list of rules.
func (e *emitter) rules(begin, rest, key string, list []claimRule) {
	if len(list) == 0 {
		e.line(begin, key, "[]")
		return
	}
	fmt.Fprintf(e, "%s%s:\n", begin, key)
	for _, r := range list {
		e.object(rest+indentStep, r, nil)
	}
}

// shownConstant is a constant as a file has it.
func shownConstant(raw json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return quoted(string(raw))
	}
	list, many := v.([]any)
	if !many {
		return shownScalar(v)
	}
	parts := make([]string, len(list))
	for i, item := range list {
		parts[i] = shownScalar(item)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func shownScalar(v any) string {
	if s, ok := v.(string); ok {
		return quoted(escaped(s))
	}
	return fmt.Sprint(v)
}

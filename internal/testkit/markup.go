package testkit

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// readForms collects all forms of a document with their controls, those outside
// that name the form by its id included (HTML §4.10.18.3, form owner).
func readForms(p *Page, doc *html.Node, base *url.URL) []*Form {
	var forms []*Form
	byNode := map[*html.Node]*Form{}
	byID := map[string]*Form{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" {
			continue
		}
		f := &Form{ID: attr(n, "id"), Method: strings.ToUpper(attr(n, "method")), page: p}
		if f.Method != http.MethodPost {
			f.Method = http.MethodGet
		}
		f.Action = p.resolve(base, attr(n, "action"))
		if attr(n, "action") == "" {
			f.Action = p.URL
		}
		forms, byNode[n] = append(forms, f), f
		if f.ID != "" {
			byID[f.ID] = f
		}
	}
	for n := range doc.Descendants() {
		c := readControl(n)
		if c == nil {
			continue
		}
		owner := byID[attr(n, "form")]
		if !has(n, "form") {
			owner = enclosing(n, byNode)
		}
		if owner != nil {
			owner.controls = append(owner.controls, c)
		}
	}
	return forms
}

func enclosing(n *html.Node, forms map[*html.Node]*Form) *Form {
	for up := range n.Ancestors() {
		if f := forms[up]; f != nil {
			return f
		}
	}
	return nil
}

// readControl reads n if it is a control that can be sent, else it returns nil.
func readControl(n *html.Node) *control {
	if n.Type != html.ElementNode {
		return nil
	}
	c := &control{
		name: attr(n, "name"), value: attr(n, "value"), node: n,
		action: attr(n, "formaction"), method: attr(n, "formmethod"), disabled: isDisabled(n),
	}
	switch n.Data {
	case "input":
		readInput(n, c)
	case "button":
		if c.kind = strings.ToLower(attr(n, "type")); c.kind == "" {
			c.kind = "submit"
		}
		c.label = text(n)
	case "textarea":
		c.kind, c.value = "textarea", strings.TrimPrefix(rawText(n), "\n")
	case "select":
		readSelect(n, c)
	default:
		return nil
	}
	return c
}

func readInput(n *html.Node, c *control) {
	if c.kind = strings.ToLower(attr(n, "type")); c.kind == "" {
		c.kind = "text"
	}
	if c.isSwitch() {
		c.on = has(n, "checked")
		if !has(n, "value") {
			c.value = "on"
		}
	}
	if c.isButton() {
		c.label = c.value
	}
}

// readSelect chooses the selected option, else the first, as a select of one
// line does. Choosing several is not supported: no page of ours does.
func readSelect(n *html.Node, c *control) {
	c.kind, c.value = "select", ""
	for o := range n.Descendants() {
		if o.Type != html.ElementNode || o.Data != "option" || has(o, "disabled") {
			continue
		}
		v := text(o)
		if has(o, "value") {
			v = attr(o, "value")
		}
		if c.options = append(c.options, v); len(c.options) == 1 || has(o, "selected") {
			c.value, c.on = v, true
		}
	}
}

func isDisabled(n *html.Node) bool {
	if has(n, "disabled") {
		return true
	}
	for up := range n.Ancestors() {
		if up.Type == html.ElementNode && up.Data == "fieldset" && has(up, "disabled") {
			return true
		}
	}
	return false
}

func find(n *html.Node, tag string) *html.Node {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == tag {
			return d
		}
	}
	return nil
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func rawText(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// text is what a reader sees of n. Block elements separate words; script, style
// and what is hidden say nothing.
func text(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	writeText(&b, n)
	return strings.Join(strings.Fields(b.String()), " ")
}

func writeText(b *strings.Builder, n *html.Node) {
	if n.Type == html.TextNode {
		b.WriteString(n.Data)
		return
	}
	if n.Type == html.ElementNode {
		switch n.Data {
		case "script", "style", "template":
			return
		}
		if has(n, "hidden") {
			return
		}
	}
	block := n.Type == html.ElementNode && !inline[n.Data]
	if block {
		b.WriteByte(' ')
	}
	for c := range n.ChildNodes() {
		writeText(b, c)
	}
	if block {
		b.WriteByte(' ')
	}
}

// inline elements do not part the words around them.
var inline = map[string]bool{
	"a": true, "abbr": true, "b": true, "bdi": true, "code": true, "em": true, "i": true, "kbd": true,
	"mark": true, "q": true, "s": true, "small": true, "span": true, "strong": true, "sub": true, "sup": true,
	"time": true, "u": true, "var": true, "wbr": true,
}

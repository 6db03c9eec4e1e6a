package letters

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
)

// HTML that administrators write is held to a small grammar, so that what we read
// is what every mail program reads: each < begins a tag whose attributes have
// values in quotes, without < and >. On top of it only known tags and attributes
// pass: nothing that runs, and nothing that is loaded when a mail is opened.

var (
	tag       = regexp.MustCompile(`^<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][a-zA-Z-]*\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))*)\s*/?>`)
	attribute = regexp.MustCompile(`([a-zA-Z][a-zA-Z-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')`)
	style     = regexp.MustCompile(`^[a-zA-Z0-9 \n\t#%.,:;'"!()+/_-]*$`)
	call      = regexp.MustCompile(`([a-zA-Z-]*)\s*\(`)
	// address is of a page or a mailbox; our own link and host come as marks.
	address = regexp.MustCompile(`^(?:` + linkMark + `|https://(?:[a-zA-Z0-9.-]+|` + hostMark + `)(?::[0-9]+)?(?:[/?#].*)?|mailto:[^` + marks + `]+|tel:[0-9+() -]+)$`)
)

// Marks stand for values while the HTML is read. They are of the characters for
// private use, which no source may have.
const (
	valueMark = "\ue000"
	linkMark  = "\ue001"
	hostMark  = "\ue002"
	marks     = valueMark + linkMark + hostMark
)

var tags = strings.Fields(`a b blockquote br center code div em h1 h2 h3 h4 h5 h6 hr i li ol p pre s small span strong sub sup
	table tbody td tfoot th thead tr u ul`)

var attributes = strings.Fields(`align bgcolor border cellpadding cellspacing colspan dir height href lang role rowspan style title valign width`)

var colours = []string{"rgb", "rgba", "hsl", "hsla"}

// checkHTML reads the HTML of a template with all its branches one after the other.
// No branch begins or ends within a tag, so no choice of branches has other tags.
func checkHTML(tree *parse.Tree) error {
	var f flat
	if err := f.list(tree.Root); err != nil {
		return err
	}
	doc := f.String()
	for {
		i := strings.IndexByte(doc, '<')
		if i < 0 {
			return nil
		}
		doc = doc[i:]
		m := tag.FindStringSubmatch(doc)
		if m == nil {
			return faultf("has %q, which is no tag with attributes in quotes; write &lt; for a <, and leave comments out", excerpt(doc))
		}
		if name := strings.ToLower(m[2]); !slices.Contains(tags, name) {
			return faultf("must not have <%s>: mails run no scripts and load nothing", name)
		}
		if err := checkAttributes(m[3]); err != nil {
			return err
		}
		doc = doc[len(m[0]):]
	}
}

func checkAttributes(list string) error {
	for _, m := range attribute.FindAllStringSubmatch(list, -1) {
		name, value := strings.ToLower(m[1]), html.UnescapeString(m[2]+m[3])
		if !slices.Contains(attributes, name) {
			return faultf("must not have the attribute %s", name)
		}
		switch {
		case name == "href" && !address.MatchString(value):
			return fault("has a link that is neither {{.Link}} nor an https:, mailto: or tel: address")
		case name == "style" && !plainStyle(value):
			return fault("has a style that is not plain: it must load nothing and hold no variables")
		}
	}
	return nil
}

func plainStyle(s string) bool {
	if !style.MatchString(s) || strings.Contains(s, "/*") {
		return false
	}
	for _, m := range call.FindAllStringSubmatch(s, -1) {
		if !slices.Contains(colours, strings.ToLower(m[1])) {
			return false
		}
	}
	return true
}

// flat is a template's text, with marks for its values.
type flat struct{ strings.Builder }

func (f *flat) list(l *parse.ListNode) error {
	if l == nil {
		return nil
	}
	for _, n := range l.Nodes {
		if err := f.node(n); err != nil {
			return err
		}
	}
	return nil
}

func (f *flat) node(n parse.Node) error {
	switch n := n.(type) {
	case *parse.TextNode:
		f.Write(n.Text)
	case *parse.ActionNode:
		f.WriteString(markOf(n))
	case *parse.IfNode:
		return f.branches(n.BranchNode)
	case *parse.WithNode:
		return f.branches(n.BranchNode)
	}
	return nil
}

func (f *flat) branches(n parse.BranchNode) error {
	for _, l := range []*parse.ListNode{n.List, n.ElseList} {
		if f.inTag() {
			return fault("must not have {{if}}, {{with}}, {{else}} or {{end}} within a tag")
		}
		if err := f.list(l); err != nil {
			return err
		}
	}
	if f.inTag() {
		return fault("must not have {{if}}, {{with}}, {{else}} or {{end}} within a tag")
	}
	return nil
}

// inTag is exact for what passes: there < and > stand nowhere else in a tag.
func (f *flat) inTag() bool {
	s := f.String()
	return strings.LastIndexByte(s, '<') > strings.LastIndexByte(s, '>')
}

func markOf(n *parse.ActionNode) string {
	switch n.Pipe.String() {
	case ".Link", "$.Link":
		return linkMark
	case ".Host", "$.Host":
		return hostMark
	}
	return valueMark
}

func excerpt(s string) string {
	r := []rune(s)
	return string(r[:min(len(r), 24)])
}

package ui

import (
	"html/template"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// kept are the elements that a mail is drawn with, none with an attribute.
var kept = []atom.Atom{
	atom.P, atom.Br, atom.Hr, atom.H1, atom.H2, atom.H3, atom.H4, atom.Ul, atom.Ol, atom.Li, atom.Strong, atom.B, atom.Em, atom.I,
	atom.Blockquote, atom.Pre, atom.Code, atom.Div, atom.Span,
}

// dropped are the elements of which not even the text is shown.
var dropped = []atom.Atom{
	atom.Script, atom.Style, atom.Head, atom.Title, atom.Template, atom.Noscript, atom.Iframe, atom.Object, atom.Embed, atom.Svg, atom.Math,
	atom.Select, atom.Textarea, atom.Button,
}

// mailBlocks draws the HTML of a mail as plain blocks that are safe on any page:
// words and the bones of their order, without attribute, address, style or picture.
// Headings become paragraphs, for the page has its own order of headings.
func mailBlocks(source string) template.HTML {
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		return ""
	}
	var out strings.Builder
	writeMail(&out, root)
	return template.HTML(out.String()) //nolint:gosec // nothing but names of our own and escaped text
}

func writeMail(out *strings.Builder, n *html.Node) {
	if n.Type == html.TextNode {
		out.WriteString(html.EscapeString(cleanName(strings.NewReplacer("\n", " ", "\t", " ").Replace(n.Data))))
		return
	}
	if n.Type == html.ElementNode && (slices.Contains(dropped, n.DataAtom) || n.Namespace != "") {
		return
	}
	name, void := mailElement(n), n.DataAtom == atom.Br || n.DataAtom == atom.Hr
	if name != "" {
		out.WriteString("<" + name + ">")
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		writeMail(out, c)
	}
	if name != "" && !void {
		out.WriteString("</" + name + ">")
	}
}

// mailElement is the element that stands for n; empty: its content alone.
func mailElement(n *html.Node) string {
	switch n.DataAtom {
	case atom.A:
		return "u"
	case atom.Tr, atom.Table:
		return "div"
	case atom.Td, atom.Th:
		return "span"
	case atom.H1, atom.H2, atom.H3, atom.H4:
		return "p"
	}
	if n.Type == html.ElementNode && slices.Contains(kept, n.DataAtom) {
		return n.DataAtom.String()
	}
	return ""
}

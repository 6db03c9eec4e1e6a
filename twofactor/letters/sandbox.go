package letters

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
	"unicode"
	"unicode/utf8"
)

// Bounds of templates. There are no loops, so that the size of a template bounds
// its time: no clock is needed.
const (
	maxSource = 16 << 10 // bytes of a part
	maxResult = 64 << 10 // bytes of what comes out of it
	maxSMS    = 480      // characters: three messages, say
	maxDepth  = 16       // of conditions in conditions
)

// fault is what is wrong with a template, in words for whoever wrote it.
type fault string

func (f fault) Error() string { return "letters: template " + string(f) }

func faultf(format string, args ...any) fault { return fault(fmt.Sprintf(format, args...)) }

// functions are those that a template may call, with how many values: they compare,
// and make nothing longer than it was.
var functions = map[string]struct{ least, most int }{"eq": {2, 2}, "ne": {2, 2}, "and": {2, 9}, "or": {2, 9}, "not": {1, 1}}

// root names the one template of a source; the layout includes it by this name.
const root = "letter"

// program is a source that has passed the sandbox's rules, ready to run.
type program interface {
	Execute(w io.Writer, data any) error
}

// compile holds a source to the rules, and readies it. Its errors are faults.
func compile(kind string, part Part, source string) (program, error) {
	if err := checkSource(part, source); err != nil {
		return nil, err
	}
	source = normal(source)
	tree, err := parseTree(source)
	if err != nil {
		return nil, err
	}
	if err := checkTree(kind, part, tree); err != nil {
		return nil, err
	}
	if part == HTML {
		return compileHTML(tree, source)
	}
	t, err := texttemplate.New(root).Option("missingkey=error").Parse(source)
	if err != nil {
		return nil, parseFault(err)
	}
	return t, nil
}

func compileHTML(tree *parse.Tree, source string) (program, error) {
	if err := checkHTML(tree); err != nil {
		return nil, err
	}
	layout, err := files.ReadFile("texts/mail.html")
	if err != nil {
		return nil, fmt.Errorf("letters: layout: %w", err)
	}
	t, err := htmltemplate.New("mail").Option("missingkey=error").Parse(string(layout))
	if err != nil {
		return nil, fmt.Errorf("letters: layout: %w", err)
	}
	if _, err := t.New(root).Parse(source); err != nil {
		return nil, parseFault(err)
	}
	return t, nil
}

// normal brings line ends to one form: forms on web pages send CRLF.
func normal(source string) string { return strings.ReplaceAll(source, "\r\n", "\n") }

// checkSource looks at a source as it is: its size and its characters.
func checkSource(part Part, source string) error {
	switch {
	case len(source) > maxSource:
		return faultf("must have at most %d bytes", maxSource)
	case !utf8.ValidString(source):
		return fault("is not valid UTF-8")
	case part == Subject && strings.ContainsAny(source, "\r\n"):
		return fault("must be one line")
	case strings.ContainsFunc(normal(source), unwanted):
		return fault("must have no control characters and none for private use")
	}
	return nil
}

// unwanted knows characters that no text needs. What makes text run backwards is
// among them: it lets a link look like another.
func unwanted(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Co, r) || unicode.Is(unicode.Bidi_Control, r)
}

// parseTree parses a source that defines no template beside itself.
func parseTree(source string) (*parse.Tree, error) {
	known := map[string]any{}
	for f := range functions {
		known[f] = true
	}
	trees, err := parse.Parse(root, source, "", "", known)
	switch {
	case err != nil:
		return nil, parseFault(err)
	case len(trees) != 1 || trees[root] == nil || trees[root].Root == nil:
		return nil, fault("must not define templates")
	}
	return trees[root], nil
}

// parseFault puts a parser's error into our words: "template: letter:3: …".
func parseFault(err error) fault {
	text := strings.TrimPrefix(err.Error(), "template: ")
	line, what, ok := strings.Cut(strings.TrimPrefix(text, root+":"), ": ")
	if !ok {
		return faultf("cannot be read: %s", text)
	}
	return faultf("cannot be read: line %s: %s", line, what)
}

// checker walks a parse tree and lets pass what it knows: {{.Var}}, {{if}},
// {{else}} and {{with}}.
type checker struct {
	kind  string
	part  Part
	depth int
}

func checkTree(kind string, part Part, tree *parse.Tree) error {
	c := &checker{kind: kind, part: part}
	return c.list(tree.Root, false)
}

// list checks nodes in a row. Inside a {{with}} the dot is a value.
func (c *checker) list(l *parse.ListNode, inside bool) error {
	if l == nil {
		return nil
	}
	if c.depth++; c.depth > maxDepth {
		return faultf("has conditions more than %d deep", maxDepth-1)
	}
	defer func() { c.depth-- }()
	for _, n := range l.Nodes {
		if err := c.node(n, inside); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) node(n parse.Node, inside bool) error {
	switch n := n.(type) {
	case *parse.TextNode, *parse.CommentNode:
		return nil
	case *parse.ActionNode:
		return c.pipe(n.Pipe, inside)
	case *parse.IfNode:
		return errors.Join(c.pipe(n.Pipe, inside), c.list(n.List, inside), c.list(n.ElseList, inside))
	case *parse.WithNode:
		return errors.Join(c.pipe(n.Pipe, inside), c.list(n.List, true), c.list(n.ElseList, inside))
	case *parse.RangeNode:
		return fault("must not have {{range}}")
	case *parse.TemplateNode:
		return fault("must not have {{template}} or {{block}}")
	}
	return faultf("must not have %s", n)
}

func (c *checker) pipe(p *parse.PipeNode, inside bool) error {
	switch {
	case len(p.Decl) > 0:
		return fault("must not set variables")
	case len(p.Cmds) != 1:
		return fault("must not have |")
	}
	args := p.Cmds[0].Args
	name, called := args[0].(*parse.IdentifierNode)
	if !called {
		if len(args) > 1 {
			return faultf("must not call %s", args[0])
		}
		return c.operand(args[0], inside)
	}
	f, ok := functions[name.Ident]
	if args = args[1:]; !ok || len(args) < f.least || len(args) > f.most {
		return faultf("must not call %s with %d values", name.Ident, len(args))
	}
	for _, a := range args {
		// A comparison is no text, and comparing it with one would fail at run time.
		if _, nested := a.(*parse.PipeNode); nested && (name.Ident == "eq" || name.Ident == "ne") {
			return faultf("must compare variables and texts, not %s", a)
		}
		if err := c.operand(a, inside); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) operand(n parse.Node, inside bool) error {
	switch n := n.(type) {
	case *parse.StringNode:
		if strings.ContainsFunc(n.Text, unwanted) || !utf8.ValidString(n.Text) {
			return fault("must have no control characters and none for private use")
		}
		return nil
	case *parse.DotNode:
		if inside {
			return nil
		}
		return fault("has {{.}} outside of {{with}}")
	case *parse.FieldNode:
		if inside {
			return faultf("inside {{with}} must name %s as $%s", n, n)
		}
		return c.variable(n.Ident)
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			return c.variable(n.Ident[1:])
		}
		return faultf("must not use %s", n)
	case *parse.PipeNode:
		if c.depth++; c.depth > maxDepth {
			return faultf("has conditions more than %d deep", maxDepth-1)
		}
		defer func() { c.depth-- }()
		return c.pipe(n, inside)
	case *parse.NumberNode:
		return faultf("must write %s in quotes: all values are text", n)
	}
	return faultf("must not use %s", n)
}

func (c *checker) variable(path []string) error {
	name := path[0]
	known := Variables(c.kind)
	switch {
	case len(path) > 1:
		return faultf("must not use .%s: variables have no parts", strings.Join(path, "."))
	case !slices.Contains(known, name):
		return faultf("uses .%s, but this kind of message has only .%s", name, strings.Join(known, ", ."))
	case c.part == Subject && (name == "Code" || name == "Link"):
		return faultf("must not use .%s: subjects are shown on locked screens and kept in logs", name)
	}
	return nil
}

package apply

import (
	"fmt"
	"slices"
	"strings"
)

// Entry is what a run did to one entity, for people.
type Entry struct {
	In      string // its subscription; empty: the platform
	Created bool
	Label   string
	Fields  []string // "email: "a@x.example" → "b@x.example"", a line each
}

// Text is the report as people read it: by subscription, what differs line by line,
// warnings and a sum at the end. With colour it is for a terminal.
func (r Report) Text(colour bool) string {
	p := painter(colour)
	var b strings.Builder
	for i, e := range r.Entries {
		if i == 0 || e.In != r.Entries[i-1].In {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(p.bold(heading(e.In)) + "\n")
		}
		sign := p.yellow("~")
		if e.Created {
			sign = p.green("+")
		}
		fmt.Fprintf(&b, "  %s %s\n", sign, e.Label)
		for _, f := range e.Fields {
			fmt.Fprintf(&b, "      %s\n", f)
		}
	}
	if len(r.Entries) == 0 {
		b.WriteString("= nothing to change\n")
	}
	if len(r.Warnings) > 0 {
		b.WriteByte('\n')
	}
	for _, w := range r.Warnings {
		b.WriteString(p.yellow("!") + strings.TrimPrefix(w, "!") + "\n")
	}
	if len(r.Entries)+len(r.Warnings) > 0 {
		b.WriteString("\n" + r.Sum() + "\n")
	}
	return b.String()
}

func heading(subscription string) string {
	if subscription == "" {
		return "platform"
	}
	return kindSubscription + " " + shownName(subscription)
}

// Sum counts in one line.
func (r Report) Sum() string {
	created := 0
	for _, e := range r.Entries {
		if e.Created {
			created++
		}
	}
	sum := fmt.Sprintf("%d created, %d changed", created, len(r.Entries)-created)
	switch n := len(r.Warnings); n {
	case 0:
		return sum
	case 1:
		return sum + ", 1 warning"
	default:
		return fmt.Sprintf("%s, %d warnings", sum, n)
	}
}

// entries are the changes for people, the platform's first, then by subscription as
// the file has them.
func (r *run) entries() []Entry {
	var out []Entry
	order := map[string]int{"": 0}
	for _, s := range r.file.doc.Subscriptions {
		order[s.Name.v] = len(order)
	}
	for _, c := range r.changes {
		if c.any() {
			out = append(out, c.entry(len(r.file.doc.Subscriptions) > 1))
		}
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return order[a.In] - order[b.In] })
	return out
}

func (c *change) entry(several bool) Entry {
	e := Entry{In: c.in, Created: c.created, Label: c.label}
	if several && c.in != "" {
		e.Label = strings.Replace(c.label, shownName(c.in)+"/", "", 1) // the heading says it
	}
	for _, f := range c.fields {
		switch {
		case !c.created:
			e.Fields = append(e.Fields, f.key+": "+f.words())
		case !f.usual:
			e.Fields = append(e.Fields, f.key+": "+f.fresher())
		}
	}
	return e
}

// fresher is the value of a new entity's key.
func (f field) fresher() string {
	switch {
	case f.saidFresh != "":
		return f.saidFresh
	case f.note != "":
		return f.note
	case f.added != nil:
		return listed(f.added)
	}
	if l, ok := f.fresh.([]string); ok {
		return listed(l)
	}
	return shown(f.fresh)
}

func listed(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = shownName(n)
	}
	return strings.Join(out, ", ")
}

// painter colours for a terminal, or does not.
type painter bool

func (p painter) in(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p painter) bold(s string) string   { return p.in("1", s) }
func (p painter) green(s string) string  { return p.in("32", s) }
func (p painter) yellow(s string) string { return p.in("33", s) }

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const cliHead = `# Commands

Every command of the program with its arguments and flags. This page is drawn from
the program itself: after a change run ` + "`make generate`" + `. The same is shown by
` + "`twofold COMMAND --help`" + `.

Flags can also be set by the environment and by a file, see [settings.md](settings.md).
A command ends with 0 when it did its work, with 1 when it did not, and with 2 when
the command line is wrong. Results go to standard output, logs and errors to standard
error.
`

// cliPage describes all commands, in the order of the program's help.
func cliPage(t *testing.T) string {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.Name("twofold"), kong.DefaultEnvars("TWOFOLD"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(cliHead)
	b.WriteString("\n## Flags of every command\n\n")
	cliFlags(&b, parser.Model.Flags)
	for _, leaf := range parser.Model.Leaves(true) {
		name := strings.TrimPrefix(leaf.Path(), "twofold ")
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```\n%s\n```\n", name, cell(leaf.Help), usage(name, leaf))
		if len(leaf.Positional) > 0 {
			b.WriteString("\n| Argument | What it is |\n| --- | --- |\n")
		}
		for _, p := range leaf.Positional {
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ToUpper(p.Name), cell(p.Help))
		}
		if len(leaf.Flags) > 0 {
			b.WriteString("\n")
			cliFlags(&b, leaf.Flags)
		}
	}
	return b.String()
}

// usage is how a command is written: what is in brackets may be left out.
func usage(name string, leaf *kong.Node) string {
	line := "twofold " + name
	for _, f := range leaf.Flags {
		if f.Required {
			line += " --" + f.Name + "=" + f.FormatPlaceHolder()
		}
	}
	if len(leaf.Flags) > 0 {
		line += " [FLAGS]"
	}
	for _, p := range leaf.Positional {
		if p.Required {
			line += " " + strings.ToUpper(p.Name)
		} else {
			line += " [" + strings.ToUpper(p.Name) + "]"
		}
	}
	return line
}

func cliFlags(b *strings.Builder, flags []*kong.Flag) {
	b.WriteString("| Flag | Default | What it is |\n| --- | --- | --- |\n")
	for _, f := range flags {
		name := "--" + f.Name
		if !f.IsBool() {
			name += "=" + strings.Trim(f.FormatPlaceHolder(), `"`)
		}
		help := cell(f.Help)
		if f.Required {
			help += " Required."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, codes([]string{f.Default}), help)
	}
}

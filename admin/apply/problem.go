package apply

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file. It holds no secret: what stood
// where a secret belongs is not repeated.
type Problem struct {
	File         string
	Line, Column int    // both from 1
	Path         string // subscriptions[0].users[1].email; empty for the whole file
	Message      string
}

func (p Problem) Error() string {
	path := p.Path
	if path != "" {
		path += ": "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s", p.File, p.Line, p.Column, path, p.Message)
}

// Problems are all that is wrong with a file, in its order.
type Problems []Problem

// Error has one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// orNil sorts the problems, and is nil if there are none.
func (ps Problems) orNil() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps
}

// finder collects problems of one file.
type finder struct {
	file     string
	problems Problems
}

func (f *finder) found(at place, format string, args ...any) {
	f.problems = append(f.problems, Problem{
		File: f.file, Line: at.line, Column: at.column, Path: at.path, Message: fmt.Sprintf(format, args...),
	})
}

package ui

// Views of other packages, drawn in the wide layout, compose their pages from
// the templates "notice" (Notice), "facts" ([]Fact), "table" (Table), "code"
// (string), "link-button" (Link) and "input" (Input).

// Fact is one line of a definition list.
type Fact struct{ Name, Value string }

// Table is a plain table.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]Cell
	Empty   string // what to say in place of no rows
}

// Cell is one cell. With a URL it is a link.
type Cell struct {
	Text string
	URL  string
	Mono bool // codes, ids and times
}

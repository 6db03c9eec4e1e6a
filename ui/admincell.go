package ui

import (
	"fmt"
	"time"
)

// AdminTime is a time in words. Exact stands in the title, Machine in the markup.
// The zero value is drawn as nothing.
type AdminTime struct{ Text, Exact, Machine, Day string }

// When says t as seen at now: "3 days ago", "in 5 minutes". The zero time is "never".
func When(now, t time.Time) AdminTime {
	if t.IsZero() {
		return AdminTime{Text: "never"}
	}
	u := t.UTC()
	w := AdminTime{Exact: u.Format("2006-01-02 15:04:05 UTC"), Machine: u.Format(time.RFC3339), Day: dayWords(now.UTC(), u)}
	switch d := now.Sub(t); {
	case d >= 0:
		w.Text = span(d, "%s ago", "just now")
	default:
		w.Text = span(-d, "in %s", "in a moment")
	}
	if w.Text == "" {
		w.Text = Page{}.Date(u)
	}
	return w
}

// span is a length of time in words, or empty where the date says more.
func span(d time.Duration, form, short string) string {
	const day = 24 * time.Hour
	unit := func(n int, name string) string {
		if n != 1 {
			name += "s"
		}
		return fmt.Sprintf(form, fmt.Sprint(n, " ", name))
	}
	switch {
	case d < time.Minute:
		return short
	case d < time.Hour:
		return unit(int(d/time.Minute), "minute")
	case d < day:
		return unit(int(d/time.Hour), "hour")
	case d < 31*day:
		return unit(int(d/day), "day")
	}
	return ""
}

func dayWords(now, t time.Time) string {
	switch day := t.Format(time.DateOnly); day {
	case now.Format(time.DateOnly):
		return "Today"
	case now.AddDate(0, 0, -1).Format(time.DateOnly):
		return "Yesterday"
	}
	return Page{}.Date(t)
}

// AdminTable is a table. A row is led to by its URL; bulk actions belong to AdminList.
type AdminTable struct {
	Caption string // read out, not shown
	Columns []AdminColumn
	Rows    []AdminRow
	Empty   AdminEmpty // in place of no rows
}

// AdminColumn is the head of a column.
type AdminColumn struct {
	Label  string
	Sort   string // name of the order by this column, as the list documents it; empty: cannot be sorted by
	Down   bool   // the first click sorts the last first: for times
	Figure bool   // numbers, set at the end of the column
}

// AdminRow is one row. The first cell is its name.
type AdminRow struct {
	ID    string // posted by bulk actions; empty: the row cannot be chosen
	URL   string // where the row leads; may be empty
	Cells []AdminCell
}

// AdminCell is one cell, or one fact's value. What is set is drawn, in this order:
// the badge, the text or link, the time, the second line.
type AdminCell struct {
	Badge  *AdminBadge
	Text   string
	URL    string // a link of its own; the first cell has the row's
	Mono   bool   // codes, ids, addresses of machines
	Copy   bool   // a button copies Text
	Time   AdminTime
	Second string // muted, below
}

// Blank reports whether there is nothing to draw.
func (c AdminCell) Blank() bool { return c == AdminCell{Mono: c.Mono, Copy: c.Copy} }

// AdminFact is one line of facts.
type AdminFact struct {
	Name string
	AdminCell
}

// AdminEmpty stands where a list is empty: what this is, why it is empty, the one
// thing to do.
type AdminEmpty struct {
	Title, Text string
	Do          *AdminButton
}

// rowOf is a row with the columns that it belongs to.
type rowOf struct {
	Row     AdminRow
	Columns []AdminColumn
}

// columnAt is the column of a cell; nil where the table has too few.
func columnAt(columns []AdminColumn, i int) *AdminColumn {
	if i >= len(columns) {
		return nil
	}
	return &columns[i]
}

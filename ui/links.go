package ui

// LinkSent says that a link was mailed, with which something is to be gone on with.
type LinkSent struct {
	Page
	Action      string
	UserName    string // who is signing in; may be empty
	Destination string // masked
	Minutes     int    // how long the link works; 0: not said
	Method      string // id of what is set up, to have the link sent again; may be empty
	MayChoose   bool
	CanCancel   bool
}

// Template implements View.
func (LinkSent) Template() string { return "link-sent" }

// Title implements View.
func (v LinkSent) Title() string { return v.Say("link-sent.title") }

// LinkOpened asks to go on after a mailed link was opened: opening alone must change
// nothing, for mail scanners open links too. It posts FieldLink and FieldDo = DoLink
// to Action.
type LinkOpened struct {
	Page
	Action    string
	UserName  string // who is signing in; may be empty
	Link      string
	CanCancel bool
}

// Template implements View.
func (LinkOpened) Template() string { return "link-opened" }

// Title implements View.
func (v LinkOpened) Title() string { return v.Say("link-opened.title") }

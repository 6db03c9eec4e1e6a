package ui

// AdminPage is what all pages of the admin frame share. The frame speaks English,
// whatever Page.Lang says. Page.Notice is the flash notice, Page.Token goes into
// every form that posts.
type AdminPage struct {
	Page
	Rail          []AdminGroup // the groups of the rail, in their order
	Subscriptions []AdminScope // drawn when there are at least two
	SwitchURL     string       // GET, with FieldSubscription: where another subscription is chosen
	HomeURL       string       // where the name leads; empty: /admin/
	SearchURL     string       // GET, with FieldQuery; empty: /admin/search
	Asked         string       // what was searched for
	UserName      string       // who is signed in
	Role          string       // in words: "SubscriptionAdmin of Acme"; may be empty
	AccountURL    string       // the own account pages; may be empty
	SignOutURL    string       // posted to; may be empty

	Crumbs  []Link       // from the outside in, the page itself left out; only where there is depth
	Heading string       // the one h1, and the title of the window
	State   *AdminBadge  // beside the heading; may be nil
	Reason  string       // why the state is what it is, in words; may be empty
	Intro   string       // one sentence below the heading; may be empty
	Main    *AdminButton // the one main thing to do here; may be nil
	More    []AdminButton
	Tabs    []AdminTab
	Undo    *AdminButton // undoes what Page.Notice says; may be nil
}

// AdminGroup is a section of the rail: "People".
type AdminGroup struct {
	Title string // may be empty
	Items []AdminTab
}

// AdminTab is a link of the rail or a tab.
type AdminTab struct {
	Label, URL string
	Current    bool
	Count      string // after the label; may be empty
}

// AdminScope is one subscription to switch to.
type AdminScope struct {
	ID, Name string
	Current  bool
}

// AdminButton is a link that looks like a button, or with Post a form of one button.
type AdminButton struct {
	Label  string // a verb with its object: "Create user"
	URL    string
	Post   bool
	Fields []Pair // what is posted, beside the token
	Danger bool
}

// Names of what the forms of the admin frame send, beside those of all pages.
const (
	FieldQuery        = "q"
	FieldSubscription = "subscription"
	FieldVersion      = "version" // AdminForm.Version, for lost updates
	FieldAll          = "all"     // "true": a bulk action is for all that match
	FieldTyped        = "typed"   // the name that AdminConfirm asks to type
	FieldReason       = "reason"
)

// Base returns the page, which speaks English.
func (p AdminPage) Base() Page {
	p.Lang = spoken[0].Tag
	return p.Page
}

// Title implements View.
func (p AdminPage) Title() string {
	return p.failed(p.Heading, p.Notice != nil && p.Notice.Kind == Bad)
}

// failed is Page.failed in English.
func (p AdminPage) failed(title string, isError bool) string {
	return p.Base().failed(title, isError)
}

// Find is where the search box leads.
func (p AdminPage) Find() string {
	if p.SearchURL == "" {
		return "/admin/search"
	}
	return p.SearchURL
}

// Home is where the name at the top leads.
func (p AdminPage) Home() string {
	if p.HomeURL == "" {
		return "/admin/"
	}
	return p.HomeURL
}

// Switches reports whether there is a subscription to switch to.
func (p AdminPage) Switches() bool { return len(p.Subscriptions) > 1 }

// AdminBadge says a state in a word. It is never told by colour alone.
type AdminBadge struct {
	Tone AdminTone
	Text string
}

// AdminTone is how good or bad a state is.
type AdminTone string

// Tones.
const (
	TonePlain AdminTone = ""
	ToneGood  AdminTone = "good"
	ToneWarn  AdminTone = "warn"
	ToneBad   AdminTone = "bad"
	ToneOff   AdminTone = "off" // switched off, over, of no effect
)

// StateBadge is the badge of an instance's state: ready, untested, invalid, failing
// or inactive. Any other state is shown as it is called.
func StateBadge(state string) AdminBadge {
	switch state {
	case "ready":
		return AdminBadge{ToneGood, "Ready"}
	case "untested":
		return AdminBadge{ToneWarn, "Untested"}
	case "invalid":
		return AdminBadge{ToneBad, "Invalid"}
	case "failing":
		return AdminBadge{ToneBad, "Failing"}
	case "inactive":
		return AdminBadge{ToneOff, "Inactive"}
	}
	return AdminBadge{TonePlain, state}
}

// AdminProblem is an error page inside the frame: not found, not allowed, out of
// order. Page.Reference is read out to a help desk.
type AdminProblem struct {
	AdminPage
	Text    string // what to do
	Actions []Link // the first is the main one
}

// Template implements View.
func (AdminProblem) Template() string { return "admin-problem" }

// Title implements View.
func (v AdminProblem) Title() string { return v.failed(v.Heading, true) }

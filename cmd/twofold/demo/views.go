package demo

import "twofold/ui"

// Where a page is, for the bar on top.
const (
	hereApps    = "apps"
	hereMailbox = "mailbox"
)

// frame is what all pages of the site share.
type frame struct {
	ui.Page
	Here string
}

// homeView is the first page.
type homeView struct {
	frame
	Facts   Facts
	Cards   []tenantCard
	People  []person
	Machine string
}

func (homeView) Template() string { return "demo-home" }
func (homeView) Title() string    { return "Try it" }

type tenantCard struct {
	Tenant
	Doors []door
}

// door leads to one place.
type door struct {
	Title, Text, URL string
	As               string // who is signed in there
	Strict           bool
}

type person struct {
	User
	Where []Tenant
}

// accountView shows somebody signed in.
type accountView struct {
	frame
	Place, Name, URL string
	Summary          []told
	Actions          []action
	Claims, Userinfo []claimRow
	UserinfoProblem  string
	Access           []ui.Fact
}

func (accountView) Template() string { return "demo-account" }

// Title implements ui.View.
func (v accountView) Title() string { return "Signed in as " + v.Name }

// action is one thing to do with a sign-in. One that changes something here is a
// form.
type action struct {
	Text, Detail, URL string
	Post              bool
}

// messageView says one thing, an error mostly.
type messageView struct {
	frame
	Heading, Text string
	Facts         []ui.Fact
	Actions       []ui.Link
	Failed        bool
}

func (messageView) Template() string { return "demo-message" }

// Title implements ui.View.
func (v messageView) Title() string {
	if v.Failed {
		return "Error: " + v.Heading
	}
	return v.Heading
}

// mailboxView lists messages.
type mailboxView struct {
	frame
	Messages   []letter
	Recipients []recipient
	To         string // the filter, empty for all
	All        int
	JSON       string
	Self       string
}

func (mailboxView) Template() string { return "demo-mailbox" }

// Title implements ui.View.
func (mailboxView) Title() string { return "Mailbox" }

// recipient is one choice of the filter.
type recipient struct {
	Address, URL string
	Count        int
	Here         bool
}

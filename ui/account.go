package ui

import "twofold/twofactor"

// AccountPage is what all pages of the account frame share.
type AccountPage struct {
	Page
	Action     string // where the forms post to
	UserName   string // who is signed in, shown in the bar; may be empty
	SignOutURL string // may be empty
}

// Account shows what somebody has and what can be done with it, in sections. Each
// action posts FieldID and FieldDo to Action.
type Account struct {
	AccountPage
	Heading  string // may be empty: "Your account"
	Intro    string // may be empty
	Error    string // why the last action did not work
	Sections []Section
}

// Section is one group of things.
type Section struct {
	Title string
	Intro string // may be empty
	Items []Item
	Adds  []Action // below the items
	Empty string   // what to say in place of no items
}

// Item is one thing that somebody has.
type Item struct {
	Title   string
	Detail  string // may be empty
	Meta    string // when it was last used, say; see Page.Ago
	Exact   string // the exact time behind Meta, shown on hovering; may be empty
	Badge   string // a word beside the title; may be empty
	Actions []Action
}

// Action is a button. Label is a verb.
type Action struct {
	Label, Do, ID string
	Danger        bool
}

// Template implements View.
func (Account) Template() string { return "account" }

// Title implements View.
func (v Account) Title() string {
	if v.Heading == "" {
		return v.failed(v.Say("account.title"), v.Error != "")
	}
	return v.failed(v.Heading, v.Error != "")
}

// Confirm asks before something is lost. It posts FieldID, FieldConfirmed and
// FieldDo = Do to Action.
type Confirm struct {
	AccountPage
	Heading string   // a question that names the thing: "Remove YubiKey 5?"
	Text    string   // what follows; may be empty
	Losses  []string // what is lost, by name; may be empty
	Label   string   // of the button, a verb
	Do, ID  string
	BackURL string // where nothing is lost
}

// Template implements View.
func (Confirm) Template() string { return "confirm" }

// Title implements View.
func (v Confirm) Title() string { return v.Heading }

// Rename asks for a name. It posts FieldID, FieldName and FieldDo = DoRename to
// Action.
type Rename struct {
	AccountPage
	Heading string
	Value   string // the name so far, or as typed
	Error   string
	ID      string
	BackURL string // may be empty
}

// Template implements View.
func (Rename) Template() string { return "rename" }

// Title implements View.
func (v Rename) Title() string { return v.failed(v.Heading, v.Error != "") }

// Do is what the form posts.
func (Rename) Do() string { return DoRename }

// Input is the one input.
func (v Rename) Input() Input {
	return Input{
		ID: FieldName, Name: FieldName, Label: v.Say("field.name"), Value: v.Value, Error: v.Error, Kind: twofactor.KindText,
		Required: true, Focus: true, AutoComplete: "off",
	}
}

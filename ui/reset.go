package ui

import "twofold/twofactor"

// ResetAsk asks whose password shall be reset. It posts FieldUserName and
// FieldDo = DoAnswer to Action.
type ResetAsk struct {
	Page
	Action   string
	UserName string // as typed
	Error    string
	BackURL  string // back to the sign-in; may be empty
}

// Template implements View.
func (ResetAsk) Template() string { return "reset-ask" }

// Title implements View.
func (v ResetAsk) Title() string { return v.failed(v.Say("reset-ask.title"), v.Error != "") }

// Input is the one input.
func (v ResetAsk) Input() Input {
	return Input{
		ID: FieldUserName, Name: FieldUserName, Label: v.Say("field.username"), Value: v.UserName, Error: v.Error,
		Kind: twofactor.KindText, Required: true, Focus: true, AutoComplete: "username",
	}
}

// ResetSent follows a ResetAsk. It says the same whether or not there is such an
// account, so that nobody can find out.
type ResetSent struct {
	Page
	Minutes  int    // how long the link works; 0: not said
	AgainURL string // to ask once more; may be empty
	BackURL  string // back to the sign-in; may be empty
}

// Template implements View.
func (ResetSent) Template() string { return "reset-sent" }

// Title implements View.
func (v ResetSent) Title() string { return v.Say("reset-sent.title") }

// ResetPassword asks for a new password. It posts FieldPassword and
// FieldDo = DoAnswer to Action.
type ResetPassword struct {
	Page
	Action   string
	UserName string   // whose password it is; may be empty
	Rules    []string // what a password must be like, in words
	Error    string
}

// Template implements View.
func (ResetPassword) Template() string { return "reset-password" }

// Title implements View.
func (v ResetPassword) Title() string {
	return v.failed(v.Say("reset-password.title"), v.Error != "")
}

// Input is the one input: a password that can be looked at need not be typed twice.
func (v ResetPassword) Input() Input {
	return Input{
		ID: FieldPassword, Name: FieldPassword, Label: v.Say("field.new-password"), Error: v.Error,
		Kind: twofactor.KindPassword, Required: true, Focus: true, AutoComplete: "new-password",
	}
}

// ResetDone says that the new password counts.
type ResetDone struct {
	Page
	SignInURL string // may be empty
}

// Template implements View.
func (ResetDone) Template() string { return "reset-done" }

// Title implements View.
func (v ResetDone) Title() string { return v.Say("reset-done.title") }

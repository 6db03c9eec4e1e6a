package ui

import (
	"time"

	"twofold/twofactor"
)

// Enroll asks what binds an authenticator to a user. It is drawn and posted like a
// Challenge, which it contains; RememberDays and MayBypass mean nothing here.
type Enroll struct {
	Challenge
	Step, Of    int      // where this page stands among those that set things up; not said of one alone
	Steps       []string // what to do, in order; may be empty
	MayPostpone bool     // offers to do it later, by FieldDo = DoLater
	PostponeTo  time.Time
}

// Template implements View.
func (Enroll) Template() string { return "enroll" }

// Progress says where the page stands; empty: nothing.
func (v Enroll) Progress() string {
	if v.Of < 2 {
		return ""
	}
	return v.Say("enroll.step", "n", v.Step, "of", v.Of)
}

// Until is the day until which the user may wait, in words; empty: it is not said.
func (v Enroll) Until() string { return until(v.Page, v.PostponeTo) }

// ChooseEnroll lists what one may set up, strongest first. It posts FieldMethod and
// FieldDo = DoEnroll to Action.
type ChooseEnroll struct {
	Page
	Action      string
	UserName    string   // who is signing in; may be empty
	Methods     []Method // Detail is a sentence about the method
	Required    bool     // says that the sign-in needs one
	Error       string
	BackURL     string // may be empty
	MayPostpone bool   // as in Enroll
	PostponeTo  time.Time
	CanCancel   bool
}

// Template implements View.
func (ChooseEnroll) Template() string { return "choose-enroll" }

// Title implements View.
func (v ChooseEnroll) Title() string {
	return v.failed(v.Say("choose-enroll.title"), v.Error != "")
}

// Until is as in Enroll.
func (v ChooseEnroll) Until() string { return until(v.Page, v.PostponeTo) }

func until(p Page, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return p.Date(t)
}

// AskAddress asks for a phone number or mail address, to be proven next. It posts
// FieldAddress and FieldDo = DoAddress to Action.
type AskAddress struct {
	Page
	Action    string
	UserName  string // who is signing in; may be empty
	Phone     bool   // a phone number; otherwise a mail address
	Value     string // as typed
	Error     string
	BackURL   string // may be empty
	MayChoose bool
	CanCancel bool

	MayPostpone bool // as in Enroll
	PostponeTo  time.Time
}

// Until is the last day, in words; empty when there is none.
func (v AskAddress) Until() string { return until(v.Page, v.PostponeTo) }

// Template implements View.
func (AskAddress) Template() string { return "one-question" }

// Title implements View.
func (v AskAddress) Title() string { return v.failed(v.Heading(), v.Error != "") }

// Heading says what is asked for.
func (v AskAddress) Heading() string {
	if v.Phone {
		return v.Say("address.phone-title")
	}
	return v.Say("address.mail-title")
}

// Text says why.
func (v AskAddress) Text() string { return v.Say("address.text") }

// Do is what the form posts.
func (AskAddress) Do() string { return DoAddress }

// Input is the one input.
func (v AskAddress) Input() Input {
	in := Input{
		ID: FieldAddress, Name: FieldAddress, Value: v.Value, Error: v.Error, Kind: twofactor.KindText, Required: true, Focus: true,
		Label: v.Say("field.mail"), AutoComplete: "email", Mode: "email",
	}
	if v.Phone {
		in.Label, in.Help, in.AutoComplete, in.Mode = v.Say("field.phone"), v.Say("field.phone-help"), "tel", "tel"
	}
	return in
}

// Bypass asks for a code from the help desk. It posts FieldBypass and
// FieldDo = DoBypass to Action.
type Bypass struct {
	Page
	Action    string
	UserName  string // who is signing in; may be empty
	Error     string
	BackURL   string // may be empty
	MayChoose bool
	CanCancel bool
}

// Template implements View.
func (Bypass) Template() string { return "one-question" }

// MayPostpone is never so: who asks for it has come to sign in.
func (Bypass) MayPostpone() bool { return false }

// Until is empty.
func (Bypass) Until() string { return "" }

// Title implements View.
func (v Bypass) Title() string { return v.failed(v.Heading(), v.Error != "") }

// Heading says what is asked for.
func (v Bypass) Heading() string { return v.Say("bypass.title") }

// Text says what to do.
func (v Bypass) Text() string { return v.Say("bypass.text") }

// Do is what the form posts.
func (Bypass) Do() string { return DoBypass }

// Input is the one input. Such a code may hold letters.
func (v Bypass) Input() Input {
	return Input{
		ID: FieldBypass, Name: FieldBypass, Label: v.Say("field.bypass"), Error: v.Error, Kind: twofactor.KindText,
		Required: true, Focus: true, AutoComplete: "one-time-code",
	}
}

// Remember is the box that offers to remember the browser, or nothing.
func (v Challenge) Remember() *Input {
	if v.RememberDays <= 0 {
		return nil
	}
	return &Input{
		ID: FieldRemember, Name: FieldRemember, Label: v.Say("challenge.remember", "n", v.RememberDays), Kind: twofactor.KindBool,
	}
}

// QR is Prompt.QR as a picture, or nothing.
func (v Challenge) QR() *Picture { return picture(v.Prompt.QR) }

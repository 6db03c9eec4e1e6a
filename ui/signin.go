package ui

import "twofold/twofactor"

// SignIn asks for name and password. It posts FieldUserName, FieldPassword and
// FieldDo = DoAnswer to Action.
type SignIn struct {
	Page
	Action     string
	MayPasskey bool   // offers to sign in with a passkey, which posts FieldDo = DoPasskey
	CanCancel  bool   // offers to go back to the client app
	ResetURL   string // where a forgotten password is reset; may be empty
	UserName   string // as typed, or from login_hint
	NameFirst  bool   // asks for the name alone
	NoPassword bool   // asks for neither: there are only Services
	// Services are other places to sign in at. Each posts FieldMethod and FieldDo =
	// DoUpstream.
	Services []Service
	Errors   []FieldError
}

// Service is another place to sign in at.
type Service struct{ ID, Name string }

// Template implements View.
func (SignIn) Template() string { return "signin" }

// Title implements View.
func (v SignIn) Title() string { return v.failed(v.Say("signin.title"), len(v.Errors) > 0) }

// Inputs are the two inputs, as far as they are asked for. The focus is on the first with an error, or else
// on the first that is empty.
func (v SignIn) Inputs() []Input {
	ins := []Input{
		{
			ID: FieldUserName, Name: FieldUserName, Label: v.Say("field.username"), Value: v.UserName,
			Kind: twofactor.KindText, Required: true, AutoComplete: "username",
			Error: errorFor(v.Errors, FieldUserName),
		},
		{
			ID: FieldPassword, Name: FieldPassword, Label: v.Say("field.password"),
			Kind: twofactor.KindPassword, Required: true, AutoComplete: "current-password",
			Error: errorFor(v.Errors, FieldPassword),
		},
	}
	if v.NameFirst {
		ins = ins[:1]
	}
	if v.NoPassword {
		return nil
	}
	if len(ins) > 1 && v.UserName != "" && ins[0].Error == "" {
		ins[1].Focus = true
	} else {
		focus(ins)
	}
	return ins
}

// Summary is what is said above the form.
func (v SignIn) Summary() Summary { return summarise(v.Inputs(), v.Errors) }

// SignedIn is the sign-in page for somebody who is signed in already.
type SignedIn struct {
	Page
	UserName    string
	ContinueURL string
	SignOutURL  string // to sign in as somebody else; may be empty
}

// Template implements View.
func (SignedIn) Template() string { return "signed-in" }

// Title implements View.
func (v SignedIn) Title() string { return v.Say("signed-in.title") }

// Cancelled is shown after a cancelled sign-in that has no app to go back to.
type Cancelled struct {
	Page
	AppURL   string // back to the client app; may be empty
	AgainURL string // begins anew; may be empty
}

// Template implements View.
func (Cancelled) Template() string { return "cancelled" }

// Title implements View.
func (v Cancelled) Title() string { return v.Say("cancelled.title") }

// OldPage answers a post from a page that another one has replaced, after the
// back button, say.
type OldPage struct {
	Page
	ContinueURL string // where the sign-in stands now
}

// Template implements View.
func (OldPage) Template() string { return "old-page" }

// Title implements View.
func (v OldPage) Title() string { return v.Say("old-page.title") }

package ui

import "strings"

// SignOut asks before signing out. It posts FieldDo = DoSignOut or DoStay to Action.
type SignOut struct {
	Page
	Action   string
	UserName string
}

// Template implements View.
func (SignOut) Template() string { return "signout" }

// Title implements View.
func (v SignOut) Title() string { return v.Say("signout.button") }

// SignedOut says that it is done.
type SignedOut struct {
	Page
	AppURL   string // back to the client app; may be empty
	AgainURL string // to sign in again; may be empty
}

// Template implements View.
func (SignedOut) Template() string { return "signed-out" }

// Title implements View.
func (v SignedOut) Title() string { return v.Say("signed-out.title") }

// FormPost carries an authorization response to the client app by a form that
// posts itself (OAuth 2.0 Form Post Response Mode §2), or by its button.
type FormPost struct {
	Page
	Target string // the redirect URI
	Fields []Pair
}

// Pair is one hidden input.
type Pair struct{ Name, Value string }

// Template implements View.
func (FormPost) Template() string { return "form-post" }

// Title implements View.
func (v FormPost) Title() string {
	if v.App == "" {
		return v.Say("back-to-app")
	}
	return v.Say("back-to", "app", v.App)
}

// Languages are none: an answer must not be asked for a second time.
func (FormPost) Languages() []LanguageLink { return nil }

// Base opens the content security policy for the target's scheme. The origin
// would be too narrow: browsers hold every further redirect against
// form-action, and an app may send people on from its redirect URI.
func (v FormPost) Base() Page {
	v.Page.FormOrigin = ""
	if scheme, _, found := strings.Cut(v.Target, ":"); found {
		v.Page.FormOrigin = scheme + ":"
	}
	return v.Page
}

package ui

// View is one page, ready to be drawn. The structs of this package implement
// it; other packages add their own through [UI.Extend].
type View interface {
	Template() string // the template that draws the view
	Title() string    // what the page is about, "Error: " first after a failed post; never a code
	Base() Page       // what all pages share
}

// Page is what all pages share. Every view embeds it.
type Page struct {
	Lang       string  // BCP 47 tag of the words on the page, see Language; empty: en
	Realm      Brand   // the tenant; the zero value shows the product itself
	App        string  // display name of the client app: "to continue to Expenses"; may be empty
	FormOrigin string  // one more form-action source: the validated redirect URI, or a scheme such as https:
	FormAlso   string  // yet another: the scheme of other sign-in services that a form leads to; may be empty
	Token      string  // anti-forgery token, repeated by every form as FieldToken; may be empty
	Help       Link    // where to find help, shown at the foot; may be empty
	Notice     *Notice // said above the form
	Reference  string  // an id to read out to a help desk
	// LanguageURL is the page's own path and query. With it the foot offers the page
	// in the other languages: links there, with FieldLanguage added. Empty: no offer.
	LanguageURL string
}

// failed is a title that says first that something is wrong.
func (p Page) failed(title string, isError bool) string {
	if isError {
		return p.Say("error.title", "title", title)
	}
	return title
}

// Base returns the page itself, so that embedding Page gives a view its Base.
func (p Page) Base() Page { return p }

// Brand is how a tenant looks: all that a tenant may change.
type Brand struct {
	Name   string
	Logo   string // URL path on this origin (the content security policy allows no other); may be empty
	Accent string // "#rrggbb", adjusted to hold contrast; anything else is ignored
}

// Notice is one thing to say, in one or two sentences.
type Notice struct {
	Kind NoticeKind
	Text string
}

// NoticeKind chooses icon and colour of a notice.
type NoticeKind string

// Kinds of notices.
const (
	Info NoticeKind = "info"
	Good NoticeKind = "good"
	Warn NoticeKind = "warn"
	Bad  NoticeKind = "bad"
)

// Key is the key of the kind in a word, for people who do not see icon and colour.
func (k NoticeKind) Key() string {
	switch k {
	case Good:
		return "notice.good"
	case Warn:
		return "notice.warn"
	case Bad:
		return "notice.bad"
	case Info:
	}
	return "notice.info"
}

// Link is a place to go. Text is a verb with its object: "Back to Expenses".
type Link struct{ Text, URL string }

// FieldError says what is wrong with one input and what to do about it. An
// empty Field speaks of the form as a whole.
type FieldError struct{ Field, Message string }

// Names of what the forms post, beside the fields of a prompt.
const (
	FieldUserName  = "username"
	FieldPassword  = "password"
	FieldDo        = "do"        // one of the Do values
	FieldChallenge = "challenge" // id of the challenge the page was drawn for
	FieldMethod    = "method"    // id of the method picked
	FieldToken     = "token"     // Page.Token
	FieldRemember  = "remember"  // "true" when the browser shall be remembered
	FieldAddress   = "address"   // phone number or mail address to prove
	FieldBypass    = "bypass"    // a code from the help desk
	FieldID        = "id"        // what an action of the account pages is about
	FieldName      = "name"      // a new name
	FieldUserCode  = "user_code" // of a device
	FieldLink      = "link"      // the token of a mailed link
	FieldConfirmed = "confirmed" // "true" from a Confirm
)

// Values of FieldDo.
const (
	DoAnswer  = "answer"
	DoResend  = "resend"
	DoChoose  = "choose"
	DoPick    = "pick"
	DoCancel  = "cancel"
	DoAllow   = "allow" // let the app have what it wants
	DoSignOut = "signout"
	DoStay    = "stay"

	DoPasskey = "passkey" // sign in without a name
	DoBypass  = "bypass"  // ask for a code from the help desk, or give it as FieldBypass
	DoAddress = "address" // give FieldAddress
	DoEnroll  = "enroll"  // set up FieldMethod
	DoLink    = "link"    // go on after a mailed link, given as FieldLink
	DoLater   = "later"   // set up nothing yet

	DoUpstream = "upstream" // sign in at another service, FieldMethod

	DoConnect = "connect" // link another sign-in service to the account
	DoUnlink  = "unlink"

	DoAdd      = "add" // the rest belongs to the account pages
	DoRemove   = "remove"
	DoRename   = "rename"
	DoPrefer   = "prefer"
	DoRenew    = "renew"
	DoResync   = "resync"
	DoForget   = "forget"   // a remembered browser
	DoEnd      = "end"      // a session
	DoWithdraw = "withdraw" // what an app was allowed
)

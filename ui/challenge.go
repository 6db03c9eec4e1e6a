package ui

import (
	"strings"

	"twofold/twofactor"
)

// Challenge asks a second factor's question, whatever it is. The answer form
// posts the prompt's fields, FieldChallenge and FieldDo = DoAnswer to Action;
// the other buttons post FieldChallenge and DoResend, DoChoose or DoCancel.
type Challenge struct {
	Page
	Action    string
	ID        string // of the challenge, so that an old page cannot answer a new one
	Method    string // the method's name, as people read it
	UserName  string // who is signing in; may be empty
	Prompt    twofactor.Prompt
	ScriptURL string // where Prompt.Script is served, on this origin; may be empty
	Delivery  Delivery
	StatusURL string // answers a DeliveryStatus as JSON; may be empty
	Polls     bool   // the page asks StatusURL until it is settled, and then posts its form
	Error     string // what was wrong with the last answer
	ResendIn  int    // seconds until the code may be sent again
	CanResend bool
	MayChoose bool
	CanCancel bool
	// MayBypass offers to enter a code from the help desk; the button posts
	// FieldDo = DoBypass and leads to a Bypass.
	MayBypass bool
	// RememberDays offers to remember the browser so long, by a box that the answer
	// posts as FieldRemember; 0: no such offer.
	RememberDays int
	KeepURL      string // where Prompt.Keep can be fetched as a text file; may be empty
	// Over says that the code can no longer be used. The page then asks for none,
	// and sending a new one is the main thing to do.
	Over bool
	// Unsent says that nothing was sent: what is over is asked anew, not sent anew.
	Unsent bool
}

// Delivery is how far a code has come. Text may be empty: the page then says
// what the state means.
type Delivery struct {
	State DeliveryState
	Text  string
}

// DeliveryState is a step of a delivery.
type DeliveryState string

// Steps of a delivery. The page asks StatusURL while it is Sending.
const (
	NoDelivery DeliveryState = ""
	Sending    DeliveryState = "sending"
	Sent       DeliveryState = "sent"
	Failed     DeliveryState = "failed"
)

// DeliveryStatus is what StatusURL answers as JSON.
type DeliveryStatus struct {
	State    DeliveryState `json:"state"`
	Text     string        `json:"text"`
	ResendIn int           `json:"resend_in"`
	Settled  bool          `json:"settled,omitempty"` // the form can be posted now
}

// Words is Text, or a sentence in its place in the language of lang.
func (d Delivery) Words(lang string) string {
	if d.Text != "" {
		return d.Text
	}
	switch d.State {
	case Sending:
		return Say(lang, "delivery.sending")
	case Sent:
		return Say(lang, "delivery.sent")
	case Failed:
		return Say(lang, "delivery.failed")
	case NoDelivery:
	}
	return ""
}

// Template implements View.
func (Challenge) Template() string { return "challenge" }

// Title implements View.
func (v Challenge) Title() string { return v.failed(v.Heading(), v.Error != "") }

// Heading names the method.
func (v Challenge) Heading() string {
	if v.Method == "" {
		return v.Say("choose.title")
	}
	return v.Method
}

// Inputs are the prompt's fields; the first carries the error.
func (v Challenge) Inputs() []Input {
	if v.Over {
		return nil
	}
	var errs []FieldError
	if v.Error != "" && len(v.Prompt.Fields) > 0 {
		errs = []FieldError{{v.Prompt.Fields[0].Name, v.Error}}
	}
	return Inputs(v.Prompt.Fields, errs)
}

// Summary is what is said above the form: the error, if no field can carry it.
func (v Challenge) Summary() Summary {
	if v.Error != "" && (v.Over || len(v.Prompt.Fields) == 0) {
		return Summary{Form: []string{v.Error}}
	}
	return Summary{}
}

// Message is the prompt's sentence in three parts, the destination in the middle.
func (v Challenge) Message() (parts [3]string) {
	m, d := v.Prompt.Message, v.Prompt.Destination
	before, after, found := strings.Cut(m, d)
	if d == "" || !found {
		return [3]string{m}
	}
	return [3]string{before, d, after}
}

// ScriptOnly reports whether the factor cannot be answered without script.
func (v Challenge) ScriptOnly() bool { return v.Prompt.Script != "" && len(v.Prompt.Fields) == 0 }

// Data is Prompt.Data for the factor's script, as JSON text.
func (v Challenge) Data() string { return string(v.Prompt.Data) }

// Choose lets a person pick a method. It posts FieldMethod and
// FieldDo = DoPick to Action.
type Choose struct {
	Page
	Action    string
	UserName  string // who is signing in; may be empty
	Methods   []Method
	Error     string // why a choice is needed, or why the last one did not work
	BackURL   string // back to the open challenge; may be empty
	CanCancel bool
}

// Method is one way to answer the second factor.
type Method struct {
	ID, Name string
	Detail   string // masked destination, or a sentence
	Last     bool   // used for the last sign-in
}

// Template implements View.
func (Choose) Template() string { return "choose" }

// Title implements View.
func (v Choose) Title() string { return v.failed(v.Say("choose.title"), v.Error != "") }

// Refused says that a required second factor cannot be used, and what to do.
type Refused struct {
	Page
	Action        string // for MayChoose, which posts FieldDo = DoChoose
	Heading, Text string
	Steps         []string // what to do, in order
	MayChoose     bool
	BackURL       string // to try again; may be empty
	AppURL        string // back to the client app; may be empty
	CanCancel     bool   // offers to go back to the client app by a post
}

// Template implements View.
func (Refused) Template() string { return "refused" }

// Title implements View.
func (v Refused) Title() string { return v.failed(v.Heading, true) }

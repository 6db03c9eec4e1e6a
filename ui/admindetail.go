package ui

import "slices"

// AdminDetail is a page about one thing: facts, then parts, then what is dangerous.
type AdminDetail struct {
	AdminPage
	Facts  []AdminFact
	Test   *AdminTestResult // drawn above the facts; may be nil
	Parts  []AdminPart
	Danger []AdminDanger
}

// Template implements View.
func (AdminDetail) Template() string { return "admin-detail" }

// AdminPart is a part of a page, under a heading. All that is set is drawn, in the
// order of the fields here.
type AdminPart struct {
	ID         string // its anchor; may be empty
	Title      string // may be empty
	Intro      string // may be empty
	Notice     *Notice
	Figures    []AdminFigure
	Facts      []AdminFact
	Table      *AdminTable
	Items      []AdminItem
	Chain      *AdminChain
	Difference []AdminChange
	Entries    []AdminEntry
	Message    *AdminMessagePreview
	Code       string // as it is, in a box that scrolls
	CodeLabel  string // what Code is, for people who listen
	Form       *AdminMiniForm
	Empty      *AdminEmpty // where the part has nothing to show
	Buttons    []AdminButton
	More       Link // to the whole list; may be empty
}

// AdminItem is one thing of a part, with what can be done with it.
type AdminItem struct {
	Title   string
	URL     string // may be empty
	Badge   *AdminBadge
	Detail  string // may be empty
	Time    AdminTime
	Buttons []AdminButton // named after the item for people who listen
}

// AdminDanger is one thing to do that loses something. Its button should lead to
// an AdminConfirm.
type AdminDanger struct {
	Title, Text string
	Button      AdminButton
}

// AdminConfirm asks before something is lost. It posts FieldConfirmed, FieldDo = Do,
// Hidden, FieldVersion and, where asked for, FieldTyped and FieldReason to Action.
type AdminConfirm struct {
	AdminPage
	Action    string
	Text      string       // what follows; may be empty
	Losses    []string     // what is lost, by name or by number
	Parts     []AdminPart  // more about it; may be empty
	TypeName  string       // to be typed as FieldTyped; empty: nothing is to be typed
	AskReason bool         // asks for FieldReason, which the audit trail keeps
	Reasoned  string       // the reason as typed
	Asks      []AdminField // more to decide, above the reason
	Errors    []FieldError
	Label     string // of the button, a verb with its object
	Calm      bool   // nothing is lost: the button is no dangerous one
	Do        string
	Hidden    []Pair
	Version   string
	BackURL   string
	BackLabel string // empty: "Keep it"
}

// Template implements View.
func (AdminConfirm) Template() string { return "admin-confirm" }

// Title implements View.
func (v AdminConfirm) Title() string { return v.failed(v.Heading, len(v.Errors) > 0) }

// Fields are the fields that have to be filled in.
func (v AdminConfirm) Fields() []AdminField {
	fields := slices.Clone(v.Asks)
	if v.AskReason {
		fields = append(fields, AdminField{Input: Input{
			Name: FieldReason, Label: "Reason", Help: "Kept in the audit trail.", Value: v.Reasoned, Required: true,
		}})
	}
	if v.TypeName != "" {
		fields = append(fields, AdminField{Input: Input{Name: FieldTyped, Label: "Type the name to confirm", Required: true}})
	}
	taken := false
	return drawn(fields, v.Errors, &taken)
}

// Summary is what is wrong, above the form.
func (v AdminConfirm) Summary() Summary { return summaryOf(v.Fields(), v.Errors) }

// AdminReveal shows secrets once: of a client, a bypass code, a one-time link.
type AdminReveal struct {
	AdminPage
	Secrets []AdminSecret
	Warning string // empty: it is shown once and cannot be shown again
	Facts   []AdminFact
	Done    AdminButton // a link: "I have kept it"
}

// AdminSecret is one secret in clear.
type AdminSecret struct {
	Label, Value string
	Help         string // may be empty
}

// Template implements View.
func (AdminReveal) Template() string { return "admin-reveal" }

// AdminFigure is a number with what it counts.
type AdminFigure struct {
	Value int
	Label string // "asked newly"
	Tone  AdminTone
	URL   string // the list behind it; may be empty
}

// AdminPreview shows what a change does before it is made. It posts Hidden,
// FieldVersion and FieldDo = Do to Action.
type AdminPreview struct {
	AdminPage
	Figures   []AdminFigure
	Parts     []AdminPart // the lists behind the figures
	Action    string
	Hidden    []Pair
	Version   string
	Do        string
	Label     string // of the button: "Enforce it"
	Danger    bool   // somebody is locked out by it
	BackURL   string
	BackLabel string // empty: "Back to the form"
}

// Template implements View.
func (AdminPreview) Template() string { return "admin-preview" }

// AdminProgress follows a job. While Refresh is set the page is asked for again,
// without flicker by script.
type AdminProgress struct {
	AdminPage
	Done, Total int
	Text        string // "Resetting factors"; may be empty
	Refresh     int    // seconds until the page is asked for again; 0: the job is over
	Failures    []AdminItem
	Failed      int           // all that failed, where Failures is cut short; 0: as many as listed
	Buttons     []AdminButton // "Stop", or where to go on
}

// Template implements View.
func (AdminProgress) Template() string { return "admin-progress" }

func (v AdminProgress) refresh() int { return v.Refresh }

// refreshOf is the number of seconds after which a view is asked for again; 0: never.
func refreshOf(v any) int {
	if r, ok := v.(interface{ refresh() int }); ok {
		return r.refresh()
	}
	return 0
}

// Failing is the number of failures.
func (v AdminProgress) Failing() int { return max(v.Failed, len(v.Failures)) }

// Over reports whether the job is over.
func (v AdminProgress) Over() bool { return v.Refresh == 0 }

// AdminChecklist leads through a few steps.
type AdminChecklist struct {
	AdminPage
	Steps []AdminStep
}

// AdminStep is one step with the one place to do it.
type AdminStep struct {
	Title, Text string
	Done        bool
	Do          AdminButton // of an open step; may be empty
}

// Template implements View.
func (AdminChecklist) Template() string { return "admin-checklist" }

// Finished is the number of steps done.
func (v AdminChecklist) Finished() int {
	n := 0
	for _, s := range v.Steps {
		if s.Done {
			n++
		}
	}
	return n
}

// Current is the place of the first open step, or -1.
func (v AdminChecklist) Current() int {
	for i, s := range v.Steps {
		if !s.Done {
			return i
		}
	}
	return -1
}

// AdminSearch shows what was found for AdminPage.Asked, by kind.
type AdminSearch struct {
	AdminPage
	Groups []AdminHits
	Empty  AdminEmpty // nothing was found, or nothing asked
}

// AdminHits are what was found of one kind.
type AdminHits struct {
	Title string
	Hits  []AdminItem
	More  Link // to the list; may be empty
}

// Template implements View.
func (AdminSearch) Template() string { return "admin-search" }

// AdminTest shows what a test send did.
type AdminTest struct {
	AdminPage
	Result AdminTestResult
	Again  *AdminButton // may be nil
	Parts  []AdminPart
}

// Template implements View.
func (AdminTest) Template() string { return "admin-test" }

// AdminTestResult is how far a test send came.
type AdminTestResult struct {
	Passed   bool
	Heading  string // "The test message was accepted"
	Stages   []AdminStage
	Provider string // what the provider said; may be empty
	Status   string // the provider's status; may be empty
	Code     string // the provider's code; may be empty
	Help     string // one sentence: what to do
	When     AdminTime
}

// AdminStage is one stage of a test send.
type AdminStage struct {
	Name   string // "Connect to smtp.example.ch:465"
	State  AdminStageState
	Detail string // may be empty
}

// AdminStageState is how a stage ended.
type AdminStageState string

// Stages end so.
const (
	StagePassed  AdminStageState = "passed"
	StageFailed  AdminStageState = "failed"
	StageSkipped AdminStageState = "skipped"
)

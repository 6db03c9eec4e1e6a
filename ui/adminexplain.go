package ui

// AdminExplain says who is asked for a second factor and why. The form asks by GET.
type AdminExplain struct {
	AdminPage
	Ask   AdminMiniForm
	Chain *AdminChain // nil: nothing has been asked yet
	Parts []AdminPart
}

// Template implements View.
func (AdminExplain) Template() string { return "admin-explain" }

// Title implements View.
func (v AdminExplain) Title() string { return v.failed(v.Heading, len(v.Ask.Errors) > 0) }

// AdminChain is a decision as a line through the levels.
type AdminChain struct {
	Levels   []AdminLevel // subscription, tenant, IDP, client app, groups, user
	Result   AdminResult
	Offered  []AdminOffer // in the order in which they are offered
	Unusable []AdminOffer // with the reason of each as Detail
}

// AdminLevel is one level and what it adds.
type AdminLevel struct {
	Kind string // "Tenant"
	Name string
	URL  string      // may be empty
	Adds []AdminAdds // none: "Adds nothing"
}

// AdminAdds is one thing that a level adds.
type AdminAdds struct {
	Text string // "Requires Mail code"
	URL  string // may be empty
	Tone AdminTone
}

// AdminResult is what comes out at the end.
type AdminResult struct {
	Tone          AdminTone
	Heading, Text string
}

// AdminOffer is one second factor at the end of a chain.
type AdminOffer struct {
	Name, URL, Detail string
	Badge             *AdminBadge
}

// AdminTimeline is a log: the audit trail, the deliveries. The latest comes first.
type AdminTimeline struct {
	AdminPage
	AdminQuery
	Entries []AdminEntry
	Empty   AdminEmpty
}

// Template implements View.
func (AdminTimeline) Template() string { return "admin-timeline" }

// AdminDay are the entries of one day.
type AdminDay struct {
	Name    string
	Entries []AdminEntry
}

// Days are the entries by day, as they come.
func (v AdminTimeline) Days() []AdminDay {
	var days []AdminDay
	for _, e := range v.Entries {
		if n := len(days); n == 0 || days[n-1].Name != e.Time.Day {
			days = append(days, AdminDay{Name: e.Time.Day})
		}
		last := &days[len(days)-1]
		last.Entries = append(last.Entries, e)
	}
	return days
}

// AdminEntry is one entry of a log. Facts, Changes and Code are behind a fold.
type AdminEntry struct {
	Time     AdminTime
	Kind     string // "User changed"
	Stable   string // the kind as programs know it: "user.changed"; may be empty
	Badge    *AdminBadge
	Actor    string // who; may be empty
	ActorURL string
	About    string // what it was done to; may be empty
	AboutURL string
	Text     string // one sentence; may be empty
	Facts    []AdminFact
	Changes  []AdminChange
	Code     string // the entry as it is kept; may be empty
}

// Folded reports whether there is more to see.
func (e AdminEntry) Folded() bool { return len(e.Facts) > 0 || len(e.Changes) > 0 || e.Code != "" }

// AdminChange is one value before and after. Of a secret, only that it changed is
// shown, whatever Before and After hold.
type AdminChange struct {
	Field         string
	Before, After string // empty: not set
	Secret        bool
}

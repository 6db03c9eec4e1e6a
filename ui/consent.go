package ui

// Consent asks whether an app may have what it wants. It posts FieldDo = DoAllow or
// DoCancel to Action.
type Consent struct {
	Page
	Action   string
	UserName string
	Scopes   []string // what the app asks for, by the names of scopes
	Host     string   // where the app takes it, such as shop.example; may be empty
	Device   *Device  // that the app runs on; nil: the browser goes back to the app
}

// Template implements View.
func (Consent) Template() string { return "consent" }

// Title implements View.
func (v Consent) Title() string { return v.Say("consent.title", "app", v.App) }

// Share is one thing that an app asks for.
type Share struct {
	Text string
	Mono bool // it is a name of the app's own, which says nothing to people
}

// ShareOf puts a scope into words.
func (p Page) ShareOf(scope string) Share {
	switch scope {
	case "openid", "profile", "email", "phone", "groups", "offline_access":
		return Share{Text: p.Say("share." + scope)}
	}
	return Share{Text: scope, Mono: true}
}

// Shares are what the app asks for, in words.
func (v Consent) Shares() []Share {
	out := make([]Share, len(v.Scopes))
	for i, s := range v.Scopes {
		out[i] = v.ShareOf(s)
	}
	return out
}

package storybook

import (
	"slices"

	"twofold/twofactor"
	"twofold/ui"
)

// statusURL answers like a handler that watches a delivery.
const statusURL = "/status"

// logoURL is a picture on the server's own origin.
const logoURL = "/logo.svg"

const (
	action    = "/stories/"
	appURL    = "/stories/"
	reference = "01JCXG7T5N2K"
	longName  = "Verwaltungsgenossenschaft für landwirtschaftliche Unfallversicherungen des Kantons Appenzell Ausserrhoden"
	hebrew    = "חשבון ההוצאות"
	hostile   = "Acme<script>alert(1)</script>\u202egnp.exe"
)

// acme is a page of a tenant, for a sign-in that an app began.
func acme() ui.Page {
	return ui.Page{
		Realm: ui.Brand{Name: "Acme"}, App: "Expenses",
		FormOrigin: "https://expenses.example/callback",
		Token:      "token", Reference: "",
	}
}

// with changes a copy of acme.
func with(change func(*ui.Page)) ui.Page {
	p := acme()
	change(&p)
	return p
}

// troubled is acme with what an error page needs.
func troubled() ui.Page {
	return with(func(p *ui.Page) {
		p.Reference, p.FormOrigin = reference, ""
		p.Help = ui.Link{Text: "Get help", URL: "/stories/"}
	})
}

// Stories lists every page in every state.
func Stories() []Story {
	return slices.Concat(signInStories(), brandStories(), challengeStories(), chooseStories(),
		refusedStories(), problemStories(), endStories(), wideStories())
}

func signIn(change func(*ui.SignIn)) ui.SignIn {
	v := ui.SignIn{Page: acme(), Action: action, CanCancel: true, ResetURL: action}
	change(&v)
	return v
}

func signInStories() []Story {
	notice := func(kind ui.NoticeKind, text string) ui.SignIn {
		return signIn(func(v *ui.SignIn) { v.Notice = &ui.Notice{Kind: kind, Text: text} })
	}
	return []Story{
		{"signin.plain", signIn(func(*ui.SignIn) {})},
		{"signin.bare", ui.SignIn{Page: ui.Page{}, Action: action}},
		{"signin.known-name", signIn(func(v *ui.SignIn) { v.UserName = "anna.muster" })},
		{"signin.wrong", signIn(func(v *ui.SignIn) {
			v.UserName = "anna.muster"
			v.Errors = []ui.FieldError{{Field: ui.FieldPassword, Message: "User name and password do not match. Check both and try again."}}
		})},
		{"signin.two-errors", signIn(func(v *ui.SignIn) {
			v.Errors = []ui.FieldError{
				{Field: ui.FieldUserName, Message: "Enter your user name."},
				{Field: ui.FieldPassword, Message: "Enter your password."},
			}
		})},
		{"signin.form-error", signIn(func(v *ui.SignIn) {
			v.UserName = "anna.muster"
			v.Errors = []ui.FieldError{{Message: "This page was open for too long. Enter your password again."}}
		})},
		{"signin.notice-info", notice(ui.Info, "Expenses asks you to sign in again because this concerns a payment.")},
		{"signin.notice-good", notice(ui.Good, "Your password is changed. Sign in with the new one.")},
		{"signin.notice-warn", notice(ui.Warn, "Sign-in will not be possible on Sunday from 06:00 to 07:00.")},
		{"signin.notice-bad", notice(ui.Bad, "The sign-in with your company account did not work. Try again, or use your password.")},
		{"signin.help", signIn(func(v *ui.SignIn) { v.Help = ui.Link{Text: "Get help", URL: action} })},
		{"signin.signed-in", ui.SignedIn{Page: acme(), UserName: "anna.muster", ContinueURL: appURL, SignOutURL: action}},
		{"signin.cancelled", ui.Cancelled{Page: acme(), AppURL: appURL, AgainURL: action}},
		{"signin.cancelled-alone", ui.Cancelled{Page: ui.Page{}}},
		{"signin.old-page", ui.OldPage{Page: acme(), ContinueURL: action}},
	}
}

func brandStories() []Story {
	var out []Story
	for _, c := range []struct{ name, accent string }{
		{"navy", "#1e2a5a"},
		{"green", "#00a650"},
		{"orange", "#ff8800"},
		{"yellow", "#ffd400"},
		{"red", "#e2001a"},
		{"pink", "#ff7ac6"},
		{"black", "#000000"},
		{"white", "#ffffff"},
	} {
		out = append(out, Story{"brand.accent-" + c.name, signIn(func(v *ui.SignIn) { v.Realm.Accent = c.accent })})
	}
	return append(out,
		Story{"brand.logo", signIn(func(v *ui.SignIn) { v.Realm.Logo = logoURL })},
		Story{"brand.long-name", signIn(func(v *ui.SignIn) { v.Realm.Name, v.App = longName, longName })},
		Story{"brand.rtl-name", signIn(func(v *ui.SignIn) { v.Realm.Name, v.App = hebrew, hebrew+" (2)" })},
		Story{"brand.rtl-page", choose(func(v *ui.Choose) { v.Lang, v.Realm.Name, v.UserName = "he", hebrew, "anna.muster" })},
		Story{"brand.hostile-name", signIn(func(v *ui.SignIn) {
			v.Realm.Name, v.App, v.UserName = hostile, hostile, `"><script>alert(1)</script>`
			v.Realm.Accent, v.Realm.Logo, v.FormOrigin = "red;}*{display:none", "javascript:alert(1)", "https://a.example; script-src *"
		})},
	)
}

func challenge(change func(*ui.Challenge)) ui.Challenge {
	v := ui.Challenge{
		Page: acme(), Action: action, ID: "c1", Method: "E-mail code", UserName: "anna.muster",
		Prompt: twofactor.Prompt{
			Message: "We have sent a code to m•••@example.ch.", Destination: "m•••@example.ch",
			Fields: []twofactor.Field{{Name: "code", Label: "Code", Help: "6 digits", Kind: twofactor.KindCode, Required: true, Min: 6, Max: 6}},
		},
		Delivery:  ui.Delivery{State: ui.Sent, Text: "Sent. It may take a minute to arrive."},
		CanResend: true, MayChoose: true, CanCancel: true,
	}
	change(&v)
	return v
}

func challengeStories() []Story {
	return []Story{
		{"challenge.sent", challenge(func(*ui.Challenge) {})},
		{"challenge.sending", challenge(func(v *ui.Challenge) {
			v.Delivery, v.StatusURL, v.ResendIn = ui.Delivery{State: ui.Sending}, statusURL, 30
		})},
		{"challenge.resend-later", challenge(func(v *ui.Challenge) { v.ResendIn = 95 })},
		{"challenge.failed", challenge(func(v *ui.Challenge) {
			v.Delivery = ui.Delivery{State: ui.Failed, Text: "The mail server of example.ch did not take the code. Use another method, or ask for a new code in a few minutes."}
		})},
		{"challenge.fallback", challenge(func(v *ui.Challenge) {
			v.Notice = &ui.Notice{Kind: ui.Info, Text: "We could not reach your phone, so we have sent the code by e-mail."}
		})},
		{"challenge.wrong", challenge(func(v *ui.Challenge) {
			v.Error = "This code is not right. Check it and try again. You have 3 tries left."
		})},
		{"challenge.expired", challenge(func(v *ui.Challenge) { v.Error, v.Over = "This code can no longer be used.", true })},
		{"challenge.app", challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend = "Authenticator app", ui.Delivery{}, false
			v.Prompt = twofactor.Prompt{
				Message: "Open your authenticator app and enter the code it shows for Acme.",
				Fields:  []twofactor.Field{{Name: "code", Label: "Code", Kind: twofactor.KindCode, Required: true}},
			}
		})},
		{"challenge.recovery", challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend = "Recovery code", ui.Delivery{}, false
			v.Prompt = twofactor.Prompt{
				Message: "Enter one of the recovery codes that you have kept. Each works once.",
				Fields:  []twofactor.Field{{Name: "code", Label: "Recovery code", Help: "10 letters and digits", Kind: twofactor.KindText, Required: true}},
			}
		})},
		{"challenge.script", challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend = "Passkey", ui.Delivery{}, false
			v.Prompt = twofactor.Prompt{Message: "Use the passkey that you have set up for Acme.", Script: "passkey.js", Data: []byte(`{"challenge":"</script>"}`)}
		})},
		{"challenge.script-failed", challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend, v.Error = "Passkey", ui.Delivery{}, false, "The passkey was not accepted. Try again, or use another method."
			v.Prompt = twofactor.Prompt{Message: "Use the passkey that you have set up for Acme.", Script: "passkey.js"}
		})},
		{"challenge.every-kind", challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend, v.Prompt = "Every kind of field", ui.Delivery{}, false, twofactor.Prompt{Message: "No factor asks all this.", Fields: everyKind()}
		})},
		{"challenge.alone", challenge(func(v *ui.Challenge) {
			v.App, v.UserName, v.Delivery, v.CanResend, v.MayChoose, v.CanCancel = "", "", ui.Delivery{}, false, false, false
		})},
		{"challenge.long", challenge(func(v *ui.Challenge) {
			v.Realm.Name, v.UserName = longName, "anna-katharina.von-und-zu-muster-appenzeller@unfallversicherungen.appenzell.example"
			v.Prompt.Destination = "a•••@unfallversicherungen.verwaltungsgenossenschaft.appenzell-ausserrhoden.example"
			v.Prompt.Message = "We have sent a code to " + v.Prompt.Destination + "."
		})},
	}
}

func everyKind() []twofactor.Field {
	return []twofactor.Field{
		{Name: "text", Label: "Text", Help: "Anything", Kind: twofactor.KindText, Default: "given"},
		{Name: "password", Label: "Password", Kind: twofactor.KindPassword, Required: true},
		{Name: "number", Label: "Number", Kind: twofactor.KindNumber, Default: "7"},
		{Name: "bool", Label: "I have saved it", Help: "You will not see it again.", Kind: twofactor.KindBool},
		{Name: "select", Label: "Choice", Kind: twofactor.KindSelect, Choices: []string{"first", "second"}, Default: "second"},
		{Name: "code", Label: "Code", Kind: twofactor.KindCode},
		{Name: "json", Label: "Group", Help: "Belongs together", Kind: twofactor.KindJSON, Fields: []twofactor.Field{
			{Name: "host", Label: "Host", Kind: twofactor.KindText},
			{Name: "port", Label: "Port", Kind: twofactor.KindNumber, Default: "587"},
		}},
	}
}

func choose(change func(*ui.Choose)) ui.Choose {
	v := ui.Choose{Page: acme(), Action: action, UserName: "anna.muster", BackURL: action, CanCancel: true, Methods: []ui.Method{
		{ID: "1", Name: "Authenticator app", Detail: "A code from the app on your phone", Last: true},
		{ID: "2", Name: "Text message", Detail: "+41 •• ••• •• 34"},
		{ID: "3", Name: "E-mail code", Detail: "m•••@example.ch"},
		{ID: "4", Name: "Recovery code"},
	}}
	change(&v)
	return v
}

func chooseStories() []Story {
	return []Story{
		{"choose.methods", choose(func(*ui.Choose) {})},
		{"choose.one", choose(func(v *ui.Choose) { v.Methods, v.BackURL = v.Methods[:1], "" })},
		{"choose.error", choose(func(v *ui.Choose) { v.Error = "Text messages do not work right now. Use another method." })},
		{"choose.long", choose(func(v *ui.Choose) {
			v.Methods = append(v.Methods, ui.Method{ID: "5", Name: longName, Detail: longName, Last: true})
		})},
	}
}

func refusedStories() []Story {
	v := ui.Refused{
		Page: troubled(), Action: action, Heading: "We cannot send you a text message",
		Text:  "Acme asks for a code by text message, and your account has no phone number.",
		Steps: []string{"Ask your administrator to add your phone number.", "Then sign in again."},
	}
	chance, plain := v, v
	chance.MayChoose, chance.BackURL, chance.AppURL = true, action, appURL
	v.BackURL, v.AppURL = action, appURL
	plain.Steps = nil
	return []Story{{"refused.steps", v}, {"refused.other-method", chance}, {"refused.plain", plain}}
}

func problemStories() []Story {
	p, nobody := troubled(), ui.Page{Reference: reference}
	again := ui.Link{Text: "Back to Expenses", URL: appURL}
	return []Story{
		{"problem.unknown-tenant", ui.UnknownTenant(nobody)},
		{"problem.unknown-app", ui.UnknownApp(p)},
		{"problem.bad-redirect", ui.BadRedirect(p)},
		{"problem.expired", ui.ExpiredSignIn(p, again)},
		{"problem.foreign", ui.ForeignSignIn(p, again)},
		{"problem.too-many", ui.TooManyTries(p, 290, again, ui.Link{Text: "Reset your password", URL: action})},
		{"problem.busy", ui.Busy(p, 10)},
		{"problem.not-found", ui.NotFound(nobody)},
		{"problem.method", ui.MethodNotAllowed(nobody)},
		{"problem.fault", ui.ServerFault(p)},
	}
}

func endStories() []Story {
	return []Story{
		{"end.signout", ui.SignOut{Page: acme(), Action: action, UserName: "anna.muster"}},
		{"end.signed-out", ui.SignedOut{Page: acme(), AppURL: appURL, AgainURL: action}},
		{"end.signed-out-alone", ui.SignedOut{Page: ui.Page{Realm: ui.Brand{Name: "Acme"}}}},
		{"end.form-post", ui.FormPost{Page: acme(), Target: "https://expenses.example/callback", Fields: []ui.Pair{
			{Name: "code", Value: "abc"}, {Name: "state", Value: `"><b>`}, {Name: "iss", Value: "https://id.example/t/acme"},
		}}},
	}
}

// wide is a page as another package would compose it.
type wide struct {
	ui.Page
	Link         ui.Link
	Facts        []ui.Fact
	Table, Empty ui.Table
	Code         string
	Inputs       []ui.Input
}

func (wide) Template() string { return "story-wide" }
func (wide) Title() string    { return "Your expenses" }

func wideStories() []Story {
	v := wide{
		Page:  with(func(p *ui.Page) { p.Notice = &ui.Notice{Kind: ui.Good, Text: "You are signed in with two factors."} }),
		Link:  ui.Link{Text: "Read the mailbox", URL: "/stories/"},
		Facts: []ui.Fact{{Name: "Subject", Value: "usr_01JCXG7T5N2K"}, {Name: "Name", Value: hebrew}, {Name: "How you signed in", Value: "pwd, otp, mfa"}},
		Table: ui.Table{Caption: "Mailbox", Head: []string{"When", "To", "Subject"}, Rows: [][]ui.Cell{
			{{Text: "10:32:07", Mono: true}, {Text: "anna@example.ch"}, {Text: "Your code for Acme", URL: "/stories/"}},
			{{Text: "10:31:55", Mono: true}, {Text: "ben@example.ch"}, {Text: longName, URL: "/stories/"}},
		}},
		Empty:  ui.Table{Caption: "Nothing", Empty: "No message has arrived yet. Sign in, and the code will appear here."},
		Code:   "{\n  \"sub\": \"usr_01JCXG7T5N2K\",\n  \"amr\": [\"pwd\", \"otp\", \"mfa\"],\n  \"acr\": \"urn:twofold:acr:aal2\"\n}",
		Inputs: ui.Inputs(everyKind()[:3], []ui.FieldError{{Field: "text", Message: "Enter a text."}}),
	}
	return []Story{{"wide.components", v}}
}

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

// book tells the stories in a language.
type book struct{ lang string }

// page is a page of nobody in particular.
func (b book) page() ui.Page { return ui.Page{Lang: b.lang} }

// say is a sentence that other packages would bring along.
func (b book) say(key string) string { return samples.Say(b.lang, key) }

// acme is a page of a tenant, for a sign-in that an app began.
func (b book) acme() ui.Page {
	return ui.Page{
		Lang:  b.lang,
		Realm: ui.Brand{Name: "Acme"}, App: "Expenses",
		FormOrigin: "https://expenses.example/callback",
		Token:      "token", Reference: "",
	}
}

// with changes a copy of acme.
func (b book) with(change func(*ui.Page)) ui.Page {
	p := b.acme()
	change(&p)
	return p
}

// troubled is acme with what an error page needs.
func (b book) troubled() ui.Page {
	return b.with(func(p *ui.Page) {
		p.Reference, p.FormOrigin = reference, ""
		p.Help = ui.Link{Text: b.say("help"), URL: "/stories/"}
	})
}

// Languages are those that the stories are told in, English first.
func Languages() []string { return []string{"en", "de", "fr", "it"} }

// Stories lists every page in every state, in a language. The admin frame is told in
// English only.
func Stories(lang string) []Story {
	b := book{lang}
	stories := slices.Concat(b.signInStories(), b.brandStories(), b.challengeStories(), b.chooseStories(),
		b.refusedStories(), b.enrollStories(), b.resetStories(), b.problemStories(), b.endStories(), b.accountStories(), b.wideStories())
	if lang == Languages()[0] {
		stories = append(stories, adminStories()...)
	}
	return stories
}

func (b book) signIn(change func(*ui.SignIn)) ui.SignIn {
	v := ui.SignIn{Page: b.acme(), Action: action, CanCancel: true, ResetURL: action}
	change(&v)
	return v
}

func (b book) signInStories() []Story {
	notice := func(kind ui.NoticeKind, text string) ui.SignIn {
		return b.signIn(func(v *ui.SignIn) { v.Notice = &ui.Notice{Kind: kind, Text: text} })
	}
	return []Story{
		{"signin.plain", b.signIn(func(*ui.SignIn) {})},
		{"signin.bare", ui.SignIn{Page: b.page(), Action: action}},
		{"signin.known-name", b.signIn(func(v *ui.SignIn) { v.UserName = "anna.muster" })},
		{"signin.wrong", b.signIn(func(v *ui.SignIn) {
			v.UserName = "anna.muster"
			v.Errors = []ui.FieldError{{Field: ui.FieldPassword, Message: b.say("mismatch")}}
		})},
		{"signin.two-errors", b.signIn(func(v *ui.SignIn) {
			v.Errors = []ui.FieldError{
				{Field: ui.FieldUserName, Message: b.page().Say("field.username-missing")},
				{Field: ui.FieldPassword, Message: b.page().Say("field.password-missing")},
			}
		})},
		{"signin.form-error", b.signIn(func(v *ui.SignIn) {
			v.UserName = "anna.muster"
			v.Errors = []ui.FieldError{{Message: b.say("stale")}}
		})},
		{"signin.notice-info", notice(ui.Info, b.say("payment"))},
		{"signin.notice-good", notice(ui.Good, b.say("changed"))},
		{"signin.notice-warn", notice(ui.Warn, b.say("sunday"))},
		{"signin.notice-bad", notice(ui.Bad, b.say("company"))},
		{"signin.help", b.signIn(func(v *ui.SignIn) { v.Help = ui.Link{Text: b.say("help"), URL: action} })},
		{"signin.passkey", b.signIn(func(v *ui.SignIn) { v.MayPasskey = true })},
		{"signin.services", b.signIn(func(v *ui.SignIn) {
			v.Services = []ui.Service{{ID: "1", Name: "Corp"}, {ID: "2", Name: longName}}
		})},
		{"signin.name-first", b.signIn(func(v *ui.SignIn) { v.NameFirst, v.Services = true, []ui.Service{{ID: "1", Name: "Corp"}} })},
		{"signin.services-only", b.signIn(func(v *ui.SignIn) {
			v.NoPassword, v.ResetURL, v.Services = true, "", []ui.Service{{ID: "1", Name: "Corp"}}
			v.Notice = &ui.Notice{Kind: ui.Bad, Text: b.page().Say("upstream.down")}
		})},
		{"signin.languages", b.signIn(func(v *ui.SignIn) {
			v.MayPasskey, v.LanguageURL, v.Help = true, "/stories/?a=b", ui.Link{Text: b.say("help"), URL: action}
		})},
		{"signin.signed-in", ui.SignedIn{Page: b.acme(), UserName: "anna.muster", ContinueURL: appURL, SignOutURL: action}},
		{"signin.cancelled", ui.Cancelled{Page: b.acme(), AppURL: appURL, AgainURL: action}},
		{"signin.cancelled-alone", ui.Cancelled{Page: b.page()}},
		{"signin.old-page", ui.OldPage{Page: b.acme(), ContinueURL: action}},
	}
}

func (b book) brandStories() []Story {
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
		out = append(out, Story{"brand.accent-" + c.name, b.signIn(func(v *ui.SignIn) { v.Realm.Accent = c.accent })})
	}
	return append(out,
		Story{"brand.logo", b.signIn(func(v *ui.SignIn) { v.Realm.Logo = logoURL })},
		Story{"brand.long-name", b.signIn(func(v *ui.SignIn) { v.Realm.Name, v.App = longName, longName })},
		Story{"brand.rtl-name", b.signIn(func(v *ui.SignIn) { v.Realm.Name, v.App = hebrew, hebrew+" (2)" })},
		Story{"brand.rtl-page", b.choose(func(v *ui.Choose) { v.Lang, v.Realm.Name, v.UserName = "he", hebrew, "anna.muster" })},
		Story{"brand.hostile-name", b.signIn(func(v *ui.SignIn) {
			v.Realm.Name, v.App, v.UserName = hostile, hostile, `"><script>alert(1)</script>`
			v.Realm.Accent, v.Realm.Logo, v.FormOrigin = "red;}*{display:none", "javascript:alert(1)", "https://a.example; script-src *"
		})},
	)
}

func (b book) challenge(change func(*ui.Challenge)) ui.Challenge {
	v := ui.Challenge{
		Page: b.acme(), Action: action, ID: "c1", Method: b.say("mail-code"), UserName: "anna.muster",
		Prompt: twofactor.Prompt{
			Message: samples.Say(b.lang, "sent-to", "to", "m•••@example.ch"), Destination: "m•••@example.ch",
			Fields: []twofactor.Field{{Name: "code", Label: b.say("code"), Help: b.say("digits"), Kind: twofactor.KindCode, Required: true, Min: 6, Max: 6}},
		},
		Delivery:  ui.Delivery{State: ui.Sent, Text: b.say("sent")},
		CanResend: true, MayChoose: true, CanCancel: true,
	}
	change(&v)
	return v
}

func (b book) challengeStories() []Story {
	return []Story{
		{"challenge.sent", b.challenge(func(*ui.Challenge) {})},
		{"challenge.sending", b.challenge(func(v *ui.Challenge) {
			v.Delivery, v.StatusURL, v.ResendIn = ui.Delivery{State: ui.Sending}, statusURL, 30
		})},
		{"challenge.resend-later", b.challenge(func(v *ui.Challenge) { v.ResendIn = 95 })},
		{"challenge.failed", b.challenge(func(v *ui.Challenge) {
			v.Delivery = ui.Delivery{State: ui.Failed, Text: b.say("refused")}
		})},
		{"challenge.fallback", b.challenge(func(v *ui.Challenge) {
			v.Delivery.Text = b.page().Say("delivery.other", "first", b.say("sms"), "second", b.say("mail"))
		})},
		{"challenge.wrong", b.challenge(func(v *ui.Challenge) {
			v.Error = b.say("wrong")
		})},
		{"challenge.expired", b.challenge(func(v *ui.Challenge) { v.Error, v.Over = b.page().Say("challenge.over"), true })},
		{"challenge.app", b.challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend = b.say("app"), ui.Delivery{}, false
			v.Prompt = twofactor.Prompt{
				Message: b.say("app-ask"),
				Fields:  []twofactor.Field{{Name: "code", Label: b.say("code"), Kind: twofactor.KindCode, Required: true}},
			}
		})},
		{"challenge.recovery", b.challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend = b.say("recovery"), ui.Delivery{}, false
			v.Prompt = twofactor.Prompt{
				Message: b.say("recovery-ask"),
				Fields:  []twofactor.Field{{Name: "code", Label: b.say("recovery"), Help: b.say("recovery-help"), Kind: twofactor.KindText, Required: true}},
			}
		})},
		{"challenge.script", b.challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend = b.say("passkey"), ui.Delivery{}, false
			v.Prompt = twofactor.Prompt{Message: b.say("passkey-ask"), Script: "passkey.js", Data: []byte(`{"challenge":"</script>"}`)}
		})},
		{"challenge.script-failed", b.challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend, v.Error = b.say("passkey"), ui.Delivery{}, false, b.say("passkey-wrong")
			v.Prompt = twofactor.Prompt{Message: b.say("passkey-ask"), Script: "passkey.js"}
		})},
		{"challenge.polls", b.challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend, v.Polls, v.StatusURL = b.say("app"), ui.Delivery{}, false, true, statusURL
			v.Prompt = twofactor.Prompt{Message: b.say("passkey-ask")}
		})},
		{"challenge.over-unsent", b.challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend = b.say("passkey"), ui.Delivery{}, false
			v.Error, v.Over, v.Unsent = b.page().Say("challenge.over-unsent"), true, true
		})},
		{"challenge.every-kind", b.challenge(func(v *ui.Challenge) {
			v.Method, v.Delivery, v.CanResend, v.Prompt = "Every kind of field", ui.Delivery{}, false, twofactor.Prompt{Message: "No factor asks all this.", Fields: b.everyKind()}
		})},
		{"challenge.alone", b.challenge(func(v *ui.Challenge) {
			v.App, v.UserName, v.Delivery, v.CanResend, v.MayChoose, v.CanCancel = "", "", ui.Delivery{}, false, false, false
		})},
		{"challenge.remember", b.challenge(func(v *ui.Challenge) { v.RememberDays, v.MayBypass = 30, true })},
		{"challenge.remember-day", b.challenge(func(v *ui.Challenge) { v.RememberDays = 1 })},
		{"challenge.bypass", ui.Bypass{Page: b.acme(), Action: action, UserName: "anna.muster", BackURL: action, MayChoose: true, CanCancel: true}},
		{"challenge.bypass-wrong", ui.Bypass{Page: b.acme(), Action: action, Error: b.say("bypass-wrong"), BackURL: action}},
		{"challenge.long", b.challenge(func(v *ui.Challenge) {
			v.Realm.Name, v.UserName = longName, "anna-katharina.von-und-zu-muster-appenzeller@unfallversicherungen.appenzell.example"
			v.Prompt.Destination = "a•••@unfallversicherungen.verwaltungsgenossenschaft.appenzell-ausserrhoden.example"
			v.Prompt.Message = samples.Say(b.lang, "sent-to", "to", v.Prompt.Destination)
		})},
	}
}

func (b book) everyKind() []twofactor.Field {
	return []twofactor.Field{
		{Name: "text", Label: "Text", Help: "Anything", Kind: twofactor.KindText, Default: "given"},
		{Name: "password", Label: "Password", Kind: twofactor.KindPassword, Required: true},
		{Name: "number", Label: "Number", Kind: twofactor.KindNumber, Default: "7"},
		{Name: "bool", Label: "I have saved it", Help: "You will not see it again.", Kind: twofactor.KindBool},
		{Name: "select", Label: "Choice", Kind: twofactor.KindSelect, Choices: []string{"first", "second"}, Default: "second"},
		{Name: "code", Label: b.say("code"), Kind: twofactor.KindCode},
		{Name: "json", Label: "Group", Help: "Belongs together", Kind: twofactor.KindJSON, Fields: []twofactor.Field{
			{Name: "host", Label: "Host", Kind: twofactor.KindText},
			{Name: "port", Label: "Port", Kind: twofactor.KindNumber, Default: "587"},
		}},
	}
}

func (b book) choose(change func(*ui.Choose)) ui.Choose {
	v := ui.Choose{Page: b.acme(), Action: action, UserName: "anna.muster", BackURL: action, CanCancel: true, Methods: []ui.Method{
		{ID: "1", Name: b.say("app"), Detail: b.say("app-detail"), Last: true},
		{ID: "2", Name: b.say("sms-name"), Detail: "+41 •• ••• •• 34"},
		{ID: "3", Name: b.say("mail-code"), Detail: "m•••@example.ch"},
		{ID: "4", Name: b.say("recovery")},
	}}
	change(&v)
	return v
}

func (b book) chooseStories() []Story {
	return []Story{
		{"choose.methods", b.choose(func(*ui.Choose) {})},
		{"choose.one", b.choose(func(v *ui.Choose) { v.Methods, v.BackURL = v.Methods[:1], "" })},
		{"choose.error", b.choose(func(v *ui.Choose) { v.Error = b.say("sms-down") })},
		{"choose.long", b.choose(func(v *ui.Choose) {
			v.Methods = append(v.Methods, ui.Method{ID: "5", Name: longName, Detail: longName, Last: true})
		})},
	}
}

func (b book) refusedStories() []Story {
	v := ui.Refused{
		Page: b.troubled(), Action: action, Heading: b.say("no-sms"),
		Text:  b.say("no-sms-text"),
		Steps: []string{b.say("no-sms-step"), b.say("again-step")},
	}
	chance, plain := v, v
	chance.MayChoose, chance.BackURL, chance.AppURL = true, action, appURL
	v.BackURL, v.AppURL = action, appURL
	plain.Steps = nil
	p := b.troubled()
	barred := ui.Refused{
		Page: p, Action: action, Heading: p.Say("barred.title", "app", p.App), Text: p.Say("barred.text", "name", "Anna"),
		Steps: []string{p.Say("barred.step-ask"), p.Say("refused.step-reference")}, CanCancel: true,
	}
	return []Story{{"refused.steps", v}, {"refused.other-method", chance}, {"refused.plain", plain}, {"refused.no-access", barred}}
}

func (b book) problemStories() []Story {
	p, nobody := b.troubled(), ui.Page{Lang: b.lang, Reference: reference}
	again := ui.Link{Text: b.page().Say("back-to", "app", "Expenses"), URL: appURL}
	return []Story{
		{"problem.unknown-tenant", ui.UnknownTenant(nobody)},
		{"problem.unknown-app", ui.UnknownApp(p)},
		{"problem.bad-redirect", ui.BadRedirect(p)},
		{"problem.expired", ui.ExpiredSignIn(p, again)},
		{"problem.foreign", ui.ForeignSignIn(p, again)},
		{"problem.too-many", ui.TooManyTries(p, 290, again, ui.Link{Text: b.page().Say("reset-ask.title"), URL: action})},
		{"problem.busy", ui.Busy(p, 10)},
		{"problem.not-found", ui.NotFound(nobody)},
		{"problem.method", ui.MethodNotAllowed(nobody)},
		{"problem.fault", ui.ServerFault(p)},
	}
}

func (b book) endStories() []Story {
	return []Story{
		{"end.consent", ui.Consent{
			Page: b.acme(), Action: action, UserName: "anna.muster", Host: "expenses.example",
			Scopes: []string{"openid", "profile", "email", "phone", "groups", "offline_access", "receipts:read"},
		}},
		{"end.consent-little", ui.Consent{Page: b.acme(), Action: action, Scopes: []string{"openid"}}},
		{"device.code", ui.DeviceCode{Page: b.with(func(p *ui.Page) { p.App = "" }), Action: action}},
		{"device.wrong", ui.DeviceCode{Page: b.with(func(p *ui.Page) { p.App = "" }), Action: action, Code: "BCDF-GHJK", Error: b.page().Say("device.wrong")}},
		{"device.consent", ui.Consent{
			Page: b.with(func(p *ui.Page) { p.App = "Cinema" }), Action: action, UserName: "anna.muster", Scopes: []string{"openid", "profile"},
			Device: &ui.Device{Code: "BCDF-GHJK", Address: "192.0.2.7", When: "12 s"},
		}},
		{"device.done", ui.DeviceDone{Page: b.acme()}},
		{"end.signout", ui.SignOut{Page: b.acme(), Action: action, UserName: "anna.muster"}},
		{"end.signed-out", ui.SignedOut{Page: b.acme(), AppURL: appURL, AgainURL: action}},
		{"end.signed-out-alone", ui.SignedOut{Page: ui.Page{Lang: b.lang, Realm: ui.Brand{Name: "Acme"}}}},
		{"end.form-post", ui.FormPost{Page: b.acme(), Target: "https://expenses.example/callback", Fields: []ui.Pair{
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

func (b book) wideStories() []Story {
	v := wide{
		Page:  b.with(func(p *ui.Page) { p.Notice = &ui.Notice{Kind: ui.Good, Text: "You are signed in with two factors."} }),
		Link:  ui.Link{Text: "Read the mailbox", URL: "/stories/"},
		Facts: []ui.Fact{{Name: "Subject", Value: "usr_01JCXG7T5N2K"}, {Name: "Name", Value: hebrew}, {Name: "How you signed in", Value: "pwd, otp, mfa"}},
		Table: ui.Table{Caption: "Mailbox", Head: []string{"When", "To", "Subject"}, Rows: [][]ui.Cell{
			{{Text: "10:32:07", Mono: true}, {Text: "anna@example.ch"}, {Text: "Your code for Acme", URL: "/stories/"}},
			{{Text: "10:31:55", Mono: true}, {Text: "ben@example.ch"}, {Text: longName, URL: "/stories/"}},
		}},
		Empty:  ui.Table{Caption: "Nothing", Empty: "No message has arrived yet. Sign in, and the code will appear here."},
		Code:   "{\n  \"sub\": \"usr_01JCXG7T5N2K\",\n  \"amr\": [\"pwd\", \"otp\", \"mfa\"],\n  \"acr\": \"urn:twofold:acr:aal2\"\n}",
		Inputs: ui.Inputs(b.everyKind()[:3], []ui.FieldError{{Field: "text", Message: "Enter a text."}}),
	}
	return []Story{{"wide.components", v}}
}

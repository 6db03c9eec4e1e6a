package storybook

import (
	"fmt"
	"net/url"
	"time"

	"twofold/twofactor"
	"twofold/ui"
)

// console is where the links of the admin stories lead.
const console = "/stories/"

// now is the moment that the admin stories are told at.
func now() time.Time { return time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC) }

func ago(d time.Duration) ui.AdminTime { return ui.When(now(), now().Add(-d)) }

func badge(state string) *ui.AdminBadge {
	b := ui.StateBadge(state)
	return &b
}

func toned(tone ui.AdminTone, text string) *ui.AdminBadge {
	return &ui.AdminBadge{Tone: tone, Text: text}
}

// rail is the rail with one item current.
func rail(current string) []ui.AdminGroup {
	group := func(title string, labels ...string) ui.AdminGroup {
		g := ui.AdminGroup{Title: title}
		for _, l := range labels {
			g.Items = append(g.Items, ui.AdminTab{Label: l, URL: console, Current: l == current})
		}
		return g
	}
	return []ui.AdminGroup{
		group("", "Overview"),
		group("People", "Users", "Groups", "Roles"),
		group("Sign-in", "Tenants", "Identity providers", "Client apps", "Messages and texts"),
		group("Second factors", "TwoFactor instances", "Assignments", "Exemptions", "Explain"),
		group("Oversight", "Sessions", "Audit trail", "Delivery log"),
		group("Platform", "Subscriptions", "Base settings", "API reference"),
	}
}

func adminPage(current, heading string, change func(*ui.AdminPage)) ui.AdminPage {
	p := ui.AdminPage{
		Page: ui.Page{Token: "token"}, Rail: rail(current), SwitchURL: console, HomeURL: console, SearchURL: console, UserName: "Anna Muster", Role: "SubscriptionAdmin of Acme",
		AccountURL: console, SignOutURL: console, Heading: heading,
		Subscriptions: []ui.AdminScope{{ID: "1", Name: "Acme", Current: true}, {ID: "2", Name: "Globex"}},
	}
	if change != nil {
		change(&p)
	}
	return p
}

func link(label string) *ui.AdminButton { return &ui.AdminButton{Label: label, URL: console} }

func post(label, do string) ui.AdminButton {
	return ui.AdminButton{Label: label, URL: console, Post: true, Fields: []ui.Pair{{Name: ui.FieldDo, Value: do}}}
}

func usersPage(change func(*ui.AdminPage)) ui.AdminPage {
	return adminPage("Users", "Users", func(p *ui.AdminPage) {
		p.Intro = "Everybody who can sign in to the apps of Acme."
		p.Main = link("Create user")
		p.More = []ui.AdminButton{*link("Import users"), *link("Export as CSV")}
		if change != nil {
			change(p)
		}
	})
}

func userColumns() []ui.AdminColumn {
	return []ui.AdminColumn{
		{Label: "Name", Sort: "name"},
		{Label: "State"},
		{Label: "Second factor"},
		{Label: "Tenants"},
		{Label: "Created", Sort: "created", Down: true},
		{Label: "Last sign-in"},
	}
}

func userRow(id, name, address string, state *ui.AdminBadge, factor, tenant string, created, last time.Duration) ui.AdminRow {
	r := ui.AdminRow{ID: id, URL: console, Cells: []ui.AdminCell{
		{Text: name, Second: address},
		{Badge: state},
		{Text: factor},
		{Text: tenant, URL: console},
		{Time: ago(created)},
		{Time: ago(last)},
	}}
	if last == 0 {
		r.Cells[5] = ui.AdminCell{Time: ui.When(now(), time.Time{})}
	}
	return r
}

func userRows() []ui.AdminRow {
	const day = 24 * time.Hour
	active := toned(ui.ToneGood, "Active")
	return []ui.AdminRow{
		userRow("1", "Anna Muster", "anna.muster@acme.example", active, "Authenticator app, Passkey", "Acme", 300*day, 2*time.Minute),
		userRow("2", "Ben Beispiel", "ben@acme.example", active, "SMS code", "Acme", 210*day, 3*time.Hour),
		userRow("3", "Chiara Rossi", "chiara.rossi@acme.example", toned(ui.ToneBad, "Locked"), "Mail code", "Acme Italia", 90*day, 8*day),
		userRow("4", hebrew, "avi@acme.example", active, "Passkey", "Acme", 30*day, 26*time.Hour),
		userRow("5", "Dora Jeanneret", "dora@acme.example", toned(ui.ToneOff, "Disabled"), "None", "Acme", 12*day, 0),
		userRow("6", "Emil Keller", "emil@acme.example", toned(ui.ToneWarn, "Must enrol"), "None", "Acme", 5*time.Hour, 0),
	}
}

func users(change func(*ui.AdminList)) ui.AdminList {
	v := ui.AdminList{
		AdminPage: usersPage(nil),
		AdminQuery: ui.AdminQuery{
			Path: console, Search: "Find users by name or address", Noun: "user", Nouns: "users", Order: "name", Total: 312, Next: "b3BhcXVl",
			Filters: []ui.AdminFilter{
				{Name: "state", Label: "State", Options: []ui.AdminOption{{Value: "active", Label: "Active"}, {Value: "locked", Label: "Locked"}, {Value: "disabled", Label: "Disabled"}}},
				{Name: "factor", Label: "Second factor", Options: []ui.AdminOption{{Value: "none", Label: "None"}, {Value: "totp", Label: "Authenticator app"}, {Value: "webauthn", Label: "Passkey"}}},
				{Name: "tenant", Label: "Tenant", Options: []ui.AdminOption{{Value: "1", Label: "Acme"}, {Value: "2", Label: "Acme Italia"}}},
			},
		},
		Table: ui.AdminTable{Caption: "Users", Columns: userColumns(), Rows: userRows(), Empty: ui.AdminEmpty{
			Title: "Nobody can sign in yet",
			Text:  "Users are the people and machines that sign in to your apps. Create the first one, or import those that you have.",
			Do:    link("Create user"),
		}},
		Bulk: &ui.AdminBulk{Action: console, All: true, Actions: []ui.AdminOption{
			{Value: "disable", Label: "Disable"}, {Value: "require", Label: "Require a second factor"}, {Value: "end-sessions", Label: "End sessions"},
		}},
	}
	if change != nil {
		change(&v)
	}
	return v
}

func thousandUsers() ui.AdminList {
	return users(func(v *ui.AdminList) {
		v.Table.Rows, v.Total, v.Next = nil, 1000, ""
		for i := range 1000 {
			v.Table.Rows = append(v.Table.Rows, userRow(fmt.Sprint(i), fmt.Sprintf("User %04d", i), fmt.Sprintf("user%04d@acme.example", i),
				toned(ui.ToneGood, "Active"), "Mail code", "Acme", time.Duration(i)*time.Hour, time.Duration(i+1)*time.Minute))
		}
	})
}

func instances() ui.AdminList {
	row := func(name, kind, state, reason, assigned string, last time.Duration) ui.AdminRow {
		return ui.AdminRow{URL: console, Cells: []ui.AdminCell{
			{Text: name},
			{Text: kind, Mono: true},
			{Badge: badge(state), Second: reason},
			{Text: assigned},
			{Time: ago(last)},
		}}
	}
	return ui.AdminList{
		AdminPage: adminPage("TwoFactor instances", "TwoFactor instances", func(p *ui.AdminPage) {
			p.Intro, p.Main = "What your users can be asked for besides the password.", link("Create TwoFactor instance")
		}),
		AdminQuery: ui.AdminQuery{Path: console, Noun: "instance", Nouns: "instances"},
		Table: ui.AdminTable{Caption: "TwoFactor instances", Columns: []ui.AdminColumn{
			{Label: "Name"},
			{Label: "Type"},
			{Label: "State"},
			{Label: "Assigned to"},
			{Label: "Last used"},
		}, Rows: []ui.AdminRow{
			row("Authenticator app", "totp", "ready", "", "Subscription", 3*time.Minute),
			row("Mail code", "email", "failing", "Since 11:42: the mail server refuses the password.", "Tenant Acme", 18*time.Minute),
			row("SMS by Twilio", "twilio", "untested", "Nothing has been sent with these settings yet.", "2 client apps", 48*time.Hour),
			row("SMS by eCall", "ecall", "invalid", "ECallAccountPassword is missing.", "Nobody", 90*24*time.Hour),
			row("Old gateway", "webhook", "inactive", "", "Nobody", 200*24*time.Hour),
		}},
	}
}

func listStories() []Story {
	return []Story{
		{"admin.list", users(nil)},
		{"admin.list-filtered", users(func(v *ui.AdminList) {
			v.Values = url.Values{"search": {"ann"}, "state": {"active"}, "sort": {"-created"}, "after": {"x"}}
			v.Table.Rows, v.Total = v.Table.Rows[:1], 0
			v.Notice, v.Undo = &ui.Notice{Kind: ui.Good, Text: "Ben Beispiel is disabled and can no longer sign in."}, &ui.AdminButton{Label: "Undo", URL: console, Post: true}
		})},
		{"admin.list-no-match", users(func(v *ui.AdminList) {
			v.Values = url.Values{"search": {"zebra"}, "factor": {"none"}}
			v.Table.Rows, v.Next, v.Total = nil, "", 0
		})},
		{"admin.list-empty", users(func(v *ui.AdminList) {
			v.Table.Rows, v.Next, v.Total, v.AdminQuery.Search, v.Filters, v.Subscriptions = nil, "", 0, "", nil, nil
		})},
		{"admin.list-long", users(func(v *ui.AdminList) {
			v.UserName, v.Role, v.Subscriptions[0].Name = longName, "TenantAdmin of "+longName, longName
			v.Table.Rows = []ui.AdminRow{
				userRow("1", longName, "anna-katharina.von-und-zu-muster@unfallversicherungen.appenzell.example", toned(ui.ToneGood, "Active"), longName, longName, time.Hour, time.Hour),
				userRow("2", hostile, `"><script>alert(1)</script>`, toned(ui.ToneOff, "Disabled"), hebrew, hebrew, time.Hour, time.Hour),
			}
		})},
		{"admin.list-thousand", thousandUsers()},
		{"admin.list-states", instances()},
	}
}

func fields() []twofactor.Field {
	return []twofactor.Field{
		{Name: "EMailSenderAddress", Label: "Sender address", Help: "What people see as the sender.", Kind: twofactor.KindText, Required: true},
		{Name: "CodeLength", Label: "Code length", Kind: twofactor.KindNumber, Default: "6", Min: 6, Max: 10},
		{Name: "MailServerConfig", Label: "Mail server", Kind: twofactor.KindJSON, Required: true, Fields: []twofactor.Field{
			{Name: "MailType", Label: "Type", Kind: twofactor.KindSelect, Choices: []string{"SMTP", "M365"}, Default: "SMTP", Required: true},
			{Name: "Host", Label: "Host", Kind: twofactor.KindText, Required: true},
			{Name: "Port", Label: "Port", Kind: twofactor.KindNumber, Default: "465"},
			{Name: "EnableSSL", Label: "Encrypt the connection", Kind: twofactor.KindBool, Default: "true"},
			{Name: "Password", Label: "Password", Kind: twofactor.KindPassword, Secret: true},
		}},
	}
}

func mailFields() []ui.AdminField {
	values := map[string]string{"EMailSenderAddress": "no-reply@acme.example", "MailServerConfig.Host": "smtp.acme.example"}
	return ui.AdminFields(fields(), values, func(f *ui.AdminField) {
		switch f.Name {
		case "CodeLength":
			f.Source, f.Unit = "Inherited from the subscription's base settings", "digits"
		case "MailServerConfig.Port":
			f.Source = "Default"
		case "MailServerConfig.EnableSSL":
			f.On, f.Off = "Mails and the password travel encrypted.", "Everybody on the way can read the codes."
		case "MailServerConfig.Password":
			f.Set = "Set 3 days ago"
		}
	})
}

func mailForm(change func(*ui.AdminForm)) ui.AdminForm {
	v := ui.AdminForm{
		AdminPage: adminPage("TwoFactor instances", "Mail code", func(p *ui.AdminPage) {
			p.Crumbs = []ui.Link{{Text: "TwoFactor instances", URL: console}}
			p.State, p.Reason = badge("failing"), "Since 11:42 today: the mail server refuses the password."
			p.More = []ui.AdminButton{*link("Show in the audit trail"), {Label: "Delete", URL: console, Danger: true}}
			test := post("Send test", "test")
			p.Main = &test
			p.Tabs = []ui.AdminTab{{Label: "Settings", URL: console, Current: true}, {Label: "Assignments", URL: console, Count: "2"}, {Label: "Deliveries", URL: console}}
		}),
		Action: console, Version: "7", CancelURL: console, Sections: []ui.AdminSection{
			{Title: "Instance", Fields: []ui.AdminField{
				{Input: ui.Input{Name: "name", Label: "Name", Value: "Mail code", Required: true}},
				{Input: ui.Input{Name: "active", Label: "Active", Value: "true"}, Draw: ui.DrawSwitch, On: "Offered to everybody it is assigned to.", Off: "Offered to nobody. 2 assignments stay without effect."},
			}},
			{Title: "Options", Intro: "The names are those of the API and of configuration files.", Fields: mailFields()},
		},
	}
	if change != nil {
		change(&v)
	}
	return v
}

func everyAdminField() []ui.AdminField {
	in := func(name, label string) ui.Input { return ui.Input{Name: name, Label: label} }
	with := func(i ui.Input, value, help string) ui.Input {
		i.Value, i.Help = value, help
		return i
	}
	colours := []ui.AdminOption{{Value: "r", Label: "Authenticator app", Help: "Works without network."}, {Value: "g", Label: "Passkey", Help: "Withstands phishing.", Chosen: true}, {Value: "b", Label: hebrew}}
	return []ui.AdminField{
		{Input: with(in("lines", "Redirect addresses"), "https://a.example/callback\nhttps://b.example/callback", "One a line."), Draw: ui.DrawLines, Mono: true},
		{Input: with(in("select", "Fallback"), "2", "Used when a message cannot be delivered."), Draw: ui.DrawSelect, Options: []ui.AdminOption{{Value: "1", Label: "SMS by Twilio"}, {Value: "2", Label: "SMS by eCall"}}},
		{Input: in("radios", "Type"), Draw: ui.DrawRadios, Options: colours},
		{Input: with(in("boxes", "Groups"), "", "Members of any of these."), Draw: ui.DrawBoxes, Options: colours},
		{Input: in("none", "Tenants"), Draw: ui.DrawBoxes},
		{Input: in("off", "Enforce a second factor"), Draw: ui.DrawSwitch, On: "Everybody is asked.", Off: "Only those are asked whom an assignment requires to."},
		{Input: with(in("new", "Client secret"), "", "From the other provider."), Draw: ui.DrawSecret},
		{Input: in("set", "Signing secret"), Draw: ui.DrawSecret, Set: "Set 3 days ago"},
		{Input: in("again", "Auth token"), Draw: ui.DrawSecret, Set: "Set 3 days ago", Again: true},
		{Input: with(in("date", "Ends on"), "2026-12-31", ""), Draw: ui.DrawDate},
		{Input: with(in("datetime", "From"), "2026-12-31T08:00", ""), Draw: ui.DrawDateTime},
		{Input: with(in("time", "At"), "08:00", ""), Draw: ui.DrawTime},
		{Input: with(in("file", "Logo"), "", "SVG or PNG, 100 KiB at most."), Draw: ui.DrawFile, Accept: "image/png,image/svg+xml"},
		{Input: with(in("colour", "Accent"), "#00a650", ""), Draw: ui.DrawColour},
		{Input: with(in("locked", "Session lifetime"), "24", ""), LockedBy: "Set by subscription Acme. A tenant may only shorten it.", Unit: "hours"},
		{Input: with(in("locked-switch", "Remembered browsers"), "", ""), Draw: ui.DrawSwitch, LockedBy: "Set by subscription Acme"},
		{Input: with(in("fixed", "Issuer"), "https://id.example/t/acme", ""), Draw: ui.DrawFixed, Mono: true},
		{Input: with(in("unit", "Code lifetime"), "300", ""), Unit: "seconds", Source: "Inherited from the platform's base settings"},
	}
}

func branding(change func(*ui.AdminForm)) ui.AdminForm {
	v := ui.AdminForm{
		AdminPage: adminPage("Tenants", "Branding of Acme", func(p *ui.AdminPage) {
			p.Crumbs = []ui.Link{{Text: "Tenants", URL: console}, {Text: "Acme", URL: console}}
		}),
		Action: console, CancelURL: console, Buttons: []ui.AdminOption{{Value: "preview", Label: "Preview"}},
		SignIn: &ui.AdminPreviewSignIn{Brand: ui.Brand{Name: "Acme", Accent: "#00a650"}, App: "Expenses", NameField: "name", AccentField: "accent", LogoField: "logo"},
		Sections: []ui.AdminSection{{Fields: []ui.AdminField{
			{Input: ui.Input{Name: "name", Label: "Name", Value: "Acme", Required: true, Help: "Stands above every sign-in page."}},
			{Input: ui.Input{Name: "accent", Label: "Accent colour", Value: "#00a650", Help: "Moved as little as needed to stay readable."}, Draw: ui.DrawColour},
			{Input: ui.Input{Name: "logo", Label: "Logo", Help: "SVG or PNG, 100 KiB at most."}, Draw: ui.DrawFile, Accept: "image/png,image/svg+xml"},
		}}},
	}
	if change != nil {
		change(&v)
	}
	return v
}

func templateForm(m ui.AdminMessagePreview) ui.AdminForm {
	return ui.AdminForm{
		AdminPage: adminPage("Messages and texts", "Second-factor code, English", nil), Action: console, CancelURL: console,
		Buttons: []ui.AdminOption{{Value: "preview", Label: "Preview"}}, Message: &m,
		Sections: []ui.AdminSection{{Fields: []ui.AdminField{
			{Input: ui.Input{Name: "subject", Label: "Subject", Value: "{{.Code}} is your code for {{.App}}", Required: true}, Source: "Inherited from the platform"},
			{Input: ui.Input{Name: "text", Label: "Text", Value: "Hello {{.Name}}\n\nYour code is {{.Code}}.", Required: true}, Draw: ui.DrawLines, Lines: 8, Mono: true},
		}}},
	}
}

func formStories() []Story {
	return []Story{
		{"admin.form", mailForm(nil)},
		{"admin.form-errors", mailForm(func(v *ui.AdminForm) {
			v.Errors = []ui.FieldError{
				{Message: "The instance was not saved."},
				{Field: "name", Message: "Another instance has this name. Choose one that tells them apart."},
				{Field: "MailServerConfig.Host", Message: "This host leads into your own network. Enter one on the Internet."},
				{Field: "MailServerConfig.Password", Message: "The host has changed. Type the password again."},
			}
		})},
		{"admin.form-conflict", mailForm(func(v *ui.AdminForm) {
			v.Conflict = &ui.AdminConflict{Who: "Ben Beispiel", When: ago(2 * time.Minute), TakeURL: console, Rows: []ui.AdminConflictRow{
				{Field: "Name", Yours: "Mail code", Theirs: "Code by mail"}, {Field: "Fallback", Theirs: "SMS by Twilio"},
			}}
		})},
		{"admin.form-kinds", ui.AdminForm{
			AdminPage: adminPage("Client apps", "Every kind of field", nil), Action: console, Save: "Save everything",
			Sections: []ui.AdminSection{{Fields: everyAdminField()}},
		}},
		{"admin.form-test-passed", mailForm(func(v *ui.AdminForm) { v.Test = testPassed() })},
		{"admin.form-branding", branding(nil)},
		{"admin.form-branding-long", branding(func(v *ui.AdminForm) {
			v.SignIn.Brand, v.SignIn.App = ui.Brand{Name: longName, Logo: logoURL, Accent: "#ffd400"}, hebrew
		})},
		{"admin.form-mail", templateForm(ui.AdminMessagePreview{
			From: "no-reply@acme.example", To: "anna.muster@acme.example", Subject: "123 456 is your code for Expenses", Text: "Hello Anna\n\nYour code is 123 456.",
			HTML: `<html><head><style>p{color:red}</style></head><body onload="alert(1)"><h1>Acme</h1><p style="color:red">Hello <b>Anna</b>,</p><p>your code is <strong>123 456</strong>.</p><script>alert(1)</script><img src="https://evil.example/x.png"><p><a href="javascript:alert(1)">Not you? Tell us.</a></p></body></html>`,
		})},
		{"admin.form-sms", templateForm(ui.AdminMessagePreview{
			To: "+41 79 000 00 00", Short: true, Text: "123456 is your code for Expenses.\n\n@id.example #123456", Note: "1 text message, 53 characters",
		})},
		{"admin.form-message-wrong", templateForm(ui.AdminMessagePreview{Error: "Line 3: there is no variable .Kode. These exist: .Code, .Name, .App."})},
	}
}

func userDetail(change func(*ui.AdminDetail)) ui.AdminDetail {
	v := ui.AdminDetail{
		AdminPage: adminPage("Users", "Chiara Rossi", func(p *ui.AdminPage) {
			p.Crumbs = []ui.Link{{Text: "Users", URL: console}}
			p.State, p.Reason = toned(ui.ToneBad, "Locked"), "Ten wrong codes within an hour, last 8 minutes ago. It opens by itself in 22 minutes."
			unlock := post("Unlock", "unlock")
			p.Main, p.More = &unlock, []ui.AdminButton{*link("Edit"), *link("Issue a bypass code"), post("End all sessions", "end")}
			p.Tabs = []ui.AdminTab{{Label: "Overview", URL: console, Current: true}, {Label: "Sessions", URL: console, Count: "2"}, {Label: "History", URL: console}}
		}),
		Facts: []ui.AdminFact{
			{Name: "User name", AdminCell: ui.AdminCell{Text: "chiara.rossi"}},
			{Name: "E-mail", AdminCell: ui.AdminCell{Text: "chiara.rossi@acme.example", Second: "proven"}},
			{Name: "Phone"},
			{Name: "Tenants", AdminCell: ui.AdminCell{Text: "Acme Italia", URL: console}},
			{Name: "Id", AdminCell: ui.AdminCell{Text: "usr_01JCXG7T5N2K", Mono: true, Copy: true}},
			{Name: "Last sign-in", AdminCell: ui.AdminCell{Time: ago(8 * 24 * time.Hour), Second: "from 192.0.2.7"}},
		},
		Parts: []ui.AdminPart{
			{Title: "Second factors", Intro: "What Chiara Rossi has set up.", Items: []ui.AdminItem{
				{Title: "YubiKey 5", Badge: toned(ui.TonePlain, "Preferred"), Detail: "Passkey", Time: ago(8 * 24 * time.Hour), Buttons: []ui.AdminButton{{Label: "Reset", URL: console, Danger: true}}},
				{Title: "Mail code", Detail: "c•••@acme.example", Time: ago(40 * 24 * time.Hour), Buttons: []ui.AdminButton{post("Make preferred", "prefer"), {Label: "Reset", URL: console, Danger: true}}},
			}, Buttons: []ui.AdminButton{*link("Explain what is asked")}},
			{Title: "Groups", Table: &ui.AdminTable{Caption: "Groups of Chiara Rossi", Columns: []ui.AdminColumn{{Label: "Name"}, {Label: "Members", Figure: true}}, Rows: []ui.AdminRow{
				{URL: console, Cells: []ui.AdminCell{{Text: "Finance"}, {Text: "24"}}}, {URL: console, Cells: []ui.AdminCell{{Text: hebrew}, {Text: "1,203"}}},
			}}, Form: &ui.AdminMiniForm{Action: console, Label: "Add to group", Fields: []ui.AdminField{
				{Input: ui.Input{Name: "group", Label: "Group", Required: true}, Draw: ui.DrawSelect, Options: []ui.AdminOption{{Value: "1", Label: "Sales"}}},
			}}, More: ui.Link{Text: "All groups", URL: console}},
			{Title: "Exemptions", Empty: &ui.AdminEmpty{Title: "None", Text: "Chiara Rossi is asked like everybody else."}},
			{Title: "As the API gives it", Code: "{\n  \"id\": \"usr_01JCXG7T5N2K\",\n  \"user_name\": \"chiara.rossi\"\n}", CodeLabel: "JSON"},
		},
		Danger: []ui.AdminDanger{
			{Title: "Disable", Text: "Ends 2 sessions. Nothing is deleted.", Button: ui.AdminButton{Label: "Disable", URL: console, Danger: true}},
			{Title: "Delete", Text: "Can be undone for 30 days.", Button: ui.AdminButton{Label: "Delete user", URL: console, Danger: true}},
		},
	}
	if change != nil {
		change(&v)
	}
	return v
}

func confirmDelete(change func(*ui.AdminConfirm)) ui.AdminConfirm {
	v := ui.AdminConfirm{
		AdminPage: adminPage("Tenants", "Delete the tenant Acme Italia?", func(p *ui.AdminPage) {
			p.Crumbs = []ui.Link{{Text: "Tenants", URL: console}, {Text: "Acme Italia", URL: console}}
		}),
		Action: console, Text: "Nobody can sign in there any more, from the moment you confirm. It can be restored for 30 days.",
		Losses:   []string{"312 users lose their membership", "4 client apps stop working: Expenses, Travel, Wiki and " + hebrew, "48 sessions end"},
		TypeName: "Acme Italia", AskReason: true, Label: "Delete tenant", Do: "delete", Version: "3", BackURL: console,
	}
	if change != nil {
		change(&v)
	}
	return v
}

func testPassed() *ui.AdminTestResult {
	return &ui.AdminTestResult{
		Passed: true, Heading: "The test message was accepted", Help: "Look into the mailbox of anna.muster@acme.example. The instance is ready.", When: ago(0),
		Status: "250", Code: "2.0.0", Provider: "Ok: queued as 4F2A1", Stages: []ui.AdminStage{
			{Name: "Look up smtp.acme.example", State: ui.StagePassed},
			{Name: "Connect, encrypted", State: ui.StagePassed, Detail: "TLS 1.3"},
			{Name: "Sign in", State: ui.StagePassed},
			{Name: "Hand over the message", State: ui.StagePassed},
		},
	}
}

func testFailed() ui.AdminTestResult {
	return ui.AdminTestResult{
		Heading: "The test message was not sent", Help: "The mail server does not accept the password. Type it again, or ask whoever runs the server.", When: ago(time.Minute),
		Status: "535", Code: "5.7.8", Provider: "Error: authentication failed", Stages: []ui.AdminStage{
			{Name: "Look up smtp.acme.example", State: ui.StagePassed},
			{Name: "Connect, encrypted", State: ui.StagePassed, Detail: "TLS 1.3"},
			{Name: "Sign in", State: ui.StageFailed, Detail: "as no-reply@acme.example"},
			{Name: "Hand over the message", State: ui.StageSkipped},
		},
	}
}

func detailStories() []Story {
	progress := ui.AdminProgress{
		AdminPage: adminPage("Users", "Reset second factors", nil), Done: 1280, Total: 3120, Text: "Resetting", Refresh: 2,
		Failures: []ui.AdminItem{{Title: "Emil Keller", URL: console, Detail: "Has no address that a link could be sent to."}},
		Buttons:  []ui.AdminButton{post("Stop", "stop")},
	}
	over := progress
	over.Done, over.Refresh, over.Failed, over.Text, over.Buttons = 3120, 0, 41, "", []ui.AdminButton{*link("Back to the users")}
	steps := []ui.AdminStep{
		{Title: "Create a subscription", Text: "The customer that owns all the rest.", Done: true},
		{Title: "Create a tenant", Text: "Where people sign in. It has an address of its own.", Done: true},
		{Title: "Add a second factor", Text: "An authenticator app works at once; codes by mail need a mail server.", Do: *link("Create TwoFactor instance")},
		{Title: "Register an app", Text: "It sends its users here to sign in.", Do: *link("Create client app")},
		{Title: "Create the first user", Do: *link("Create user")},
	}
	done := []ui.AdminStep{{Title: "Create a tenant", Done: true}, {Title: "Create the first user", Done: true}}
	return []Story{
		{"admin.detail", userDetail(nil)},
		{"admin.detail-bare", ui.AdminDetail{AdminPage: adminPage("Base settings", hebrew, func(p *ui.AdminPage) { p.Subscriptions, p.UserName, p.SignOutURL = nil, "", "" })}},
		{"admin.detail-long", userDetail(func(v *ui.AdminDetail) {
			v.Heading, v.Crumbs = longName, []ui.Link{{Text: longName, URL: console}, {Text: hebrew, URL: console}}
			v.Facts[0].Text, v.Facts[1].Text = longName, hebrew
			v.Parts, v.Danger = v.Parts[:1], nil
			v.Parts[0].Items[0].Title, v.Parts[0].Items[1].Title = longName, hostile
			v.Notice = &ui.Notice{Kind: ui.Bad, Text: "The last factor cannot be removed while a second factor is required. Reset it instead."}
		})},
		{"admin.confirm", confirmDelete(nil)},
		{"admin.confirm-errors", confirmDelete(func(v *ui.AdminConfirm) {
			v.Errors = []ui.FieldError{{Field: ui.FieldTyped, Message: "This is not the name. Type Acme Italia."}, {Field: ui.FieldReason, Message: "Say why, in a few words."}}
		})},
		{"admin.confirm-calm", confirmDelete(func(v *ui.AdminConfirm) {
			v.Heading, v.Losses, v.TypeName, v.AskReason, v.Calm, v.Label, v.BackLabel = "Unlock Chiara Rossi?", nil, "", false, true, "Unlock", "Cancel"
			v.Text = "Chiara Rossi can try again at once."
		})},
		{"admin.reveal", ui.AdminReveal{
			AdminPage: adminPage("Client apps", "Client secret of Expenses", nil), Done: *link("I have kept it"),
			Secrets: []ui.AdminSecret{{Label: "Client id", Value: "expenses"}, {Label: "Client secret", Value: "story-only-7K3QM9XD2R7K3QM9XD2R7K3QM9XD2R7K3QM9XD2R", Help: "The app sends it along when it asks for tokens."}},
			Facts:   []ui.AdminFact{{Name: "Ends", AdminCell: ui.AdminCell{Time: ui.When(now(), now().Add(50*time.Minute))}}},
		}},
		{"admin.preview", ui.AdminPreview{
			AdminPage: adminPage("Tenants", "Enforce a second factor for Acme?", func(p *ui.AdminPage) { p.Intro = "Nothing has been saved yet. This is what it would do." }),
			Figures: []ui.AdminFigure{
				{Value: 10000, Label: "affected"},
				{Value: 7311, Label: "asked newly"},
				{Value: 1204, Label: "must set one up", Tone: ui.ToneWarn, URL: console},
				{Value: 17, Label: "cannot satisfy it", Tone: ui.ToneBad, URL: "#locked-out"},
			},
			Parts: []ui.AdminPart{{ID: "locked-out", Title: "17 cannot satisfy it", Intro: "They could not sign in any more. Give them a phone number or a factor first.", Table: &ui.AdminTable{
				Caption: "Who cannot satisfy it", Columns: []ui.AdminColumn{{Label: "Name"}, {Label: "Why"}}, Rows: []ui.AdminRow{
					{URL: console, Cells: []ui.AdminCell{{Text: "Emil Keller", Second: "emil@acme.example"}, {Text: "No phone number, and no other factor is assigned."}}},
					{URL: console, Cells: []ui.AdminCell{{Text: hebrew}, {Text: "Only a machine."}}},
				},
			}, More: ui.Link{Text: "All 17", URL: console}}},
			Action: console, Label: "Enforce it anyway", Danger: true, BackURL: console, Version: "3",
		}},
		{"admin.preview-harmless", ui.AdminPreview{
			AdminPage: adminPage("Tenants", "Offer the authenticator app to Acme?", nil), Figures: []ui.AdminFigure{{Value: 312, Label: "affected"}, {Value: 0, Label: "asked newly"}, {Value: 0, Label: "cannot satisfy it"}},
			Action: console, Label: "Offer it", BackURL: console,
		}},
		{"admin.progress", progress},
		{"admin.progress-over", over},
		{"admin.checklist", ui.AdminChecklist{AdminPage: adminPage("Overview", "Get to the first sign-in", func(p *ui.AdminPage) { p.Subscriptions = nil }), Steps: steps}},
		{"admin.checklist-done", ui.AdminChecklist{AdminPage: adminPage("Overview", "All set up", nil), Steps: done}},
		{"admin.search", ui.AdminSearch{AdminPage: adminPage("", "Found for “anna”", func(p *ui.AdminPage) { p.Asked = "anna" }), Groups: []ui.AdminHits{
			{Title: "Users", Hits: []ui.AdminItem{{Title: "Anna Muster", URL: console, Detail: "anna.muster@acme.example", Badge: toned(ui.ToneGood, "Active")}, {Title: hebrew, URL: console}}, More: ui.Link{Text: "All users that match", URL: console}},
			{Title: "Client apps", Hits: []ui.AdminItem{{Title: "Annals", URL: console, Detail: "annals.example"}}},
		}}},
		{"admin.search-nothing", ui.AdminSearch{AdminPage: adminPage("", "Nothing found for “zebra”", func(p *ui.AdminPage) { p.Asked = "zebra" }), Empty: ui.AdminEmpty{
			Title: "Nothing has this name", Text: "Search finds users, groups, tenants, apps, providers and instances by the beginning of a name, an address or an id.",
		}}},
		{"admin.test-failed", ui.AdminTest{AdminPage: adminPage("TwoFactor instances", "Test of Mail code", func(p *ui.AdminPage) {
			p.Crumbs = []ui.Link{{Text: "TwoFactor instances", URL: console}, {Text: "Mail code", URL: console}}
		}), Result: testFailed(), Again: &ui.AdminButton{Label: "Send again", URL: console, Post: true}}},
		{"admin.test-passed", ui.AdminTest{AdminPage: adminPage("TwoFactor instances", "Test of Mail code", nil), Result: *testPassed()}},
		{"admin.problem", ui.AdminProblem{
			AdminPage: adminPage("", "There is nothing here", func(p *ui.AdminPage) { p.Reference = reference }),
			Text:      "It may have been deleted, or it belongs to a subscription that you do not manage.", Actions: []ui.Link{{Text: "Go to the overview", URL: console}, {Text: "Search", URL: console}},
		}},
	}
}

package storybook

import (
	"time"

	"twofold/ui"
)

func (b book) accountPage(change func(*ui.Page)) ui.AccountPage {
	p := b.with(change)
	p.LanguageURL = "/stories/"
	return ui.AccountPage{Page: p, Action: action, UserName: "Anna Muster", SignOutURL: action}
}

// used is when something was used, by a clock that stands still.
func (b book) used(key string, before time.Duration) string {
	now := time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)
	return samples.Say(b.lang, key, "ago", b.page().Ago(now, now.Add(-before)))
}

func (b book) methods() ui.Section {
	rename := func(id string) ui.Action { return ui.Action{Label: b.say("rename"), Do: ui.DoRename, ID: id} }
	remove := func(id string) ui.Action {
		return ui.Action{Label: b.say("remove"), Do: ui.DoRemove, ID: id, Danger: true}
	}
	return ui.Section{
		Title: b.say("methods"), Intro: b.say("methods-intro"), Empty: b.say("methods-none"),
		Items: []ui.Item{
			{
				Title: "YubiKey 5", Detail: b.say("passkey"), Badge: b.say("preferred"), Meta: b.used("used", 3*24*time.Hour), Exact: "2026-11-23 12:00",
				Actions: []ui.Action{rename("1"), remove("1")},
			},
			{
				Title: b.say("app"), Meta: b.used("used", 40*24*time.Hour),
				Actions: []ui.Action{{Label: b.say("prefer"), Do: ui.DoPrefer, ID: "2"}, rename("2"), remove("2")},
			},
			{Title: b.say("recoveries"), Detail: b.say("left"), Actions: []ui.Action{{Label: b.say("renew"), Do: ui.DoRenew, ID: "3"}}},
		},
		Adds: []ui.Action{{Label: b.say("add-passkey"), Do: ui.DoAdd, ID: "passkey"}, {Label: b.say("add-app"), Do: ui.DoAdd, ID: "app"}},
	}
}

func (b book) account(change func(*ui.Account)) ui.Account {
	v := ui.Account{AccountPage: b.accountPage(func(*ui.Page) {}), Sections: []ui.Section{
		b.methods(),
		{
			Title: b.say("password"), Items: []ui.Item{
				{Title: b.say("password"), Meta: b.used("password-since", 5*time.Hour), Actions: []ui.Action{{Label: b.say("change"), Do: ui.DoRenew, ID: "password"}}},
			},
		},
		{Title: b.say("browsers"), Intro: b.say("browsers-intro"), Empty: b.say("browsers-none")},
		{
			Title: b.say("sessions"), Items: []ui.Item{
				{Title: "Firefox, Linux", Badge: b.say("this"), Meta: b.used("used", 0)},
				{Title: "Safari, iPhone", Meta: b.used("used", 12*time.Minute), Actions: []ui.Action{{Label: b.page().Say("signout.button"), Do: ui.DoEnd, ID: "9", Danger: true}}},
			},
			Adds: []ui.Action{{Label: b.say("elsewhere"), Do: ui.DoEnd, ID: "others"}},
		},
	}}
	change(&v)
	return v
}

func (b book) accountStories() []Story {
	remove := ui.Confirm{
		AccountPage: b.accountPage(func(*ui.Page) {}), Heading: b.say("remove-title"), Text: b.say("remove-text"),
		Losses: []string{"YubiKey 5"}, Label: b.say("remove"), Do: ui.DoRemove, ID: "1", BackURL: action,
	}
	plain := remove
	plain.Losses = nil
	rename := ui.Rename{AccountPage: b.accountPage(func(*ui.Page) {}), Heading: b.say("rename-title"), Value: "YubiKey 5", ID: "1", BackURL: action}
	wrong := rename
	wrong.Error = b.say("name-taken")
	return []Story{
		{"account.all", b.account(func(*ui.Account) {})},
		{"account.notice", b.account(func(v *ui.Account) {
			v.Notice, v.Sections = &ui.Notice{Kind: ui.Good, Text: b.say("renamed")}, v.Sections[:1]
		})},
		{"account.error", b.account(func(v *ui.Account) { v.Error, v.Sections = b.say("last-one"), v.Sections[:1] })},
		{"account.empty", b.account(func(v *ui.Account) {
			v.Sections = v.Sections[:1]
			v.Sections[0].Items = nil
		})},
		{"account.long", b.account(func(v *ui.Account) {
			v.UserName, v.Realm.Name = longName, longName
			v.Sections[0].Items[0].Title, v.Sections[0].Items[0].Badge, v.Sections[0].Items[1].Title = longName, b.say("preferred"), hebrew
		})},
		{"account.remove", remove},
		{"account.remove-plain", plain},
		{"account.rename", rename},
		{"account.rename-taken", wrong},
	}
}

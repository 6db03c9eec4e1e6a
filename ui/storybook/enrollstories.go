package storybook

import (
	"time"

	"twofold/twofactor"
	"twofold/ui"
)

// otpauth is the text of a usual QR code.
const otpauth = "otpauth://totp/Acme:anna.muster?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Acme&algorithm=SHA1&digits=6&period=30"

// deadline is the day until which people may set up a method.
func deadline() time.Time { return time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC) }

func (b book) enroll(change func(*ui.Enroll)) ui.Enroll {
	v := ui.Enroll{Challenge: ui.Challenge{
		Page: b.acme(), Action: action, ID: "c1", Method: b.say("app"), UserName: "anna.muster", MayChoose: true, CanCancel: true,
		Prompt: twofactor.Prompt{
			Message: b.say("app-enroll"), QR: otpauth, Keep: []string{"JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"}, KeepLabel: b.say("key"),
			Fields: []twofactor.Field{{Name: "code", Label: b.say("code"), Help: b.say("digits"), Kind: twofactor.KindCode, Required: true}},
		},
	}}
	change(&v)
	return v
}

func (b book) keepCodes(v *ui.Enroll) {
	v.Method, v.KeepURL = b.say("recoveries"), action
	v.Prompt = twofactor.Prompt{
		Message: b.say("recovery-keep"), KeepLabel: b.say("recoveries"),
		Keep: []string{
			"7K3QM-9XD2R", "H4TVW-M8PZ6", "2CJNF-RQ5YK", "W9GBD-3XH7T", "PZ6M4-KV8CQ",
			"T5RYN-J2FWD", "8QXHB-6MK3G", "DV7CZ-P4TRN", "Y3WKF-95GQJ", "M6BXT-H2VDP",
		},
		Fields: []twofactor.Field{{Name: "saved", Label: b.say("saved"), Help: b.say("saved-help"), Kind: twofactor.KindBool, Required: true}},
	}
}

func (b book) chooseEnroll(change func(*ui.ChooseEnroll)) ui.ChooseEnroll {
	v := ui.ChooseEnroll{Page: b.acme(), Action: action, UserName: "anna.muster", CanCancel: true, Required: true, Methods: []ui.Method{
		{ID: "1", Name: b.say("passkey"), Detail: b.say("passkey-detail")},
		{ID: "2", Name: b.say("app"), Detail: b.say("app-detail")},
		{ID: "3", Name: b.say("recoveries"), Detail: b.say("recovery-detail")},
	}}
	change(&v)
	return v
}

func (b book) enrollStories() []Story {
	return []Story{
		{"enroll.app", b.enroll(func(*ui.Enroll) {})},
		{"enroll.steps", b.enroll(func(v *ui.Enroll) {
			v.Prompt.Message, v.Steps = "", []string{b.say("app-step"), b.say("app-scan"), b.say("app-code")}
		})},
		{"enroll.wrong", b.enroll(func(v *ui.Enroll) { v.Error = b.page().Explain("wrong_code", "") })},
		{"enroll.later", b.enroll(func(v *ui.Enroll) { v.MayPostpone, v.PostponeTo = true, deadline() })},
		{"enroll.codes", b.enroll(b.keepCodes)},
		{"enroll.second", b.enroll(func(v *ui.Enroll) {
			b.keepCodes(v)
			v.Step, v.Of, v.MayPostpone, v.MayChoose = 2, 2, true, false
		})},
		{"enroll.link", ui.LinkSent{Page: b.acme(), Action: action, UserName: "anna.muster", Destination: "m•••@example.ch", Minutes: 10, Method: "1", CanCancel: true}},
		{"enroll.link-opened", ui.LinkOpened{Page: b.acme(), Action: action, UserName: "anna.muster", Link: "t", CanCancel: true}},
		{"enroll.phone", b.enroll(func(v *ui.Enroll) {
			v.Method, v.CanResend, v.ResendIn, v.Delivery = b.say("sms-name"), true, 30, ui.Delivery{State: ui.Sent}
			v.Prompt = twofactor.Prompt{Message: samples.Say(b.lang, "sent-to", "to", "+41 •• ••• •• 34"), Destination: "+41 •• ••• •• 34", Fields: v.Prompt.Fields}
		})},
		{"enroll.script", b.enroll(func(v *ui.Enroll) {
			v.Method, v.MayPostpone = b.say("passkey"), true
			v.Prompt = twofactor.Prompt{Message: b.say("passkey-enroll"), Script: "passkey.js"}
		})},
		{"enroll.over", b.enroll(func(v *ui.Enroll) { v.Error, v.Over = b.page().Say("challenge.over"), true })},
		{"enroll.choose", b.chooseEnroll(func(*ui.ChooseEnroll) {})},
		{"enroll.choose-later", b.chooseEnroll(func(v *ui.ChooseEnroll) {
			v.MayPostpone, v.PostponeTo, v.Required, v.BackURL, v.CanCancel = true, deadline(), false, action, false
		})},
		{"enroll.choose-error", b.chooseEnroll(func(v *ui.ChooseEnroll) { v.Error = b.page().Explain("factor_failed", "") })},
		{"enroll.phone-number", ui.AskAddress{Page: b.acme(), Action: action, UserName: "anna.muster", Phone: true, MayChoose: true, CanCancel: true}},
		{"enroll.phone-wrong", ui.AskAddress{Page: b.acme(), Action: action, Phone: true, Value: "044 123", Error: b.say("not-phone"), BackURL: action}},
		{"enroll.mail", ui.AskAddress{Page: b.acme(), Action: action, UserName: "anna.muster", CanCancel: true}},
	}
}

func (b book) resetStories() []Story {
	rules := []string{b.say("rule-length"), b.say("rule-known")}
	return []Story{
		{"reset.ask", ui.ResetAsk{Page: b.acme(), Action: action, BackURL: action}},
		{"reset.ask-missing", ui.ResetAsk{Page: b.acme(), Action: action, BackURL: action, Error: b.page().Say("field.username-missing")}},
		{"reset.sent", ui.ResetSent{Page: b.acme(), Minutes: 30, AgainURL: action, BackURL: action}},
		{"reset.password", ui.ResetPassword{Page: b.acme(), Action: action, UserName: "anna.muster", Rules: rules}},
		{"reset.password-short", ui.ResetPassword{Page: b.acme(), Action: action, UserName: "anna.muster", Rules: rules, Error: b.say("too-short")}},
		{"reset.done", ui.ResetDone{Page: b.acme(), SignInURL: action}},
	}
}

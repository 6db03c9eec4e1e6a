package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// What a help desk does for a user (SPEC §5.6).

func mountHelp(c *Console, s *mux.Router) {
	for _, p := range []struct {
		at, operation string
		ask, act      handler
	}{
		{"bypass", "users.bypass.create", askBypass, issueBypass},
		{"reset", "users.factors.reset", askReset, resetFactors},
		{"unlock", "users.unlock", askUnlock, unlock},
		{"password", "users.password.set", askPassword, setPassword},
	} {
		s.HandleFunc("/users/{id}/"+p.at, c.at(p.ask)).Methods(http.MethodGet, http.MethodHead)
		s.HandleFunc("/users/{id}/"+p.at, c.at(p.act)).Methods(http.MethodPost).Name(p.operation)
	}
}

// helpParts tell what a user has set up, and offer what a help desk can do.
func helpParts(d *desk, v tenants.User, p *ui.AdminDetail) error {
	if v.Kind != tenants.Person || !d.may(admin.UserHelp) {
		return nil
	}
	part := ui.AdminPart{ID: "second-factors", Title: "Second factors"}
	sheet, err := d.Admin.Help(d.r.Context(), d.who, d.sub.ID, v.ID)
	if e := problem.From(err); err != nil && (e.Kind == problem.Conflict || e.Kind == problem.Forbidden) {
		part.Intro = e.Message
		p.Parts = append(p.Parts, part)
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range sheet.Factors {
		part.Items = append(part.Items, factorItem(d, f))
	}
	if len(sheet.Factors) == 0 {
		part.Intro = "Nothing is set up. Codes go to proven addresses, where such a factor is assigned."
	}
	if sheet.User.ProveFirst {
		part.Notice = &ui.Notice{Kind: ui.Warn, Text: "The second factors were reset. The user enters a bypass code first, then sets up a new one."}
	}
	part.Facts = []ui.AdminFact{
		{Name: "Wrong answers", AdminCell: triesCell(d, sheet)},
		fact("Bypass", yesNo(sheet.Bypass, "One is out, not used yet", "None")),
		{Name: "Sessions", AdminCell: ui.AdminCell{Text: count(int64(sheet.Sessions), "session"), URL: d.ifMay(admin.SessionRead, d.path("sessions")+"?user="+v.ID)}},
	}
	switch err := d.Admin.MayHelp(d.r.Context(), d.who, d.sub.ID, v); {
	case problem.Is(err, problem.Forbidden):
		part.Intro = problem.From(err).Message
	case err != nil:
		return err
	default:
		part.Buttons = append(part.Buttons, ui.AdminButton{Label: "Issue bypass", URL: d.path("users", v.ID, "bypass")})
		if sheet.Tries.Wrong > 0 || sheet.Tries.Locked {
			part.Buttons = append(part.Buttons, ui.AdminButton{Label: "Unlock", URL: d.path("users", v.ID, "unlock")})
		}
		p.Danger = slices.Insert(p.Danger, 0, ui.AdminDanger{
			Title: "Reset second factors", Text: "For somebody who has lost them. You are told what is lost before anything happens.",
			Button: ui.AdminButton{Label: "Reset factors", URL: d.path("users", v.ID, "reset"), Danger: true},
		})
	}
	p.Parts = append(p.Parts, part)
	return nil
}

// ifMay is a link for those who may go there.
func (d *desk) ifMay(a admin.Action, url string) string {
	if !d.may(a) {
		return ""
	}
	return url
}

func factorItem(d *desk, f admin.Factor) ui.AdminItem {
	item := ui.AdminItem{Title: titleOf(f.Label, f.Name)}
	var words []string
	if f.Label != "" && f.Label != f.Name {
		words = append(words, f.Name)
	}
	if f.Counted {
		words = append(words, count(int64(f.Uses), "use")+" left")
	}
	if f.Preferred {
		item.Badge = &ui.AdminBadge{Text: "Preferred"}
	}
	if f.LastUsedAt == nil {
		words = append(words, "never used")
	} else {
		words, item.Time = append(words, "last used"), d.when(*f.LastUsedAt)
	}
	item.Detail = strings.Join(words, ", ")
	return item
}

func triesCell(d *desk, s admin.Sheet) ui.AdminCell {
	c := ui.AdminCell{Text: count(s.Tries.Wrong, "wrong answer") + " in a row"}
	switch {
	case s.Tries.Locked:
		c.Badge = &ui.AdminBadge{Tone: ui.ToneBad, Text: "Locked"}
		c.Second = "No answer counts until somebody unlocks the user."
	case s.Tries.Until.After(d.now()):
		c.Badge = &ui.AdminBadge{Tone: ui.ToneWarn, Text: "Has to wait"}
		c.Second = "No answer counts until " + d.when(s.Tries.Until).Exact + "."
	case s.Tries.Wrong == 0:
		c.Text = "None"
	}
	return c
}

// helped finds the user of a page on which he is helped. Whoever may not, or has not
// proven himself lately, is told so before he fills anything in.
func helped(d *desk, needs admin.Action) (tenants.User, error) {
	u, err := d.Admin.Users().Get(d.r.Context(), d.who, d.sub.ID, d.id())
	switch {
	case err != nil:
		return u, err
	case !d.may(needs):
		return u, errMayNot
	case u.Kind != tenants.Person:
		return u, errMachine
	}
	may := d.Admin.MayHelp
	if needs == admin.UserPassword {
		may = d.Admin.MayChangeUser
	}
	if err := may(d.r.Context(), d.who, d.sub.ID, u); err != nil {
		return u, err
	}
	if !d.who.Fresh(d.now()) {
		return u, admin.ErrAgain
	}
	return u, nil
}

func userCrumbs(d *desk, u tenants.User) []ui.Link {
	return []ui.Link{{Text: "Users", URL: d.path("users")}, {Text: u.Name, URL: d.path("users", u.ID)}}
}

// called is what a user is called in sentences.
func called(u tenants.User) string { return titleOf(u.DisplayName, u.Name) }

// question asks for the reason of a help.
func question(d *desk, u tenants.User, at string, p ui.AdminConfirm) error {
	p.Action, p.BackURL, p.AskReason = d.path("users", u.ID, at), d.path("users", u.ID), true
	p.Crumbs, p.Reasoned = userCrumbs(d, u), one(d.r, ui.FieldReason)
	return d.render(status(p.Errors), p)
}

// reasonErrors puts what is wrong with a reason at its field.
func reasonErrors(err error) ([]ui.FieldError, bool) {
	errs, ok := atFields(err)
	if p := problem.From(err); ok && (p.Code == "reason_missing" || p.Code == "reason_long") {
		errs[0].Field = ui.FieldReason
	}
	return errs, ok
}

func askBypass(d *desk) error { return bypassQuestion(d, nil) }

func bypassQuestion(d *desk, errs []ui.FieldError) error {
	u, err := helped(d, admin.UserHelp)
	if err != nil {
		return err
	}
	return question(d, u, "bypass", ui.AdminConfirm{
		AdminPage: d.frame("Issue a bypass for " + called(u) + "?"), Errors: errs, Calm: true, Label: "Issue bypass", BackLabel: "Back",
		Text: "Make sure that it is " + called(u) + " who asks. The code stands for the second factor once, within an hour; the password is still needed. A code that is out already stops to work.",
	})
}

func issueBypass(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	u, err := helped(d, admin.UserHelp)
	if err != nil {
		return err
	}
	code, until, err := d.Admin.Bypass(d.r.Context(), d.who, d.sub.ID, u.ID, one(d.r, ui.FieldReason))
	if errs, ok := reasonErrors(err); ok {
		return bypassQuestion(d, errs)
	}
	if err != nil {
		return err
	}
	p := ui.AdminReveal{
		AdminPage: d.frame("Bypass for " + called(u)),
		Secrets:   []ui.AdminSecret{{Label: "Bypass code", Value: code, Help: "Read it out to " + called(u) + ". It is entered in place of the second factor."}},
		Facts:     []ui.AdminFact{{Name: "Works until", AdminCell: ui.AdminCell{Time: d.when(until)}}},
		Done:      ui.AdminButton{Label: "Done", URL: d.path("users", u.ID)},
	}
	p.Crumbs = userCrumbs(d, u)
	return d.reveal(p)
}

func askUnlock(d *desk) error { return unlockQuestion(d, nil) }

func unlockQuestion(d *desk, errs []ui.FieldError) error {
	u, err := helped(d, admin.UserHelp)
	if err != nil {
		return err
	}
	return question(d, u, "unlock", ui.AdminConfirm{
		AdminPage: d.frame("Unlock " + called(u) + "?"), Errors: errs, Calm: true, Label: "Unlock", BackLabel: "Back",
		Text: "The wrong answers so far are forgotten. If somebody else gave them, that person can go on guessing: ask first.",
	})
}

func unlock(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	u, err := helped(d, admin.UserHelp)
	if err != nil {
		return err
	}
	reason := one(d.r, ui.FieldReason)
	if strings.TrimSpace(reason) == "" {
		return unlockQuestion(d, []ui.FieldError{{Field: ui.FieldReason, Message: "Give the reason: it is kept in the audit trail."}})
	}
	wrong, err := d.Admin.Unlock(d.r.Context(), d.who, d.sub.ID, u.ID, reason)
	if errs, ok := reasonErrors(err); ok {
		return unlockQuestion(d, errs)
	}
	if err != nil {
		return err
	}
	return d.done(d.path("users", u.ID), count(wrong, "wrong answer")+" forgotten.", nil)
}

const fieldKeepPhone = "keep_phone"

func askReset(d *desk) error { return resetQuestion(d, nil) }

func resetQuestion(d *desk, errs []ui.FieldError) error {
	u, err := helped(d, admin.UserHelp)
	if err != nil {
		return err
	}
	sheet, err := d.Admin.Help(d.r.Context(), d.who, d.sub.ID, u.ID)
	if err != nil {
		return err
	}
	p := ui.AdminConfirm{
		AdminPage: d.frame("Reset the second factors of " + called(u) + "?"), Errors: errs, Label: "Reset factors", BackLabel: "Back",
		Text: "The user then needs a bypass code to sign in, and sets up a new second factor at once. You can issue the code afterwards.",
	}
	for _, f := range sheet.Factors {
		p.Losses = append(p.Losses, titleOf(f.Label, f.Name))
	}
	p.Losses = append(p.Losses, "All sessions, in every tenant")
	if u.PhoneVerified {
		p.Losses = append(p.Losses, "The proof of the phone number, unless it is kept")
		p.Asks = []ui.AdminField{toggle(fieldKeepPhone, "Keep the phone number", one(d.r, fieldKeepPhone) == "true",
			"The user still has the phone: it goes on receiving codes.", "The phone may be lost: its number has to be proven again.")}
	}
	return question(d, u, "reset", p)
}

func resetFactors(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	u, err := helped(d, admin.UserHelp)
	if err != nil {
		return err
	}
	if one(d.r, ui.FieldConfirmed) != "true" {
		return errVersion
	}
	done, err := d.Admin.Reset(d.r.Context(), d.who, d.sub.ID, u.ID, one(d.r, ui.FieldReason), admin.Reset{KeepPhone: one(d.r, fieldKeepPhone) == "true"})
	if errs, ok := reasonErrors(err); ok {
		return resetQuestion(d, errs)
	}
	if err != nil {
		return err
	}
	said := count(done.Factors, "second factor") + " removed, " + count(int64(done.Sessions), "session") + " ended."
	if done.Phone {
		said += " The phone number has to be proven again."
	}
	return d.done(d.path("users", u.ID), said+" Issue a bypass now, so that the user can sign in.", nil)
}

func askPassword(d *desk) error { return passwordForm(d, nil) }

func passwordForm(d *desk, errs []ui.FieldError) error {
	u, err := helped(d, admin.UserPassword)
	if err != nil {
		return err
	}
	p := ui.AdminForm{
		AdminPage: d.frame("Set a password for " + called(u)), Action: d.path("users", u.ID, "password"), Errors: errs, Save: "Set password", CancelURL: d.path("users", u.ID),
		Sections: []ui.AdminSection{{
			Intro:  "All sessions end at once. Tell the user to change it on the account page, where only he sees it.",
			Fields: []ui.AdminField{required(secretField("password", "New password", passwordHelp()))},
		}},
	}
	p.Crumbs = userCrumbs(d, u)
	return d.render(status(errs), p)
}

func setPassword(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	u, err := helped(d, admin.UserPassword)
	if err != nil {
		return err
	}
	err = d.Admin.SetPassword(d.r.Context(), d.who, d.sub.ID, u.ID, one(d.r, "password"))
	if errs, ok := atFields(err); ok {
		for i := range errs {
			errs[i].Field = "password"
		}
		return passwordForm(d, errs)
	}
	if err != nil {
		return err
	}
	return d.done(d.path("users", u.ID), "The password is set, and all sessions have ended.", nil)
}

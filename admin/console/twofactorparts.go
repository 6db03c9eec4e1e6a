package console

import (
	"fmt"
	"net/http"
	"strconv"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// twoFactorParts are what there is to see and to do about an instance.
func (d *desk) twoFactorParts(p *ui.AdminDetail, v admin.Instance) error {
	if d.mayAll(admin.TwoFactorTest) {
		p.Parts = append(p.Parts, d.testPart(v))
	}
	if d.may(admin.AssignmentRead) {
		part, err := d.assignedPart(v)
		if err != nil {
			return err
		}
		p.Parts = append(p.Parts, part)
	}
	if d.mayAll(admin.TwoFactorWrite) {
		part, err := d.usesPart(v)
		if err != nil {
			return err
		}
		p.Parts = append(p.Parts, part)
	}
	if d.may(admin.MessageRead) {
		p.Parts = append(p.Parts, ui.AdminPart{
			ID: "deliveries", Title: "Deliveries", Intro: "What it has sent to people, and how that went.",
			More: ui.Link{Text: "Deliveries by this instance", URL: d.path("messages") + "?two_factor=" + v.ID},
		})
	}
	return nil
}

// testPart offers a test.
func (d *desk) testPart(v admin.Instance) ui.AdminPart {
	part := ui.AdminPart{ID: "test", Title: "Test", Intro: "A test sends a fixed text without any code to your own proven address, waits, and says what the provider answered."}
	switch v.State.Word {
	case "invalid":
		part.Intro = "It can be tested once it is configured."
	case "inactive":
		part.Intro = "It can be tested once it is switched on."
	default:
		part.Buttons = []ui.AdminButton{{Label: "Send test", URL: d.path("two-factors", v.ID, "test"), Post: true}}
	}
	return part
}

// assignedPart lists whom the instance is assigned to, and leads to assign it further.
func (d *desk) assignedPart(v admin.Instance) (ui.AdminPart, error) {
	part := ui.AdminPart{ID: "assignments", Title: "Assigned to"}
	of, err := d.Admin.Assignments().List(d.r.Context(), d.who, d.sub.ID, page.Query{Filter: map[string]string{"two_factor": v.ID}})
	if err != nil {
		return part, err
	}
	targets := make([]target, len(of.Items))
	for i, x := range of.Items {
		targets[i] = target{Level: x.Level, ID: x.TargetID}
	}
	names, err := d.names(targets)
	if err != nil {
		return part, err
	}
	for _, x := range of.Items {
		part.Items = append(part.Items, d.assignmentItem(x, levelName(x.Level)+" "+names[x.TargetID], ""))
	}
	if d.may(admin.AssignmentCreate) {
		part.Buttons = []ui.AdminButton{{Label: "Assign it", URL: d.path("assignments", "new") + "?two_factor=" + v.ID}}
	}
	if len(part.Items) == 0 {
		part.Empty = &ui.AdminEmpty{Title: "Assigned to nobody", Text: "Nobody is offered it yet. Assign it to everybody, to a tenant, an app, a group or one user."}
	}
	if of.Next != "" {
		part.More = ui.Link{Text: "All assignments of this instance", URL: d.path("assignments") + "?two_factor=" + v.ID}
	}
	return part, nil
}

// usesPart says what would break without the instance, and switches it.
func (d *desk) usesPart(v admin.Instance) (ui.AdminPart, error) {
	part := ui.AdminPart{ID: "switch", Title: "On or off"}
	if !v.Active {
		part.Intro = "It is switched off: nobody is offered it, and who has nothing else cannot sign in where a second factor is required."
		part.Buttons = []ui.AdminButton{{Label: "Switch it on", URL: d.path("two-factors", v.ID, "switch")}}
		return part, nil
	}
	u, err := d.Admin.Uses(d.r.Context(), d.who, d.sub.ID, v.ID)
	if err != nil {
		return part, err
	}
	part.Intro = "Nothing refers to it: it can be switched off without harm."
	if n := len(u.Assignments); n > 0 {
		part.Intro = fmt.Sprintf("%s would offer nothing if it were switched off.", count(int64(n), "assignment"))
	}
	for _, o := range u.FallThrough {
		b := ui.AdminItem{Title: o.Name, URL: d.path("two-factors", o.ID), Detail: "Its deliveries fall through to this one when they fail"}
		part.Items = append(part.Items, b)
	}
	part.Buttons = []ui.AdminButton{{Label: "What if it were switched off", URL: d.path("two-factors", v.ID, "switch")}}
	return part, nil
}

// goesWith names what is lost with an instance.
func (d *desk) goesWith(v tenants.TwoFactor) ([]string, error) {
	u, err := d.Admin.Uses(d.r.Context(), d.who, d.sub.ID, v.ID)
	if err != nil {
		return nil, err
	}
	out := []string{"What people have set up with it can no longer be used."}
	if n := len(u.Assignments); n > 0 {
		out = append(out, fmt.Sprintf("Its assignments go with it: %s.", count(int64(n), "assignment")))
	}
	for _, o := range u.FallThrough {
		out = append(out, fmt.Sprintf("Deliveries of %s fall through to it when they fail. They would end there.", o.Name))
	}
	return out, nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// askSwitch shows what would change if an instance were switched, and asks.
func askSwitch(d *desk) error {
	v, err := d.Admin.TwoFactor(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	if !d.mayAll(admin.TwoFactorWrite) {
		return errMayNot
	}
	return d.drawSwitch(http.StatusOK, v, nil)
}

func (d *desk) drawSwitch(status int, v admin.Instance, errs []ui.FieldError) error {
	p := ui.AdminConfirm{
		AdminPage: d.frame("Switch " + v.Name + " on?"), Action: d.path("two-factors", v.ID, "switch"), Label: "Switch it on", Calm: true, BackLabel: "Leave it off",
		Do: "on", Version: strconv.FormatInt(v.Version, 10), BackURL: d.path("two-factors", v.ID), Errors: errs,
	}
	to := tenants.SwitchOn
	if v.Active {
		to = tenants.SwitchOff
		p.Heading, p.Label, p.Calm, p.BackLabel, p.Do = "Switch "+v.Name+" off?", "Switch it off", false, "Leave it on", "off"
		p.Text = "What people have set up stays, and can be used again once it is switched on."
	}
	p.Crumbs = []ui.Link{{Text: "TwoFactor instances", URL: d.path("two-factors")}, {Text: v.Name, URL: p.BackURL}}
	var err error
	if p.Parts, err = d.outlookParts(tenants.Change{Switch: &tenants.Switch{TwoFactorID: v.ID, To: to}}); err != nil {
		return err
	}
	return d.render(status, p)
}

func doSwitch(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if !d.may(admin.TwoFactorWrite) {
		return errMayNot // before anything is said of the form
	}
	version, err := strconv.ParseInt(one(d.r, ui.FieldVersion), 10, 64)
	on := one(d.r, ui.FieldDo) == "on"
	if err != nil || !d.confirmed() || !on && one(d.r, ui.FieldDo) != "off" {
		return errVersion
	}
	v, err := d.Admin.UpdateTwoFactor(d.r.Context(), d.who, d.sub.ID, d.id(), version, admin.TwoFactorChange{Active: &on})
	if err != nil {
		if now, nowErr := d.Admin.TwoFactor(d.r.Context(), d.who, d.sub.ID, d.id()); nowErr == nil && problem.Is(err, problem.Stale) {
			return d.drawSwitch(http.StatusPreconditionFailed, now, []ui.FieldError{{Message: "Somebody changed it a moment ago. Look at it again."}})
		}
		return err
	}
	said := v.Name + " is switched off."
	if on {
		said = v.Name + " is switched on."
	}
	return d.done(d.path("two-factors", v.ID), said, nil)
}

// testTwoFactor sends a test and shows how far it came (SPEC §3.3).
func testTwoFactor(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	v, err := d.Admin.TwoFactor(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	t, err := d.Admin.TestSend(d.r.Context(), d.who, d.sub.ID, v.ID)
	p := ui.AdminTest{AdminPage: d.frame("Test of " + v.Name)}
	p.Again = &ui.AdminButton{Label: "Send again", URL: d.path("two-factors", v.ID, "test"), Post: true}
	if err != nil {
		why := problem.From(err)
		if why.Kind != problem.Conflict && why.Kind != problem.TooMany {
			return err
		}
		d.crown(&p.AdminPage, v)
		p.Result = ui.AdminTestResult{Heading: "Nothing was sent", Help: why.Message}
		p.Crumbs = append(p.Crumbs, ui.Link{Text: v.Name, URL: d.path("two-factors", v.ID)})
		if why.Code == "no_address" {
			p.Parts = []ui.AdminPart{{Buttons: []ui.AdminButton{{Label: "Your account page", URL: "/t/" + d.Realm.Tenant.Name + "/account"}}}}
		}
		return d.render(why.Kind.Status(), p)
	}
	v.State = t.State
	d.crown(&p.AdminPage, v)
	p.Crumbs = append(p.Crumbs, ui.Link{Text: v.Name, URL: d.path("two-factors", v.ID)})
	p.Result = d.testResult(t)
	if !t.Sends {
		p.Again = nil
	}
	p.Parts = []ui.AdminPart{{Buttons: []ui.AdminButton{{Label: "Back to " + v.Name, URL: d.path("two-factors", v.ID)}, {Label: "Edit", URL: d.path("two-factors", v.ID, "edit")}}}}
	return d.render(http.StatusOK, p)
}

// testResult draws the stages of a test.
func (d *desk) testResult(t admin.Tested) ui.AdminTestResult {
	opened := ui.AdminStage{Name: "Open the configuration", State: ui.StagePassed}
	if !t.Sends {
		return ui.AdminTestResult{
			Passed: true, Heading: "It is ready", Stages: []ui.AdminStage{opened}, When: d.when(t.At),
			Help: "This kind of second factor sends nothing: that its configuration opens is the whole test.",
		}
	}
	way := "mail"
	if t.Medium == twofactor.BySMS {
		way = "text message"
	}
	send := ui.AdminStage{Name: "Send a " + way + " to " + t.To, State: ui.StagePassed}
	if t.Passed {
		return ui.AdminTestResult{
			Passed: true, Heading: "The provider took the test message", Stages: []ui.AdminStage{opened, send}, Provider: t.Provider, Code: t.Code, When: d.when(t.At),
			Help: "Look whether it has arrived: taken is not yet delivered.",
		}
	}
	r := ui.AdminTestResult{Heading: "The test message was not sent", Code: t.Code, Help: t.Help, When: d.when(t.At)}
	if t.Status != 0 {
		r.Status = strconv.Itoa(t.Status)
	}
	send.State = ui.StageSkipped
	failed := ui.AdminStage{Name: stageName(t.Stage), State: ui.StageFailed, Detail: classWords(t.Class)}
	r.Stages = []ui.AdminStage{opened, failed, send}
	return r
}

// stageName is a sender's own word for where it was, as the name of a stage.
func stageName(stage string) string {
	switch stage {
	case "connect":
		return "Connect to the provider"
	case "tls":
		return "Agree on TLS with the provider"
	case "auth":
		return "Sign in to the provider"
	case "", "send":
		return "Hand the message over"
	}
	return capital(stage)
}

// classWords say whose the failure is.
func classWords(class string) string {
	switch class {
	case "recipient":
		return "The address was refused. That says nothing about the instance: its state stays as it was."
	case "account":
		return "Nobody gets anything before an administrator acts."
	case "content":
		return "The provider does not take this text."
	}
	return "It may work later."
}

package rest

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"time"

	"twofold/admin"
	"twofold/internal/id"
	"twofold/internal/page"
	"twofold/tenants"
)

// ChangePreview is one change that nobody has made yet.
type ChangePreview struct {
	Change      string    `json:"change" enum:"put_assignment,remove_assignment,demand,switch,put_exemption,remove_exemption,invalidate,regroup,access" doc:"What would be done: each takes some of the members below."`
	TwoFactorID string    `json:"two_factor" format:"uuid" doc:"Id of the TwoFactor instance: of an assignment, or to switch."`
	Level       string    `json:"level" enum:"subscription,tenant,idp,client_app,group,user" doc:"What kind of thing the target is: of assignments, exemptions and demands."`
	TargetID    string    `json:"target" format:"uuid" doc:"Id of the target; of all that take a level."`
	Required    bool      `json:"required" doc:"Of put_assignment: whether sign-ins must use a second factor; absent: true."`
	GraceDays   int64     `json:"grace_days" doc:"Of put_assignment: for how many days who has nothing to use yet may sign in without."`
	EnforceMFA  bool      `json:"enforce_mfa" doc:"Of demand; absent: as it is."`
	MinACR      string    `json:"min_acr" maxLength:"64" doc:"Of demand; absent: as it is, empty: none."`
	Restricted  bool      `json:"restricted" doc:"Of demand, at a client app: whether it is for its users and groups alone; absent: as it is."`
	To          string    `json:"to" enum:"on,off,delete,in,out" doc:"Of switch: what becomes of the instance: on, off or delete. Of regroup: what becomes of the user's membership: in or out; or delete, of the group. Of access: in or out."`
	Until       time.Time `json:"until" doc:"Of put_exemption: when it ends."`
	TwoFactors  []string  `json:"two_factors" maxItems:"100" doc:"Of invalidate: ids of the instances that options would make invalid."`
	GroupID     string    `json:"group" format:"uuid" doc:"Of regroup: id of the group."`
	ClientAppID string    `json:"client_app" format:"uuid" doc:"Of access: id of the client app; level and target say which user or group."`
	UserID      string    `json:"user" format:"uuid" doc:"Of regroup, unless the group is deleted: id of the user."`
}

// changeMembers are what each change takes, and of that what it must be given.
var changeMembers = map[string]struct{ may, must []string }{
	"put_assignment":    {[]string{"two_factor", "level", "target", "required", "grace_days"}, []string{"two_factor", "level", "target"}},
	"remove_assignment": {[]string{"two_factor", "level", "target"}, []string{"two_factor", "level", "target"}},
	"demand":            {[]string{"level", "target", "enforce_mfa", "min_acr", "restricted"}, []string{"level", "target"}},
	"switch":            {[]string{"two_factor", "to"}, []string{"two_factor", "to"}},
	"put_exemption":     {[]string{"level", "target", "until"}, []string{"level", "target", "until"}},
	"remove_exemption":  {[]string{"level", "target"}, []string{"level", "target"}},
	"invalidate":        {[]string{"two_factors"}, []string{"two_factors"}},
	"regroup":           {[]string{"group", "user", "to"}, []string{"group", "to"}},
	"access":            {[]string{"client_app", "level", "target", "to"}, []string{"client_app", "level", "target", "to"}},
}

// PreviewListCreate asks for those whom a change affects in one way.
type PreviewListCreate struct {
	ChangePreview
	Effect string `json:"effect" enum:"cannot_satisfy,no_access,must_set_up,grace,asked_newly,let_in,asked_no_more,otherwise" doc:"In what way."`
	After  string `json:"after" maxLength:"2048" doc:"The next of the page before, for the very same change."`
	Limit  int    `json:"limit" minimum:"1" maximum:"200" doc:"How many at most; absent: 50."`
}

// Preview is what a change would do.
type Preview struct {
	Reached  int            `json:"reached" doc:"Active persons of whom a sign-in passes where the change is made."`
	Affected int            `json:"affected" doc:"Those of them for whom something differs: the sum of the groups."`
	Groups   []PreviewGroup `json:"groups" doc:"One for each effect, the worst first."`
}

// PreviewGroup are the persons whom a change affects alike.
type PreviewGroup struct {
	Effect string     `json:"effect" enum:"cannot_satisfy,no_access,must_set_up,grace,asked_newly,let_in,asked_no_more,otherwise" doc:"In what way."`
	Count  int        `json:"count" doc:"How many they are."`
	First  []Affected `json:"first" doc:"The first ten by name: policy.preview.list gives all."`
}

// Affected is a person whom a change affects, by the worst that he meets.
type Affected struct {
	ID           string     `json:"id" doc:"Id of the user."`
	Name         string     `json:"name" doc:"Login name."`
	DisplayName  string     `json:"display_name" doc:"What people read."`
	TenantID     string     `json:"tenant" doc:"Id of the tenant of the sign-in in question."`
	IDPID        string     `json:"idp" doc:"Id of its IDP."`
	ClientAppID  string     `json:"client_app" doc:"Id of its client app; empty: the tenant's own pages."`
	Before       string     `json:"before" enum:"none,asked,may_postpone,must_set_up,cannot_satisfy,no_access" doc:"What the sign-in comes to now."`
	After        string     `json:"after" enum:"none,asked,may_postpone,must_set_up,cannot_satisfy,no_access" doc:"And then."`
	Reasons      []string   `json:"reasons" doc:"Where nothing can be used: why."`
	GraceUntil   *time.Time `json:"grace_until,omitempty" doc:"Until when it may be postponed."`
	ResetPending bool       `json:"reset_pending" doc:"The second factors were reset: a bypass code comes first, whatever the rules."`
}

// previewed is how many of a group a preview shows itself.
const previewed = 10

func (a *API) preview() {
	const path = "/subscriptions/{subscription}/preview"
	act[ChangePreview, Preview](a, spec{
		id: "policy.preview", method: http.MethodPost, path: path, summary: "Show whom a change would affect", action: admin.PolicyRead, must: []string{"change"},
		about: "Nothing is changed. By the same rules that judge sign-ins, against the database as it is now; who runs some tenants sees what it means there.",
	}, func(ctx context.Context, c *call, b ChangePreview) (*answer, error) {
		change, err := changeOf(c, b)
		if err != nil {
			return nil, err
		}
		p, err := a.Admin.Foresee(ctx, c.who, c.subscription, change)
		out := Preview{Reached: p.Reached, Affected: p.Affected, Groups: []PreviewGroup{}}
		for _, g := range p.Groups {
			shown := PreviewGroup{Effect: string(g.Effect), Count: g.Count, First: []Affected{}}
			for _, v := range g.People.Items[:min(previewed, len(g.People.Items))] {
				shown.First = append(shown.First, showAffected(v))
			}
			out.Groups = append(out.Groups, shown)
		}
		return &answer{body: out}, err
	})
	act[PreviewListCreate, List[Affected]](a, spec{
		id: "policy.preview.list", method: http.MethodPost, path: path + "/list", summary: "List whom a change would affect in one way", action: admin.PolicyRead, must: []string{"change", "effect"},
		about: "By login name, a page at a time: send next as after, with the very same change. Nothing is changed.",
	}, func(ctx context.Context, c *call, b PreviewListCreate) (*answer, error) {
		change, err := changeOf(c, b.ChangePreview)
		if err != nil {
			return nil, err
		}
		p, err := a.Admin.ForeseeList(ctx, c.who, c.subscription, change, tenants.Effect(b.Effect), page.Query{After: b.After, Limit: b.Limit})
		shown := page.Map(p, showAffected)
		return &answer{body: List[Affected]{shown.Items, shown.Next}}, err
	})
}

// changeOf reads a change. Members that it does not take are refused: whoever sends them
// means another change.
func changeOf(c *call, b ChangePreview) (tenants.Change, error) {
	var faults []Fault
	takes := changeMembers[b.Change]
	for _, name := range members(reflect.TypeFor[ChangePreview]()) {
		switch given := c.body.given(name); {
		case name == "change":
		case given && !slices.Contains(takes.may, name):
			faults = append(faults, Fault{name, "is not part of this change"})
		case !given && slices.Contains(takes.must, name):
			faults = append(faults, Fault{name, "is required for this change"})
		}
	}
	for name, v := range map[string]string{"two_factor": b.TwoFactorID, "target": b.TargetID, "group": b.GroupID, "user": b.UserID, "client_app": b.ClientAppID} {
		if c.body.given(name) && !id.Valid(v) {
			faults = append(faults, Fault{name, "is not an id"})
		}
	}
	if len(faults) > 0 {
		return tenants.Change{}, invalid(faults...)
	}
	level := tenants.Level(b.Level)
	assignment := &tenants.Assignment{TwoFactorID: b.TwoFactorID, Level: level, TargetID: b.TargetID, Required: b.Required || !c.body.given("required"), GraceDays: b.GraceDays}
	exemption := &tenants.Exemption{Level: level, TargetID: b.TargetID, Until: b.Until}
	switch b.Change {
	case "put_assignment":
		return tenants.Change{PutAssignment: assignment}, nil
	case "remove_assignment":
		return tenants.Change{RemoveAssignment: assignment}, nil
	case "put_exemption":
		return tenants.Change{PutExemption: exemption}, nil
	case "remove_exemption":
		return tenants.Change{RemoveExemption: exemption}, nil
	case "invalidate":
		return tenants.Change{Invalidate: &tenants.Invalidate{TwoFactorIDs: b.TwoFactors}}, nil
	case "regroup":
		return tenants.Change{Regroup: &tenants.Regroup{GroupID: b.GroupID, UserID: b.UserID, To: b.To}}, nil
	case "access":
		return tenants.Change{Access: &tenants.Access{ClientAppID: b.ClientAppID, Level: level, TargetID: b.TargetID, To: b.To}}, nil
	case "switch":
		return tenants.Change{Switch: &tenants.Switch{TwoFactorID: b.TwoFactorID, To: b.To}}, nil
	}
	d := &tenants.Demand{Level: level, TargetID: b.TargetID}
	if c.body.given("enforce_mfa") {
		d.EnforceMFA = &b.EnforceMFA
	}
	if c.body.given("min_acr") {
		d.MinACR = &b.MinACR
	}
	if c.body.given("restricted") {
		d.Restricted = &b.Restricted
	}
	return tenants.Change{Demand: d}, nil
}

func showAffected(v tenants.Affected) Affected {
	out := Affected{
		ID: v.ID, Name: v.Name, DisplayName: v.DisplayName, TenantID: v.TenantID, IDPID: v.IDPID, ClientAppID: v.ClientAppID,
		Before: string(v.Before), After: string(v.After), Reasons: append([]string{}, v.Reasons...), ResetPending: v.ResetPending,
	}
	if !v.GraceUntil.IsZero() {
		at := v.GraceUntil.UTC()
		out.GraceUntil = &at
	}
	return out
}

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/tenants"
	"twofold/twofactor"
)

// TwoFactorUpdate is what can be changed of a TwoFactor instance.
type TwoFactorUpdate struct {
	Name    string                     `json:"name" maxLength:"254" doc:"Its name." example:"Authenticator app"`
	Active  bool                       `json:"active" doc:"Whether it is offered."`
	Options map[string]json.RawMessage `json:"options" doc:"Options of its type. They are merged: null takes one back, so that it is inherited again. A secret that is absent stays, unless what it belongs to changes."`
}

// TwoFactorCreate is what a TwoFactor instance is made of.
type TwoFactorCreate struct {
	Type string `json:"type" maxLength:"64" doc:"A type of two_factor_types.list."`
	TwoFactorUpdate
}

// TwoFactor is a configured second factor.
type TwoFactor struct {
	Stamp
	Name    string                 `json:"name" doc:"Its name." example:"Authenticator app"`
	Type    string                 `json:"type" doc:"Its type."`
	Active  bool                   `json:"active" doc:"Whether it is offered."`
	State   TwoFactorState         `json:"state" doc:"How it fares."`
	Options map[string]OptionValue `json:"options" doc:"Its options, for who may change them; not in lists."`
	Wrong   []Fault                `json:"wrong" doc:"What makes it invalid, by option; not in lists."`
}

// TwoFactorState is how an instance fares.
type TwoFactorState struct {
	Word   string     `json:"word" enum:"invalid,inactive,untested,ready,failing" doc:"How it fares."`
	Reason string     `json:"reason" doc:"Why."`
	Since  *time.Time `json:"since,omitempty" doc:"Since when it fails."`
}

// OptionValue is one option with where its value comes from.
type OptionValue struct {
	Value  any    `json:"value" doc:"What is in force; null for secrets."`
	Own    any    `json:"own" doc:"What is set here; null: it is inherited, or a secret."`
	Set    bool   `json:"set" doc:"Whether a value is in force, secret or not."`
	Source string `json:"source" enum:"instance,subscription,platform,default" doc:"Where it comes from."`
}

// TwoFactorType is a type of second factor with what it can be configured by.
type TwoFactorType struct {
	Type     string        `json:"type" doc:"As two_factors.create takes it."`
	Name     string        `json:"name" doc:"What people read." example:"Authenticator app"`
	ACR      string        `json:"acr" doc:"What a sign-in with it reaches."`
	Needs    []string      `json:"needs" doc:"What a user must have: email, phone."`
	Enrolls  bool          `json:"enrolls" doc:"Users must set it up before its first use."`
	Fallback bool          `json:"fallback" doc:"It never counts alone."`
	Options  []OptionField `json:"options" doc:"What it can be configured by."`
}

// OptionField is one option of a type.
type OptionField struct {
	Name      string        `json:"name" doc:"Its exact name." example:"Digits"`
	Label     string        `json:"label" doc:"What people read."`
	Help      string        `json:"help" doc:"What it is."`
	Kind      string        `json:"kind" doc:"text, password, number, bool, select, code or json."`
	Default   string        `json:"default" doc:"What is in force where nothing is set."`
	Required  bool          `json:"required" doc:"Without it an instance is invalid."`
	WriteOnly bool          `json:"write_only" doc:"It is taken, and never shown."`
	Guards    bool          `json:"guards" doc:"A change of it needs the write-only options beside it again."`
	Choices   []string      `json:"choices" doc:"Its values, if there are only some."`
	Min       int           `json:"min" doc:"Smallest number."`
	Max       int           `json:"max" doc:"Largest number; 0: none."`
	Fields    []OptionField `json:"fields" doc:"Of an option that is an object."`
}

func (a *API) twoFactors() {
	crud(a, resource[admin.Instance, TwoFactor, TwoFactorCreate, TwoFactorUpdate]{
		one: "TwoFactor instance", many: "TwoFactor instances", kind: "two_factor", plural: "two_factors", trash: true,
		things: func() keeper[admin.Instance] { return instances{a.Admin} }, show: showInstance,
		about: "A TwoFactor instance is a configured second factor. It may lack what it needs: it is invalid then, and says why.",
		fresh: TwoFactorCreate{TwoFactorUpdate: TwoFactorUpdate{Active: true}}, must: []string{"name", "type"},
		filters: []filter{active(), {"type", "What type it is of.", nil}}, sorts: []string{"name", "created"},
		make: func(ctx context.Context, c *call, from TwoFactorCreate) (admin.Instance, error) {
			return a.Admin.CreateTwoFactor(ctx, c.who, c.subscription, from.Name, from.Type, from.Active, from.Options)
		},
		change: a.changeInstance,
	})
	act[none, Items[TwoFactorType]](a, spec{
		id: "two_factor_types.list", method: http.MethodGet, path: "/two-factor-types", summary: "List the types of second factors, with their options",
	}, func(context.Context, *call, none) (*answer, error) {
		catalog := a.Admin.Tenants.Catalog
		return items(catalog.Types(), func(name string) TwoFactorType { return showType(catalog[name]) }), nil
	})
	act[none, TwoFactorUses](a, spec{
		id: "two_factors.uses", method: http.MethodGet, path: "/subscriptions/{subscription}/two-factors/{id}/uses", summary: "Show what would break without a TwoFactor instance", action: admin.TwoFactorWrite,
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		u, err := a.Admin.Uses(ctx, c.who, c.subscription, c.id)
		if err != nil {
			return nil, err
		}
		out := TwoFactorUses{Assignments: []Assignment{}, FallThrough: []string{}}
		for i := range u.Assignments {
			out.Assignments = append(out.Assignments, take[Assignment](&u.Assignments[i]))
		}
		for _, v := range u.FallThrough {
			out.FallThrough = append(out.FallThrough, v.ID)
		}
		return &answer{body: out}, nil
	})
}

// TwoFactorTested is how far a test send came.
type TwoFactorTested struct {
	Passed     bool           `json:"passed" doc:"The provider took the message, or the instance has nothing to send and opened."`
	Sends      bool           `json:"sends" doc:"Whether instances of this type send anything."`
	To         string         `json:"to" doc:"The caller's own address that it went to."`
	Medium     string         `json:"medium" doc:"How it travels: mail or sms."`
	Stage      string         `json:"stage" doc:"Where it failed." example:"auth"`
	Status     int            `json:"provider_status" doc:"Status of the provider's protocol; 0: none." example:"401"`
	Code       string         `json:"provider_code" doc:"The provider's own code, or what it said when it took the message." example:"20003"`
	Class      string         `json:"error_class" doc:"Whose fault it is: retry, recipient, account or content; empty: it passed."`
	Help       string         `json:"help" doc:"What to do."`
	ProviderID string         `json:"provider_id" doc:"What the provider calls the message."`
	At         time.Time      `json:"at" doc:"When it was tried."`
	State      TwoFactorState `json:"state" doc:"How the instance fares now."`
}

func (a *API) testSend() {
	act[none, TwoFactorTested](a, spec{
		id: "two_factors.test", method: http.MethodPost, path: "/subscriptions/{subscription}/two-factors/{id}/test", summary: "Send a test message", action: admin.TwoFactorTest,
		about: "To the caller's own proven mail address or phone number, and to no other: 409 if there is none, as for machines, or if the instance is invalid or switched off. " +
			"It carries no code. A test that fails is answered with 200 too, and says where and why; it is noted with the instance. " +
			"There are 3 in 10 minutes for an address, 20 a day for a mail address and 10 for a phone number, 20 an hour for a caller: 429 after that.",
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		t, err := a.Admin.TestSend(ctx, c.who, c.subscription, c.id)
		return &answer{body: TwoFactorTested{
			Passed: t.Passed, Sends: t.Sends, To: t.To, Medium: string(t.Medium), Stage: t.Stage, Status: t.Status, Code: t.Code, Class: t.Class,
			Help: t.Help, ProviderID: t.Provider, At: t.At.UTC(), State: TwoFactorState(t.State),
		}}, err
	})
}

// TwoFactorUses is what refers to an instance.
type TwoFactorUses struct {
	Assignments []Assignment `json:"assignments" doc:"Its assignments."`
	FallThrough []string     `json:"fall_through" doc:"Ids of the instances whose deliveries fall through to it."`
}

// changeInstance changes what is named: options are merged by the use case.
func (a *API) changeInstance(ctx context.Context, c *call, version int64) (admin.Instance, error) {
	var u TwoFactorUpdate
	if err := c.body.decode(&u); err != nil {
		return admin.Instance{}, err
	}
	change := admin.TwoFactorChange{Options: u.Options}
	if c.body.given("name") {
		change.Name = &u.Name
	}
	if c.body.given("active") {
		change.Active = &u.Active
	}
	v, err := a.Admin.UpdateTwoFactor(ctx, c.who, c.subscription, c.id, version, change)
	return v, staleInstance(err)
}

func showInstance(v *admin.Instance) TwoFactor {
	out := TwoFactor{
		Stamp: Stamp{v.ID, v.CreatedAt, v.UpdatedAt, v.Version}, Name: v.Name, Type: v.Type, Active: v.Active,
		State: TwoFactorState(v.State), Options: showOptions(v.Options), Wrong: []Fault{},
	}
	for _, f := range v.Wrong {
		out.Wrong = append(out.Wrong, Fault{f.Name, f.Message})
	}
	return out
}

func showOptions(options []admin.Option) map[string]OptionValue {
	out := map[string]OptionValue{}
	for _, o := range options {
		out[o.Field.Name] = OptionValue{Value: orNull(o.Value), Own: orNull(o.Own), Set: o.Set, Source: sources[o.Source]}
	}
	return out
}

// sources are the words for programs.
var sources = map[tenants.Source]string{
	tenants.SourceInstance: "instance", tenants.SourceSubscription: "subscription", tenants.SourcePlatform: "platform", tenants.SourceDefault: "default",
}

func orNull(v json.RawMessage) any {
	if len(v) == 0 {
		return nil
	}
	return v
}

func showType(p twofactor.Provider) TwoFactorType {
	out := TwoFactorType{
		Type: p.Info.Type, Name: p.Info.Name, ACR: p.Info.Strength.ACR(), Needs: []string{}, Enrolls: p.Info.Enrolls, Fallback: p.Info.Fallback,
		Options: showFields(p.Fields),
	}
	for _, n := range p.Info.Needs {
		out.Needs = append(out.Needs, string(n))
	}
	return out
}

func showFields(fields []twofactor.Field) []OptionField {
	out := make([]OptionField, len(fields))
	for i, f := range fields {
		out[i] = OptionField{
			Name: f.Name, Label: f.Label, Help: f.Help, Kind: string(f.Kind), Default: f.Default, Required: f.Required, WriteOnly: f.Secret, Guards: f.Guards,
			Choices: append([]string{}, f.Choices...), Min: f.Min, Max: f.Max, Fields: showFields(f.Fields),
		}
	}
	return out
}

// instances are the use cases of TwoFactor instances in the form of all others.
type instances struct{ admin *admin.Admin }

var errOptions = errors.New("rest: an instance is put with its options")

func (i instances) List(ctx context.Context, w admin.Who, subscription string, q page.Query) (page.Page[admin.Instance], error) {
	p, err := i.admin.TwoFactors().List(ctx, w, subscription, q)
	if err != nil || len(p.Items) == 0 {
		return page.Map(p, func(v tenants.TwoFactor) admin.Instance { return admin.Instance{TwoFactor: v} }), err
	}
	states, err := i.admin.Tenants.States(db.WithScope(ctx, db.Scope{Subscription: subscription}))
	return page.Map(p, func(v tenants.TwoFactor) admin.Instance { return admin.Instance{TwoFactor: v, State: states[v.ID]} }), err
}

func (i instances) Get(ctx context.Context, w admin.Who, subscription, id string) (admin.Instance, error) {
	return i.admin.TwoFactor(ctx, w, subscription, id)
}

func (instances) Create(context.Context, admin.Who, string, *admin.Instance) error { return errOptions }

func (instances) Update(context.Context, admin.Who, string, string, int64, func(*admin.Instance) error) (admin.Instance, error) {
	return admin.Instance{}, errOptions
}

func (i instances) Delete(ctx context.Context, w admin.Who, subscription, id string, version int64) error {
	return staleInstance(i.admin.TwoFactors().Delete(ctx, w, subscription, id, version))
}

func (i instances) Restore(ctx context.Context, w admin.Who, subscription, id string) (admin.Instance, error) {
	if _, err := i.admin.TwoFactors().Restore(ctx, w, subscription, id); err != nil {
		return admin.Instance{}, err
	}
	return i.Get(ctx, w, subscription, id)
}

func (instances) Version(v *admin.Instance) int64 { return v.Version }

func (instances) ID(v *admin.Instance) string { return v.ID }

// staleInstance is the same report of another's change, about instances.
func staleInstance(err error) error {
	var stale *admin.StaleError[tenants.TwoFactor]
	if !errors.As(err, &stale) {
		return err
	}
	return &admin.StaleError[admin.Instance]{Yours: admin.Instance{TwoFactor: stale.Yours}, Theirs: admin.Instance{TwoFactor: stale.Theirs}}
}

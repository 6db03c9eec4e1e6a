package tenants

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// puts has each kind of entity once: a put of it in a customer, and a change.
var puts = map[string]struct {
	put     func(w *world, c *customer, changed bool) (stamp Stamp, id string, d Difference, err error)
	changed []string // what the change's difference names
}{
	"subscription": {func(w *world, c *customer, changed bool) (Stamp, string, Difference, error) {
		v := Subscription{Name: "new", Title: "New", Active: true, EnforceMFA: changed, MinACR: pick(changed, "phr", "")}
		d, err := w.PutSubscription(c.ctx, &v)
		return v.Stamp, v.ID, d, err
	}, []string{"EnforceMFA", "MinACR"}},
	"tenant": {func(w *world, c *customer, changed bool) (Stamp, string, Difference, error) {
		v := Tenant{Name: "new", Title: pick(changed, "Newer", "New"), Active: true}
		d, err := w.PutTenant(c.admin, &v)
		return v.Stamp, v.ID, d, err
	}, []string{"Title"}},
	"idp": {func(w *world, c *customer, changed bool) (Stamp, string, Difference, error) {
		v := IDP{Name: "new", Type: IDPLocal, Active: !changed}
		d, err := w.PutIDP(c.admin, &v)
		return v.Stamp, v.ID, d, err
	}, []string{"Active"}},
	"client app": {func(w *world, c *customer, changed bool) (Stamp, string, Difference, error) {
		v := c.app
		v.Stamp, v.ID, v.Name, v.ClientID = Stamp{}, "", "new", "new"
		if changed {
			v.RedirectURIs = append(v.RedirectURIs, "https://second.example/cb")
		}
		d, err := w.PutClientApp(c.admin, &v)
		return v.Stamp, v.ID, d, err
	}, []string{"RedirectURIs"}},
	"user": {func(w *world, c *customer, changed bool) (Stamp, string, Difference, error) {
		v := User{Name: "New", Kind: Person, Email: "NEW@acme.example", Phone: pick(changed, "+41791234567", ""), PhoneVerified: changed, Active: true}
		d, err := w.PutUser(c.admin, &v)
		return v.Stamp, v.ID, d, err
	}, []string{"Phone", "PhoneVerified"}},
	"group": {func(w *world, c *customer, _ bool) (Stamp, string, Difference, error) {
		v := Group{Name: "new"}
		d, err := w.PutGroup(c.admin, &v)
		return v.Stamp, v.ID, d, err
	}, nil},
	"two factor": {func(w *world, c *customer, changed bool) (Stamp, string, Difference, error) {
		v := TwoFactor{Name: "new", Type: "letter", Active: !changed}
		d, err := w.PutTwoFactor(c.admin, &v, Options{"Sender": []byte(pick(changed, `"them"`, `"us"`)), "Key": []byte(`"hunter2"`)})
		return v.Stamp, v.ID, d, err
	}, []string{"Active", "Sender"}},
	"assignment": {func(w *world, c *customer, changed bool) (Stamp, string, Difference, error) {
		v := Assignment{TwoFactorID: c.letter.ID, Level: LevelUser, TargetID: c.anna.ID, Required: changed}
		d, err := w.PutAssignment(c.admin, &v)
		return v.Stamp, v.ID, d, err
	}, []string{"Required"}},
	"exemption": {func(w *world, c *customer, changed bool) (Stamp, string, Difference, error) {
		until := firstOfMay.AddDate(0, 1, 0).In(time.FixedZone("", 7200)).Add(789)
		if changed {
			until = until.Add(time.Hour)
		}
		v := Exemption{Level: LevelUser, TargetID: c.anna.ID, Reason: "on leave", Until: until, CreatedBy: pick(changed, "second", "first")}
		d, err := w.PutExemption(c.admin, &v)
		if v.CreatedBy != "first" {
			err = errors.Join(err, errors.New("CreatedBy is now "+v.CreatedBy))
		}
		return v.Stamp, v.ID, d, err
	}, []string{"Until"}},
}

func pick(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

func TestPutIsIdempotent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		for name, p := range puts {
			t.Run(name, func(t *testing.T) {
				step := func(change bool) (Stamp, string, Difference) {
					t.Helper()
					w.clock.Advance(time.Minute)
					s, id, d, err := p.put(w, c, change)
					must(t, err)
					return s, id, d
				}
				first, id, d := step(false)
				if !d.Created || first != (Stamp{w.clock.Now(), w.clock.Now(), 1}) || id == "" {
					t.Errorf("created: %+v, %+v", d, first)
				}
				again, sameID, d := step(false)
				if d.Changed() || again != first || sameID != id {
					t.Errorf("put again: %+v, %+v", d, again)
				}
				if p.changed == nil {
					return
				}
				changed, sameID, d := step(true)
				var names []string
				for _, f := range d.Fields {
					names = append(names, f.Name)
					if strings.Contains(f.Old+f.New, "hunter2") || strings.Contains(f.Old+f.New, "them") {
						t.Errorf("an option is shown: %+v", f)
					}
				}
				if diff := cmp.Diff(p.changed, names); d.Created || diff != "" || sameID != id {
					t.Errorf("changed: %+v %s", d, diff)
				}
				if changed != (Stamp{first.CreatedAt, w.clock.Now(), 2}) {
					t.Errorf("stamps after the change: %+v", changed)
				}
				back, _, d := step(false)
				if !d.Changed() || back.Version != 3 {
					t.Errorf("changed back: %+v, %+v", d, back)
				}
			})
		}
	})
}

// Whoever puts gets back what is in the database, down to what he did not give.
func TestPutReturnsWhatIsKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		must(t, w.NoteTwoFactor(c.admin, c.anna.ID, c.letter.ID))
		must(t, w.NoteDelivery(c.admin, c.letter.ID, "refused"))
		u := User{Name: "anna", Kind: Person, DisplayName: "Anna the Second", Active: true}
		done[Difference](t)(w.PutUser(c.admin, &u))
		kept, err := w.User(c.ctx, u.ID)
		must(t, err)
		if diff := cmp.Diff(kept, u); diff != "" || u.LastTwoFactorID != c.letter.ID {
			t.Error(diff)
		}
		f := TwoFactor{Name: "letter", Type: "letter"}
		done[Difference](t)(w.PutTwoFactor(c.admin, &f, goodOptions))
		all, err := w.ListTwoFactors(c.admin)
		must(t, err)
		if diff := cmp.Diff(all[0], f); diff != "" || f.LastError != "refused" {
			t.Error(diff)
		}
		f.Active = true
		done[Difference](t)(w.PutTwoFactor(c.admin, &f, Options{"Sender": []byte(`"new"`)}))
		all, err = w.ListTwoFactors(c.admin)
		must(t, err)
		if diff := cmp.Diff(all[0], f); diff != "" || f.LastError != "" || f.FailingSince != nil {
			t.Errorf("new options begin anew: %s", diff)
		}
	})
}

func TestPutRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		long := strings.Repeat("x", 255)
		app := func(change func(*ClientApp)) *ClientApp { a := c.app; change(&a); return &a }
		until := firstOfMay.AddDate(0, 1, 0)
		for name, tc := range map[string]struct {
			value any
			field string
		}{
			"subscription without a name":    {&Subscription{}, "name"},
			"subscription, unknown acr":      {&Subscription{Name: "x", MinACR: "urn:twofold:acr:3fa"}, "min_acr"},
			"tenant without a name":          {&Tenant{}, "name"},
			"tenant, capitals":               {&Tenant{Name: "Staff"}, "name"},
			"tenant, space":                  {&Tenant{Name: "a b"}, "name"},
			"tenant, path":                   {&Tenant{Name: "../x"}, "name"},
			"tenant, hyphen first":           {&Tenant{Name: "-x"}, "name"},
			"tenant, hyphen last":            {&Tenant{Name: "x-"}, "name"},
			"tenant, 64 letters":             {&Tenant{Name: long[:64]}, "name"},
			"tenant, unknown acr":            {&Tenant{Name: "x", MinACR: "2fa"}, "min_acr"},
			"tenant, colour":                 {&Tenant{Name: "x", Accent: "red;}"}, "accent"},
			"tenant, logo by http":           {&Tenant{Name: "x", LogoURL: "http://x.example/logo.png"}, "logo_url"},
			"tenant, logo by script":         {&Tenant{Name: "x", LogoURL: "javascript:alert(1)"}, "logo_url"},
			"tenant, session too long":       {&Tenant{Name: "x", SessionSeconds: 91 * 24 * 3600}, "session_seconds"},
			"tenant, session negative":       {&Tenant{Name: "x", SessionSeconds: -1}, "session_seconds"},
			"subscription, session too long": {&Subscription{Name: "x", SessionSeconds: 91 * 24 * 3600}, "session_seconds"},
			"subscription, idle negative":    {&Subscription{Name: "x", IdleSeconds: -1}, "idle_seconds"},
			"tenant, idle above session":     {&Tenant{Name: "x", SessionSeconds: 60, IdleSeconds: 61}, "idle_seconds"},
			"IDP without a name":             {&IDP{Type: IDPLocal}, "name"},
			"IDP of another type":            {&IDP{Name: "i", Type: "saml"}, "type"},
			"group without a name":           {&Group{Name: " "}, "name"},
			"group, long name":               {&Group{Name: long}, "name"},
			"user without a name":            {&User{Kind: Person, Name: " \u200b"}, "name"},
			"user, long name":                {&User{Kind: Person, Name: long}, "name"},
			"user, control character":        {&User{Kind: Person, Name: "a\x00b"}, "name"},
			"user, no kind":                  {&User{Name: "x"}, "kind"},
			"user, no mail address":          {&User{Name: "x", Kind: Person, Email: "x"}, "email"},
			"user, two mail addresses":       {&User{Name: "x", Kind: Person, Email: "a@x.example,b@x.example"}, "email"},
			"user, mail address with name":   {&User{Name: "x", Kind: Person, Email: "A <a@x.example>"}, "email"},
			"user, header in mail address":   {&User{Name: "x", Kind: Person, Email: "a@x.example\r\nBcc: b@x.example"}, "email"},
			"user, look-alike mail address":  {&User{Name: "x", Kind: Person, Email: "ａ@x.example"}, "email"},
			"user, folding mail address":     {&User{Name: "x", Kind: Person, Email: "straße@x.example"}, "email"},
			"user, phone":                    {&User{Name: "x", Kind: Person, Phone: "079 123 45 67"}, "phone"},
			"app without a name":             {app(func(a *ClientApp) { a.Name = "" }), "name"},
			"app, unknown acr":               {app(func(a *ClientApp) { a.MinACR = "aal2" }), "min_acr"},
			"assignment, unknown level":      {&Assignment{TwoFactorID: c.letter.ID, Level: "planet", TargetID: c.anna.ID}, "level"},
			"assignment, no level":           {&Assignment{TwoFactorID: c.letter.ID, TargetID: c.anna.ID}, "level"},
			"assignment, wrong level":        {&Assignment{TwoFactorID: c.letter.ID, Level: LevelGroup, TargetID: c.anna.ID}, "target"},
			"assignment, other subscription": {&Assignment{TwoFactorID: c.letter.ID, Level: LevelSubscription, TargetID: other.sub.ID}, "target"},
			"assignment, other's user":       {&Assignment{TwoFactorID: c.letter.ID, Level: LevelUser, TargetID: other.anna.ID}, "target"},
			"assignment, other's instance":   {&Assignment{TwoFactorID: other.letter.ID, Level: LevelUser, TargetID: c.anna.ID}, "two_factor"},
			"assignment, no instance":        {&Assignment{Level: LevelUser, TargetID: c.anna.ID}, "two_factor"},
			"exemption of a tenant":          {&Exemption{Level: LevelTenant, TargetID: c.tenant.ID, Reason: "x", Until: until}, "level"},
			"exemption without reason":       {&Exemption{Level: LevelUser, TargetID: c.anna.ID, Reason: " ", Until: until}, "reason"},
			"exemption for ever":             {&Exemption{Level: LevelUser, TargetID: c.anna.ID, Reason: "x"}, "until"},
			"exemption of other's user":      {&Exemption{Level: LevelUser, TargetID: other.anna.ID, Reason: "x", Until: until}, "target"},
			"two factor without a name":      {&TwoFactor{Type: "letter"}, "name"},
			"two factor, unknown type":       {&TwoFactor{Name: "x", Type: "pigeon"}, "type"},
			"two factor, other type":         {&TwoFactor{Name: "letter", Type: "call"}, "type"},
		} {
			before := reflect.ValueOf(tc.value).Elem().Interface()
			_, err := w.putAny(c.admin, tc.value)
			p := problem.From(err)
			if p.Kind != problem.Invalid || len(p.Fields) == 0 || p.Fields[0].Name != tc.field {
				t.Errorf("%s: %v, want a problem with %s", name, err, tc.field)
			}
			switch tc.value.(type) {
			case *User, *Tenant: // normalised
			default:
				if diff := cmp.Diff(before, reflect.ValueOf(tc.value).Elem().Interface()); diff != "" {
					t.Errorf("%s: the value was changed: %s", name, diff)
				}
			}
		}
	})
}

func (w *world) putAny(ctx context.Context, value any) (Difference, error) {
	switch v := value.(type) {
	case *Subscription:
		return w.PutSubscription(ctx, v)
	case *Tenant:
		return w.PutTenant(ctx, v)
	case *IDP:
		return w.PutIDP(ctx, v)
	case *ClientApp:
		return w.PutClientApp(ctx, v)
	case *User:
		return w.PutUser(ctx, v)
	case *Group:
		return w.PutGroup(ctx, v)
	case *Assignment:
		return w.PutAssignment(ctx, v)
	case *Exemption:
		return w.PutExemption(ctx, v)
	case *TwoFactor:
		return w.PutTwoFactor(ctx, v, nil)
	}
	panic("no such entity")
}

func TestPutTaken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		a := c.app
		a.ID, a.Name, a.ClientID = "", "second", other.app.ClientID
		for name, value := range map[string]any{
			"tenant name of another": &Tenant{Name: "globex"}, "client_id of another": &a,
		} {
			if _, err := w.putAny(c.admin, value); problem.From(err).Code != "taken" {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Names within a subscription are its own.
		done[Difference](t)(w.PutUser(c.admin, &User{Name: "anna", Kind: Person}))
		if got, err := w.User(other.ctx, other.anna.ID); err != nil || !got.Active {
			t.Errorf("the other anna: %+v, %v", got, err)
		}
	})
}

func TestPutAgainstAnotherChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		// Between the reading and the writing of a put, somebody else writes.
		row := userRow{User: c.anna}
		row.DisplayName = "mine"
		d, err := put(c.admin, w.Store, &row, func(r *userRow) entity {
			if r != &row { // the row as it was read
				must(t, w.DB.For(c.admin).Model(&userRow{}).Where("id = ?", r.ID).Update("version", 99).Error)
			}
			return entity{id: &r.ID, stamp: &r.Stamp, key: map[string]any{"name": "anna"}, columns: &r.User}
		})
		if !errors.Is(err, ErrStale) || d.Changed() {
			t.Errorf("got %+v, %v", d, err)
		}
	})
}

// What a tenant does not say, its subscription does; what that does not say is as usual.
func TestSessionLife(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		for name, tc := range map[string]struct{ subSession, subIdle, session, idle, wantSession, wantIdle int64 }{
			"none":               {0, 0, 0, 0, 86400, 3600},
			"short-session":      {0, 0, 600, 0, 600, 600},
			"both":               {0, 0, 7200, 1800, 7200, 1800},
			"longest":            {0, 0, 90 * 86400, 90 * 86400, 90 * 86400, 90 * 86400},
			"of-subscription":    {43200, 900, 0, 0, 43200, 900},
			"over-subscription":  {43200, 900, 7200, 1800, 7200, 1800},
			"idle-inherited":     {43200, 900, 600, 0, 600, 600},
			"idle-above-session": {1800, 0, 0, 7200, 1800, 1800},
			"short-subscription": {1800, 0, 0, 0, 1800, 1800},
		} {
			c.sub.SessionSeconds, c.sub.IdleSeconds = tc.subSession, tc.subIdle
			done[Difference](t)(w.PutSubscription(t.Context(), &c.sub))
			v := Tenant{Name: name, SessionSeconds: tc.session, IdleSeconds: tc.idle, Active: true}
			done[Difference](t)(w.PutTenant(c.admin, &v))
			r, err := w.RealmByID(t.Context(), v.ID)
			session, idle := r.SessionLife()
			if err != nil || session.Seconds() != float64(tc.wantSession) || idle.Seconds() != float64(tc.wantIdle) || r.Tenant.SessionSeconds != tc.session {
				t.Errorf("%s: %v, %v, %v", name, session, idle, err)
			}
		}
	})
}

// A tenant comes with what it needs, or not at all.
func TestOnTenant(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		var made []string
		broken := errors.New("no key")
		w.OnTenant = func(ctx context.Context, v Tenant) error {
			if !db.InTx(ctx) || db.ScopeOf(ctx) != (db.Scope{Subscription: c.sub.ID, Tenant: v.ID}) {
				t.Errorf("in a transaction: %v, scope %+v", db.InTx(ctx), db.ScopeOf(ctx))
			}
			if v.Name == "broken" {
				return broken
			}
			made = append(made, v.Name)
			return nil
		}
		for range 2 {
			done[Difference](t)(w.PutTenant(c.admin, &Tenant{Name: "second", Active: true}))
		}
		v := Tenant{Name: "broken", Active: true}
		if d, err := w.PutTenant(c.admin, &v); !errors.Is(err, broken) || d.Created || v.ID != "" {
			t.Errorf("got %+v, %v, %+v", d, err, v)
		}
		if _, err := w.RealmByName(t.Context(), "broken"); !problem.Is(err, problem.NotFound) {
			t.Errorf("a tenant without keys: %v", err)
		}
		if len(made) != 1 || made[0] != "second" {
			t.Errorf("made for %v", made)
		}
	})
}

func TestLinks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		bob := User{Name: "bob", Kind: Person, Active: true}
		done[Difference](t)(w.PutUser(c.admin, &bob))
		for _, step := range []struct {
			members      []string
			added, taken []string
		}{
			{[]string{c.anna.ID}, nil, nil},
			{[]string{c.anna.ID, bob.ID, bob.ID}, []string{bob.ID}, nil},
			{[]string{bob.ID}, nil, []string{c.anna.ID}},
			{nil, nil, []string{bob.ID}},
			{[]string{c.anna.ID}, []string{c.anna.ID}, nil},
		} {
			d, err := w.SetTenantMembers(c.admin, c.tenant.ID, step.members)
			must(t, err)
			var added, taken []string
			for _, f := range d.Fields {
				if f.Name != "user_id" {
					t.Errorf("named %s", f.Name)
				}
				if f.New != "" {
					added = append(added, f.New)
				} else {
					taken = append(taken, f.Old)
				}
			}
			if !cmp.Equal(added, step.added) || !cmp.Equal(taken, step.taken) {
				t.Errorf("to %v: added %v, taken %v", step.members, added, taken)
			}
		}
		// All or nothing.
		if _, err := w.SetTenantMembers(c.admin, c.tenant.ID, []string{bob.ID, other.anna.ID}); !problem.Is(err, problem.Invalid) {
			t.Errorf("another's user: %v", err)
		}
		if members, err := w.MembersOfTenant(c.admin, c.tenant.ID); err != nil || len(members) != 1 || members[0].UserID != c.anna.ID {
			t.Errorf("members are %v, %v", members, err)
		}
	})
}

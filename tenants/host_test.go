package tenants

import (
	"context"
	"strings"
	"testing"
	"time"

	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/twofactor"
)

func TestNormalHost(t *testing.T) {
	for name, want := range map[string]string{
		"login.acme.example": "login.acme.example", "Login.ACME.Example": "login.acme.example", "bücher.example": "xn--bcher-kva.example",
		"xn--bcher-kva.example": "xn--bcher-kva.example", "a.b": "a.b", "1.example": "1.example", "login。acme。example": "login.acme.example",
		strings.Repeat("a.", 126) + "b": strings.Repeat("a.", 126) + "b",

		"": "", "acme": "", "localhost": "", "acme.": "", "login.acme.example.": "", ".acme.example": "", "a..b": "", "-a.example": "", "a-.example": "",
		"a_b.example": "", "*.acme.example": "", "login acme.example": "", "login.acme.example:8443": "", "https://login.acme.example": "",
		"login.acme.example/t/acme": "", "anna@acme.example": "", "127.0.0.1": "", "127.1": "", "10.0.0.0x7f": "", "1.2.3.4.": "", "[::1]": "", "::1": "",
		"a.123": "", "login.acme.example\n": "", strings.Repeat("a", 64) + ".example": "", strings.Repeat("a.", 127) + "b": "", "xn--a.example": "",
	} {
		if got, why := NormalHost(name); got != want || (why == "") != (want != "") {
			t.Errorf("%q: %q, %q", name, got, why)
		}
	}
}

func TestOriginAt(t *testing.T) {
	for public, want := range map[string]string{
		"https://id.example.org": "https://login.acme.example", "https://id.example.org:8443": "https://login.acme.example:8443",
		"http://localhost:9400": "http://login.acme.example:9400",
	} {
		if got := OriginAt(public, "login.acme.example"); got != want {
			t.Errorf("%s: %s", public, got)
		}
	}
	if got := OriginAt("https://id.example.org", ""); got != "" {
		t.Errorf("without a name: %s", got)
	}
}

// A token counts at the address that it was given at. At the server's own its hash is
// what it was before there were others.
func TestHashHere(t *testing.T) {
	at := func(host string) string {
		return HashHere(WithRealm(context.Background(), Realm{Host: host}), "token")
	}
	if at("") != id.Hash("token") || HashHere(context.Background(), "token") != id.Hash("token") {
		t.Error("below the server's address")
	}
	if at("a.example") == at("") || at("a.example") == at("b.example") {
		t.Error("at host names")
	}
}

// named makes a tenant with a host name.
func (w *world) named(ctx context.Context, name, host string) (Tenant, error) {
	v := Tenant{Name: name, Title: name, HostName: host, Active: true}
	_, err := w.PutTenant(ctx, &v)
	return v, err
}

func wantProblem(t *testing.T, err error, code, field string) {
	t.Helper()
	p := problem.From(err)
	if err == nil || p.Code != code || len(p.Fields) != 1 || p.Fields[0].Name != field {
		t.Errorf("got %v, want %s of %s", err, code, field)
	}
}

// A host name is one tenant's on the whole server, and is free when that one goes.
func TestHostNames(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Env.Origin = "https://id.example.org"
		acme, globex := w.customer("acme"), w.customer("globex")
		mine, err := w.named(acme.admin, "mine", "Login.ACME.example")
		must(t, err)
		if mine.HostName != "login.acme.example" {
			t.Errorf("kept as %q", mine.HostName)
		}
		_, err = w.named(globex.admin, "theirs", "login.acme.example")
		wantProblem(t, err, "host_taken", "host_name")
		if strings.Contains(err.Error(), "mine") || strings.Contains(err.Error(), "acme") {
			t.Errorf("tells whose it is: %v", err)
		}
		_, err = w.named(acme.admin, "another", "LOGIN.acme.example")
		wantProblem(t, err, "host_taken", "host_name")
		for _, bad := range []string{"ID.example.org", "10.0.0.1", "login.acme.example:443", "https://login.acme.example"} {
			_, err = w.named(acme.admin, "another", bad)
			wantProblem(t, err, "invalid", "host_name")
		}
		same := mine
		d, err := w.PutTenant(acme.admin, &same)
		if err != nil || d.Changed() {
			t.Errorf("saved as it is: %+v, %v", d, err)
		}

		// Deleted, it lets go of the name, and does not get it back.
		must(t, w.Tenants().Delete(acme.admin, mine.ID, 0))
		theirs, err := w.named(globex.admin, "theirs", "login.acme.example")
		must(t, err)
		back, err := w.Tenants().Restore(acme.admin, mine.ID)
		if err != nil || back.HostName != "" {
			t.Errorf("restored with %q: %v", back.HostName, err)
		}
		r, ok, err := w.RealmByHost(t.Context(), "login.acme.example")
		if err != nil || !ok || r.Tenant.ID != theirs.ID || r.Subscription.ID != theirs.SubscriptionID {
			t.Errorf("found %+v, %v, %v", r, ok, err)
		}
	})
}

func TestRealmByHost(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Env.Origin = "https://id.example.org:8443"
		acme := w.customer("acme")
		v, err := w.named(acme.admin, "mine", "login.acme.example")
		must(t, err)
		for host, want := range map[string]bool{
			"login.acme.example": true, "LOGIN.acme.example": true, "login.acme.example:8443": true, "login.acme.example:443": true,
			"login.acme.example:80": false, "login.acme.example:9": false, "login.acme.example.": false, "x.login.acme.example": false, "acme.example": false,
			"id.example.org": false, "id.example.org:8443": false, "": false, ":8443": false, "[::1]:8443": false, "127.0.0.1": false, "login.acme.example/": false,
			"a b": false, "login.acme.example@evil.example": false,
		} {
			r, ok, err := w.RealmByHost(t.Context(), host)
			if err != nil || ok != want {
				t.Errorf("%q: %v, %v", host, ok, err)
			}
			if want && (r.Tenant.ID != v.ID || r.Host != "login.acme.example" || r.Origin != "https://login.acme.example:8443") {
				t.Errorf("%q: %+v", host, r)
			}
		}
		ctx := WithRealm(t.Context(), w.At(Realm{Tenant: v}, "login.acme.example"))
		if got := twofactor.OriginFrom(ctx); got != "https://login.acme.example:8443" || twofactor.HostFrom(ctx) != "login.acme.example" {
			t.Errorf("origin %q", got)
		}
		if ctx = WithRealm(ctx, Realm{Tenant: v}); twofactor.OriginFrom(ctx) != "" || twofactor.HostFrom(ctx) != "" {
			t.Error("the origin of another address is left")
		}

		// Inactive, its name is no address of the server.
		v.Active = false
		done[Difference](t)(w.PutTenant(acme.admin, &v))
		if _, ok, err := w.RealmByHost(t.Context(), "login.acme.example"); !ok || !problem.Is(err, problem.NotFound) {
			t.Errorf("inactive: %v, %v", ok, err)
		}
		v.Active, v.HostName = true, "sso.acme.example"
		done[Difference](t)(w.PutTenant(acme.admin, &v))
		for host, want := range map[string]bool{"login.acme.example": false, "sso.acme.example": true} {
			if _, ok, err := w.RealmByHost(t.Context(), host); ok != want || err != nil {
				t.Errorf("after a change %q: %v, %v", host, ok, err)
			}
		}
	})
}

// Looking for names costs one query in ten seconds, also for names that nobody has, and
// another replica sees a change as fast as any other of tenants.
func TestHostNamesAreRemembered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Env.Origin = "https://id.example.org"
		acme := w.customer("acme")
		other := New(w.Config) // a replica
		find := func(host string) bool {
			_, ok, err := other.RealmByHost(t.Context(), host)
			must(t, err)
			return ok
		}
		if find("login.acme.example") || find("nobody.example") {
			t.Error("found before it is there")
		}
		v, err := w.named(acme.admin, "mine", "login.acme.example")
		must(t, err)
		w.clock.Advance(CacheFor - time.Second)
		if find("login.acme.example") {
			t.Error("asked again within its time")
		}
		w.clock.Advance(time.Second)
		if !find("login.acme.example") {
			t.Error("not seen in time")
		}
		v.HostName = ""
		done[Difference](t)(w.PutTenant(acme.admin, &v))
		w.clock.Advance(CacheFor)
		if find("login.acme.example") {
			t.Error("still there")
		}
	})
}

// What is set up at another host name counts for what is required, and for nothing else:
// a password alone neither gets past it nor sets up something in its place.
func TestEnrolledElsewhere(t *testing.T) {
	key := prepared{Candidate: Candidate{ID: "key", Name: "Key", Strength: twofactor.StrengthPHR, Enrolls: true, HostBound: true}}
	app := prepared{Candidate: Candidate{ID: "app", Name: "App", Strength: twofactor.StrengthAAL2, Enrolls: true}}
	none := func(twofactor.Attribute) string { return "" }
	policy := func(keys, keysAway, apps int) Policy {
		return Resolve(Reach{
			Stations: []Station{{Level: LevelTenant, ID: "t", Name: "t"}},
			Assignments: []Assignment{
				{TwoFactorID: "key", Level: LevelTenant, TargetID: "t"}, {TwoFactorID: "app", Level: LevelTenant, TargetID: "t"},
			},
			Instances: map[string]Candidate{"key": key.of(keys, keysAway, false, none), "app": app.of(apps, apps, false, none)},
		})
	}
	p := policy(1, 1, 0)
	if !p.Required || !p.Held || len(p.Offered) != 0 || p.maySetUp() || len(p.Elsewhere) != 1 || p.Outcome() != OutcomeRefused {
		t.Errorf("a key elsewhere alone: %+v", p)
	}
	p = policy(2, 1, 0)
	if !p.Required || len(p.Offered) != 1 || len(p.Elsewhere) != 0 || p.Offered[0].Enrolled != 1 {
		t.Errorf("one here and one elsewhere: %+v", p)
	}
	p = policy(1, 1, 1) // what is not bound to a host works wherever it was set up
	if len(p.Offered) != 1 || p.Offered[0].ID != "app" || len(p.Settable) != 1 || p.Settable[0].ID != "key" {
		t.Errorf("another factor beside: %+v", p)
	}
	if p = policy(0, 0, 0); p.Required || p.Held {
		t.Errorf("nothing: %+v", p)
	}
}

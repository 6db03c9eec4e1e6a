package apply_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin/apply"
	"twofold/internal/audit"
	"twofold/internal/testkit"
	"twofold/tenants"
)

var update = flag.Bool("update", false, "write reports and the reference page anew")

// golden compares lines with a file of testdata.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test with -update)", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

const guides = "../../docs/guides"

// exampleOptions are what a reader of the example has to have at hand.
func (w *world) exampleOptions() apply.Options {
	w.secret("MAIL_PASSWORD", "mail-password-of-the-example")
	w.secret("TWILIO_AUTH_TOKEN", "fedcba9876543210fedcba9876543210")
	w.secret("PARTNER_SECRET", "partner-secret-0123456789")
	w.secret("EXPENSES_SECRET", "expenses-secret-0123456789-0123456789")
	w.secret("ANNA_PASSWORD", "seventeen purple kites")
	o := w.options()
	o.ReadFile = os.ReadFile
	return o
}

func (w *world) example() *apply.File {
	w.Helper()
	path := filepath.Join(guides, "example.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		w.Fatal(err)
	}
	f, err := apply.Parse(path, data)
	if err != nil {
		w.Fatal(err)
	}
	return f
}

// TestExample applies the guide's example: first as a dry run, then twice.
func TestExample(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		o, f := w.exampleOptions(), w.example()

		empty := w.dump()
		dry := o
		dry.DryRun = true
		planned := must[apply.Report](t)(apply.Run(t.Context(), w.store, w.trail, f, dry))
		w.same(empty)

		done := must[apply.Report](t)(apply.Run(t.Context(), w.store, w.trail, f, o))
		golden(t, "example.report", done.Lines())
		if diff := cmp.Diff(planned, done); diff != "" {
			t.Errorf("the dry run reported something else (-dry +done):\n%s", diff)
		}

		full := w.dump()
		w.clock.Advance(1000)
		again := must[apply.Report](t)(apply.Run(t.Context(), w.store, w.trail, w.example(), o))
		if diff := cmp.Diff([]string{"= nothing to change"}, again.Lines()); diff != "" {
			t.Errorf("second run (-want +got):\n%s", diff)
		}
		w.same(full)

		golden(t, "example.audit", mask(w.events("sample")))
		w.secrets.Forbid(t, "report", done.String())
		for table, rows := range full {
			w.secrets.Forbid(t, table, rows)
		}
		if err := w.trail.Verify(t.Context(), w.sub("sample").ID); err != nil {
			t.Error(err)
		}
		if err := w.trail.Verify(t.Context(), "platform"); err != nil {
			t.Error(err)
		}
	})
}

// TestExampleWorks asks the domain whether the example means what it says.
func TestExampleWorks(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	must[apply.Report](t)(apply.Run(t.Context(), w.store, w.trail, w.example(), w.exampleOptions()))
	acme := tenants.WithRealm(t.Context(), must[tenants.Realm](t)(w.store.RealmByName(t.Context(), "acme")))
	anna := must[tenants.Login](t)(w.store.CheckPassword(acme, "Anna", "seventeen purple kites"))
	for client, want := range map[string]string{"expenses": "mail", "vault": "sms"} {
		app := must[tenants.ClientApp](t)(w.store.ClientApp(acme, client))
		p := must[tenants.Policy](t)(w.store.Policy(acme, tenants.Question{ClientAppID: app.ID, IDPID: anna.IDPID, UserID: anna.ID}))
		if !p.Required {
			t.Errorf("%s: no second factor is required", client)
		}
		var offered []string
		for _, o := range p.Offered {
			offered = append(offered, o.Name)
		}
		if !strings.Contains(strings.Join(offered, " "), want) {
			t.Errorf("%s: offers %v, want %s among them", client, offered, want)
		}
	}
	if ok, err := w.store.CheckClientSecret(acme, "expenses", w.env["EXPENSES_SECRET"]); !ok || err != nil {
		t.Errorf("client secret: %t, %v", ok, err)
	}
}

// TestAuditSaysWho: each event says who did it and whom it is about.
func TestAuditSaysWho(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	f := must[*apply.File](t)(apply.Parse("f.yaml", []byte(
		"subscriptions: [{name: s, tenants: [{name: a}], users: [{name: Anna@Example.org}], client_apps: [{name: c, type: machine}]}]")))
	ctx := audit.WithOrigin(t.Context(), audit.Origin{Request: "r1", Address: "192.0.2.1"})
	must[apply.Report](t)(apply.Run(ctx, w.store, w.trail, f, apply.Options{}))
	sub := w.sub("s")
	for _, e := range must[[]audit.Event](t)(w.trail.List(w.in("s"), 100)) {
		if e.Actor != "operator" || e.SubscriptionID != sub.ID || e.Request != "r1" || e.Address != "192.0.2.1" {
			t.Errorf("event %+v", e)
		}
		var d struct{ Entity, Name, ID string }
		if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
			t.Fatal(err)
		}
		about := map[string]string{"tenant": e.TenantID, "user": e.User, "client_app": e.ClientApp, "subscription": e.SubscriptionID}[d.Entity]
		if about != d.ID || d.ID == "" {
			t.Errorf("%s %s: the event is about %q", d.Entity, d.Name, about)
		}
		if strings.Contains(e.Detail, "anna") {
			t.Errorf("the event holds a full address: %s", e.Detail)
		}
	}
}

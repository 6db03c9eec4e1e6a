package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/tenants"
)

const (
	bcryptOfStaple = "$2b$04$8/YcuWzY/d5FBfZN0q6zAeaYpUocVUzCsNoXpTMeJO5DQHmY30oyy" // by bcrypt 4.0.1 for Python
	staple         = "correct horse battery staple"
)

// bring imports as somebody.
func (h *house) bring(w admin.Who, text string, o admin.Import) admin.ImportResult {
	h.t.Helper()
	r, err := h.ImportUsers(h.t.Context(), w, h.one, strings.NewReader(text), o)
	must(h.t, err)
	return r
}

// counts is a result in one line.
func counts(r admin.ImportResult) string {
	return fmt.Sprintf("read %d created %d updated %d unchanged %d skipped %d faulty %d kept %d", r.Read, r.Created, r.Updated, r.Unchanged, r.Skipped, r.Faulty, r.PasswordsKept)
}

func faults(r admin.ImportResult) string {
	var out []string
	for _, f := range r.Faults {
		out = append(out, f.String())
	}
	return strings.Join(out, "\n")
}

// scoped is customer one.
func (h *house) scoped() context.Context {
	return db.WithScope(h.t.Context(), db.Scope{Subscription: h.one})
}

// find reads a user of customer one by name.
func (h *house) find(name string) (tenants.User, bool) {
	h.t.Helper()
	list, err := h.Admin.Tenants.UsersByName(h.scoped(), []string{name})
	must(h.t, err)
	if len(list) == 0 {
		return tenants.User{}, false
	}
	return list[0], true
}

func TestImport(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		put(t)(h.Admin.Tenants.PutGroup(h.scoped(), &tenants.Group{Name: "nurses"}))
		files := map[string]string{
			"JSON lines": "\xef\xbb\xbf\n" + `{"name": "Clara", "display_name": "Clara X", "email": "Clara@Example.test", "email_verified": true, "phone": "+41791234568", "locale": "de-CH", "password_hash": "` + bcryptOfStaple + `", "tenants": ["acme", "globex"], "groups": ["nurses"]}` + "\r\n\n" +
				`{"name": "dora", "password": "a long and winding road", "tenants": ["acme"], "active": false, "given_name": null}` + "\n" +
				`{"name": "till", "kind": "machine", "tenants": ["acme"], "idps": []}`,
			"CSV": "name,display_name,email,email_verified,phone,locale,password_hash,tenants,groups,password,active,kind\r\n" +
				`Clara,Clara X,Clara@Example.test,yes,+41791234568,de-CH,` + bcryptOfStaple + `,acme|globex,nurses,,,` + "\r\n" +
				"dora,,,,,,,acme,,a long and winding road,FALSE,\r\n" +
				"till,,,,,,,acme,,,,machine\r\n",
			"CSV of a spreadsheet": "\xef\xbb\xbfName;Display_Name;email;email_verified;phone;locale;password_hash;tenants;groups;password;active;kind\n" +
				`Clara;"Clara X";Clara@Example.test;1;+41791234568;de-CH;` + bcryptOfStaple + `;acme | globex;nurses;;;` + "\n" +
				"dora;;;;;;;acme;;a long and winding road;0;\n" +
				"till;;;;;;;acme;;;;machine",
		}
		for name, text := range files {
			if r := h.bring(admin.Operator(), text, admin.Import{DryRun: true}); counts(r) != "read 3 created 3 updated 0 unchanged 0 skipped 0 faulty 0 kept 0" || !r.DryRun || r.Stopped != "" {
				t.Errorf("%s, a dry run: %s\n%s%s", name, counts(r), faults(r), r.Stopped)
			}
			if _, there := h.find("clara"); there {
				t.Errorf("%s: a dry run changed something", name)
			}
			if r := h.bring(admin.Operator(), text, admin.Import{}); counts(r) != "read 3 created 3 updated 0 unchanged 0 skipped 0 faulty 0 kept 0" {
				t.Errorf("%s: %s\n%s%s", name, counts(r), faults(r), r.Stopped)
			}
			clara, _ := h.find("clara")
			if clara.DisplayName != "Clara X" || clara.Email != "clara@example.test" || !clara.EmailVerified || clara.Phone != "+41791234568" || clara.PhoneVerified || clara.Locale != "de-CH" || !clara.Active {
				t.Errorf("%s: %+v", name, clara)
			}
			for _, realm := range []string{"acme", "globex"} {
				if l, err := h.Admin.Tenants.CheckPassword(h.in(realm), "clara", staple); err != nil || l.ID != clara.ID {
					t.Errorf("%s: sign-in at %s: %v", name, realm, err)
				}
			}
			if in, err := h.Admin.Tenants.GroupsOfUsers(h.scoped(), []string{clara.ID}); len(in) != 1 || err != nil {
				t.Errorf("%s: groups: %v %v", name, in, err)
			}
			if till, _ := h.find("till"); till.Kind != tenants.Machine {
				t.Errorf("%s: %+v", name, till)
			}
			// Again, and nothing happens.
			if r := h.bring(admin.Operator(), text, admin.Import{}); counts(r) != "read 3 created 0 updated 0 unchanged 0 skipped 3 faulty 0 kept 0" {
				t.Errorf("%s, again: %s\n%s", name, counts(r), faults(r))
			}
			if r := h.bring(admin.Operator(), text, admin.Import{Existing: admin.ImportFail}); r.Faulty != 3 || !strings.Contains(faults(r), "is that of a user who is there already") {
				t.Errorf("%s, again to fail: %s\n%s", name, counts(r), faults(r))
			}
			trail := h.events(h.one)
			for _, want := range []string{`"imported":"true"`, `"tenants":"acme, globex"`, `"groups":"nurses"`, `"password":"(set)"`, "config.created by operator"} {
				if !strings.Contains(trail, want) {
					t.Errorf("%s: the trail lacks %s: %s", name, want, trail)
				}
			}
			for _, secret := range []string{"winding", "$2b$", "clara@"} {
				if strings.Contains(trail, secret) {
					t.Errorf("%s: the trail holds %s", name, secret)
				}
			}
			for _, n := range []string{"clara", "dora", "till"} {
				u, _ := h.find(n)
				must(t, h.Users().Delete(t.Context(), admin.Operator(), h.one, u.ID, 0))
			}
		}
		must(t, h.Admin.Audit.Verify(h.scoped(), h.one))
	})
}

// Every line at fault is told by its number, and the others are imported.
func TestImportFaults(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		lines := []struct{ line, want string }{
			{`{"name": "good-1"}`, ""},
			{`{"email": "x@example.test"}`, "name: must have 1 to 254 characters"},
			{`{"name": ""}`, "name: must have 1 to 254"},
			{`{"name": "good-1"}`, "name: stands in line 1 already"},
			{`{"name": "GOOD-1 "}`, "name: stands in line 1 already"},
			{`{"name": "a", "colour": "red"}`, "colour: is not known here"},
			{`{"name": "b", "email": "nobody"}`, "email: is not a mail address"},
			{`{"name": "c", "phone": "0791234567"}`, "phone: must be a number in international form"},
			{`{"name": "d", "active": "yes"}`, "active: must be true or false"},
			{`{"name": "e", "tenants": "acme"}`, "tenants: must be a list of names"},
			{`{"name": "f", "tenants": ["nowhere"]}`, "tenants: there is none with the name nowhere"},
			{`{"name": "g", "tenants": ["other"]}`, "tenants: there is none with the name other"}, // another customer's
			{`{"name": "h", "groups": ["nobody"]}`, "groups: there is none"},
			{`{"name": "i", "idps": ["nobody"]}`, "idps: there is none"},
			{`{"name": "j", "kind": "robot"}`, "kind: must be person or machine"},
			{`{"name": "k", "password": "short"}`, "password: it needs at least 15 characters"},
			{`{"name": "l", "password": "acme acme acme acme", "tenants": ["acme"]}`, "password: it is"},
			{`{"name": "m", "password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}`, "password_hash: cannot be read: known are bcrypt"},
			{`{"name": "n", "password_hash": "$2b$31$8/YcuWzY/d5FBfZN0q6zAeaYpUocVUzCsNoXpTMeJO5DQHmY30oyy"}`, "password_hash: costs too much to check"},
			{`{"name": "o", "password": "a long and winding road", "password_hash": "` + bcryptOfStaple + `"}`, "password_hash: cannot be given together"},
			{`{"name": "p", "kind": "machine", "password_hash": "` + bcryptOfStaple + `"}`, "password_hash: a machine has no password"},
			{`{"name": "q", "kind": "machine", "password": "a long and winding road"}`, "A machine user has no password"},
			{`{"name": "r", "name": "s"}`, "name: is given twice"},
			{`{"name": "t"} {"name": "u"}`, "holds more than one JSON object"},
			{`{"name": "v"`, "is not JSON"},
			{`["name"]`, "is not a JSON object"},
			{`{"name": "w", "display_name": "a\u0000b"}`, "display_name: must hold no control characters"},
			{`{"name": "x", "display_name": "` + strings.Repeat("x", 255) + `"}`, "display_name: is longer than 254 bytes"},
			{`{"name": "y", "display_name": "` + strings.Repeat("x", 70_000) + `"}`, "is longer than 64 KiB"},
			{`{"name": "z", "Password": "in the wrong case"}`, "Password: is not known here"},
			{`{"name": 7}`, "name: must be text"},
			{`{"name": "anna"}`, ""}, // who is there already
			{`{"name": "good-2", "password_hash": null}`, ""},
		}
		var text strings.Builder
		for _, l := range lines {
			text.WriteString(l.line + "\n")
		}
		for _, dry := range []bool{true, false} {
			r := h.bring(admin.Operator(), text.String(), admin.Import{DryRun: dry})
			all := faults(r)
			for i, l := range lines {
				prefix := fmt.Sprintf("line %d: ", i+1)
				if l.want == "" && strings.Contains(all, prefix) || l.want != "" && !strings.Contains(all, prefix+l.want) {
					t.Errorf("dry %v, %.60s: want %q in\n%s", dry, l.line, l.want, all)
				}
			}
			if want := fmt.Sprintf("read %d created 2 updated 0 unchanged 0 skipped 1 faulty %d kept 0", len(lines), len(lines)-3); counts(r) != want {
				t.Errorf("dry %v: %s, want %s", dry, counts(r), want)
			}
			if strings.Contains(all, "winding") || strings.Contains(all, "5f4dcc") || strings.Contains(all, "wrong case") {
				t.Error("a fault holds a secret", all)
			}
		}
	})
}

func TestImportCSVFaults(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		r := h.bring(admin.Operator(), "name,display_name,tenants\ngood,Good,acme\nx\n\nbad\"quote,B,\nlast,\"two\nlines\",acme\nend,End,\"acme|acme\"\n", admin.Import{DryRun: true})
		want := "line 3: has 1 cells, but the first line names 3 columns\nline 5: cannot be read: its quotes are wrong\nline 6: display_name: must hold no control characters"
		if faults(r) != want || r.Created != 2 {
			t.Errorf("%s\n%s", counts(r), faults(r))
		}
		for text, want := range map[string]string{
			"":                       "empty",
			" \r\n\t":                "empty",
			"[\n{\"name\":\"x\"}\n]": "JSON array",
			"name,colour\nx,red":     `"colour" is not known`,
			"display_name\nx":        `one of them must be "name"`,
			"name,email,name\n":      "there twice",
			"\"name\n":               "quotes",
			"PK\x03\x04":             "is not known",
		} {
			if r := h.bring(admin.Operator(), text, admin.Import{}); !strings.Contains(r.Stopped, want) || r.Created != 0 {
				t.Errorf("%q: %q", text, r.Stopped)
			}
		}
	})
}

// Updating gives and never takes: what a line does not name stays, and so does the
// password of who has one.
func TestImportUpdates(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		put(t)(h.Admin.Tenants.PutGroup(h.scoped(), &tenants.Group{Name: "nurses"}))
		h.user("acme", "carl")
		h.bring(admin.Operator(), `{"name": "dora", "email": "dora@example.test", "email_verified": true, "phone": "+41791234569", "phone_verified": true, "tenants": ["acme"]}`, admin.Import{})
		text := `{"name": "carl", "display_name": "Carl", "password_hash": "` + bcryptOfStaple + `", "tenants": ["globex"], "groups": ["nurses"]}
{"name": "dora", "email": "dora@new.example.test", "password": "a long and winding road"}
{"name": "erik", "tenants": ["acme"]}
{"name": "bob"}`
		update := admin.Import{Existing: admin.ImportUpdate}
		dry := update
		dry.DryRun = true
		for _, o := range []admin.Import{dry, update} {
			if r := h.bring(admin.Operator(), text, o); counts(r) != "read 4 created 1 updated 2 unchanged 1 skipped 0 faulty 0 kept 1" {
				t.Errorf("%s\n%s", counts(r), faults(r))
			}
		}
		carl, _ := h.find("carl")
		if of, err := h.Admin.Tenants.TenantsOf(h.scoped(), carl.ID); len(of) != 2 || err != nil || carl.DisplayName != "Carl" {
			t.Errorf("%+v in %v, %v", carl, of, err)
		}
		dora, _ := h.find("dora")
		if dora.EmailVerified || !dora.PhoneVerified || dora.Email != "dora@new.example.test" || dora.Phone == "" {
			t.Errorf("another address is proven: %+v", dora)
		}
		if _, err := h.Admin.Tenants.CheckPassword(h.in("acme"), "dora", "a long and winding road"); err != nil {
			t.Error("her first password:", err)
		}
		again := strings.ReplaceAll(text, "winding", "straight")
		if r := h.bring(admin.Operator(), again, update); counts(r) != "read 4 created 0 updated 0 unchanged 4 skipped 0 faulty 0 kept 2" {
			t.Errorf("again: %s\n%s", counts(r), faults(r))
		}
		if _, err := h.Admin.Tenants.CheckPassword(h.in("acme"), "dora", "a long and winding road"); err != nil {
			t.Error("an import replaced a password:", err)
		}
	})
}

// Who may import, and whom.
func TestImportAsOthers(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		put(t)(h.Admin.Tenants.PutGroup(h.scoped(), &tenants.Group{Name: "bosses"}))
		groups, err := h.Admin.Tenants.ListGroups(h.scoped())
		must(t, err)
		put(t)(h.Admin.Tenants.PutGrant(t.Context(), &tenants.Grant{Role: tenants.RoleSystemAdmin, SubjectKind: tenants.SubjectGroup, SubjectID: groups[0].ID, HomeID: h.one}))
		outside := tenants.IDP{Name: "outside", Title: "outside", Type: tenants.IDPLocal, Active: true}
		put(t)(h.Admin.Tenants.PutIDP(h.scoped(), &outside))
		h.user("acme", "carl")
		h.user("acme", "dora")
		h.user("acme", "erik")
		whole := db.Scope{Subscription: h.one}
		subAdmin := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, whole)
		tenantAdmin := h.as("acme", "carl", tenants.RoleTenantAdmin, h.scope("acme"))

		if r := h.bring(subAdmin, `{"name": "x", "groups": ["bosses"]}`+"\n"+`{"name": "y", "tenants": ["globex"]}`, admin.Import{}); counts(r) != "read 2 created 1 updated 0 unchanged 0 skipped 0 faulty 1 kept 0" ||
			!strings.Contains(faults(r), "line 1: groups: one of them has a role that is wider than yours") {
			t.Errorf("%s\n%s", counts(r), faults(r))
		}
		r := h.bring(tenantAdmin, `{"name": "a"}
{"name": "b", "tenants": ["globex"]}
{"name": "c", "tenants": ["acme"], "groups": ["bosses"]}
{"name": "d", "tenants": ["acme"], "idps": ["outside"]}
{"name": "e", "tenants": ["acme"]}
{"name": "anna", "display_name": "Mine", "tenants": ["acme"]}
{"name": "bob", "display_name": "Bob of Acme"}
{"name": "y", "tenants": ["acme"]}`, admin.Import{Existing: admin.ImportUpdate})
		if counts(r) != "read 8 created 1 updated 1 unchanged 0 skipped 0 faulty 6 kept 0" {
			t.Errorf("%s\n%s", counts(r), faults(r))
		}
		for _, want := range []string{"line 1: tenants: is required", "line 2: tenants: there is none", "line 3: groups: take an administrator", "line 4: idps: must be those", "line 6: This user belongs to other tenants too", "line 8: "} {
			if !strings.Contains(faults(r), want) {
				t.Errorf("lacks %q:\n%s", want, faults(r))
			}
		}
		if r := h.bring(tenantAdmin, `{"name": "f"}`, admin.Import{Tenants: []string{"acme"}}); r.Created != 1 {
			t.Errorf("%s\n%s", counts(r), faults(r))
		}
		old := subAdmin
		old.ProvenAt = h.clock.Now().Add(-time.Hour)
		for name, c := range map[string]struct {
			who  admin.Who
			o    admin.Import
			code string
		}{
			"help desk":                {h.as("acme", "dora", tenants.RoleHelpDesk, whole), admin.Import{}, "may_not"},
			"auditor":                  {h.as("acme", "erik", tenants.RoleAuditor, whole), admin.Import{}, "may_not"},
			"another customer":         {h.as("other", "olga", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.two}), admin.Import{}, "unknown"},
			"an old sign-in":           {old, admin.Import{}, ""},
			"an old sign-in, updating": {old, admin.Import{Existing: admin.ImportUpdate}, "sign_in_again"},
			"a tenant that is not":     {subAdmin, admin.Import{Tenants: []string{"other"}}, "invalid"},
			"a tenant of another":      {tenantAdmin, admin.Import{Tenants: []string{"globex"}}, "invalid"},
			"no such way":              {subAdmin, admin.Import{Existing: "replace"}, "invalid"},
		} {
			_, err := h.ImportUsers(t.Context(), c.who, h.one, strings.NewReader(`{"name": "nobody", "tenants": ["acme"]}`), c.o)
			t.Run(name, func(t *testing.T) { wantCode(t, err, c.code) })
		}
		_, err = h.ImportUsers(t.Context(), admin.Operator(), "01890000-0000-7000-8000-000000000000", strings.NewReader(`{"name": "x"}`), admin.Import{})
		wantCode(t, err, "unknown")
	})
}

func TestImportLimits(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		if r := h.bring(admin.Operator(), `{"name": "a", "password": "a long and winding road"}
{"name": "b", "password": "a long and winding road"}
{"name": "anna", "password": "a long and winding road"}`, admin.Import{Passwords: 1}); r.Created != 1 || r.Skipped != 1 || !strings.Contains(faults(r), "line 2: password: is one too many: 1 plain passwords") {
			t.Errorf("%s\n%s", counts(r), faults(r))
		}
		// What was read before a break is done.
		var some strings.Builder
		for i := range 700 {
			fmt.Fprintf(&some, "{\"name\": \"u%d\"}\n", i)
		}
		broken := errors.New("the line went dead")
		r, err := h.ImportUsers(t.Context(), admin.Operator(), h.one, io.MultiReader(strings.NewReader(some.String()), iotest.ErrReader(broken)), admin.Import{})
		if !errors.Is(err, broken) || r.Created != 700 {
			t.Errorf("%s %v", counts(r), err)
		}
		var steps []int
		r = h.bring(admin.Operator(), strings.ReplaceAll(some.String(), "u", "v"), admin.Import{DryRun: true, Progress: func(r admin.ImportResult) { steps = append(steps, r.Created) }})
		if r.Stopped != "" || fmt.Sprint(steps) != "[500 700]" {
			t.Errorf("%v %s", steps, r.Stopped)
		}
		many := strings.Repeat("{}\n", admin.MaxImport+1)
		if r := h.bring(admin.Operator(), many, admin.Import{DryRun: true}); !strings.Contains(r.Stopped, "50,000") || r.Read != admin.MaxImport || r.Faulty != admin.MaxImport || len(r.Faults) != 1000 {
			t.Errorf("%s %s, %d faults", counts(r), r.Stopped, len(r.Faults))
		}
		large := io.MultiReader(strings.NewReader("name,display_name\nx,\""), io.LimitReader(zeros{}, 65<<20))
		if r, err := h.ImportUsers(t.Context(), admin.Operator(), h.one, large, admin.Import{}); err != nil || !strings.Contains(r.Stopped, "64 MiB") || r.Created != 0 {
			t.Errorf("%s %q %v", counts(r), r.Stopped, err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// TestImportMany brings in more than one transaction holds; with TWOFOLD_SCALE=1 as many
// as may be, to measure it.
func TestImportMany(t *testing.T) {
	many := 1200
	if os.Getenv("TWOFOLD_SCALE") != "" {
		many = admin.MaxImport
	}
	eachHouse(t, func(t *testing.T, h *house) {
		var text strings.Builder
		for i := range many {
			fmt.Fprintf(&text, `{"name": "user-%d", "display_name": "User %d", "email": "u%d@example.test", "email_verified": true, "password_hash": %q, "tenants": ["acme", "globex"]}`+"\n", i, i, i, bcryptOfStaple)
		}
		for _, o := range []admin.Import{{DryRun: true}, {}, {}} {
			start, analyzed := time.Now(), 0
			// As autovacuum does, which is off in tests: without it PostgreSQL goes on taking
			// the table of users for as small as it was, and reads all of it for each.
			o.Progress = func(r admin.ImportResult) {
				if r.Read >= 2*analyzed {
					var none []int
					must(t, h.Admin.DB.QueryRaw(h.scoped(), &none, "ANALYZE users"))
					analyzed = r.Read
				}
			}
			r := h.bring(admin.Operator(), text.String(), o)
			t.Logf("%s in %s", counts(r), time.Since(start).Round(time.Millisecond))
			if r.Read != many || r.Faulty != 0 {
				t.Errorf("of %d: %s", many, counts(r))
			}
		}
	})
}

func FuzzImport(f *testing.F) {
	f.Add(`{"name": "x", "tenants": ["a", "b"], "active": true}`)
	f.Add("name,tenants,active\nx,a|b,yes\n")
	f.Add("\xef\xbb\xbfname;email\n\"x\";\n")
	f.Fuzz(func(t *testing.T, text string) {
		faults, err := admin.ReadAllImport(strings.NewReader(text))
		if err != nil && err.Error() == "" {
			t.Error("no words")
		}
		for _, x := range faults {
			if x.Line < 1 || x.Message == "" || strings.ContainsAny(x.Field, "\n\x1b") {
				t.Errorf("%q: %+v", text, x)
			}
		}
	})
}

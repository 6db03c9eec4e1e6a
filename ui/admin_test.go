package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/twofactor"
	"twofold/ui"
)

func query(raw string) ui.AdminQuery {
	v, _ := url.ParseQuery(raw)
	return ui.AdminQuery{
		Path: "/admin/users", Values: v, Search: "Find users", Order: "name", Next: "n+1", Noun: "user", Nouns: "users",
		Filters: []ui.AdminFilter{{Name: "state", Label: "State", Options: []ui.AdminOption{{Value: "locked", Label: "Locked"}}}, {Name: "by", Label: "By"}},
		Keep:    []string{"tab"},
	}
}

// TestAdminQueryLinks checks that a list's links carry its state, nothing that the
// list does not know, and a cursor only to the next page.
func TestAdminQueryLinks(t *testing.T) {
	q := query("search=a%26b&state=locked&sort=-created&after=x&limit=20&tab=all&evil=1")
	const state = "limit=20&search=a%26b&sort=-created&state=locked&tab=all"
	for _, tt := range []struct{ name, got, want string }{
		{"first", q.FirstURL(), "/admin/users?" + state},
		{"next", q.NextURL(), "/admin/users?after=n%2B1&" + state},
		{"clear", q.ClearURL(), "/admin/users?limit=20&sort=-created&tab=all"},
		{"first on the first page", query("").FirstURL(), ""},
		{"clear without state", query("state=locked").ClearURL(), "/admin/users"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	q.Next = ""
	if q.NextURL() != "" {
		t.Error("a next page after the last")
	}
	want := []ui.AdminChip{
		{Label: "Search", Value: "a&b", URL: "/admin/users?limit=20&sort=-created&state=locked&tab=all"},
		{Label: "State", Value: "Locked", URL: "/admin/users?limit=20&search=a%26b&sort=-created&tab=all"},
	}
	if diff := cmp.Diff(want, q.Chips()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]ui.Pair{{Name: "sort", Value: "-created"}, {Name: "limit", Value: "20"}, {Name: "tab", Value: "all"}}, q.Kept()); diff != "" {
		t.Error(diff)
	}
	if n := len(q.Matching()); n != 5 {
		t.Errorf("%d fields say what matches, want 5", n)
	}
}

func TestAdminSort(t *testing.T) {
	columns := []ui.AdminColumn{{Label: "Name", Sort: "name"}, {Label: "Created", Sort: "created", Down: true}, {Label: "State"}}
	for _, tt := range []struct {
		sort   string
		sorted [3]string
		next   [3]string
	}{
		{"", [3]string{"ascending"}, [3]string{"-name", "-created"}},
		{"-name", [3]string{"descending"}, [3]string{"name", "-created"}},
		{"-created", [3]string{"", "descending"}, [3]string{"name", "created"}},
		{"created", [3]string{"", "ascending"}, [3]string{"name", "-created"}},
		{"other", [3]string{}, [3]string{"name", "-created"}},
	} {
		v := ui.AdminList{AdminQuery: query("after=x"), Table: ui.AdminTable{Columns: columns}}
		if tt.sort != "" {
			v.Values.Set("sort", tt.sort)
		}
		for i, h := range v.Heads() {
			want := ""
			if tt.next[i] != "" {
				want = "/admin/users?sort=" + tt.next[i]
			}
			if h.Sorted != tt.sorted[i] || h.URL != want {
				t.Errorf("by %q, column %d: %q, %q", tt.sort, i, h.Sorted, h.URL)
			}
		}
	}
}

func TestAdminShown(t *testing.T) {
	for _, tt := range []struct {
		total, shown int
		next, want   string
	}{
		{0, 3, "", "3 users"},
		{0, 1, "", "1 user"},
		{0, 50, "x", "50 users, more follow"},
		{12345, 50, "x", "50 of 12,345 users"},
		{312, 1, "x", "1 of 312 users"},
		{1, 1, "", "1 user"},
	} {
		q := query("")
		q.Total, q.Next = tt.total, tt.next
		if got := q.Shown(tt.shown); got != tt.want {
			t.Errorf("%d of %d: %q, want %q", tt.shown, tt.total, got, tt.want)
		}
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)
	for before, want := range map[time.Duration]string{
		0: "just now", 90 * time.Second: "1 minute ago", 3 * time.Hour: "3 hours ago", 30 * time.Hour: "1 day ago", 40 * 24 * time.Hour: "17 October 2026",
		-time.Second: "in a moment", -2 * time.Hour: "in 2 hours", -40 * 24 * time.Hour: "5 January 2027",
	} {
		if got := ui.When(now, now.Add(-before)).Text; got != want {
			t.Errorf("%v: %q, want %q", before, got, want)
		}
	}
	w := ui.When(now, now.Add(-13*time.Hour).In(time.FixedZone("", 3600)))
	if w.Exact != "2026-11-25 23:00:00 UTC" || w.Machine != "2026-11-25T23:00:00Z" || w.Day != "Yesterday" {
		t.Errorf("%+v", w)
	}
	if w := ui.When(now, time.Time{}); w != (ui.AdminTime{Text: "never"}) {
		t.Errorf("%+v", w)
	}
}

// TestAdminFields checks that fields have values, places and sources, and that a
// secret never has its value.
func TestAdminFields(t *testing.T) {
	schema := []twofactor.Field{
		{Name: "Sender", Label: "Sender", Kind: twofactor.KindText, Default: "a"},
		{Name: "Server", Kind: twofactor.KindJSON, Fields: []twofactor.Field{
			{Name: "Host", Kind: twofactor.KindText}, {Name: "Password", Kind: twofactor.KindPassword, Secret: true, Required: true},
		}},
	}
	values := map[string]string{"Server.Host": "smtp.example", "Server.Password": "hunter2hunter2"}
	seen := ""
	fields := ui.AdminFields(schema, values, func(f *ui.AdminField) {
		seen += f.Name + " "
		if f.Draw == ui.DrawSecret {
			f.Set = "Set yesterday"
		}
	})
	if seen != "Sender Server.Host Server.Password Server " || fields[0].Value != "a" || fields[1].Fields[0].Value != "smtp.example" {
		t.Errorf("%s%+v", seen, fields)
	}
	v := ui.AdminForm{Sections: []ui.AdminSection{{Fields: fields}}, Errors: []ui.FieldError{{Field: "Server.Password", Message: "Type it again."}, {Field: "gone", Message: "Elsewhere."}}}
	page := draw(newUI(t), http.StatusUnprocessableEntity, v).Body.String()
	for _, want := range []string{`href="#f-Server-Password">Password: Type it again.`, `>Elsewhere.<`, `autofocus aria-invalid="true" aria-describedby="f-Server-Password-error"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "hunter2") || strings.Contains(page, "multipart") {
		t.Error("the page has the secret, or sends files")
	}
	// Whatever a handler puts into a secret field, or a change, it is not drawn.
	v.Sections[0].Fields = []ui.AdminField{{Input: ui.Input{Name: "s", Label: "S", Value: "hunter2"}, Draw: ui.DrawSecret}, {Input: ui.Input{Name: "p", Value: "hunter2", Kind: twofactor.KindPassword}}, {Input: ui.Input{Name: "f"}, Draw: ui.DrawFile}}
	v.Parts = []ui.AdminPart{{Difference: []ui.AdminChange{{Field: "S", Secret: true, Before: "hunter2", After: "hunter3"}}}}
	page = draw(newUI(t), http.StatusOK, v).Body.String()
	if strings.Contains(page, "hunter") || !strings.Contains(page, "multipart/form-data") {
		t.Error("the page has the secret, or sends no file")
	}
}

// TestAdminLocked checks that what is set above can be read and not sent, secrets not
// even read.
func TestAdminLocked(t *testing.T) {
	v := ui.AdminForm{Sections: []ui.AdminSection{{Fields: []ui.AdminField{
		{Input: ui.Input{Name: "life", Label: "Lifetime", Value: "24"}, Unit: "hours", LockedBy: "Set by subscription Acme"},
		{Input: ui.Input{Name: "key", Label: "Key", Value: "hunter2"}, Draw: ui.DrawSecret, Set: "Set yesterday", LockedBy: "Set by subscription Acme"},
	}}}}
	page := draw(newUI(t), http.StatusOK, v).Body.String()
	if strings.Contains(page, `name="life"`) || strings.Contains(page, `name="key"`) || strings.Contains(page, "hunter2") {
		t.Error("what is locked is sent, or a secret is read")
	}
	if !strings.Contains(page, ">24 hours<") || !strings.Contains(page, "Set yesterday") || !strings.Contains(page, "Set by subscription Acme") {
		t.Error("what is locked cannot be read")
	}
}

// TestAdminMail checks that a mail is drawn without anything that acts.
func TestAdminMail(t *testing.T) {
	v := ui.AdminForm{Message: &ui.AdminMessagePreview{HTML: `<h1 onclick="x()">Hi</h1><p style="color:red">a<b>b</b> &lt;script&gt;</p><script>alert(1)</script>` +
		`<style>*{}</style><svg><a href="javascript:x">s</a></svg><math><mtext><img src=x onerror=alert(1)></mtext></math><a href="javascript:y">l</a><iframe src="//x"></iframe><table><tr><td>c</td></tr></table><form action="//x"><input name=q><button>go</button></form>`}}
	page := draw(newUI(t), http.StatusOK, v).Body.String()
	_, rest, _ := strings.Cut(page, `<div class="letter" dir="auto">`)
	got, _, _ := strings.Cut(rest, "\n<details")
	if want := `<p>Hi</p><p>a<b>b</b> &lt;script&gt;</p><u>l</u><div><div><span>c</span></div></div></div>`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAdminSpeaksEnglish checks that the frame does not mix languages.
func TestAdminSpeaksEnglish(t *testing.T) {
	v := ui.AdminDetail{AdminPage: ui.AdminPage{Page: ui.Page{Lang: "de", Notice: &ui.Notice{Kind: ui.Bad, Text: "No."}}, Heading: "Users"}}
	page := draw(newUI(t), http.StatusOK, v).Body.String()
	if !strings.Contains(page, `<html lang="en" dir="ltr">`) || title(t, page) != "Error: Users · Twofold" || strings.Contains(page, "Fehler") {
		t.Error("the page speaks German")
	}
}

// TestAdminProgressWithoutScript checks that a job is asked for again until it is over.
func TestAdminProgressWithoutScript(t *testing.T) {
	v := ui.AdminProgress{Done: 1, Total: 2, Refresh: 5}
	const meta = `<noscript><meta http-equiv="refresh" content="5"></noscript>`
	if !strings.Contains(draw(newUI(t), http.StatusOK, v).Body.String(), meta) {
		t.Error("the page is not asked for again")
	}
	v.Refresh = 0
	if strings.Contains(draw(newUI(t), http.StatusOK, v).Body.String(), "http-equiv") {
		t.Error("the page is asked for after the end")
	}
}

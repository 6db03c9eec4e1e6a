package ui_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"twofold/ui/storybook"
)

// TestPagesAreWellFormed checks that every element that is opened is closed in
// order, and that no id or attribute is given twice.
func TestPagesAreWellFormed(t *testing.T) {
	void := words("meta link input img br hr")
	for name, page := range drawStories(t, "en") {
		var open []string
		ids := map[string]bool{}
		eachToken(t, page, func(tok html.Token) {
			attrs := map[string]bool{}
			for _, a := range tok.Attr {
				if attrs[a.Key] {
					t.Errorf("%s: <%s> has %s twice", name, tok.Data, a.Key)
				}
				attrs[a.Key] = true
				if a.Key == "id" {
					if ids[a.Val] {
						t.Errorf("%s: id %s twice", name, a.Val)
					}
					ids[a.Val] = true
				}
			}
			switch {
			case tok.Type == html.StartTagToken && !void[tok.Data]:
				open = append(open, tok.Data)
			case tok.Type == html.EndTagToken:
				if len(open) == 0 || open[len(open)-1] != tok.Data {
					t.Fatalf("%s: </%s> closes %v", name, tok.Data, open)
				}
				open = open[:len(open)-1]
			}
		})
		if len(open) > 0 {
			t.Errorf("%s: %v left open", name, open)
		}
	}
}

// TestPagesKeepThePolicy checks that pages hold nothing that the content
// security policy would stop, and ask no other host for anything.
func TestPagesKeepThePolicy(t *testing.T) {
	for name, page := range drawStories(t, "en") {
		eachToken(t, page, func(tok html.Token) {
			if tok.Data == "style" || tok.Data == "base" || tok.Data == "iframe" || tok.Data == "object" {
				t.Errorf("%s: <%s>", name, tok.Data)
			}
			if tok.Type == html.StartTagToken && tok.Data == "script" && (attr(tok, "src") == "" || attr(tok, "type") != "module") {
				t.Errorf("%s: a script that is not a module of its own: %v", name, tok)
			}
			for _, a := range tok.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: <%s %s>", name, tok.Data, a.Key)
				}
				if strings.Contains(a.Val, "ZgotmplZ") {
					t.Errorf("%s: <%s %s> was refused by html/template", name, tok.Data, a.Key)
				}
				if (a.Key == "src" || tok.Data == "link" && a.Key == "href") && (!strings.HasPrefix(a.Val, "/") || strings.HasPrefix(a.Val, "//")) {
					t.Errorf("%s: %s=%q leaves the origin", name, a.Key, a.Val)
				}
			}
		})
	}
}

// TestPagesCanBeUsedByEverybody checks what a page owes to keyboards and
// screen readers, as far as markup shows it.
func TestPagesCanBeUsedByEverybody(t *testing.T) {
	for name, page := range drawStories(t, "en") {
		count := map[string]int{}
		ids, labelled, needed := map[string]bool{}, map[string]bool{}, map[string]bool{}
		var inputs []string
		eachToken(t, page, func(tok html.Token) {
			if tok.Type != html.StartTagToken && tok.Type != html.SelfClosingTagToken {
				return
			}
			count[tok.Data]++
			ids[attr(tok, "id")] = true
			if has(tok, "autofocus") {
				count["autofocus"]++
			}
			for _, key := range []string{"aria-describedby", "aria-labelledby", "data-reveal"} {
				for v := range strings.FieldsSeq(attr(tok, key)) {
					needed[v] = true
				}
			}
			switch {
			case tok.Data == "label":
				labelled[attr(tok, "for")] = true
			case tok.Data == "input" && attr(tok, "type") != "hidden", tok.Data == "select", tok.Data == "textarea":
				inputs = append(inputs, attr(tok, "id"))
			case tok.Data == "form" && attr(tok, "method") != "post" && !(strings.HasPrefix(name, "admin.") && attr(tok, "method") == "get"):
				t.Errorf("%s: a form that does not post", name)
			case tok.Data == "a" && strings.HasPrefix(attr(tok, "href"), "#"):
				needed[attr(tok, "href")[1:]] = true
			case tok.Data == "img" && !has(tok, "alt"):
				t.Errorf("%s: a picture without alt", name)
			case tok.Data == "html" && (attr(tok, "lang") == "" || attr(tok, "dir") == ""):
				t.Errorf("%s: no lang or dir", name)
			}
		})
		for _, id := range inputs {
			if id == "" || !labelled[id] {
				t.Errorf("%s: input %q has no label", name, id)
			}
		}
		for id := range labelled {
			if !ids[id] {
				t.Errorf("%s: label for missing %q", name, id)
			}
		}
		for id := range needed {
			if !ids[id] {
				t.Errorf("%s: %q is referred to and missing", name, id)
			}
		}
		for element, want := range map[string]int{"h1": 1, "main": 1, "title": 1, "header": 1} {
			if count[element] != want {
				t.Errorf("%s: %d <%s>, want %d", name, count[element], element, want)
			}
		}
		if count["autofocus"] > 1 {
			t.Errorf("%s: %d fields want the focus", name, count["autofocus"])
		}
	}
}

// TestTitles checks that a title says first what changed.
func TestTitles(t *testing.T) {
	pages := drawStories(t, "en")
	for name, want := range map[string]string{
		"signin.plain":           "Sign in · Acme",
		"signin.bare":            "Sign in · Twofold",
		"signin.wrong":           "Error: Sign in · Acme",
		"challenge.sent":         "E-mail code · Acme",
		"challenge.wrong":        "Error: E-mail code · Acme",
		"choose.error":           "Error: Confirm that it is you · Acme",
		"problem.unknown-tenant": "Error: There is no way to sign in here · Twofold",
		"end.signed-out":         "You are signed out · Acme",
		"end.form-post":          "Back to Expenses · Acme",
		"brand.hostile-name":     "Sign in · Acme<script>alert(1)</script>gnp.exe",
	} {
		if got := title(t, pages[name]); got != want {
			t.Errorf("%s: title %q, want %q", name, got, want)
		}
	}
	for _, s := range storybook.Stories("en") {
		failed := strings.Contains(pages[s.Name], `aria-invalid="true"`) || strings.Contains(pages[s.Name], ">Error: </span>")
		if failed && !strings.HasPrefix(s.Name, "wide.") && !strings.HasPrefix(title(t, pages[s.Name]), "Error: ") {
			t.Errorf("%s: the title hides the error", s.Name)
		}
	}
}

// TestHostileNames checks that names stay names.
func TestHostileNames(t *testing.T) {
	page := drawStories(t, "en")["brand.hostile-name"]
	for _, bad := range []string{"<script>alert", "\u202e", "javascript:", "display:none", "accent-"} {
		if strings.Contains(page, bad) {
			t.Errorf("page contains %q", bad)
		}
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts, want 1", n)
	}
	if n := strings.Count(page, "<bdi>Acme&lt;script&gt;"); n != 2 {
		t.Errorf("%d isolated names, want 2", n)
	}
}

func title(t *testing.T, page string) string {
	t.Helper()
	_, rest, _ := strings.Cut(page, "<title>")
	in, _, found := strings.Cut(rest, "</title>")
	if !found {
		t.Fatal("no title")
	}
	return html.UnescapeString(in)
}

func eachToken(t *testing.T, page string, do func(html.Token)) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		if z.Next() == html.ErrorToken {
			if !errors.Is(z.Err(), io.EOF) {
				t.Fatal(z.Err())
			}
			return
		}
		do(z.Token())
	}
}

func attr(tok html.Token, key string) string {
	for _, a := range tok.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(tok html.Token, key string) bool {
	for _, a := range tok.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

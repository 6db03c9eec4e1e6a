package ui_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"twofold/ui"
	"twofold/ui/storybook"
)

// forms are the sentences of one key: by plural form, or one under "other".
type forms map[string]string

func readTexts(t *testing.T, lang string) map[string]forms {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("texts", lang+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(lang, err)
	}
	out := map[string]forms{}
	for key, v := range all {
		out[key] = forms{}
		switch v := v.(type) {
		case string:
			out[key]["other"] = v
		case map[string]any:
			for form, s := range v {
				out[key][form], _ = s.(string)
			}
		}
	}
	return out
}

// action is what html/template replaces.
var action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// TestTextsAgree compares the languages: the same keys, the same variables in each
// sentence, all the plural forms that a language has (CLDR).
func TestTextsAgree(t *testing.T) {
	english := readTexts(t, "en")
	plurals := map[string][]string{"en": {"one", "other"}, "de": {"one", "other"}, "fr": {"many", "one", "other"}, "it": {"many", "one", "other"}}
	for lang, want := range plurals {
		texts := readTexts(t, lang)
		for key := range english {
			if texts[key] == nil {
				t.Errorf("%s lacks %s", lang, key)
			}
		}
		for key, f := range texts {
			if english[key] == nil {
				t.Errorf("%s has %s, which en has not", lang, key)
				continue
			}
			if got := slices.Sorted(mapKeys(f)); len(english[key]) > 1 && !slices.Equal(got, want) || len(english[key]) == 1 && len(f) != 1 {
				t.Errorf("%s: %s has the forms %v", lang, key, got)
			}
			for form, s := range f {
				if got, want := variables(s), variables(english[key]["other"]); !slices.Equal(got, want) {
					t.Errorf("%s: %s (%s) has the variables %v, want %v", lang, key, form, got, want)
				}
				checkWriting(t, lang, key, s)
			}
		}
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func variables(s string) []string {
	v := placeholder.FindAllString(s, -1)
	slices.Sort(v)
	return v
}

// checkWriting finds what no sentence may have.
func checkWriting(t *testing.T, lang, key, s string) {
	t.Helper()
	switch {
	case s == "" || strings.TrimSpace(s) != s || strings.Contains(s, "  "):
		t.Errorf("%s: %s is empty or has blanks too many: %q", lang, key, s)
	case strings.ContainsAny(s, "<>&!"):
		t.Errorf("%s: %s is not plain or shouts: %q", lang, key, s)
	case lang == "de" && strings.Contains(s, "ß"):
		t.Errorf("de: %s is not spelt the Swiss way: %q", key, s)
	case lang == "fr" && regexp.MustCompile(`[^\x{a0}:][:?;]( |$)`).MatchString(s):
		t.Errorf("fr: %s lacks the space before a mark: %q", key, s)
	case (lang == "fr" || lang == "it") && strings.Contains(s, "'"):
		t.Errorf("%s: %s has a straight apostrophe: %q", lang, key, s)
	}
}

// literals are all string literals of the Go files in dirs, tests left out, and those
// of the templates.
func literals(t *testing.T, dirs ...string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, dir := range dirs {
		eachGoFile(t, dir, func(f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						found[s] = true
					}
				}
				return true
			})
		})
	}
	for _, source := range templateFiles(t) {
		for _, a := range action.FindAllString(source, -1) {
			for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(a, -1) {
				found[m[1]] = true
			}
		}
	}
	return found
}

func eachGoFile(t *testing.T, dir string, do func(*ast.File)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(dir, files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		do(f)
	}
}

func templateFiles(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	out := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = string(b)
	}
	return out
}

// TestTextsAreUsed finds sentences that nobody says. Keys that are put together
// count when their beginning, up to a dot, stands somewhere.
func TestTextsAreUsed(t *testing.T) {
	said := literals(t, ".", "storybook", "../idp")
	for key := range readTexts(t, "en") {
		start := key[:strings.LastIndex(key, ".")+1]
		if !said[key] && (start == "" || !said[start] && !said[start+"%d"]) {
			t.Errorf("nobody says %s", key)
		}
	}
}

// TestTextsAreThere checks that whatever is said by its key has words.
func TestTextsAreThere(t *testing.T) {
	texts := readTexts(t, "en")
	check := func(where, key string) {
		if texts[key] == nil && !strings.Contains(key, "%") && !strings.HasSuffix(key, ".") {
			t.Errorf("%s says %s, which has no words", where, key)
		}
	}
	for name, source := range templateFiles(t) {
		for _, m := range regexp.MustCompile(`[({ ](?:t|named) "([^"]+)"`).FindAllStringSubmatch(source, -1) {
			check(name, m[1])
		}
	}
	for _, dir := range []string{".", "storybook", "../idp"} {
		eachGoFile(t, dir, func(f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				place := 0
				switch fun := call.Fun.(type) {
				case *ast.SelectorExpr:
					if x, isIdent := fun.X.(*ast.Ident); fun.Sel.Name != "Say" || isIdent && x.Name == "samples" {
						return true
					} else if isIdent && x.Name == "ui" {
						place = 1
					}
				case *ast.Ident:
					if fun.Name != "Say" {
						return true
					}
					place = 1
				default:
					return true
				}
				if lit, ok := call.Args[place].(*ast.BasicLit); ok {
					key, _ := strconv.Unquote(lit.Value)
					check(dir, key)
				}
				return true
			})
		})
	}
}

// consoleProblems are the codes that only the console and the REST API answer with, in
// English: no page of a sign-in or an account can come upon them.
const consoleProblems = "claim_protected insufficient_scope role_unknown secret_unknown session_unknown token_invalid unknown"

// TestProblemsHaveWords checks that every error that a page can show has words in
// all languages.
func TestProblemsHaveWords(t *testing.T) {
	codes := map[string]bool{"internal": true}
	for _, dir := range []string{"../idp", "../idp/op", "../tenants", "../twofactor/ceremony"} {
		eachGoFile(t, dir, func(f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || !slices.Contains([]string{"New", "Wrap", "Busy"}, sel.Sel.Name) {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); !ok || x.Name != "problem" {
					return true
				}
				lit, ok := call.Args[1].(*ast.BasicLit)
				if !ok {
					t.Errorf("%s: a code that is not written out", dir)
					return true
				}
				code, _ := strconv.Unquote(lit.Value)
				codes[code] = true
				return true
			})
		})
	}
	texts := readTexts(t, "en")
	console := words(consoleProblems)
	for code := range codes {
		if texts["problem."+code] == nil && !console[code] {
			t.Errorf("problem.%s has no words", code)
		}
	}
	for key := range texts {
		if code, ok := strings.CutPrefix(key, "problem."); ok && !codes[code] {
			t.Errorf("no error has the code of %s", key)
		}
	}
}

// TestTemplatesHoldNoWords finds words that stand in a template instead of in the
// texts: in text, or in what people are read out. The admin frame speaks English
// alone; its words stand in its templates.
func TestTemplatesHoldNoWords(t *testing.T) {
	// Not words: attributes that a template of their own holds, and the product's name.
	attributes := regexp.MustCompile(`(?m)^\{\{define "input-attrs"\}\}.*$`)
	plain := strings.NewReplacer("<noscript>", "", "</noscript>", "", "}}Twofold{{", "}}{{")
	for name, source := range templateFiles(t) {
		if strings.HasPrefix(filepath.Base(name), "admin") {
			continue
		}
		eachToken(t, action.ReplaceAllString(plain.Replace(attributes.ReplaceAllString(source, "")), ""), func(tok html.Token) {
			if tok.Type == html.TextToken && hasLetter(tok.Data) {
				t.Errorf("%s: the words %q", name, strings.TrimSpace(tok.Data))
			}
			for _, key := range []string{"aria-label", "title", "alt", "placeholder", "data-hide", "data-done", "data-wait"} {
				if v := attr(tok, key); hasLetter(v) {
					t.Errorf("%s: %s=%q", name, key, v)
				}
			}
		})
	}
	script, err := os.ReadFile("assets/signin.js")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`//.*`).ReplaceAllString(string(script), "")
	for _, m := range regexp.MustCompile(`'[^'\n]*'|"[^"\n]*"|`+"`[^`]*`").FindAllString(code, -1) {
		if regexp.MustCompile(`^.[A-Z][a-z]+( |.$)|[a-z] [a-z]+ [a-z]`).MatchString(m) {
			t.Errorf("signin.js: the words %s", m)
		}
	}
}

func hasLetter(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }

// TestPagesSpeakOneLanguage draws every story in every language and looks for
// English sentences and for keys without words.
func TestPagesSpeakOneLanguage(t *testing.T) {
	english := readTexts(t, "en")
	for _, lang := range storybook.Languages()[1:] {
		foreign := map[string]string{}
		for key, f := range readTexts(t, lang) {
			for form, s := range english[key] {
				if f[form] != s && !strings.Contains(s, "{") {
					foreign[s] = key
				}
			}
		}
		for _, f := range readTexts(t, lang) { // the same word may be right elsewhere
			for _, s := range f {
				delete(foreign, s)
			}
		}
		for name, page := range drawStories(t, lang) {
			if strings.HasPrefix(name, "wide.") || name == "brand.rtl-page" || name == "challenge.every-kind" {
				continue // in a language of their own
			}
			eachToken(t, page, func(tok html.Token) {
				said := []string{attr(tok, "aria-label"), attr(tok, "data-hide"), attr(tok, "data-hide-label"), attr(tok, "data-done")}
				if tok.Type == html.TextToken {
					said = append(said, strings.TrimSpace(tok.Data))
				}
				for _, s := range said {
					if foreign[s] != "" {
						t.Errorf("%s in %s says %q", name, lang, s)
					}
					if english[s] != nil && strings.Contains(s, ".") {
						t.Errorf("%s in %s says the key %s", name, lang, s)
					}
				}
				if tok.Data == "html" && tok.Type == html.StartTagToken && attr(tok, "lang") != lang {
					t.Errorf("%s in %s says it speaks %s", name, lang, attr(tok, "lang"))
				}
			})
		}
	}
}

func TestSay(t *testing.T) {
	for _, tt := range []struct {
		name, lang, key string
		vars            []any
		want            string
	}{
		{"English", "en", "signin.title", nil, "Sign in"},
		{"German", "de", "signin.title", nil, "Anmelden"},
		{"with a region", "de-CH", "signin.title", nil, "Anmelden"},
		{"in capitals", "FR", "signin.title", nil, "Se connecter"},
		{"not spoken", "rm", "signin.title", nil, "Sign in"},
		{"no language", "", "signin.title", nil, "Sign in"},
		{"one", "it", "wait.hours", []any{"n", 1}, "1 ora"},
		{"many", "it", "wait.hours", []any{"n", 2}, "2 ore"},
		{"none is plural in English", "en", "wait.hours", []any{"n", 0}, "0 hours"},
		{"none is singular in French", "fr", "wait.hours", []any{"n", 0}, "0 heure"},
		{"a million", "fr", "wait.hours", []any{"n", 1_000_000}, "1000000 heures"},
		{"a variable", "fr", "back-to", []any{"app", "Frais"}, "Retour à Frais"},
		{"a value is not a sentence", "en", "ago.date", []any{"date", "{date} {{.}} <b>"}, "on {date} {{.}} <b>"},
		{"a variable that is missing", "en", "back-to", nil, "Back to {app}"},
		{"no such key", "en", "no.such.key", nil, "no.such.key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ui.Say(tt.lang, tt.key, tt.vars...); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	if got := (ui.Page{Lang: "de"}).Explain("wrong_code", "x"); !strings.HasPrefix(got, "Das ist nicht der richtige Code.") {
		t.Error(got)
	}
	if got := (ui.Page{Lang: "de"}).Explain("unheard_of", "The message."); got != "The message." {
		t.Error(got)
	}
}

func TestDates(t *testing.T) {
	first, third := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, time.March, 3, 0, 0, 0, 0, time.UTC)
	for lang, want := range map[string][2]string{
		"en": {"1 December 2026", "3 March 2027"}, "de": {"1. Dezember 2026", "3. März 2027"},
		"fr": {"1er décembre 2026", "3 mars 2027"}, "it": {"1º dicembre 2026", "3 marzo 2027"},
	} {
		p := ui.Page{Lang: lang}
		if got := [2]string{p.Date(first), p.Date(third)}; got != want {
			t.Errorf("%s: %q", lang, got)
		}
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)
	p := ui.Page{Lang: "de"}
	for before, want := range map[time.Duration]string{
		-time.Hour: "gerade eben", 59 * time.Second: "gerade eben", time.Minute: "vor 1 Minute", 59 * time.Minute: "vor 59 Minuten",
		time.Hour: "vor 1 Stunde", 30 * time.Hour: "vor 1 Tag", 72 * time.Hour: "vor 3 Tagen", 40 * 24 * time.Hour: "am 17. Oktober 2026",
	} {
		if got := p.Ago(now, now.Add(-before)); got != want {
			t.Errorf("%v: %q, want %q", before, got, want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, tt := range []struct {
		name  string
		prefs []string
		want  string
	}{
		{"nothing said", nil, "en"},
		{"empty", []string{"", ""}, "en"},
		{"a tag", []string{"fr"}, "fr"},
		{"the first that suits", []string{"pt", "", "it", "de"}, "it"},
		{"ui_locales", []string{"rm-CH de-CH fr"}, "de"},
		{"ui_locales of nobody here", []string{"pt es", "fr"}, "fr"},
		{"Accept-Language", []string{"pt-BR,pt;q=0.9,it-CH;q=0.8,en;q=0.5"}, "it"},
		{"Accept-Language by weight", []string{"en;q=0.1, fr;q=0.7"}, "fr"},
		{"a good match before a later exact one", []string{"de-CH, en"}, "de"},
		{"Swiss German", []string{"gsw-CH"}, "de"},
		{"anything", []string{"*", "it"}, "it"},
		{"not a tag", []string{"../../etc", "it"}, "it"},
		{"underscore", []string{"de_CH"}, "de"},
		{"far too long", []string{strings.Repeat("fr,", 300), "it"}, "it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ui.Language(tt.prefs...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if _, ok := ui.Match("pt", ""); ok {
		t.Error("Portuguese decides")
	}
}

func FuzzLanguage(f *testing.F) {
	for _, s := range []string{"", "de-CH, en;q=0.5", "fr it", "*", "x-private", "en-u-co-phonebk", "a;q=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pref string) {
		if tag := ui.Language(pref); !ui.Speaks(tag) {
			t.Errorf("%q leads to %q", pref, tag)
		}
	})
}

func TestLanguageLinks(t *testing.T) {
	p := ui.Page{Lang: "de-CH", LanguageURL: "/t/acme/end_session?state=a%26b&lang=xx"}
	want := []ui.LanguageLink{
		{Tag: "en", Name: "English", URL: "/t/acme/end_session?lang=en&state=a%26b"},
		{Tag: "de", Name: "Deutsch", URL: "/t/acme/end_session?lang=de&state=a%26b", Current: true},
		{Tag: "fr", Name: "Français", URL: "/t/acme/end_session?lang=fr&state=a%26b"},
		{Tag: "it", Name: "Italiano", URL: "/t/acme/end_session?lang=it&state=a%26b"},
	}
	if diff := cmp.Diff(want, p.Languages()); diff != "" {
		t.Error(diff)
	}
	if (ui.Page{}).Languages() != nil {
		t.Error("links to nowhere")
	}
	p.App = "Expenses"
	if w := draw(newUI(t), 200, ui.FormPost{Page: p, Target: "https://a.example/"}); strings.Contains(w.Body.String(), "lang=fr") {
		t.Error("an answer to an app can be asked for again")
	}
}

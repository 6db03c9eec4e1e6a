package letters

import (
	"strings"
	"testing"

	"twofold/twofactor"
)

// refused expects Check to have something against exactly this part, in these words.
func refused(t *testing.T, kind string, part Part, source, words string) {
	t.Helper()
	var p Parts
	p.set(part, source)
	errs := Check(kind, p)
	if len(errs) != 1 || errs[0].Field != string(part) || !strings.Contains(errs[0].Message, words) {
		t.Errorf("%s: got %v, want %q", part, errs, words)
	}
}

func accepted(t *testing.T, kind string, part Part, source string) {
	t.Helper()
	var p Parts
	p.set(part, source)
	for _, e := range Check(kind, p) {
		t.Errorf("%s %s: %s", e.Field, e.Message, source)
	}
}

// TestSandbox: templates compare and print, and that is all.
func TestSandbox(t *testing.T) {
	for name, c := range map[string]struct{ source, words string }{
		"unknown variable":       {"{{.Code}} {{.Password}}", "uses .Password, but this kind of message has only .Name, .Realm, .Host, .Code"},
		"another kind's":         {"{{.Code}} {{.Link}}", "uses .Link"},
		"of the layout":          {"{{.Code}} {{.Lang}}", "uses .Lang"},
		"lower case":             {"{{.code}}", "uses .code"},
		"a part of a variable":   {"{{.Code.Foo}}", "variables have no parts"},
		"everything":             {"{{.Code}}{{.}}", "outside of {{with}}"},
		"everything by dollar":   {"{{.Code}}{{$}}", "must not use $"},
		"a variable in a with":   {"{{with .Name}}{{.Code}}{{end}}", "as $.Code"},
		"a variable of its own":  {"{{$x := .Name}}{{$x}}{{.Code}}", "must not set variables"},
		"setting in an if":       {"{{if $x := .Name}}{{$x}}{{end}}{{.Code}}", "must not set variables"},
		"a loop":                 {"{{range .Name}}x{{end}}{{.Code}}", "{{range}}"},
		"a loop in an else":      {"{{if .Name}}{{else}}{{range .Name}}x{{end}}{{end}}{{.Code}}", "{{range}}"},
		"a loop over a number":   {"{{range 100000000}}x{{end}}{{.Code}}", "{{range}}"},
		"break":                  {"{{.Code}}{{break}}", "cannot be read"},
		"itself":                 {`{{.Code}}{{template "letter" .}}`, "must not have {{template}}"},
		"another template":       {`{{.Code}}{{template "mail" .}}`, "must not have {{template}}"},
		"a template of its own":  {`{{define "x"}}{{end}}{{.Code}}`, "must not define templates"},
		"itself anew":            {`{{define "letter"}}{{range .}}{{end}}{{end}}`, "{{range}}"},
		"a block":                {`{{block "x" .}}{{end}}{{.Code}}`, "must not define templates"},
		"printf":                 {`{{printf "%1000000d" 1}}{{.Code}}`, `function "printf" not defined`},
		"call":                   {"{{call .Name}}{{.Code}}", `function "call" not defined`},
		"index":                  {`{{index . "Code"}}`, `function "index" not defined`},
		"html":                   {"{{.Code | html}}", `function "html" not defined`},
		"urlquery":               {"{{urlquery .Code}}", `function "urlquery" not defined`},
		"unescaped":              {"{{safeHTML .Code}}", `function "safeHTML" not defined`},
		"a pipe":                 {"{{.Code | not}}", "must not have |"},
		"a method":               {`{{.Code.String "x"}}`, "must not call"},
		"a call of a variable":   {`{{.Code "x"}}`, "must not call .Code"},
		"a chain":                {`{{(or .Name .Code).Foo}}`, "must not use"},
		"a number":               {"{{if eq .Minutes 1}}{{end}}{{.Code}}", "must write 1 in quotes"},
		"nil":                    {"{{if eq .Name nil}}{{end}}{{.Code}}", "must not use nil"},
		"true":                   {"{{if true}}{{end}}{{.Code}}", "must not use true"},
		"too few values":         {"{{if eq .Name}}{{end}}{{.Code}}", "must not call eq with 1 values"},
		"too many values":        {`{{if ne .Name "a" "b"}}{{end}}{{.Code}}`, "must not call ne with 3 values"},
		"values hidden by and":   {`{{if and .Name (not .Name .Name)}}{{end}}{{.Code}}`, "must not call not with 2 values"},
		"comparing a comparison": {`{{if eq .Name (not .Name)}}{{end}}{{.Code}}`, "must compare variables and texts"},
		"open":                   {"{{.Code", "cannot be read: line 1: unclosed action"},
		"no end":                 {"\n{{if .Name}}{{.Code}}", "cannot be read: line 2: unexpected EOF"},
		"deep":                   {strings.Repeat("{{if .Name}}", 16) + "x" + strings.Repeat("{{end}}", 16) + "{{.Code}}", "more than 15 deep"},
		"very deep":              {strings.Repeat("{{if .Name}}", 600) + strings.Repeat("{{end}}", 600) + "{{.Code}}", "more than 15 deep"},
		"deep by else":           {"{{if .Name}}" + strings.Repeat("{{else if .Name}}", 600) + "{{end}}{{.Code}}", "more than 15 deep"},
		"deep by parentheses":    {"{{if " + strings.Repeat("(not ", 2000) + ".Name" + strings.Repeat(")", 2000) + "}}{{end}}{{.Code}}", ""},
		"a megabyte":             {"{{.Code}}" + strings.Repeat("x", 1<<20), "at most 16384 bytes"},
		"makes too much":         {"{{.Code}}" + strings.Repeat("{{.Realm}}", 1600), "more than"},
		"invalid UTF-8":          {"{{.Code}}\xff", "UTF-8"},
		"invalid UTF-8 in text":  {`{{.Code}}{{"\xff"}}`, "control characters"},
		"control characters":     {"{{.Code}}\x00", "control characters"},
		"a bare CR":              {"{{.Code}}\rx", "control characters"},
		"backwards":              {"{{.Code}}\u202e", "control characters"},
		"backwards by an escape": {`{{.Code}}{{"\u202e"}}`, "control characters"},
		"our marks":              {"{{.Code}}" + linkMark, "private use"},
		"no code":                {"Welcome", "does not show {{.Code}}"},
		"a code for some only":   {"{{if .Name}}{{.Code}}{{else}}x{{end}}", "does not show {{.Code}}, when all that may be empty is"},
		"a code unless named":    {`{{if and .Realm (not .Name)}}x{{else}}{{.Code}}{{end}}`, "does not show {{.Code}}, when .Name is empty"},
		"empty for some":         {"{{with .Name}}{{.}} {{$.Code}}{{end}}", "makes nothing, when all that may be empty is"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, part := range []Part{Text, HTML, SMS} {
				if name == "makes too much" && part == SMS {
					refused(t, "code", part, c.source, "480 characters")
					continue
				}
				if name == "empty for some" && part == HTML {
					continue // the page around it is there
				}
				refused(t, "code", part, c.source, c.words)
			}
		})
	}
	for name, source := range map[string]string{
		"plain":             "{{.Code}}",
		"all variables":     "{{.Name}} {{.Realm}} {{.Host}} {{.Code}} {{.Minutes}} {{.At}}",
		"by dollar":         "{{$.Code}}",
		"conditions":        `{{if and .Name (ne .Realm "Acme") (or .At (not .Host))}}a{{else if eq .Minutes "1"}}b{{else}}c{{end}} {{.Code}}`,
		"with":              `{{with .Name}}{{.}} {{$.Realm}}{{else}}{{.Realm}}{{end}} {{.Code}}`,
		"trimmed":           "{{- .Code -}}",
		"a comment":         "{{/* for {{.Nobody}} */}}{{.Code}}",
		"a string":          `{{"{{.Nothing}}"}} {{.Code}}`,
		"shell":             "${Code} $(id) `id` %s {{.Code}}",
		"Windows lines":     "Hello\r\n{{.Code}}\r\n",
		"emoji":             "👩‍💻 {{.Code}}",
		"nearly too deep":   strings.Repeat("{{if .Name}}", 15) + "x" + strings.Repeat("{{end}}", 15) + "{{.Code}}",
		"other curly ones":  "{ {.Code} } {{.Code}}",
		"a condition on it": "{{if .Code}}{{.Code}}{{end}}",
	} {
		t.Run(name, func(t *testing.T) {
			for _, part := range []Part{Text, HTML, SMS} {
				accepted(t, "code", part, source)
			}
		})
	}
}

func TestCheckSubject(t *testing.T) {
	for source, words := range map[string]string{
		"{{.Code}}":                          "must not use .Code",
		"{{if .Code}}x{{end}}y":              "must not use .Code",
		"{{with .Code}}{{.}}{{end}}y":        "must not use .Code",
		"{{$.Code}}":                         "must not use .Code",
		"{{if eq .Code \"1\"}}x{{end}}y":     "must not use .Code",
		"x{{if (and .Name .Code)}}x{{end}}y": "must not use .Code",
		"Hello\r\nBcc: eve@evil.example":     "one line",
		"Hello\nBcc: eve@evil.example":       "one line",
		"Hello\x00":                          "control characters",
		"{{with .Realm}}{{.}}{{end}}":        "makes nothing",
		" ":                                  "makes nothing",
	} {
		refused(t, "code", Subject, source, words)
	}
	refused(t, "reset", Subject, "{{.Link}}", "must not use .Link")
	for _, source := range []string{"Your code", "{{.Realm}}: your code", `Code{{"\nBcc: eve@evil.example"}}`} {
		accepted(t, "notice", Subject, source)
		if source != `Code{{"\nBcc: eve@evil.example"}}` {
			continue
		}
		c := Composer{Overrides: set(Override{"tenant", "en", Parts{Subject: source}})}
		if m := compose(t, c, letter("code", twofactor.ByMail, "en")); strings.ContainsAny(m.Subject, "\r\n") {
			t.Errorf("subject %q", m.Subject)
		}
	}
}

func TestCheckSMS(t *testing.T) {
	for source, words := range map[string]string{
		"{{.Code}}\n@evil.example #{{.Code}}":                          "begins with @",
		"@evil.example #{{.Code}}":                                     "begins with @",
		"{{.Code}}{{\"\\n\"}}@evil.example":                            "control characters",
		"{{.Code}}{{if .Name}}\n@evil.example{{end}}":                  "begins with @",
		"{{.Code}}" + strings.Repeat("x", 475):                         "480 characters",
		"{{.Code}}" + strings.Repeat("x", 370) + "{{.Name}}{{.Realm}}": "480 characters, when names are long",
	} {
		if strings.Contains(source, `"\n"`) {
			words = "begins with @"
		}
		refused(t, "code", SMS, source, words)
	}
	accepted(t, "code", SMS, "{{.Code}}"+strings.Repeat("ä", 474))
	accepted(t, "code", SMS, "{{.Code}} is for\n{{.Host}} #only")
}

func TestCheckKind(t *testing.T) {
	errs := Check("other", Parts{Subject: "x"})
	if len(errs) != 1 || errs[0].Field != "kind" || !strings.Contains(errs[0].Message, "code, enrol, notice, reset") {
		t.Errorf("got %v", errs)
	}
	if errs := Check("code", Parts{}); len(errs) != 0 {
		t.Errorf("nothing set: %v", errs)
	}
	for kind, must := range map[string]string{"enrol": ".Link", "reset": ".Link", "notice": ".Event"} {
		refused(t, kind, Text, "Hello", "does not show {{"+must+"}}")
	}
	all := Check("code", Parts{Subject: "{{", Text: "{{", HTML: "{{", SMS: "{{"})
	var fields []string
	for _, e := range all {
		fields = append(fields, e.Field)
	}
	if got := strings.Join(fields, " "); got != "subject text html sms" {
		t.Errorf("names %s", got)
	}
}

// TestCheckHTML: nothing that runs, nothing that loads, and no HTML that two readers
// could read in two ways.
func TestCheckHTML(t *testing.T) {
	for source, words := range map[string]string{
		"<script>alert(1)</script>":                      "<script>",
		"<SCRIPT src=\"https://evil.example\"></SCRIPT>": "<script>",
		"<scr{{if .Name}}ipt>{{end}}":                    "within a tag",
		"<{{if .Name}}script{{else}}p{{end}}>":           "within a tag",
		"<p {{if .Name}}style=\"color:red\"{{end}}>":     "within a tag",
		"<p style=\"{{if .Name}}color:red{{end}}\">":     "within a tag",
		"{{if .Name}}<p {{end}}style=\"color:red\">":     "within a tag",
		"<{{.Name}}>":                              "no tag",
		"<p {{.Name}}>":                            "no tag",
		"<p style={{.Name}}>":                      "no tag",
		"<p style=\"{{.Name}}\">":                  "style",
		"<p onclick=\"alert(1)\">":                 "attribute onclick",
		"<p/onclick=\"alert(1)\">":                 "no tag",
		"<p title=\"x\"onclick=\"alert(1)\">":      "no tag",
		"<p ONMOUSEOVER='alert(1)'>":               "attribute onmouseover",
		"<p title=x>":                              "no tag",
		"<p title=\"a>b\">":                        "no tag",
		"<p title=\"x>":                            "no tag",
		"<img src=\"https://evil.example/x.png\">": "<img>",
		"<img src=\"data:image/png;base64,xx\">":   "<img>",
		"<link rel=\"stylesheet\" href=\"https://evil.example\">": "<link>",
		"<style>@import 'https://evil.example';</style>":          "<style>",
		"<p style=\"background:url(https://evil.example)\">":      "style",
		"<p style=\"background:URL (x)\">":                        "style",
		"<p style=\"background:u&#114;l(https://evil.example)\">": "style",
		"<p style=\"background:u\\72l(x)\">":                      "style",
		"<p style=\"width:expression(alert(1))\">":                "style",
		"<p style=\"@import 'x'\">":                               "style",
		"<p style=\"a:b/*\">":                                     "style",
		"<table background=\"https://evil.example\">":             "attribute background",
		"<iframe src=\"https://evil.example\"></iframe>":          "<iframe>",
		"<svg><set></set></svg>":                                  "<svg>",
		"<form action=\"https://evil.example\"></form>":           "<form>",
		"<input>": "<input>",
		"<meta http-equiv=\"refresh\" content=\"0;url=x\">":   "<meta>",
		"<base href=\"https://evil.example\">":                "<base>",
		"<video src=\"x\">":                                   "<video>",
		"<object data=\"x\">":                                 "<object>",
		"<textarea>":                                          "<textarea>",
		"<html>":                                              "<html>",
		"<!doctype html>":                                     "no tag",
		"<!-- x -->":                                          "no tag",
		"<!--[if mso]><p>x</p><![endif]-->":                   "no tag",
		"<?php x ?>":                                          "no tag",
		"1 < 2":                                               "no tag",
		"<a href=\"javascript:alert(1)\">x</a>":               "link",
		"<a href=\" JaVaScRiPt:alert(1)\">x</a>":              "link",
		"<a href=\"java&#115;cript:alert(1)\">x</a>":          "link",
		"<a href=\"data:text/html,x\">x</a>":                  "link",
		"<a href=\"http://acme.example\">x</a>":               "link",
		"<a href=\"//evil.example\">x</a>":                    "link",
		"<a href=\"/x\">x</a>":                                "link",
		"<a href=\"{{.Name}}\">x</a>":                         "link",
		"<a href=\"https://{{.Name}}/\">x</a>":                "link",
		"<a href=\"https://acme.example{{.Name}}\">x</a>":     "link",
		"<a href=\"https://acme.example@evil.example\">x</a>": "link",
		"<a href=\"https://{{.Host}}@evil.example\">x</a>":    "link",
		"<a href=\"https://{{.Host}}.evil.example\">x</a>":    "link",
		"<a href=\"{{with .Name}}{{.}}{{end}}\">x</a>":        "within a tag",
		"<a href=\"https://acme.example\" ping=\"https://evil.example\">x</a>": "attribute ping",
		"<a href=\"https://acme.example\" target=\"_blank\">x</a>":             "attribute target",
	} {
		t.Run(source, func(t *testing.T) { refused(t, "code", HTML, source+"{{.Code}}", words) })
	}
	for _, source := range []string{
		`<h1 style="color:rgb(1,2,3);font-family:'Segoe UI',sans-serif">{{.Realm}}</h1><br><hr/>`,
		`<table width="100%" cellpadding="0" bgcolor="#ffffff"><tr><td align="center" colspan='2'>x</td></tr></table>`,
		`<a href="https://acme.example/help?a=b&amp;c=d#e" title="Help for {{.Name}}">Help</a> <a href="mailto:help@acme.example">mail</a> <a href="tel:+41 79 123 45 67">call</a>`,
		`<a href="https://{{.Host}}/t/acme">Sign in</a>`,
		`{{if .Name}}<p>{{.Name}} &lt;3</p>{{else}}<p>x > y</p>{{end}}`,
	} {
		accepted(t, "code", HTML, source+"{{.Code}}")
	}
	accepted(t, "reset", HTML, `<a href="{{.Link}}">Reset</a>`)
	accepted(t, "reset", HTML, `<a href='{{$.Link}}'>Reset</a>`)
}

package testkit

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Form is a form as a person without script can use it. Its methods return the
// form, so that filling and submitting read as one sentence.
type Form struct {
	Action *url.URL
	Method string // GET or POST
	ID     string

	page     *Page
	controls []*control
}

// control is one input, select, textarea or button.
type control struct {
	name, kind, label string
	value             string
	on                bool     // of a checkbox, a radio button or an option
	disabled          bool     //
	options           []string // values of a select
	action, method    string   // formaction and formmethod of a button
	node              *html.Node
}

func (c *control) isButton() bool { return c.kind == "submit" || c.kind == "image" }
func (c *control) isSwitch() bool { return c.kind == "checkbox" || c.kind == "radio" }

// Has reports whether the form has a control of this name.
func (f *Form) Has(name string) bool {
	return slices.ContainsFunc(f.controls, func(c *control) bool { return c.name == name })
}

// Value is what the form would send for name, the first one; empty if nothing.
func (f *Form) Value(name string) string { return f.Values().Get(name) }

// Names lists the names of all fields, each once, in the order of the page.
func (f *Form) Names() []string {
	var names []string
	for _, c := range f.controls {
		if c.name != "" && !c.isButton() && !slices.Contains(names, c.name) {
			names = append(names, c.name)
		}
	}
	return names
}

// Attr is an attribute of the first control of this name, such as autocomplete.
func (f *Form) Attr(name, attribute string) string {
	f.page.client.t.Helper()
	for _, c := range f.controls {
		if c.name == name {
			return attr(c.node, attribute)
		}
	}
	f.page.fatalf("has no field %q", name)
	return ""
}

// Set fills a field: types into it, chooses an option or radio button, or ticks
// a checkbox ("on" or its value); "" clears all checkboxes of the name. It ends
// the test if a person could not: there is no such field or option, or it is
// disabled or hidden.
func (f *Form) Set(name, value string) *Form {
	f.page.client.t.Helper()
	found := false
	for _, c := range f.controls {
		if c.name != name || c.isButton() || c.disabled || c.kind == "hidden" {
			continue
		}
		switch {
		case c.kind == "checkbox":
			if value == "" || value == "on" || value == c.value {
				c.on, found = value != "", true
			}
		case c.kind == "radio":
			c.on = value == c.value
			found = found || c.on
		case c.kind == "select":
			if slices.Contains(c.options, value) {
				c.value, c.on, found = value, true, true
			}
		default:
			c.value, found = value, true
		}
	}
	if !found {
		f.page.fatalf("has no field %q that takes %q", name, value)
	}
	return f
}

// Forge sets a value without asking whether a person could: hidden fields, and
// fields that the page does not have. It is for tests of attacks.
func (f *Form) Forge(name, value string) *Form {
	for _, c := range f.controls {
		if c.name == name && !c.isButton() {
			c.value, c.on, c.disabled = value, true, false
			return f
		}
	}
	f.controls = append(f.controls, &control{name: name, kind: "hidden", value: value})
	return f
}

// Values are what the form would send, without any button.
func (f *Form) Values() url.Values {
	v := url.Values{}
	for _, c := range f.controls {
		if c.name == "" || c.disabled || c.isButton() {
			continue
		}
		if (c.isSwitch() || c.kind == "select") && !c.on {
			continue
		}
		v.Add(c.name, c.value)
	}
	return v
}

// Submit sends the form as Enter does: by its first button, if it has one. It
// follows no redirect.
func (f *Form) Submit() *Page {
	f.page.client.t.Helper()
	for _, c := range f.controls {
		if c.isButton() {
			return f.submit(c)
		}
	}
	return f.submit(&control{})
}

// Press presses the button with this text or value, in whichever form it is.
func (p *Page) Press(button string) *Page {
	p.client.t.Helper()
	for _, f := range p.Forms {
		if f.hasButton(button) {
			return f.Press(button)
		}
	}
	p.fatalf("has no button %q", button)
	return nil
}

func (f *Form) hasButton(button string) bool {
	for _, c := range f.controls {
		if c.isButton() && (c.label == button || c.value == button) {
			return true
		}
	}
	return false
}

// Press sends the form by the button with this text or value.
func (f *Form) Press(button string) *Page {
	f.page.client.t.Helper()
	for _, c := range f.controls {
		if c.isButton() && (c.label == button || c.value == button) {
			return f.submit(c)
		}
	}
	f.page.fatalf("has no button %q in this form", button)
	return nil
}

func (f *Form) submit(button *control) *Page {
	f.page.client.t.Helper()
	if button.disabled {
		f.page.fatalf("has a disabled button %q", button.label)
	}
	values, method, action := f.Values(), f.Method, *f.Action
	if button.name != "" {
		values.Add(button.name, button.value)
	}
	if button.action != "" {
		action = *f.page.resolve(f.page.URL, button.action)
	}
	if button.method != "" {
		method = strings.ToUpper(button.method)
	}
	r := request{method: method, url: &action, from: f.page.URL, body: values.Encode()}
	if method == http.MethodGet {
		action.RawQuery, r.body = values.Encode(), ""
	}
	return f.page.client.send(r)
}

package browser

import (
	"net/url"
	"strings"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// target is an element as a person finds it, or why not.
type target struct {
	Problem string
	X, Y    float64
	Kind    string
}

func (t target) ok() bool    { return t.Problem == "" }
func (t target) why() string { return t.Problem }

// locate brings an element into view and finds its middle. It reports what
// would keep a person from using it: absent, invisible, disabled, covered.
const locate = `((e) => {
	if (!e) return {Problem: "there is no such element"};
	if (e.disabled) return {Problem: "the element is disabled"};
	e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
	const r = e.getClientRects()[0];
	if (!r || r.width === 0 || r.height === 0 || getComputedStyle(e).visibility !== "visible") return {Problem: "the element is not visible"};
	const X = r.x + r.width / 2, Y = r.y + r.height / 2;
	const top = document.elementFromPoint(X, Y);
	const label = top?.closest("label");
	if (top !== e && !e.contains(top) && !(label && label.control === e)) {
		return {Problem: "the element is covered by " + (top ? top.outerHTML.slice(0, 120) : "nothing in the window")};
	}
	return {X, Y, Kind: e.tagName === "SELECT" ? "select" : (e.type ?? "")};
})`

func bySelector(sel string) string { return "document.querySelector(" + quote(sel) + ")" }

// byText finds what can be clicked by the text that a person reads on it.
func byText(text string) string {
	return `[...document.querySelectorAll("button, a[href], summary, label, input[type=submit], [role=button], [role=tab], [role=menuitem]")]
		.find(e => (e.innerText || e.value || "").replace(/\s+/g, " ").trim() === ` + quote(text) + ` && e.getClientRects().length)`
}

func (b *Browser) find(what, element string) target {
	b.t.Helper()
	return wait(b, what, locate+"("+element+")", target.ok, target.why)
}

// Click clicks the middle of the first element that the CSS selector finds, and
// waits for the page load that this begins, if it begins one.
func (b *Browser) Click(sel string) {
	b.t.Helper()
	b.click("click "+sel, bySelector(sel))
}

// ClickText clicks the button, link or label that reads exactly so.
func (b *Browser) ClickText(text string) {
	b.t.Helper()
	b.click("click "+quote(text), byText(text))
}

func (b *Browser) click(what, element string) {
	b.t.Helper()
	at := b.find(what, element)
	if err := b.do(chromedp.MouseClickXY(at.X, at.Y)); err != nil {
		b.fatalf("%s: %v", what, err)
	}
	b.settle()
}

// Fill replaces the value of a field as a person would, by typing, or chooses
// the option of a select by its value.
func (b *Browser) Fill(sel, value string) {
	b.t.Helper()
	what := "fill " + sel
	at := b.find(what, bySelector(sel))
	var err error
	switch at.Kind {
	case "checkbox", "radio", "submit", "button":
		b.fatalf("%s: it is a %s; click it", what, at.Kind)
	case "select", "date", "time", "datetime-local", "month", "week", "color", "range":
		err = b.assign(sel, value)
	default:
		err = b.typeOver(sel, value)
	}
	if err != nil {
		b.fatalf("%s: %v", what, err)
	}
}

func (b *Browser) typeOver(sel, value string) error {
	if _, err := eval[any](b, "(e => { e.focus(); e.select ? e.select() : getSelection().selectAllChildren(e) })("+bySelector(sel)+")"); err != nil {
		return err
	}
	if value == "" {
		return b.do(chromedp.KeyEvent(kb.Delete))
	}
	_, err := call(b, input.InsertText, input.InsertTextParams{Text: value})
	return err
}

// assign is for fields that are chosen from rather than typed into.
func (b *Browser) assign(sel, value string) error {
	got, err := eval[string](b, `(e => {
		e.focus(); e.value = `+quote(value)+`;
		for (const n of ["input", "change"]) e.dispatchEvent(new Event(n, {bubbles: true}));
		return e.value;
	})(`+bySelector(sel)+")")
	if err == nil && got != value {
		b.t.Helper()
		b.fatalf("fill %s: it does not take %q", sel, value)
	}
	return err
}

// keys are the names of keys without a character of their own, by the names of
// KeyboardEvent.key.
var keys = map[string]string{
	"Enter": kb.Enter, "Tab": kb.Tab, "Escape": kb.Escape, "Space": " ", "Backspace": kb.Backspace, "Delete": kb.Delete,
	"ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
	"Home": kb.Home, "End": kb.End, "PageUp": kb.PageUp, "PageDown": kb.PageDown,
}

var modifiers = map[string]chromedp.Modifier{
	"Shift": chromedp.ModifierShift, "Control": chromedp.ModifierCtrl, "Alt": chromedp.ModifierAlt, "Meta": chromedp.ModifierMeta,
}

// Press presses a key where the focus is: "Enter", "Tab", "Shift+Tab",
// "Control+k", "/", or types a text. It waits for the page load that this begins.
func (b *Browser) Press(key string) {
	b.t.Helper()
	var held []chromedp.Modifier
	rest := key
	for {
		name, after, ok := strings.Cut(rest, "+")
		if !ok || after == "" || modifiers[name] == 0 {
			break
		}
		held, rest = append(held, modifiers[name]), after
	}
	if k, ok := keys[rest]; ok {
		rest = k
	}
	if err := b.do(chromedp.KeyEvent(rest, chromedp.KeyModifiers(held...))); err != nil {
		b.fatalf("press %s: %v", key, err)
	}
	b.settle()
}

// Text is what a person reads in the first element that the selector finds.
func (b *Browser) Text(sel string) string {
	b.t.Helper()
	v := wait(b, "read "+sel, "("+bySelector(sel)+")?.innerText ?? null",
		func(s *string) bool { return s != nil }, func(*string) string { return "there is no such element" })
	return strings.TrimSpace(*v)
}

// Value is the value of a field.
func (b *Browser) Value(sel string) string {
	b.t.Helper()
	v := wait(b, "read the value of "+sel, "("+bySelector(sel)+")?.value ?? null",
		func(s *string) bool { return s != nil }, func(*string) string { return "there is no such field" })
	return *v
}

// Has reports whether the page has such an element now. It does not wait.
func (b *Browser) Has(sel string) bool {
	b.t.Helper()
	return must[bool](b, "look for "+sel, bySelector(sel)+" !== null")
}

// Focused is the id of the element with the focus, or its tag name.
func (b *Browser) Focused() string {
	b.t.Helper()
	return must[string](b, "find the focus", `document.activeElement?.id || document.activeElement?.tagName.toLowerCase() || ""`)
}

// WaitText waits until a person can read s on the page.
func (b *Browser) WaitText(s string) {
	b.t.Helper()
	wait(b, "wait for the text "+quote(s), `(document.body?.innerText ?? "").replace(/\s+/g, " ").includes(`+quote(s)+")",
		func(found bool) bool { return found }, func(bool) string { return "it is not there" })
}

// WaitFor waits until the page has a visible element for the selector.
func (b *Browser) WaitFor(sel string) {
	b.t.Helper()
	wait(b, "wait for "+sel, "("+bySelector(sel)+")?.checkVisibility() ?? false",
		func(found bool) bool { return found }, func(bool) string { return "it is not there" })
}

// WaitURL waits until the page is loaded at an address that ok likes.
func (b *Browser) WaitURL(ok func(u *url.URL) bool) {
	b.t.Helper()
	wait(b, "wait for the URL", `document.readyState === "complete" ? location.href : ""`, func(s string) bool {
		u, err := url.Parse(s)
		return s != "" && err == nil && ok(u)
	}, func(string) string { return "another page is there" })
}

// settle waits for the page load that an action has begun, so that what follows
// sees the next page and not the last. A form is submitted in a task of its own
// after the click, hence the second look.
func (b *Browser) settle() {
	for range 2 {
		_, _ = eval[any](b, "0") // events before its answer have been handled when it returns
		if b.log.isLoading() {
			b.log.waitLoaded(b.Timeout)
			return
		}
		time.Sleep(pollEvery / 2)
	}
}

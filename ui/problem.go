package ui

// Problem is an error page: what happened, then what to do.
type Problem struct {
	Page
	Heading, Text string
	Actions       []Link // the first is the main one
	RetryAfter    int    // seconds to wait, also sent as Retry-After; 0: none
}

// Template implements View.
func (Problem) Template() string { return "problem" }

// Title implements View.
func (v Problem) Title() string { return v.failed(v.Heading, true) }

func (v Problem) retryAfter() int { return v.RetryAfter }

// UnknownTenant is for an address that belongs to no tenant.
func UnknownTenant(p Page) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.unknown-tenant.heading"),
		Text: p.Say("page.unknown-tenant.text"),
	}
}

// UnknownApp is for a client_id that the tenant does not know. No redirect may
// answer it (RFC 6749 §4.1.2.1).
func UnknownApp(p Page) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.unknown-app.heading"),
		Text: p.Say("page.unknown-app.text"),
	}
}

// BadRedirect is for a redirect URI that is not registered. No redirect may
// answer it (RFC 6749 §4.1.2.1).
func BadRedirect(p Page) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.bad-redirect.heading"),
		Text: p.Say("page.bad-redirect.text"),
	}
}

// ExpiredSignIn is for a sign-in that has run out of time or is over.
func ExpiredSignIn(p Page, again Link) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.expired.heading"), Actions: links(again),
		Text: p.Say("page.expired.text"),
	}
}

// ForeignSignIn is for a sign-in that another browser began.
func ForeignSignIn(p Page, again Link) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.foreign.heading"), Actions: links(again),
		Text: p.Say("page.foreign.text"),
	}
}

// TooManyTries is for a limit that has been reached.
func TooManyTries(p Page, retryAfter int, more ...Link) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.too-many.heading"), RetryAfter: retryAfter, Actions: links(more...),
		Text: p.Say("page.too-many.text"),
	}
}

// Busy is the page of status 503.
func Busy(p Page, retryAfter int) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.busy.heading"), RetryAfter: retryAfter,
		Text: p.Say("page.busy.text"),
	}
}

// NotFound is the page of status 404.
func NotFound(p Page) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.not-found.heading"),
		Text: p.Say("page.not-found.text"),
	}
}

// MethodNotAllowed is the page of status 405.
func MethodNotAllowed(p Page) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.method.heading"),
		Text: p.Say("page.method.text"),
	}
}

// ServerFault is the page of status 500.
func ServerFault(p Page) Problem {
	return Problem{
		Page: p, Heading: p.Say("page.fault.heading"),
		Text: p.Say("page.fault.text"),
	}
}

// links drops what leads nowhere.
func links(all ...Link) []Link {
	var out []Link
	for _, l := range all {
		if l.URL != "" {
			out = append(out, l)
		}
	}
	return out
}

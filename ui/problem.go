package ui

import "strconv"

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
func (v Problem) Title() string { return "Error: " + v.Heading }

func (v Problem) retryAfter() int { return v.RetryAfter }

// Wait is RetryAfter in words.
func (v Problem) Wait() string { return waitWords(v.RetryAfter) }

func waitWords(seconds int) string {
	n, unit := seconds, "second"
	switch {
	case seconds > 90*60:
		n, unit = (seconds+3599)/3600, "hour"
	case seconds > 90:
		n, unit = (seconds+59)/60, "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}

// UnknownTenant is for an address that belongs to no tenant.
func UnknownTenant(p Page) Problem {
	return Problem{
		Page: p, Heading: "There is no way to sign in here",
		Text: "The address may be mistyped or out of date. Start again from the app that you want to use.",
	}
}

// UnknownApp is for a client_id that the tenant does not know. No redirect may
// answer it (RFC 6749 §4.1.2.1).
func UnknownApp(p Page) Problem {
	return Problem{
		Page: p, Heading: "This app is not known here",
		Text: "The app that sent you is not set up for this sign-in. Tell the people who run the app.",
	}
}

// BadRedirect is for a redirect URI that is not registered. No redirect may
// answer it (RFC 6749 §4.1.2.1).
func BadRedirect(p Page) Problem {
	return Problem{
		Page: p, Heading: "This app asked to send you to an unknown address",
		Text: "To keep you safe we have stopped here. The people who run the app need to register the address it uses.",
	}
}

// ExpiredSignIn is for a sign-in that has run out of time or is over.
func ExpiredSignIn(p Page, again Link) Problem {
	return Problem{
		Page: p, Heading: "This sign-in has ended", Actions: links(again),
		Text: "It was open for too long, or it is finished already. Start again from the app.",
	}
}

// ForeignSignIn is for a sign-in that another browser began.
func ForeignSignIn(p Page, again Link) Problem {
	return Problem{
		Page: p, Heading: "This sign-in began in another browser", Actions: links(again),
		Text: "To keep you safe it can only be finished where it began. Start again from the app in this browser. Cookies must be allowed.",
	}
}

// TooManyTries is for a limit that has been reached.
func TooManyTries(p Page, retryAfter int, more ...Link) Problem {
	return Problem{
		Page: p, Heading: "Too many tries", RetryAfter: retryAfter, Actions: links(more...),
		Text: "To keep the account safe we have paused its sign-in.",
	}
}

// Busy is the page of status 503.
func Busy(p Page, retryAfter int) Problem {
	return Problem{
		Page: p, Heading: "We are busy right now", RetryAfter: retryAfter,
		Text: "Nothing is lost. Load this page again in a moment.",
	}
}

// NotFound is the page of status 404.
func NotFound(p Page) Problem {
	return Problem{
		Page: p, Heading: "There is no page here",
		Text: "The address may be mistyped or out of date.",
	}
}

// MethodNotAllowed is the page of status 405.
func MethodNotAllowed(p Page) Problem {
	return Problem{
		Page: p, Heading: "This page cannot be used like that",
		Text: "Go back and follow the link or the button again.",
	}
}

// ServerFault is the page of status 500.
func ServerFault(p Page) Problem {
	return Problem{
		Page: p, Heading: "Something went wrong on our side",
		Text: "The fault is ours and it has been recorded. Go back and try again in a moment.",
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

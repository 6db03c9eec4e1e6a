package ui

import (
	"bytes"
	"fmt"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Render draws v and writes it with the given status. The headers make the page
// unframeable and uncacheable (ASVS 3.4) and allow nothing but our own assets.
// Cross-Origin-Opener-Policy does not touch redirects: it cuts the tie to a
// window that opened ours, so an app that signs in by pop-up must not rely on
// window.opener afterwards.
func (u *UI) Render(w http.ResponseWriter, r *http.Request, status int, v View) {
	p := v.Base()
	var body bytes.Buffer
	if err := u.ready[speech(p.Lang)].ExecuteTemplate(&body, v.Template(), v); err != nil {
		if u.OnFailure != nil {
			u.OnFailure(r, fmt.Errorf("ui: draw %s: %w", v.Template(), err))
		}
		status, p.FormOrigin, p.FormAlso = http.StatusInternalServerError, "", ""
		body.Reset()
		body.WriteString(plainFailure(p))
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", contentPolicy(p.FormOrigin, p.FormAlso))
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if w, ok := v.(interface{ retryAfter() int }); ok && w.retryAfter() > 0 {
		h.Set("Retry-After", strconv.Itoa(w.retryAfter()))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the browser has gone: nobody to tell
}

// plainFailure is the page for when pages cannot be drawn.
func plainFailure(p Page) string {
	say := func(key string, vars ...any) string { return html.EscapeString(p.Say(key, vars...)) }
	title := p.Say("failure.heading")
	s := "<!doctype html>\n<html lang=\"" + speech(p.Lang) + "\">\n<title>" + say("error.title", "title", title) + "</title>\n" +
		"<h1>" + say("failure.heading") + "</h1>\n<p>" + say("failure.text") + "</p>\n"
	if p.Reference != "" {
		s += "<p>" + say("failure.reference", "reference", p.Reference) + "</p>\n"
	}
	return s + "</html>\n"
}

// contentPolicy is the Content-Security-Policy of every page. Browsers hold the
// redirect that answers a form post against form-action too, so a sign-in that
// ends at a client app must name the app's origin. They do the same with every
// redirect after it: an app that sends people on from its redirect URI to
// another origin needs the scheme alone.
func contentPolicy(formTargets ...string) string {
	s := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	for i, target := range formTargets {
		if src := formSource(target); src != "" && !slices.Contains(formTargets[:i], target) {
			s += " " + src
		}
	}
	return s
}

// formSource is the form-action source for a redirect URI: scheme://host[:port],
// or the scheme alone for an app with a scheme of its own (RFC 8252 §7.1) and
// for IPv6 hosts, which the policy cannot name. It reduces the URI to what the
// policy can express, so that nothing from outside can add a directive.
func formSource(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return ""
	}
	switch u.Scheme {
	case "javascript", "data", "blob", "filesystem", "about", "vbscript", "file":
		return ""
	case "http", "https":
	default:
		return u.Scheme + ":"
	}
	if u.Hostname() == "" {
		if u.Opaque == "" && u.Path == "" {
			return u.Scheme + ":" // given as a scheme-source already
		}
		return ""
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil && strings.Contains(u.Hostname(), ":") {
		return u.Scheme + ":"
	}
	if strings.Trim(strings.ToLower(u.Host), "abcdefghijklmnopqrstuvwxyz0123456789-_.:") != "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

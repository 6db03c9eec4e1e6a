package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"twofold/internal/fakes"
	"twofold/ui"
)

// mailbox shows what the fake services took: a page for people, JSON for programs.
type mailbox struct {
	ui    *ui.UI
	inbox *fakes.Inbox
	now   func() time.Time
}

// letter is a message as the mailbox shows it.
type letter struct {
	ID      string    `json:"id"` // the same for as long as the message is here
	Channel string    `json:"channel"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Code    string    `json:"code"` // empty when there is none
	At      time.Time `json:"at"`
	Clock   string    `json:"-"`
}

// Channels of a letter.
const (
	channelEmail  = "email"
	channelTwilio = "twilio"
	channelECall  = "ecall"
	channelHook   = "webhook"
)

// Badge is the channel as people write it.
func (l letter) Badge() string {
	switch l.Channel {
	case channelEmail:
		return "E-mail"
	case channelTwilio:
		return "SMS by Twilio"
	case channelECall:
		return "SMS by eCall"
	case channelHook:
		return "Webhook"
	}
	return l.Channel
}

// MailURL is where the HTML part is shown; empty without one.
func (l letter) MailURL() string {
	if l.HTML == "" {
		return ""
	}
	return pathMail + "?id=" + l.ID
}

// letters lists what is there, newest first, to one recipient or to all.
func (m *mailbox) letters(to string) []letter {
	now := m.now()
	out := []letter{}
	if m.inbox == nil {
		return out
	}
	for _, msg := range slices.Backward(m.inbox.Messages()) {
		if to == "" || strings.EqualFold(msg.To, to) {
			out = append(out, newLetter(msg, now))
		}
	}
	return out
}

func newLetter(m fakes.Message, now time.Time) letter {
	l := letter{
		Channel: m.Provider, From: m.From, To: m.To, Subject: m.Subject, Text: strings.TrimSpace(m.Text), HTML: m.HTML,
		Code: findCode(m.Text), At: m.At.UTC(), Clock: clock(now, m.At),
	}
	if m.Channel == fakes.ChannelMail {
		l.Channel = channelEmail
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%s", m.Provider, m.To, m.At.UnixNano(), m.Text))
	l.ID = hex.EncodeToString(sum[:8])
	return l
}

// Forms a code has in messages, the surest first: the origin-bound last line of an
// SMS, a line of its own, a run of digits that is neither a number nor a date.
var codeForms = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^@\S+ #([0-9]{4,10})\s*$`),
	regexp.MustCompile(`(?m)^[ \t]*([0-9]{4,10})[ \t\r]*$`),
	regexp.MustCompile(`(?:^|[\s:])([0-9]{6,8})(?:$|[\s.,])`),
}

func findCode(text string) string {
	for _, form := range codeForms {
		if m := form.FindStringSubmatch(text); m != nil {
			return m[1]
		}
	}
	return ""
}

// list answers with the page, or with JSON for who prefers that.
func (m *mailbox) list(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	if wantsJSON(r.Header.Get("Accept")) {
		m.json(w, r)
		return
	}
	to := recipientOf(r)
	all := m.letters("")
	v := mailboxView{
		frame: frame{Page: ui.Page{Realm: ui.Brand{Name: "Twofold demo"}}, Here: hereMailbox},
		To:    to, Messages: m.letters(to), All: len(all), Self: mailboxURL(pathMailbox, to), JSON: mailboxURL(pathMailboxJSON, to),
	}
	for _, l := range all {
		i := slices.IndexFunc(v.Recipients, func(have recipient) bool { return strings.EqualFold(have.Address, l.To) })
		if i < 0 {
			i = len(v.Recipients)
			v.Recipients = append(v.Recipients, recipient{Address: l.To, URL: mailboxURL(pathMailbox, l.To), Here: strings.EqualFold(l.To, to)})
		}
		v.Recipients[i].Count++
	}
	slices.SortFunc(v.Recipients, func(a, b recipient) int { return strings.Compare(a.Address, b.Address) })
	m.ui.Render(w, r, http.StatusOK, v)
}

// json answers with an array, newest first.
func (m *mailbox) json(w http.ResponseWriter, r *http.Request) {
	b, err := json.Marshal(m.letters(recipientOf(r)))
	if err != nil {
		http.Error(w, "the mailbox could not be written", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // the reader has gone: nobody to tell
}

// mail shows the HTML part of a mail as its reader would see it, in a sandbox of
// its own: no script, nothing from elsewhere, no tie to this site.
func (m *mailbox) mail(w http.ResponseWriter, r *http.Request) {
	all := m.letters("")
	i := slices.IndexFunc(all, func(l letter) bool { return l.HTML != "" && l.ID == r.URL.Query().Get("id") })
	if i < 0 {
		http.Error(w, "There is no such mail.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(all[i].HTML)) // the reader has gone: nobody to tell
}

// recipientOf is the filter. A plus that was not escaped comes as a space.
func recipientOf(r *http.Request) string {
	to := r.URL.Query().Get("to")
	if strings.HasPrefix(to, " ") {
		to = "+" + to[1:]
	}
	return strings.TrimSpace(to)
}

func mailboxURL(path, to string) string {
	if to == "" {
		return path
	}
	return path + "?" + url.Values{"to": {to}}.Encode()
}

// wantsJSON reads Accept as far as JSON against HTML goes: whoever asks for JSON
// and does not name HTML gets it.
func wantsJSON(accept string) bool {
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

package console

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
	"twofold/ui"
)

func (c *Console) mountMessages(s *mux.Router) {
	s.HandleFunc("/messages", c.at(messages)).Methods(http.MethodGet, http.MethodHead).Name("messages.list")
	s.HandleFunc("/messages/{id}", c.at(message)).Methods(http.MethodGet, http.MethodHead).Name("messages.get")
}

// messageState is how far a message is, in words.
func messageState(m delivery.Entry) ui.AdminBadge {
	switch m.State {
	case delivery.Queued:
		return ui.AdminBadge{Tone: ui.TonePlain, Text: "Waiting"}
	case delivery.Sending:
		return ui.AdminBadge{Tone: ui.TonePlain, Text: "On its way"}
	case delivery.Sent:
		if m.ReportedAt != nil {
			return ui.AdminBadge{Tone: ui.ToneGood, Text: "Sent, reported on"}
		}
		return ui.AdminBadge{Tone: ui.ToneGood, Text: "Sent"}
	case delivery.Failed:
		return ui.AdminBadge{Tone: ui.ToneBad, Text: "Failed"}
	case delivery.Expired:
		return ui.AdminBadge{Tone: ui.ToneWarn, Text: "Too late"}
	}
	return ui.AdminBadge{Text: plainWords(m.State)}
}

// causes are the classes of failures, with what to do about each.
var causes = map[string]string{
	"retry":     "The service could not be reached or was too busy. It was tried again until the code ran out.",
	"recipient": "The address or number cannot be reached. Check it with the user.",
	"account":   "The service refused our account. Check sign-in, balance and sender of the instance.",
	"content":   "The service refused the message itself. Check sender and text.",
}

func (d *desk) messageFilters() ([]ui.AdminFilter, error) {
	realms, err := d.tenantFilter(delivery.FilterTenant)
	if err != nil {
		return nil, err
	}
	instances := ui.AdminFilter{Name: delivery.FilterTwoFactor, Label: "Instance (id)"}
	if d.may(admin.TwoFactorRead) {
		found, err := d.Admin.TwoFactors().List(d.r.Context(), d.who, d.sub.ID, page.Query{Limit: page.MaxLimit})
		if err != nil {
			return nil, err
		}
		instances.Label = "Instance"
		for _, i := range found.Items {
			instances.Options = append(instances.Options, ui.AdminOption{Value: i.ID, Label: i.Name})
		}
	}
	out := []ui.AdminFilter{
		{Name: delivery.FilterState, Label: "State", Options: []ui.AdminOption{
			{Value: delivery.Queued, Label: "Waiting"},
			{Value: delivery.Sending, Label: "On its way"},
			{Value: delivery.Sent, Label: "Sent"},
			{Value: delivery.Failed, Label: "Failed"},
			{Value: delivery.Expired, Label: "Too late"},
		}},
		{Name: delivery.FilterErrorClass, Label: "Failure", Options: []ui.AdminOption{
			{Value: "recipient", Label: "Address or number"},
			{Value: "account", Label: "Our account"},
			{Value: "content", Label: "The message"},
			{Value: "retry", Label: "Not reached"},
		}},
		{Name: delivery.FilterKind, Label: "Message", Options: letters()},
		{Name: delivery.FilterMedium, Label: "Medium", Options: []ui.AdminOption{{Value: "mail", Label: "Mail"}, {Value: "sms", Label: "Text message"}}},
	}
	out = append(append(out, offered(instances, !d.may(admin.TwoFactorRead))...), ui.AdminFilter{Name: delivery.FilterUser, Label: "User"})
	return append(append(out, offered(realms, false)...),
		ui.AdminFilter{Name: delivery.FilterFrom, Label: "From", Draw: ui.DrawDate}, ui.AdminFilter{Name: delivery.FilterTo, Label: "To", Draw: ui.DrawDate}), nil
}

// letters are the kinds of messages, as options.
func letters() []ui.AdminOption {
	var out []ui.AdminOption
	for _, kind := range []string{twofactor.LetterCode, twofactor.LetterEnrol, twofactor.LetterReset, twofactor.LetterNotice, delivery.KindTest} {
		out = append(out, ui.AdminOption{Value: kind, Label: letterOf(kind)})
	}
	return out
}

func messages(d *desk) error {
	filters, err := d.messageFilters()
	if err != nil {
		return err
	}
	q := d.query(filters)
	q.Search, q.Sort = "", ""
	if err := d.named(&q, delivery.FilterUser); err != nil {
		return err
	}
	if err := days(&q); err != nil {
		return err
	}
	found, err := d.Admin.MessageLog(d.r.Context(), d.who, d.sub.ID, q)
	if err != nil {
		return err
	}
	v := ui.AdminTimeline{
		AdminPage: d.frame("Delivery log"),
		AdminQuery: ui.AdminQuery{
			Path: d.path("messages"), Values: d.r.URL.Query(), Filters: filters, Next: found.Next, Noun: "message", Nouns: "messages",
		},
		Empty: ui.AdminEmpty{Title: "No message yet", Text: "Each mail and each text message that is sent for a sign-in is listed here: to whom, by which instance, and how it ended."},
	}
	v.Intro = "Mails and text messages. Neither codes nor whole addresses are kept."
	for _, m := range found.Items {
		entry := d.sent(m, found.Names)
		entry.Facts = append(entry.Facts, ui.AdminFact{Name: "Message", AdminCell: ui.AdminCell{Text: "All about this message", URL: d.path("messages", m.ID)}})
		v.Entries = append(v.Entries, entry)
	}
	return d.render(http.StatusOK, v)
}

// sent is a message as the timeline shows it.
func (d *desk) sent(m delivery.Entry, names admin.Names) ui.AdminEntry {
	state := messageState(m)
	out := ui.AdminEntry{Time: d.when(m.CreatedAt), Kind: letterOf(m.Kind), Badge: &state, About: m.Masked}
	out.Actor, out.ActorURL = d.called(names, "two_factor", m.TwoFactorID)
	if m.State != delivery.Sent {
		out.Text = causes[m.ErrorClass]
	}
	add := func(name, text, url string, mono bool) {
		if text != "" {
			out.Facts = append(out.Facts, ui.AdminFact{Name: name, AdminCell: ui.AdminCell{Text: text, URL: url, Mono: mono, Copy: mono}})
		}
	}
	user, at := d.called(names, "user", m.UserID)
	add("User", user, at, false)
	realm, at := d.called(names, "tenant", m.TenantID)
	add("Tenant", realm, at, false)
	add("Medium", map[string]string{"mail": "Mail", "sms": "Text message"}[m.Medium], "", false)
	add("Provider status", m.ProviderStatus, "", false)
	add("Provider id", m.ProviderID, "", true)
	add("Cost", partsOf(m.Medium, m.Segments), "", false)
	if m.Attempts > 0 {
		add("Tries", ui.Figures(int(m.Attempts)), "", false)
	}
	add("What went wrong", m.Error, "", false)
	return out
}

// message tells all about one message: how it went, and who took over.
func message(d *desk) error {
	m, names, err := d.Admin.Message(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	entry := d.sent(m.Entry, names)
	v := ui.AdminDetail{AdminPage: d.frame(entry.Kind + " to " + m.Masked)}
	v.Crumbs = []ui.Link{{Text: "Delivery log", URL: d.path("messages")}}
	v.State, v.Reason = entry.Badge, entry.Text
	v.Facts = append(v.Facts, ui.AdminFact{Name: "Asked for", AdminCell: ui.AdminCell{Time: entry.Time}})
	if m.DoneAt != nil {
		v.Facts = append(v.Facts, ui.AdminFact{Name: "Ended", AdminCell: ui.AdminCell{Time: d.when(*m.DoneAt)}})
	}
	if m.ReportedAt != nil {
		v.Facts = append(v.Facts, ui.AdminFact{Name: "Reported by the provider", AdminCell: ui.AdminCell{Time: d.when(*m.ReportedAt)}})
	}
	v.Facts = append(v.Facts, ui.AdminFact{Name: "Instance", AdminCell: ui.AdminCell{Text: entry.Actor, URL: entry.ActorURL}})
	v.Facts = append(v.Facts, entry.Facts...)
	if len(m.Chain) > 1 {
		part := ui.AdminPart{Title: "Who carried it", Intro: "In order: when one instance failed for good, the next took over with the same code."}
		for _, step := range m.Chain {
			e := d.sent(step, names)
			it := ui.AdminItem{Title: e.Actor, Badge: e.Badge, Time: e.Time, Detail: strings.Trim(e.About+": "+e.Text, ": ")}
			if step.ID != m.ID {
				it.URL = d.path("messages", step.ID)
			}
			part.Items = append(part.Items, it)
		}
		v.Parts = append(v.Parts, part)
	}
	return d.render(http.StatusOK, v)
}

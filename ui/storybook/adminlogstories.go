package storybook

import (
	"net/url"
	"time"

	"twofold/ui"
)

func asking() ui.AdminMiniForm {
	choose := func(name, label, value, words string) ui.AdminField {
		return ui.AdminField{Input: ui.Input{Name: name, Label: label, Value: value, Required: true}, Draw: ui.DrawSelect, Options: []ui.AdminOption{{Value: "1", Label: words}}}
	}
	return ui.AdminMiniForm{Action: console, Get: true, Label: "Explain", Main: true, Fields: []ui.AdminField{
		choose("tenant", "Tenant", "1", "Acme"), choose("idp", "Identity provider", "1", "Staff"), choose("app", "Client app", "1", "Expenses"),
		{Input: ui.Input{Name: "user", Label: "User", Value: "anna.muster", Help: "Name or address.", Required: true}},
	}}
}

func chain() *ui.AdminChain {
	return &ui.AdminChain{
		Levels: []ui.AdminLevel{
			{Kind: "Subscription", Name: "Acme", URL: console, Adds: []ui.AdminAdds{{Text: "Offers Authenticator app", URL: console}}},
			{Kind: "Tenant", Name: "Acme", URL: console, Adds: []ui.AdminAdds{{Text: "Enforces a second factor", Tone: ui.ToneWarn}, {Text: "Offers Mail code", URL: console}}},
			{Kind: "Identity provider", Name: "Staff", URL: console},
			{Kind: "Client app", Name: "Expenses", URL: console, Adds: []ui.AdminAdds{{Text: "Demands aal2 or stronger", Tone: ui.ToneWarn}}},
			{Kind: "Groups", Name: "Finance, " + hebrew, Adds: []ui.AdminAdds{{Text: "Requires SMS by Twilio", URL: console, Tone: ui.ToneWarn}}},
			{Kind: "User", Name: "Anna Muster", URL: console, Adds: []ui.AdminAdds{{Text: "Has set up Authenticator app and Passkey"}}},
		},
		Result:   ui.AdminResult{Tone: ui.ToneWarn, Heading: "A second factor is required, aal2 or stronger", Text: "Because the tenant enforces one, the group Finance requires one, and Expenses demands aal2."},
		Offered:  []ui.AdminOffer{{Name: "Passkey", URL: console, Detail: "Strongest, and used last.", Badge: badge("ready")}, {Name: "Authenticator app", URL: console, Badge: badge("ready")}},
		Unusable: []ui.AdminOffer{{Name: "Mail code", URL: console, Detail: "Too weak: Expenses demands aal2.", Badge: badge("failing")}, {Name: "SMS by Twilio", URL: console, Detail: "Anna Muster has no phone number.", Badge: badge("untested")}},
	}
}

func audit(change func(*ui.AdminTimeline)) ui.AdminTimeline {
	v := ui.AdminTimeline{
		AdminPage: adminPage("Audit trail", "Audit trail", func(p *ui.AdminPage) {
			p.Intro, p.More = "Every sign-in, every factor event, every change.", []ui.AdminButton{*link("Export as JSON lines"), post("Verify the chain", "verify")}
		}),
		AdminQuery: ui.AdminQuery{
			Path: console, Search: "Find by name or address", Noun: "entry", Nouns: "entries", Next: "x", Values: url.Values{"kind": {"change"}, "from": {"2026-11-01"}},
			Filters: []ui.AdminFilter{
				{Name: "kind", Label: "Kind", Options: []ui.AdminOption{{Value: "signin", Label: "Sign-ins"}, {Value: "change", Label: "Changes"}}},
				{Name: "actor", Label: "By"},
				{Name: "from", Label: "From", Draw: ui.DrawDate},
			},
		},
		Entries: []ui.AdminEntry{
			{
				Time: ago(4 * time.Minute), Kind: "Instance changed", About: "Mail code", AboutURL: console, Actor: "Ben Beispiel", ActorURL: console,
				Facts: []ui.AdminFact{{Name: "From", AdminCell: ui.AdminCell{Text: "192.0.2.7", Mono: true}}, {Name: "Entry", AdminCell: ui.AdminCell{Text: "01JCXG7T5N2K", Mono: true, Copy: true}}},
				Changes: []ui.AdminChange{
					{Field: "Host", Before: "smtp.old.example", After: "smtp.acme.example"},
					{Field: "Password", Secret: true, Before: "never shown", After: "never shown"},
					{Field: "OnDeliveryFailure", After: "SMS by Twilio"},
				},
			},
			{Time: ago(18 * time.Minute), Kind: "Sign-in", Badge: toned(ui.ToneBad, "Refused"), About: "Chiara Rossi", Text: "Wrong code, the tenth within an hour.", Actor: "192.0.2.99", Code: "{\n  \"kind\": \"signin\",\n  \"result\": \"locked\"\n}"},
			{Time: ago(26 * time.Hour), Kind: "User created", About: hebrew, Actor: "Anna Muster"},
			{Time: ago(27 * time.Hour), Kind: "Tenant changed", About: longName, Actor: longName, Changes: []ui.AdminChange{{Field: "Name", Before: longName, After: hostile}}},
		},
		Empty: ui.AdminEmpty{Title: "Nothing has happened yet", Text: "Entries appear here as soon as somebody signs in or changes something."},
	}
	if change != nil {
		change(&v)
	}
	return v
}

func deliveries() ui.AdminTimeline {
	entry := func(before time.Duration, tone ui.AdminTone, state, to, by string) ui.AdminEntry {
		return ui.AdminEntry{Time: ago(before), Kind: "Sign-in code", Badge: toned(tone, state), About: to, Actor: by, Facts: []ui.AdminFact{
			{Name: "Provider id", AdminCell: ui.AdminCell{Text: "SM900150983cd24fb0", Mono: true, Copy: true}}, {Name: "Cost class", AdminCell: ui.AdminCell{Text: "Switzerland"}},
		}}
	}
	return audit(func(v *ui.AdminTimeline) {
		v.AdminPage, v.Values, v.Nouns = adminPage("Delivery log", "Delivery log", nil), nil, "messages"
		v.Entries = []ui.AdminEntry{
			entry(time.Minute, ui.ToneGood, "Delivered", "+41 •• ••• •• 34", "SMS by Twilio"), entry(2*time.Minute, ui.TonePlain, "On its way", "m•••@acme.example", "Mail code"),
			entry(9*time.Minute, ui.ToneBad, "Failed", "c•••@acme.example", "Mail code"),
		}
	})
}

func apiReference() ui.AdminReference {
	fields := []ui.AdminParam{
		{Name: "name", Type: "string", Text: "1 to 100 characters.", Required: true},
		{Name: "active", Type: "boolean", Text: "Offered when true."},
		{Name: "options.MailServerConfig.Host", Type: "string", Text: "A host on the Internet."},
		{Name: "state", Type: "State", TypeURL: "#schema-State", Text: "Set by the server."},
	}
	problem := ui.Link{Text: "Problem", URL: "#schema-Problem"}
	return ui.AdminReference{
		AdminPage: adminPage("API reference", "API reference", func(p *ui.AdminPage) {
			p.Intro = "Everything that these pages do, by HTTP and JSON under /admin/v1."
		}),
		Downloads: []ui.Link{{Text: "OpenAPI 3.1 as JSON", URL: console}},
		Groups: []ui.AdminTag{
			{ID: "tag-users", Name: "Users", Text: "People and machines.", Operations: []ui.AdminOperation{
				{
					ID: "listUsers", Method: "GET", Path: "/admin/v1/users", Summary: "List users", Access: "SubscriptionAdmin, TenantAdmin, HelpDesk",
					Params:    []ui.AdminParam{{Name: "search", In: "query", Type: "string", Text: "What a name or address begins with."}, {Name: "after", In: "query", Type: "string", Text: "Cursor of the page before."}},
					Responses: []ui.AdminResponse{{Status: "200", Text: "A page of users.", Schema: ui.Link{Text: "UserPage", URL: "#schema-UserPage"}}, {Status: "403", Text: "The role does not allow it.", Schema: problem}},
				},
				{ID: "deleteUser", Method: "DELETE", Path: "/admin/v1/users/{id}", Summary: "Delete a user", Text: "It can be restored for 30 days.", Params: []ui.AdminParam{{Name: "id", In: "path", Type: "uuid", Required: true}, {Name: "If-Match", In: "header", Type: "string", Required: true, Text: "The ETag that was read."}}, Responses: []ui.AdminResponse{{Status: "204", Text: "Deleted."}, {Status: "412", Text: "Somebody else changed it.", Schema: problem}}},
			}},
			{ID: "tag-instances", Name: "TwoFactor instances", Operations: []ui.AdminOperation{
				{ID: "createInstance", Method: "POST", Path: "/admin/v1/instances", Summary: "Create an instance", BodyType: "application/json", Body: fields, BodySchema: ui.Link{Text: "Instance", URL: "#schema-Instance"}, Responses: []ui.AdminResponse{{Status: "201", Text: "Created."}}},
				{ID: "changeInstance", Method: "PATCH", Path: "/admin/v1/instances/{id}", Summary: "Change an instance"},
				{ID: "putInstance", Method: "PUT", Path: "/admin/v1/instances/{id}", Summary: "Replace an instance"},
			}},
		},
		Schemas: []ui.AdminSchema{
			{ID: "schema-Instance", Name: "Instance", Text: "A configured second factor.", Fields: fields},
			{ID: "schema-State", Name: "State", Text: "ready, untested, invalid, failing or inactive."},
			{ID: "schema-UserPage", Name: "UserPage"},
			{ID: "schema-Problem", Name: "Problem", Text: "RFC 9457."},
		},
	}
}

func logStories() []Story {
	explain := adminPage("Explain", "Explain", func(p *ui.AdminPage) { p.Intro = "Who is asked for a second factor, for which, and why." })
	none := &ui.AdminChain{Levels: chain().Levels[2:3], Result: ui.AdminResult{Tone: ui.ToneBad, Heading: "Nobody gets in", Text: "A second factor is required, and none can be used."}, Unusable: chain().Unusable}
	wrong := asking()
	wrong.Errors = []ui.FieldError{{Field: "user", Message: "There is no such user in this tenant."}}
	return []Story{
		{"admin.explain", ui.AdminExplain{AdminPage: explain, Ask: asking(), Chain: chain()}},
		{"admin.explain-ask", ui.AdminExplain{AdminPage: explain, Ask: asking()}},
		{"admin.explain-unknown", ui.AdminExplain{AdminPage: explain, Ask: wrong}},
		{"admin.explain-closed", ui.AdminExplain{AdminPage: explain, Ask: asking(), Chain: none}},
		{"admin.audit", audit(nil)},
		{"admin.audit-empty", audit(func(v *ui.AdminTimeline) { v.Entries, v.Values, v.Next = nil, nil, "" })},
		{"admin.audit-no-match", audit(func(v *ui.AdminTimeline) { v.Entries, v.Next = nil, "" })},
		{"admin.deliveries", deliveries()},
		{"admin.reference", apiReference()},
	}
}

// adminStories are the pages of the admin frame, which speaks English only.
func adminStories() []Story {
	var all []Story
	for _, some := range [][]Story{listStories(), formStories(), detailStories(), logStories()} {
		all = append(all, some...)
	}
	return all
}

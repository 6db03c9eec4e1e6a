package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"twofold/admin"
	"twofold/internal/id"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
	"twofold/ui"
)

// What stands in logs, in words.

// event is a kind of event in words.
type event struct {
	kind, words string
	tone        ui.AdminTone // of what somebody should look at
}

// events are the kinds that the house records, in the order in which they are offered.
// One that is not here is shown by its own name.
var events = []event{
	{"sign_in.done", "Signed in", ""},
	{"sign_in.wrong_password", "Wrong password", ui.ToneWarn},
	{"sign_in.wrong_passkey", "Wrong passkey", ui.ToneWarn},
	{"sign_in.no_factor", "Sign-in without a usable second factor", ui.ToneBad},
	{"sign_in.no_access", "Sign-in to an app that is for others", ui.ToneWarn},
	{"sign_in.refused", "Sign-in refused", ui.ToneBad},
	{"sign_in.bad_request", "Sign-in asked for wrongly", ui.ToneWarn},
	{"factor.wrong", "Wrong answer to a second factor", ui.ToneWarn},
	{"factor.locked", "Second factor locked", ui.ToneBad},
	{"factor.enrolled", "Second factor set up", ""},
	{"factor.renamed", "Second factor renamed", ""},
	{"factor.removed", "Second factor removed", ""},
	{"factor.reset", "Second factors reset", ui.ToneWarn},
	{"factor.resynced", "Authenticator app brought back into step", ""},
	{"factor.spent", "Recovery code used", ""},
	{"factor.bypass_issued", "Bypass issued", ui.ToneWarn},
	{"factor.bypassed", "Bypass used", ui.ToneWarn},
	{"factor.unlocked", "Wrong answers forgotten", ""},
	{"factor.sent", "Message sent", ""},
	{"factor.failed", "Message failed", ui.ToneBad},
	{"factor.expired", "Message too late to be sent", ui.ToneWarn},
	{"factor.not_sent", "Message not sent", ui.ToneWarn},
	{"factor.fell_through", "Another instance took over", ui.ToneWarn},
	{"factor.not_fallen_through", "No other instance could take over", ui.ToneBad},
	{"factor.broken", "Instance cannot be used", ui.ToneBad},
	{"sms.refused", "Text message refused by the rules", ui.ToneWarn},
	{"sms.prefix_blocked", "Numbers of one beginning paused", ui.ToneBad},
	{"sms.budget_half", "Half of the day's text messages used", ui.ToneWarn},
	{"sms.budget_spent", "The day's text messages are used up", ui.ToneBad},
	{"password.changed", "Password changed", ""},
	{"password.reset_asked", "Password reset asked for", ""},
	{"password.reset", "Password reset", ""},
	{"address.proven", "Address proven", ""},
	{"browser.remembered", "Browser remembered", ""},
	{"browser.forgotten", "Browser forgotten", ""},
	{"session.ended", "Session ended", ""},
	{"sessions.ended", "Sessions ended", ""},
	{"grant.revoked", "App's grant revoked", ""},
	{"client.auth_failed", "App failed to prove itself", ui.ToneWarn},
	{"code.replayed", "Code of an app used twice", ui.ToneBad},
	{"refresh.reused", "Refresh token used twice", ui.ToneBad},
	{"config.created", "Created", ""},
	{"config.changed", "Changed", ""},
	{"config.deleted", "Deleted", ""},
	{"config.restored", "Brought back", ""},
	{"config.linked", "Linked", ""},
	{"config.unlinked", "Unlinked", ""},
	{"role.granted", "Role given", ""},
	{"role.revoked", "Role taken back", ""},
	{"console.signed_in", "Signed in to the administration", ""},
	{"console.signed_out", "Signed out of the administration", ""},
	{"console.ensured", "Administration prepared", ""},
	{"admin.link_made", "Setup link made", ""},
	{"admin.created", "First administrator set up", ""},
	{"audit.exported", "Audit trail exported", ""},
	{"audit.verified", "Audit chain verified", ""},
	{"keys.rotated", "Master key rotated", ""},
	{"keys.dropped", "Old master key dropped", ""},
	{"signing_key.rotation_asked", "Rotation of signing keys begun", ""},
	{"signing_key.published", "Next signing key published", ""},
	{"signing_key.took_over", "Next signing key took over", ""},
	{"signing_key.deleted", "Retired signing key deleted", ""},
	{"signing_key.revoked", "Signing key revoked", ui.ToneBad},
	{"job.started", "Bulk action started", ""},
	{"job.ended", "Bulk action ended", ""},
}

// families are kinds that are asked for together.
var families = []ui.AdminOption{
	{Value: "sign_in.", Label: "All sign-ins"},
	{Value: "factor.", Label: "All of second factors"},
	{Value: "config.", Label: "All changes"},
	{Value: "role.", Label: "All of roles"},
	{Value: "password.", Label: "All of passwords"},
	{Value: "sms.", Label: "All of text message rules"},
}

// eventKinds are the kinds to filter by.
func eventKinds() []ui.AdminOption {
	out := slices.Clone(families)
	for _, e := range events {
		label := e.words
		if strings.HasPrefix(e.kind, "config.") {
			label = "Something was " + strings.ToLower(e.words[:1]) + e.words[1:]
		}
		out = append(out, ui.AdminOption{Value: e.kind, Label: label})
	}
	return out
}

// eventOf is a kind in words.
func eventOf(kind string) event {
	if i := slices.IndexFunc(events, func(e event) bool { return e.kind == kind }); i >= 0 {
		return events[i]
	}
	return event{kind: kind, words: plainWords(kind)}
}

// plainWords makes words of a name: "sign_in.done" becomes "Sign in done".
func plainWords(name string) string {
	words := strings.Fields(strings.NewReplacer("_", " ", ".", " ").Replace(name))
	for i, w := range words {
		if slices.Contains([]string{"mfa", "acr", "amr", "url", "id", "idp", "idps", "sms", "pkce", "uri", "uris", "jwks"}, w) {
			words[i] = strings.ToUpper(w)
		}
	}
	return capital(strings.Join(words, " "))
}

// entity is a kind of thing in words, with the place of its pages below a subscription.
type entity struct{ noun, path string }

var entities = map[string]entity{
	"subscription": {"Subscription", ""}, "tenant": {"Tenant", "tenants"}, "idp": {"Identity provider", "idps"}, "client_app": {"Client app", "client-apps"},
	"user": {"User", "users"}, "group": {"Group", "groups"}, "two_factor": {"TwoFactor instance", "two-factors"}, "assignment": {"Assignment", "assignments"},
	"exemption": {"Exemption", "exemptions"}, "settings": {"Base settings", ""}, "template": {"Message text", ""}, "client_secret": {"Client secret", ""},
}

func entityOf(kind string) entity {
	if e, ok := entities[kind]; ok {
		return e
	}
	return entity{noun: plainWords(kind)}
}

// readOf is what it takes to look at a kind of thing.
func readOf(kind string) admin.Action { return admin.Action(kind + ".read") }

// called is what the thing with an id is called, and where its page is. What somebody may
// not look at has no link; what was deleted has no page.
func (d *desk) called(names admin.Names, kind, thing string) (text, url string) {
	n, ok := names.Of(kind, thing)
	switch {
	case thing == "":
		return "", ""
	case !ok:
		return thing, ""
	case n.Gone:
		return n.Name + " (deleted)", ""
	}
	if p := entities[kind].path; p != "" && d.sub.ID != "" && d.may(readOf(kind)) {
		url = d.path(p, thing)
	}
	return n.Name, url
}

// actor is who did something.
func (d *desk) actor(names admin.Names, who string) (text, url string) {
	switch who {
	case "operator":
		return "The operator", ""
	case "system":
		return "Twofold itself", ""
	}
	for _, kind := range []string{"user", "client_app"} {
		if _, ok := names.Of(kind, who); ok {
			return d.called(names, kind, who)
		}
	}
	if id.Valid(who) {
		return "Somebody outside this subscription", ""
	}
	return who, ""
}

// factsOf are the members of a JSON object as facts, in the order of their names; those
// named are left out.
func factsOf(detail map[string]any, without ...string) []ui.AdminFact {
	var out []ui.AdminFact
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		if text := wordsOf(detail[name]); text != "" && !slices.Contains(without, name) {
			out = append(out, ui.AdminFact{Name: plainWords(name), AdminCell: ui.AdminCell{Text: text, Mono: id.Valid(text)}})
		}
	}
	return out
}

// wordsOf is a value of JSON in words.
func wordsOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, wordsOf(x))
		}
		return strings.Join(parts, ", ")
	}
	text, err := json.Marshal(v)
	if err != nil || string(text) == "{}" {
		return ""
	}
	return string(text)
}

// many counts things in words.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return ui.Figures(n) + " " + more
}

// strengthOf says in words what a sign-in reached or an app demands.
func strengthOf(acr string) string {
	for _, o := range strengths() {
		if o.Value == acr && acr != "" {
			return o.Label
		}
	}
	return acr
}

// methods says in words by what somebody proved himself (RFC 8176).
func methods(amr []string) string {
	words := map[string]string{
		"pwd": "password", "otp": "one-time code", "sms": "text message", "email": "mail code", "hwk": "passkey", "swk": "passkey", "mfa": "", "mca": "", "user": "",
		"pop": "passkey",
	}
	var out []string
	for _, m := range amr {
		w, ok := words[m]
		if !ok {
			w = m
		}
		if w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return strings.Join(out, ", ")
}

// letterOf says in words what a message is for.
func letterOf(kind string) string {
	switch kind {
	case twofactor.LetterCode:
		return "Sign-in code"
	case twofactor.LetterEnrol:
		return "Set-up link"
	case twofactor.LetterReset:
		return "Password reset"
	case twofactor.LetterNotice:
		return "Notice"
	case delivery.KindTest:
		return "Test"
	}
	return plainWords(kind)
}

// parts says in words how many parts of a text message were billed.
func partsOf(medium string, segments int64) string {
	if medium != string(twofactor.BySMS) || segments == 0 {
		return ""
	}
	return fmt.Sprintf("%s billed", many(int(segments), "text message", "text messages"))
}

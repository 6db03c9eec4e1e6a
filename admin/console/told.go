package console

import (
	"strings"

	"twofold/tenants"
	"twofold/ui"
)

// mostTold of an app are shown on its page.
const mostTold = 10

// toldPart shows whether an app hears of sessions that end, and why not.
func toldPart(d *desk, v tenants.ClientApp) (ui.AdminPart, error) {
	part := ui.AdminPart{ID: "logouts", Title: "Back-channel logout", Intro: "How the app was told of sessions that ended lately."}
	list, err := d.Admin.ToldOf(d.r.Context(), d.who, d.sub.ID, v.ID)
	if err != nil {
		return part, err
	}
	if len(list) == 0 {
		part.Intro = "No session that the app holds has ended lately."
		return part, nil
	}
	for _, t := range list[:min(len(list), mostTold)] {
		b := toldBadge(t.State)
		item := ui.AdminItem{Title: "Session " + t.SessionID[max(0, len(t.SessionID)-6):], Badge: &b, Detail: t.Error, Time: d.when(t.EndedAt)}
		if t.Attempts > 1 {
			item.Detail = strings.TrimSpace(item.Detail + " (" + many(int(t.Attempts), "try", "tries") + ")")
		}
		part.Items = append(part.Items, item)
	}
	return part, nil
}

func toldBadge(state string) ui.AdminBadge {
	switch state {
	case "told":
		return ui.AdminBadge{Tone: ui.ToneGood, Text: "Told"}
	case "refused":
		return ui.AdminBadge{Tone: ui.ToneBad, Text: "Refused by the app"}
	case "failed":
		return ui.AdminBadge{Tone: ui.ToneBad, Text: "Given up"}
	}
	return ui.AdminBadge{Tone: ui.ToneWarn, Text: "Waiting"}
}

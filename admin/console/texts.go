package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// The pages of messages and their texts (SPEC §8.6): by kind and language, at the level
// of the server, a subscription, a tenant or a client app.

func mountTexts(c *Console, a, s *mux.Router) {
	for _, at := range []struct {
		r         *mux.Router
		operation string
	}{{s, "templates"}, {a, "platform_templates"}} {
		at.r.HandleFunc("/templates", c.at(listTexts)).Methods(http.MethodGet, http.MethodHead).Name(at.operation + ".list")
		at.r.HandleFunc("/templates/edit", c.at(editText)).Methods(http.MethodGet, http.MethodHead)
		at.r.HandleFunc("/templates/edit", c.at(saveText)).Methods(http.MethodPost).Name(at.operation + ".set")
	}
}

// textsPath is the list of texts, or with a key the page of one.
func (d *desk) textsPath(key *tenants.Template) string {
	p := "/admin/templates"
	if d.sub.ID != "" {
		p = d.path("templates")
	}
	if key == nil {
		return p
	}
	return p + "/edit?" + url.Values{"level": {string(key.Level)}, "target": {key.TargetID}, "kind": {key.Kind}, "lang": {key.Lang}}.Encode()
}

// textKey reads which level and target the address is about.
func (d *desk) textKey() tenants.Template {
	q := d.r.URL.Query()
	key := tenants.Template{Level: tenants.Level(q.Get("level")), TargetID: q.Get("target"), Kind: q.Get("kind"), Lang: q.Get("lang")}
	switch {
	case d.sub.ID == "":
		key.Level, key.TargetID = tenants.LevelPlatform, ""
	case key.Level == "" || key.Level == tenants.LevelSubscription || key.Level == tenants.LevelPlatform:
		key.Level, key.TargetID = tenants.LevelSubscription, d.sub.ID
	}
	return key
}

func letterName(kind string) string {
	switch kind {
	case twofactor.LetterCode:
		return "Second-factor code"
	case twofactor.LetterEnrol:
		return "Link to set up a second factor"
	case twofactor.LetterReset:
		return "Link to choose a new password"
	case twofactor.LetterNotice:
		return "Notice about the account"
	}
	return capital(kind)
}

func listTexts(d *desk) error {
	all, err := d.Admin.Templates(d.r.Context(), d.who, d.sub.ID)
	if err != nil {
		return err
	}
	key := d.textKey()
	p := ui.AdminDetail{AdminPage: d.frame("Messages and texts")}
	p.Intro = "What mails and text messages say. A text counts for its level and all below it; what is not set there is inherited, part by part."
	if d.sub.ID == "" {
		p.Heading = "Texts of the server"
	} else {
		part, err := d.textLevels(key)
		if err != nil {
			return err
		}
		p.Parts = append(p.Parts, part)
	}
	if key.Level == tenants.LevelPlatform || key.TargetID != "" {
		p.Parts = append(p.Parts, d.textTable(key, all), d.otherLanguage(key))
	}
	return d.render(http.StatusOK, p)
}

// textLevels choose whose texts are looked at.
func (d *desk) textLevels(key tenants.Template) (ui.AdminPart, error) {
	levels := []tenants.Level{tenants.LevelSubscription, tenants.LevelTenant, tenants.LevelClientApp}
	if !d.mayAll(admin.TemplateWrite) {
		levels = levels[:2]
	}
	part := ui.AdminPart{ID: "level"}
	for _, l := range levels {
		part.Buttons = append(part.Buttons, ui.AdminButton{Label: "Of the " + strings.ToLower(levelName(l)), URL: d.textsPath(nil) + "?level=" + string(l)})
	}
	if key.Level == tenants.LevelSubscription {
		return part, nil
	}
	where, err := d.targetField(key.Level, key.TargetID)
	if err != nil {
		return part, err
	}
	part.Form = &ui.AdminMiniForm{Action: d.textsPath(nil), Get: true, Label: "Show its texts", Fields: []ui.AdminField{where}, Hidden: []ui.Pair{{Name: "level", Value: string(key.Level)}}}
	return part, nil
}

// textTable lists kinds and languages with what is set at a level.
func (d *desk) textTable(key tenants.Template, all []tenants.Template) ui.AdminPart {
	langs := d.Admin.Letters.Languages()
	mine := slices.DeleteFunc(all, func(t tenants.Template) bool { return t.Level != key.Level || t.TargetID != key.TargetID })
	for _, t := range mine {
		if !slices.Contains(langs, t.Lang) {
			langs = append(langs, t.Lang)
		}
	}
	table := &ui.AdminTable{Caption: "Texts", Columns: []ui.AdminColumn{{Label: "Message"}, {Label: "Language"}, {Label: "State"}, {Label: "Changed"}}}
	for _, kind := range d.Admin.Letters.Kinds() {
		for _, lang := range langs {
			row := key
			row.Kind, row.Lang = kind, lang
			state, when := badge(ui.AdminBadge{Tone: ui.ToneOff, Text: "Inherited"}), ui.AdminCell{}
			if i := slices.IndexFunc(mine, func(t tenants.Template) bool { return t.Kind == kind && t.Lang == lang }); i >= 0 {
				state, when = badge(ui.AdminBadge{Tone: ui.ToneGood, Text: "Set here"}), ui.AdminCell{Time: d.when(mine[i].UpdatedAt)}
				state.Second = partsSet(mine[i])
			}
			table.Rows = append(table.Rows, ui.AdminRow{URL: d.textsPath(&row), Cells: []ui.AdminCell{{Text: letterName(kind)}, {Text: languageName(lang)}, state, when}})
		}
	}
	return ui.AdminPart{ID: "texts", Title: d.ofLevel(key), Table: table}
}

func partsSet(t tenants.Template) string {
	var out []string
	for _, p := range parts(t) {
		if p.value != "" {
			out = append(out, p.label)
		}
	}
	return strings.Join(out, ", ")
}

// ofLevel says whose texts they are.
func (d *desk) ofLevel(key tenants.Template) string {
	if key.Level == tenants.LevelPlatform {
		return "Texts of the server"
	}
	names, err := d.names([]target{{Level: key.Level, ID: key.TargetID}})
	if err != nil {
		return "Texts"
	}
	return "Texts of the " + strings.ToLower(levelName(key.Level)) + " " + names[key.TargetID]
}

// otherLanguage opens a text in a language that the list has not.
func (d *desk) otherLanguage(key tenants.Template) ui.AdminPart {
	kind := required(choose("kind", "Message", "", "", d.kindOptions()...))
	lang := required(text("lang", "Language", "", "A language tag such as de-CH or es."))
	return ui.AdminPart{ID: "other", Title: "Another language", Form: &ui.AdminMiniForm{
		Action: strings.SplitN(d.textsPath(&key), "?", 2)[0], Get: true, Label: "Open", Fields: []ui.AdminField{kind, lang},
		Hidden: []ui.Pair{{Name: "level", Value: string(key.Level)}, {Name: "target", Value: key.TargetID}},
	}}
}

func (d *desk) kindOptions() []ui.AdminOption {
	var out []ui.AdminOption
	for _, k := range d.Admin.Letters.Kinds() {
		out = append(out, ui.AdminOption{Value: k, Label: letterName(k)})
	}
	return out
}

// textPart is one part of a template with its field.
type textPart struct {
	name, label, help string
	lines             int
	value             string
}

// parts are the parts of a template in the order in which people read them.
func parts(t tenants.Template) []textPart {
	return []textPart{
		{"subject", "Subject", "Of the mail: one line.", 0, t.Subject},
		{"text", "Text of the mail", "For readers without HTML.", 10, t.Text},
		{"html", "HTML of the mail", "What stands between header and footer of the page.", 10, t.HTML},
		{"sms", "Text message", "Short: each further part costs. The line that binds a code to this host is added.", 3, t.SMS},
	}
}

func editText(d *desk) error {
	v, err := d.Admin.Text(d.r.Context(), d.who, d.sub.ID, d.textKey())
	if err != nil {
		return err
	}
	return d.drawText(http.StatusOK, v, v.Own, nil, nil)
}

// drawText is the form of a template; t is what was typed.
func (d *desk) drawText(status int, v admin.Text, t tenants.Template, errs []ui.FieldError, how func(*ui.AdminForm)) error {
	p := ui.AdminForm{
		AdminPage: d.frame(letterName(t.Kind) + ", " + languageName(t.Lang)), Action: d.textsPath(&t), CancelURL: d.textsPath(nil), Errors: errs, Version: strconv.FormatInt(v.Own.Version, 10),
		Buttons: []ui.AdminOption{{Value: "mail", Label: "Preview mail"}, {Value: "sms", Label: "Preview text message"}, {Value: "begin", Label: "Begin with the inherited text"}},
	}
	if t.Level != tenants.LevelPlatform {
		p.CancelURL += "?level=" + string(t.Level) + "&target=" + t.TargetID
	}
	p.Crumbs = []ui.Link{{Text: "Messages and texts", URL: d.textsPath(nil)}, {Text: d.ofLevel(t), URL: p.CancelURL}}
	section := ui.AdminSection{Intro: "Leave a part empty to inherit it. Variables: " + variables(v.Variables) + "."}
	for _, x := range parts(t) {
		f := text(x.name, x.label, x.value, x.help)
		if x.lines > 0 {
			f.Draw, f.Lines, f.Mono = ui.DrawLines, x.lines, true
		}
		in := v.Inherited[x.name]
		f.Source = "Inherited from " + inheritedFrom(in)
		if x.value != "" {
			f.Source = "Set here"
		}
		section.Fields = append(section.Fields, f)
		p.Parts = append(p.Parts, ui.AdminPart{Title: x.label + " that is inherited", Intro: "From " + inheritedFrom(in) + ".", Code: in.Source, CodeLabel: x.label + " that is inherited"})
	}
	p.Sections = []ui.AdminSection{section}
	if v.Own.Version > 0 {
		p.Buttons = append(p.Buttons, ui.AdminOption{Value: "restore", Label: "Restore the inherited text"})
	}
	if how != nil {
		how(&p)
	} else if p.Message = d.previewText(t, twofactor.ByMail, nil); p.Message != nil && p.Message.Error != "" {
		p.Message = nil // its parts say what is wrong
	}
	return d.render(status, p)
}

func variables(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = "{{." + n + "}}"
	}
	return strings.Join(out, ", ")
}

func inheritedFrom(in admin.InheritedText) string {
	from := "what Twofold comes with"
	switch in.Level {
	case tenants.LevelSubscription:
		from = "the subscription"
	case tenants.LevelPlatform:
		from = "the server"
	case tenants.LevelTenant, tenants.LevelClientApp, tenants.LevelIDP, tenants.LevelGroup, tenants.LevelUser:
	}
	if in.Lang == "" {
		return from
	}
	return from + ", in " + languageName(in.Lang)
}

// previewText is the message with sample values; errs gets what is wrong with its parts.
func (d *desk) previewText(t tenants.Template, medium twofactor.Medium, errs *[]ui.FieldError) *ui.AdminMessagePreview {
	m, err := d.Admin.PreviewTemplate(d.r.Context(), d.who, d.sub.ID, t, medium)
	var bad *twofactor.OptionsError
	switch {
	case errors.As(err, &bad) && errs != nil:
		for _, e := range bad.Errors {
			*errs = append(*errs, ui.FieldError{Field: e.Field, Message: capital(e.Message) + "."})
		}
		return &ui.AdminMessagePreview{Error: "Put right what is wrong, then look again."}
	case err != nil:
		return &ui.AdminMessagePreview{Error: "There is no preview just now."}
	}
	v := &ui.AdminMessagePreview{Subject: m.Subject, Text: m.Text, HTML: m.HTML, Short: medium == twofactor.BySMS, Note: "With sample values."}
	if v.Short {
		v.Title, v.Note = "Text message", smsWords(m.Text)+" With sample values."
	}
	return v
}

// gsm are the characters of GSM 7-bit text (3GPP TS 23.038 §6.2.1); those of twice count
// as two.
const (
	gsm   = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	twice = "^{}\\[~]|€"
)

// smsWords says how long a text message is and in how many parts it travels.
func smsWords(s string) string {
	n := 0
	for _, c := range s {
		switch {
		case strings.ContainsRune(gsm, c):
			n++
		case strings.ContainsRune(twice, c):
			n += 2
		default:
			return smsParts(len(utf16.Encode([]rune(s))), 70, 67)
		}
	}
	return smsParts(n, 160, 153)
}

func smsParts(n, single, multi int) string {
	parts := 1
	if n > single {
		parts = (n + multi - 1) / multi
	}
	return fmt.Sprintf("%s, %s.", count(int64(parts), "text message"), count(int64(n), "character"))
}

func saveText(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	version, err := strconv.ParseInt(one(d.r, ui.FieldVersion), 10, 64)
	if err != nil || version < 0 {
		return errVersion
	}
	v, err := d.Admin.Text(d.r.Context(), d.who, d.sub.ID, d.textKey())
	if err != nil {
		return err
	}
	t := v.Own
	lines := func(name string) string {
		return strings.TrimRight(strings.ReplaceAll(one(d.r, name), "\r\n", "\n"), "\n ")
	}
	t.Subject, t.Text, t.HTML, t.SMS = strings.TrimSpace(one(d.r, "subject")), lines("text"), lines("html"), lines("sms")
	switch do := one(d.r, ui.FieldDo); do {
	case "mail", "sms":
		var errs []ui.FieldError
		m := d.previewText(t, twofactor.Medium(do), &errs)
		return d.drawText(status(errs), seen(v, version), t, errs, func(p *ui.AdminForm) { p.Message = m })
	case "begin":
		return d.drawText(http.StatusOK, seen(v, version), begun(t, v.Inherited), nil, nil)
	case "restore":
		if !d.confirmed() {
			return d.askRestore(v, version)
		}
		t.Subject, t.Text, t.HTML, t.SMS = "", "", "", ""
	}
	_, err = d.Admin.SetTemplate(d.r.Context(), d.who, d.sub.ID, t, version)
	var stale *admin.StaleError[tenants.Template]
	switch {
	case err == nil:
		return d.done(d.textsPath(&t), "Text saved. It counts from the next message on.", nil)
	case errors.As(err, &stale):
		v.Own = stale.Theirs
		return d.drawText(http.StatusPreconditionFailed, v, t, nil, func(p *ui.AdminForm) { p.Conflict = conflictOf(t, stale.Theirs, p.Action) })
	}
	errs, ok := atFields(err)
	if !ok {
		return err
	}
	return d.drawText(http.StatusUnprocessableEntity, v, t, errs, nil)
}

// seen is a text at the version that the form was drawn with.
func seen(v admin.Text, version int64) admin.Text {
	v.Own.Version = version
	return v
}

// begun fills what is empty with what is inherited, to be changed.
func begun(t tenants.Template, in map[string]admin.InheritedText) tenants.Template {
	for part, into := range map[string]*string{"subject": &t.Subject, "text": &t.Text, "html": &t.HTML, "sms": &t.SMS} {
		if *into == "" {
			*into = in[part].Source
		}
	}
	return t
}

// askRestore asks before a text goes.
func (d *desk) askRestore(v admin.Text, version int64) error {
	p := ui.AdminConfirm{
		AdminPage: d.frame("Restore the inherited text?"), Action: d.textsPath(&v.Own), Losses: []string{"What is set here: " + partsSet(v.Own)}, Label: "Restore it", Do: "restore",
		Version: strconv.FormatInt(version, 10), BackURL: d.textsPath(&v.Own),
	}
	p.Crumbs = []ui.Link{{Text: "Messages and texts", URL: d.textsPath(nil)}, {Text: letterName(v.Own.Kind) + ", " + languageName(v.Own.Lang), URL: p.BackURL}}
	return d.render(http.StatusOK, p)
}

// conflictOf compares two versions of a text, part by part.
func conflictOf(yours, theirs tenants.Template, take string) *ui.AdminConflict {
	c := &ui.AdminConflict{TakeURL: take}
	other := parts(theirs)
	for i, p := range parts(yours) {
		if p.value != other[i].value {
			c.Rows = append(c.Rows, ui.AdminConflictRow{Field: p.label, Yours: p.value, Theirs: other[i].value})
		}
	}
	return c
}

package console

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/tenants"
	"twofold/ui"
)

func mountSigningKeys(c *Console, s *mux.Router) {
	const base = "/tenants/{id}/signing-keys"
	s.HandleFunc(base, c.at(signingKeys)).Methods(http.MethodGet, http.MethodHead).Name("signing_keys.list")
	s.HandleFunc(base+"/rotate", c.at(askRotate)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(base+"/rotate", c.at(rotateKeys)).Methods(http.MethodPost).Name("signing_keys.rotate")
	s.HandleFunc(base+"/{key}/revoke", c.at(askRevokeKey)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(base+"/{key}/revoke", c.at(revokeKey)).Methods(http.MethodPost).Name("signing_keys.revoke")
}

// signingKeysPart leads from a tenant to its keys.
func signingKeysPart(d *desk, v tenants.Tenant) ui.AdminPart {
	return ui.AdminPart{
		ID: "signing-keys", Title: "Signing keys", Intro: "Apps know by them that a token is from here.",
		More: ui.Link{Text: "Signing keys", URL: d.path("tenants", v.ID, "signing-keys")},
	}
}

func (d *desk) mayKeys(tenantID string) bool {
	return d.who.May(admin.SigningKeyWrite, db.Scope{Subscription: d.sub.ID, Tenant: tenantID})
}

// signingKeys tells the state of each key in words.
func signingKeys(d *desk) error {
	all, err := d.Admin.SigningKeysOf(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	t, err := d.Admin.TenantsOf().Get(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	p := ui.AdminDetail{AdminPage: d.frame("Signing keys of " + t.Name)}
	p.Crumbs = keyCrumbs(d, t)[:2]
	p.Intro = "Tokens are signed by one key of each algorithm. The next one is published before it signs, and the one before stays published until all that it signed is over, so that no app fails."
	part := ui.AdminPart{ID: "keys", Title: "Keys"}
	may, running := d.mayKeys(t.ID), false
	for _, k := range all {
		running = running || k.State == "next" || k.Preparing
		badge, words := keyWords(d, k)
		item := ui.AdminItem{Title: k.Alg + " key " + keyEnd(k.ID), Badge: &badge, Detail: words, Time: d.when(k.Since)}
		if may {
			item.Buttons = []ui.AdminButton{{Label: "Revoke", URL: d.path("tenants", t.ID, "signing-keys", k.ID, "revoke"), Danger: true}}
		}
		part.Items = append(part.Items, item)
	}
	if may && !running {
		part.Buttons = []ui.AdminButton{{Label: "Rotate keys", URL: d.path("tenants", t.ID, "signing-keys", "rotate")}}
	}
	p.Parts = []ui.AdminPart{part}
	return d.render(http.StatusOK, p)
}

// keyEnd tells keys apart: all of an id at once is for apps.
func keyEnd(id string) string { return "…" + id[max(0, len(id)-6):] }

// keyWords says what a key is for now and what comes next, up to the time since when.
func keyWords(d *desk, k admin.SigningKey) (ui.AdminBadge, string) {
	until := ""
	if k.Until != nil {
		until = d.when(*k.Until).Text
	}
	signs, retired := ui.AdminBadge{Tone: ui.ToneGood, Text: "Signs"}, ui.AdminBadge{Tone: ui.ToneOff, Text: "Retired"}
	switch {
	case k.State == "next":
		return ui.AdminBadge{Text: "Next"}, "Takes over " + until + ". Published"
	case k.State == "active" && k.Preparing:
		return signs, "The next one is being made. Began"
	case k.State == "active" && until == "":
		return signs, "Until somebody rotates the keys. Began"
	case k.State == "active":
		return signs, "The next one takes over " + until + ". Began"
	case k.Published:
		return retired, "Leaves the key set " + until + ", when all that it signed is over. Retired"
	}
	return retired, "No longer published. Known here alone, for apps that sign people out. Retired"
}

func keyCrumbs(d *desk, t tenants.Tenant) []ui.Link {
	return []ui.Link{
		{Text: "Tenants", URL: d.path("tenants")}, {Text: t.Name, URL: d.path("tenants", t.ID)}, {Text: "Signing keys", URL: d.path("tenants", t.ID, "signing-keys")},
	}
}

// keyTenant finds the tenant of a page that changes its keys, for who may.
func keyTenant(d *desk) (tenants.Tenant, error) {
	v, err := d.Admin.TenantsOf().Get(d.r.Context(), d.who, d.sub.ID, d.id())
	switch {
	case err != nil:
		return v, err
	case !d.mayKeys(v.ID):
		return v, errMayNot
	case !d.who.Fresh(d.now()):
		return v, admin.ErrAgain
	}
	return v, nil
}

func askRotate(d *desk) error {
	t, err := keyTenant(d)
	if err != nil {
		return err
	}
	back := d.path("tenants", t.ID, "signing-keys")
	p := ui.AdminConfirm{
		AdminPage: d.frame("Rotate the keys of " + t.Name + "?"), Action: back + "/rotate", Label: "Rotate keys", Calm: true, BackURL: back, BackLabel: "Back",
		Text: "New keys are made and published within seconds. They sign once every app has had the time to fetch them. Nobody is signed out.",
	}
	p.Crumbs = keyCrumbs(d, t)
	return d.render(http.StatusOK, p)
}

func rotateKeys(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if one(d.r, ui.FieldConfirmed) != "true" {
		return errVersion
	}
	if _, err := d.Admin.RotateSigningKeys(d.r.Context(), d.who, d.sub.ID, d.id()); err != nil {
		return err
	}
	return d.done(d.path("tenants", d.id(), "signing-keys"), "The rotation has begun. The next keys are published within seconds.", nil)
}

func askRevokeKey(d *desk) error { return revokeKeyQuestion(d, nil) }

func revokeKeyQuestion(d *desk, errs []ui.FieldError) error {
	t, err := keyTenant(d)
	if err != nil {
		return err
	}
	all, err := d.Admin.SigningKeysOf(d.r.Context(), d.who, d.sub.ID, t.ID)
	if err != nil {
		return err
	}
	for _, k := range all {
		if k.ID != mux.Vars(d.r)["key"] {
			continue
		}
		back := d.path("tenants", t.ID, "signing-keys")
		p := ui.AdminConfirm{
			AdminPage: d.frame("Revoke the " + k.Alg + " key " + keyEnd(k.ID) + "?"), Action: back + "/" + k.ID + "/revoke", Errors: errs, TypeName: t.Name,
			AskReason: true, Reasoned: one(d.r, ui.FieldReason), Label: "Revoke key", BackURL: back,
			Text:   "For an emergency: somebody else may have the key. To change keys without a break, rotate them.",
			Losses: revokeLosses(k),
		}
		p.Crumbs = keyCrumbs(d, t)
		return d.render(status(errs), p)
	}
	return errNoSuch
}

func revokeLosses(k admin.SigningKey) []string {
	out := []string{"Every token that it signed is refused: here within a minute, by apps that check for themselves within 5 minutes more."}
	if k.State == "active" {
		out = append(out, "A new key signs at once. Apps that do not look for new keys fail until they do, for up to 5 minutes.",
			"A next key of the same algorithm goes with it.")
	}
	return out
}

func revokeKey(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if one(d.r, ui.FieldConfirmed) != "true" {
		return errVersion
	}
	t, err := keyTenant(d)
	if err != nil {
		return err
	}
	if strings.TrimSpace(one(d.r, ui.FieldTyped)) != t.Name {
		return revokeKeyQuestion(d, []ui.FieldError{{Field: ui.FieldTyped, Message: "This is not the name of the tenant."}})
	}
	err = d.Admin.RevokeSigningKey(d.r.Context(), d.who, d.sub.ID, t.ID, mux.Vars(d.r)["key"], one(d.r, ui.FieldReason))
	if errs, ok := reasonErrors(err); ok {
		return revokeKeyQuestion(d, errs)
	}
	if err != nil {
		return err
	}
	return d.done(d.path("tenants", t.ID, "signing-keys"), "The key is revoked. What it signed is refused everywhere within a minute.", nil)
}

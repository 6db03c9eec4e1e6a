package admin_test

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/tenants"
)

// TestOwners: from the far end of a link one sees what one may see, and no more.
func TestOwners(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		tina := h.as("acme", "bob", tenants.RoleTenantAdmin, h.scope("acme"))
		foreign := h.as("other", "olga", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.two})
		idps, err := h.Admin.Tenants.LinksOf(db.WithScope(ctx, db.Scope{Subscription: h.one}), tenants.LinkTenantIDP, h.realms["acme"].Tenant.ID)
		must(t, err)
		h.enrol("acme", "anna")
		for _, c := range []struct {
			name          string
			who           admin.Who
			tenants, idps int
			code          string
			count         string // of users of an IDP
		}{
			{"operator", admin.Operator(), 2, 2, "", ""}, {"tenant_admin of one of two", tina, 1, 1, "", "unknown"}, {"of another subscription", foreign, 0, 0, "unknown", "unknown"},
		} {
			of, err := h.Owners(ctx, c.who, h.one, tenants.LinkTenantMember, h.ids["anna"])
			wantCode(t, err, c.code)
			if len(of) != c.tenants {
				t.Errorf("%s: tenants of anna: %v", c.name, of)
			}
			of, err = h.Owners(ctx, c.who, h.one, tenants.LinkTenantIDP, idps[0])
			wantCode(t, err, c.code)
			if len(of) != c.idps {
				t.Errorf("%s: tenants of the IDP: %v", c.name, of)
			}
			n, err := h.MembersOf(ctx, c.who, h.one, tenants.LinkTenantMember, h.realms["acme"].Tenant.ID)
			wantCode(t, err, c.code)
			if c.code == "" && n != 2 {
				t.Errorf("%s: %d members", c.name, n)
			}
			n, err = h.UsersOf(ctx, c.who, h.one, idps[0])
			wantCode(t, err, c.count)
			if c.count == "" && n != 2 {
				t.Errorf("%s: %d users of the IDP", c.name, n)
			}
			set, err := h.Enrolled(ctx, c.who, h.one, []tenants.User{{ID: h.ids["anna"]}, {ID: h.ids["bob"]}})
			wantCode(t, err, c.code)
			if c.code == "" && (len(set) != 1 || strings.Join(set[h.ids["anna"]], " ") != "token") {
				t.Errorf("%s: set up: %v", c.name, set)
			}
		}
		// Anna belongs to globex too: who runs acme may not change her.
		u := tenants.User{ID: h.ids["anna"]}
		wantCode(t, h.MayChangeUser(ctx, tina, h.one, u), "other_tenants")
		wantCode(t, h.MayHelp(ctx, tina, h.one, u), "")
		wantCode(t, h.MayHelp(ctx, tina, h.one, tenants.User{ID: h.ids["bob"]}), "not_oneself")
		wantCode(t, h.MayChangeUser(ctx, admin.Operator(), h.one, u), "")
	})
}

// TestLogo: who may, what is a picture, and that both or neither is kept.
func TestLogo(t *testing.T) {
	var b bytes.Buffer
	must(t, png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 8, 8))))
	eachHouse(t, func(t *testing.T, h *house) {
		ctx, scoped := t.Context(), db.WithScope(t.Context(), db.Scope{Subscription: h.one})
		acme, globex := h.realms["acme"].Tenant.ID, h.realms["globex"].Tenant.ID
		app := tenants.ClientApp{Name: "app", ClientID: "app", Type: tenants.AppSPA, AuthMethod: tenants.AuthNone, IDTokenAlg: "RS256", Active: true}
		put(t)(h.Admin.Tenants.PutClientApp(scoped, &app))
		tina := h.as("acme", "bob", tenants.RoleTenantAdmin, h.scope("acme"))
		desk := h.as("acme", "anna", tenants.RoleHelpDesk, h.scope("acme"))
		wantCode(t, h.SetTenantLogo(ctx, desk, h.one, acme, b.Bytes()), "may_not")
		wantCode(t, h.SetTenantLogo(ctx, tina, h.one, globex, b.Bytes()), "unknown")
		wantCode(t, h.SetTenantLogo(ctx, tina, h.two, acme, b.Bytes()), "unknown")
		wantCode(t, h.SetClientAppLogo(ctx, desk, h.one, app.ID, b.Bytes()), "may_not")
		wantCode(t, h.SetTenantLogo(ctx, tina, h.one, acme, []byte("GIF89a")), "invalid")
		must(t, h.SetTenantLogo(ctx, tina, h.one, acme, b.Bytes()))
		must(t, h.SetClientAppLogo(ctx, admin.Operator(), h.one, app.ID, b.Bytes()))
		v, err := h.TenantsOf().Get(ctx, tina, h.one, acme)
		must(t, err)
		hash := v.LogoURL[strings.LastIndexByte(v.LogoURL, '/')+1:]
		logo, err := h.Admin.Tenants.Logo(scoped, hash)
		must(t, err)
		if v.LogoURL != tenants.LogoPath("acme", hash) || logo.MIME != "image/png" || tenants.LogoAt("globex", v.LogoURL) != "/t/globex/logo/"+hash {
			t.Errorf("%s %s", v.LogoURL, logo.MIME)
		}
		_, err = h.Admin.Tenants.Logo(db.WithScope(ctx, db.Scope{Subscription: h.two}), hash)
		wantCode(t, err, "page_unknown")
		// The app has the same picture: it stays when the tenant's goes.
		must(t, h.SetTenantLogo(ctx, tina, h.one, acme, nil))
		if v, err = h.TenantsOf().Get(ctx, tina, h.one, acme); err != nil || v.LogoURL != "" {
			t.Error(v.LogoURL, err)
		}
		if logo, err = h.Admin.Tenants.Logo(scoped, hash); err != nil || logo.OwnerID != app.ID {
			t.Errorf("%+v %v", logo, err)
		}
		if !strings.Contains(h.events(h.one), "logo_url") {
			t.Error("the trail says nothing of it")
		}
	})
}

package idp

import (
	"errors"
	"net/http"
	"time"

	"twofold/idp/op"
	"twofold/internal/audit"
	"twofold/internal/limits"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/ui"
)

// A device without a browser shows a code; here its user types it in, signs in, and says
// whether it may (RFC 8628 §3.3).

// How often codes may be tried: from one network, and at a tenant (SECURITY N46).
var (
	perDeviceNetwork = limits.Limit{Burst: 5, Per: time.Minute}
	perDeviceTenant  = limits.Limit{Burst: 100, Per: time.Minute}
)

// showDevice asks for the code. A link that brings it along fills it in and goes no
// further: who is sent here by a stranger must see what he does (§5.4).
func (s *IDP) showDevice(w http.ResponseWriter, r *http.Request) error {
	s.UI.Render(w, r, http.StatusOK, ui.DeviceCode{
		Page: s.chrome(r, ""), Action: path(r, op.PathDevice), Code: cut(r.URL.Query().Get("user_code"), 20),
	})
	return nil
}

// askDevice takes the code, and begins the sign-in of its device.
func (s *IDP) askDevice(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(r); err != nil {
		return err
	}
	ctx := r.Context()
	if err := s.allowDevice(r); err != nil {
		return err
	}
	typed := one(r, ui.FieldUserCode)
	req, err := s.Provider.AuthorizeDevice(ctx, typed)
	if errors.Is(err, op.ErrOver) {
		page := s.chrome(r, "")
		s.UI.Render(w, r, http.StatusUnprocessableEntity, ui.DeviceCode{
			Page: page, Action: r.URL.Path, Code: cut(typed, 20), Error: page.Say("device.wrong"),
		})
		return nil
	}
	if err != nil {
		return err
	}
	return s.enter(w, r, req)
}

// allowDevice counts a try before it is one.
func (s *IDP) allowDevice(r *http.Request) error {
	ctx := r.Context()
	tenant := tenants.RealmFrom(ctx).Tenant.ID
	for _, l := range []struct {
		limit limits.Limit
		key   []string
	}{
		{perDeviceNetwork, []string{"device", tenant, web.Network(audit.OriginOf(ctx).Address)}},
		{perDeviceTenant, []string{"device", tenant}},
	} {
		ok, after, err := s.Limits.Take(ctx, l.limit, l.key...)
		if err != nil {
			return err
		}
		if !ok {
			return problem.Busy(problem.TooMany, "device_tries", "Many codes were tried. Please wait before you try again.", after)
		}
	}
	return nil
}

// deviceOf tells the user about the device that he is about to let in.
func (s *IDP) deviceOf(r *http.Request, page ui.Page, a *attempt) (ui.Device, error) {
	d, err := s.Provider.Device(r.Context(), a.req.ID)
	if err != nil {
		return ui.Device{}, err
	}
	return ui.Device{Code: d.UserCode, Address: d.Address, When: page.Ago(s.Now(), d.CreatedAt)}, nil
}

// deviceAnswered says that it is done: the device goes on by itself.
func (s *IDP) deviceAnswered(w http.ResponseWriter, r *http.Request, resp op.Response) {
	page := s.chrome(r, "")
	if resp.Error != "" {
		s.UI.Render(w, r, http.StatusOK, ui.Cancelled{Page: page, AgainURL: path(r, op.PathDevice)})
		return
	}
	s.UI.Render(w, r, http.StatusOK, ui.DeviceDone{Page: page})
}

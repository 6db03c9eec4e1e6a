package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// What a logo may be.
const (
	MaxLogo     = 128 << 10 // bytes, of the file and of what is kept
	maxLogoSide = 1024      // pixels
	logoQuality = 90
)

var (
	errLogoForm   = logoError("is no picture that we can read: send a PNG or JPEG file")
	errLogoSize   = logoError("is too large: 128 KiB at most")
	errLogoPixels = logoError("is too large: 1024 pixels on each side at most")
	errNoPlace    = problem.New(problem.Conflict, "no_tenant", "A logo is served by a tenant. Create a tenant first.")
)

func logoError(message string) error { return fieldError("logo", message) }

// SetTenantLogo gives a tenant another logo, or with no file none.
func (a *Admin) SetTenantLogo(ctx context.Context, w Who, subscription, tenantID string, file []byte) error {
	v, err := a.TenantsOf().Get(ctx, w, subscription, tenantID)
	if err != nil {
		return err
	}
	return setLogo(ctx, a, a.TenantsOf(), w, subscription, tenantID, v.Name, file, func(v *tenants.Tenant) *string { return &v.LogoURL })
}

// SetClientAppLogo gives a client app another logo, or with no file its tenant's. Its
// address names some tenant of the subscription: each serves it, see tenants.LogoAt.
func (a *Admin) SetClientAppLogo(ctx context.Context, w Who, subscription, appID string, file []byte) error {
	if _, err := a.ClientApps().Get(ctx, w, subscription, appID); err != nil {
		return err
	}
	all, err := a.Tenants.ListTenants(a.scope(ctx, subscription))
	if err != nil {
		return err
	}
	at := ""
	for _, t := range all {
		if !t.Deleted() {
			at = t.Name
			break
		}
	}
	if at == "" {
		return errNoPlace
	}
	return setLogo(ctx, a, a.ClientApps(), w, subscription, appID, at, file, func(v *tenants.ClientApp) *string { return &v.LogoURL })
}

// setLogo keeps the picture and its address in one transaction: both or neither.
func setLogo[V any](ctx context.Context, a *Admin, t Things[V], w Who, subscription, id, at string, file []byte, url func(*V) *string) error {
	logo, address := tenants.Logo{OwnerID: id}, ""
	if len(file) > 0 {
		var err error
		if logo.Content, logo.MIME, err = redrawn(file); err != nil {
			return err
		}
		sum := sha256.Sum256(logo.Content)
		logo.Hash = hex.EncodeToString(sum[:])
		address = tenants.LogoPath(at, logo.Hash)
	}
	ctx = a.scope(ctx, subscription)
	return a.DB.Tx(ctx, func(ctx context.Context) error {
		// The address first: it asks whether w may.
		if _, err := t.Update(ctx, w, subscription, id, 0, func(v *V) error { *url(v) = address; return nil }); err != nil {
			return err
		}
		return a.Tenants.PutLogo(db.WithScope(ctx, db.Scope{Subscription: subscription}), logo)
	})
}

// redrawn decodes a picture and draws it anew, so that nothing travels with it: no
// place, no comment, no script behind its end. Its size is looked at before its pixels.
func redrawn(file []byte) (content []byte, mime string, err error) {
	if len(file) > MaxLogo {
		return nil, "", errLogoSize
	}
	head, form, err := image.DecodeConfig(bytes.NewReader(file))
	switch {
	case err != nil || form != "png" && form != "jpeg":
		return nil, "", errLogoForm
	case head.Width < 1 || head.Height < 1 || head.Width > maxLogoSide || head.Height > maxLogoSide:
		return nil, "", errLogoPixels
	}
	picture, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, "", errLogoForm
	}
	var out bytes.Buffer
	if form == "jpeg" {
		err = jpeg.Encode(&out, picture, &jpeg.Options{Quality: logoQuality})
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, picture)
	}
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("admin: draw logo: %w", err)
	case out.Len() > MaxLogo:
		return nil, "", errLogoSize
	}
	return out.Bytes(), "image/" + form, nil
}

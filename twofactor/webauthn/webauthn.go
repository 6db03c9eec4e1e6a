package webauthn

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	lib "github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"twofold/twofactor"
)

const (
	lifetime = 5 * time.Minute // of a challenge (SECURITY N24)
	maxKeys  = 20              // passkeys of a user; browsers refuse long lists
)

// Options are the options of an instance (SPEC §3.4).
type Options struct {
	RelyingPartyName      string `json:"RelyingPartyName" label:"Name" help:"What browsers say a passkey is for. Empty: the name of the tenant."`
	UserVerification      string `json:"UserVerification" label:"User verification" help:"Whether the device checks that it is the user, by fingerprint, face or PIN. Only required makes every passkey do without a password." choices:"required,preferred,discouraged"`
	Attestation           string `json:"Attestation" label:"Attestation" help:"Whether a new passkey is asked to prove its make. Browsers then ask for one more consent." choices:"none,indirect,direct"`
	AllowedAuthenticators string `json:"AllowedAuthenticators" label:"Allowed authenticators" help:"AAGUIDs of the makes that may be set up, separated by commas. Needs direct attestation, which passkeys that are copied between devices do not give. Empty: all."`
}

var defaults = Options{
	UserVerification: string(protocol.VerificationRequired),
	Attestation:      string(protocol.PreferNoAttestation),
}

// Validate checks the list of authenticators.
func (o *Options) Validate() []twofactor.FieldError {
	allowed, err := parseAAGUIDs(o.AllowedAuthenticators)
	switch {
	case err != nil:
		return []twofactor.FieldError{{Field: "AllowedAuthenticators", Message: err.Error()}}
	case len(allowed) > 0 && o.Attestation != string(protocol.PreferDirectAttestation):
		return []twofactor.FieldError{{Field: "Attestation", Message: "must be direct when authenticators are listed: without it anything can claim to be one of them"}}
	}
	return nil
}

func parseAAGUIDs(list string) ([]uuid.UUID, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var all []uuid.UUID
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		id, err := uuid.Parse(item)
		if err != nil || len(item) != len(uuid.UUID{}.String()) || id == uuid.Nil {
			return nil, errors.New("must be AAGUIDs separated by commas, such as ee882879-721c-4913-9775-3dfcce97072a")
		}
		all = append(all, id)
	}
	return all, nil
}

//go:embed assets
var files embed.FS

// Provider describes the factor.
func Provider() twofactor.Provider {
	p := twofactor.Define(twofactor.Info{
		Type:      "webauthn",
		Name:      "Passkey",
		Strength:  twofactor.StrengthPHR,
		Enrolls:   true,
		HostBound: true,
	}, defaults, open)
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		panic("webauthn: assets: " + err.Error())
	}
	p.Assets = assets
	return p
}

var (
	_ twofactor.Factor     = (*factor)(nil)
	_ twofactor.Enroller   = (*factor)(nil)
	_ twofactor.Identifier = (*factor)(nil)
)

type factor struct {
	party       party
	unusable    error // why no passkey works at this origin; nil: they do
	name        string
	uv          protocol.UserVerificationRequirement
	attestation protocol.ConveyancePreference
	allowed     []uuid.UUID
	env         twofactor.Env
	texts       twofactor.Texts
	lib         *lib.WebAuthn // nil when unusable
}

func open(o Options, env twofactor.Env) (twofactor.Factor, error) {
	allowed, err := parseAAGUIDs(o.AllowedAuthenticators)
	if err != nil {
		return nil, twofactor.BadOption("AllowedAuthenticators", err.Error())
	}
	f := &factor{
		name:        strings.TrimSpace(o.RelyingPartyName),
		uv:          protocol.UserVerificationRequirement(cmp.Or(o.UserVerification, defaults.UserVerification)),
		attestation: protocol.ConveyancePreference(cmp.Or(o.Attestation, defaults.Attestation)),
		allowed:     allowed, env: env, texts: readTexts(),
	}
	// Options are not to blame for the origin: the instance opens, and says it when used.
	if f.party, f.unusable = partyOf(env.Origin); f.unusable == nil {
		f.lib, err = lib.New(&lib.Config{RPID: f.party.id, RPDisplayName: f.party.id, RPOrigins: []string{f.party.origin}})
	}
	if err != nil {
		return nil, fmt.Errorf("webauthn: open: %w", err)
	}
	return f, nil
}

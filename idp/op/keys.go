package op

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/db"
	"twofold/internal/id"
)

// States of a signing key, in their order: see KeyTimes. One key per algorithm signs.
const (
	keyNext    = "next"    // published ahead
	keyActive  = "active"  // signs
	keyRetired = "retired" // published while what it signed may live, then kept for hints
)

// CreateKeys gives the tenant in ctx the signing keys that it lacks: RS256, which
// OpenID Connect demands (Core §15.1), and ES256. It is called in the transaction
// that creates the tenant.
func (p *Provider) CreateKeys(ctx context.Context) error {
	var have []signingKeyRow
	if err := p.DB.For(ctx).Where("state = ?", keyActive).Find(&have).Error; err != nil {
		return fmt.Errorf("op: signing keys: %w", err)
	}
	for _, alg := range keyAlgs() {
		if slices.ContainsFunc(have, func(r signingKeyRow) bool { return r.Alg == string(alg) }) {
			continue
		}
		if err := p.createKey(ctx, alg); err != nil {
			return fmt.Errorf("op: create %s key: %w", alg, err)
		}
	}
	tenant := db.ScopeOf(ctx).Tenant
	db.AfterCommit(ctx, func() { p.keys.forget(tenant) })
	return nil
}

func (p *Provider) createKey(ctx context.Context, alg jose.SignatureAlgorithm) error {
	row, err := p.newKey(ctx, alg, keyActive)
	if err != nil {
		return err
	}
	return p.DB.For(ctx).Create(&row).Error
}

// newKey makes a key for the tenant in ctx. Of RSA that takes up to seconds.
func (p *Provider) newKey(ctx context.Context, alg jose.SignatureAlgorithm, state string) (signingKeyRow, error) {
	var private crypto.Signer
	var err error
	if alg == jose.RS256 {
		private, err = p.NewRSA(p.RSABits)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), p.Rand)
	}
	if err != nil {
		return signingKeyRow{}, err
	}
	return p.keyRow(ctx, alg, state, private)
}

func (p *Provider) keyRow(ctx context.Context, alg jose.SignatureAlgorithm, state string, private crypto.Signer) (signingKeyRow, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return signingKeyRow{}, err
	}
	kid, now := id.New(), p.now()
	public, err := json.Marshal(jose.JSONWebKey{Key: private.Public(), KeyID: kid, Algorithm: string(alg), Use: "sig"})
	if err != nil {
		return signingKeyRow{}, err
	}
	return signingKeyRow{
		ID: kid, Alg: string(alg), PublicJWK: string(public), State: state, CreatedAt: now, ChangedAt: &now,
		PrivateSealed: p.Seal.Seal(der, keyPlace(db.ScopeOf(ctx).Tenant, kid)...),
	}, nil
}

// keyPlace binds a sealed private key to its row.
func keyPlace(tenantID, kid string) []string {
	return []string{"signing_keys", "private_sealed", tenantID, kid}
}

// key is one signing key, parsed. The signers differ in the type they write into
// the token's header.
type key struct {
	id      string
	alg     jose.SignatureAlgorithm
	public  jose.JSONWebKey
	signers map[string]jose.Signer
}

// openKey unseals and parses a row, once in the life of a process.
func (p *Provider) openKey(row signingKeyRow) (*key, error) {
	der, err := p.Seal.Open(row.PrivateSealed, keyPlace(row.TenantID, row.ID)...)
	if err != nil {
		return nil, fmt.Errorf("op: signing key %s: %w", row.ID, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("op: signing key %s is damaged", row.ID)
	}
	k := &key{id: row.ID, alg: jose.SignatureAlgorithm(row.Alg), signers: map[string]jose.Signer{}}
	if err := json.Unmarshal([]byte(row.PublicJWK), &k.public); err != nil {
		return nil, fmt.Errorf("op: signing key %s: public part: %w", row.ID, err)
	}
	for _, typ := range []string{typAccess, typID, typLogout} {
		opts := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", row.ID)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: private}, opts)
		if err != nil {
			return nil, fmt.Errorf("op: signing key %s: %w", row.ID, err)
		}
		k.signers[typ] = signer
	}
	return k, nil
}

package op

import "twofold/internal/masterkey"

// SealedColumns are those of this package, of all tenants, for a change of the master key.
func (p *Provider) SealedColumns() []masterkey.Column {
	return []masterkey.Column{masterkey.Table[signingKeyRow]{
		DB: p.DB, Seal: p.Seal, Table: "signing_keys", Column: "private_sealed", Key: []string{"tenant_id", "id"},
		Read: func(r signingKeyRow) masterkey.Value {
			return masterkey.Value{Key: []any{r.TenantID, r.ID}, Sealed: r.PrivateSealed, Place: keyPlace(r.TenantID, r.ID)}
		},
	}, masterkey.Table[deviceRow]{
		DB: p.DB, Seal: p.Seal, Table: "device_requests", Column: "code_sealed", Key: []string{"tenant_id", "hash"},
		Read: func(r deviceRow) masterkey.Value {
			return masterkey.Value{Key: []any{r.TenantID, r.Hash}, Sealed: r.CodeSealed, Place: devicePlace(r.TenantID, r.Hash)}
		},
	}}
}

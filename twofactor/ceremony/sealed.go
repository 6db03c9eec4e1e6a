package ceremony

import "twofold/internal/masterkey"

// SealedColumns are those of this package, of all tenants, for a change of the master key.
func (c *Ceremony) SealedColumns() []masterkey.Column {
	return []masterkey.Column{
		masterkey.Table[enrollmentRow]{
			DB: c.DB, Seal: c.Seal, Table: "enrollments", Column: "sealed", Key: []string{"subscription_id", "id"},
			Read: func(r enrollmentRow) masterkey.Value {
				return masterkey.Value{Key: []any{r.SubscriptionID, r.ID}, Sealed: r.Sealed, Place: r.place()}
			},
		},
		masterkey.Table[challengeRow]{
			DB: c.DB, Seal: c.Seal, Table: "challenges", Column: "sealed", Key: []string{"tenant_id", "id"},
			Read: func(r challengeRow) masterkey.Value {
				return masterkey.Value{Key: []any{r.TenantID, r.ID}, Sealed: r.Sealed, Place: r.place()}
			},
		},
	}
}

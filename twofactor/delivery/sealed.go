package delivery

import "twofold/internal/masterkey"

// SealedColumns is that of this package, of all tenants, for a change of the master key.
func (o *Outbox) SealedColumns() []masterkey.Column {
	return []masterkey.Column{masterkey.Table[messageRow]{
		DB: o.DB, Seal: o.Seal, Table: "messages", Column: "sealed", Key: []string{"tenant_id", "id"},
		Read: func(r messageRow) masterkey.Value {
			return masterkey.Value{Key: []any{r.TenantID, r.ID}, Sealed: r.Sealed, Place: r.place()}
		},
	}}
}

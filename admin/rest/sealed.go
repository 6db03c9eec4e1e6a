package rest

import "twofold/internal/masterkey"

// SealedColumns is that of this package, for a change of the master key.
func (a *API) SealedColumns() []masterkey.Column {
	return []masterkey.Column{masterkey.Table[onceRow]{
		DB: a.DB, Seal: a.Seal, Table: "idempotency_keys", Column: "sealed", Key: []string{"key"},
		Read: func(r onceRow) masterkey.Value {
			return masterkey.Value{Key: []any{r.Key}, Sealed: r.Sealed, Place: answerPlace(r.Key)}
		},
	}}
}

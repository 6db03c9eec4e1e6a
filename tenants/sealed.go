package tenants

import "twofold/internal/masterkey"

// SealedColumns are those of this package, of all tenants, for a change of the master key.
func (s *Store) SealedColumns() []masterkey.Column {
	return []masterkey.Column{
		masterkey.Table[settingsRow]{
			DB: s.DB, Seal: s.Seal, Table: "settings", Column: "options_sealed", Key: []string{"subscription_id", "factor_type"},
			Read: func(r settingsRow) masterkey.Value {
				return masterkey.Value{
					Key: []any{r.SubscriptionID, r.FactorType}, Sealed: r.OptionsSealed,
					Place: optionsPlace("settings", r.SubscriptionID, r.FactorType),
				}
			},
		},
		masterkey.Table[idpRow]{
			DB: s.DB, Seal: s.Seal, Table: "idps", Column: "client_secret_sealed", Key: []string{"id"},
			Read: func(r idpRow) masterkey.Value {
				return masterkey.Value{Key: []any{r.ID}, Sealed: r.ClientSecretSealed, Place: idpSecretPlace(r.SubscriptionID, r.ID)}
			},
		},
		masterkey.Table[twoFactorRow]{
			DB: s.DB, Seal: s.Seal, Table: "two_factors", Column: "options_sealed", Key: []string{"id"},
			Read: func(r twoFactorRow) masterkey.Value {
				return masterkey.Value{
					Key: []any{r.ID}, Sealed: r.OptionsSealed, Place: optionsPlace("two_factors", r.SubscriptionID, r.ID),
				}
			},
		},
	}
}

-- +goose Up
-- Owner: tenants, idp. IDPs of type oidc: other OpenID Providers (docs/adr/0032). The secret is sealed.
-- Lists are lines, as everywhere.
ALTER TABLE idps ADD COLUMN issuer text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN client_id text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN client_secret_sealed text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN scopes text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN acr_values text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN domains text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN name_claim text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN email_claim text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN phone_claim text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN groups_claim text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN group_map text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN trust text NOT NULL DEFAULT '';
ALTER TABLE idps ADD COLUMN create_users boolean NOT NULL DEFAULT false;
ALTER TABLE idps ADD COLUMN update_users boolean NOT NULL DEFAULT false;
-- A user is known to an IDP by one subject, and a subject is one user's (its primary key).
CREATE UNIQUE INDEX identities_one ON identities (idp_id, user_id);
-- Sign-ins under way at another provider: found by the hash of their state, taken away when the answer comes.
CREATE TABLE upstream_flows (
  tenant_id text NOT NULL REFERENCES tenants (id),
  state_hash text NOT NULL,
  idp_id text NOT NULL,
  sign_in_id text NOT NULL,
  user_id text NOT NULL,
  browser_hash text NOT NULL,
  max_age integer,
  created_at datetime NOT NULL,
  expires_at datetime NOT NULL,
  PRIMARY KEY (tenant_id, state_hash)
);
CREATE INDEX upstream_flows_sign_in ON upstream_flows (tenant_id, sign_in_id);
CREATE INDEX upstream_flows_expires ON upstream_flows (expires_at);

-- +goose Down
DROP TABLE upstream_flows;
DROP INDEX identities_one;
ALTER TABLE idps DROP COLUMN update_users;
ALTER TABLE idps DROP COLUMN create_users;
ALTER TABLE idps DROP COLUMN trust;
ALTER TABLE idps DROP COLUMN group_map;
ALTER TABLE idps DROP COLUMN groups_claim;
ALTER TABLE idps DROP COLUMN phone_claim;
ALTER TABLE idps DROP COLUMN email_claim;
ALTER TABLE idps DROP COLUMN name_claim;
ALTER TABLE idps DROP COLUMN domains;
ALTER TABLE idps DROP COLUMN acr_values;
ALTER TABLE idps DROP COLUMN scopes;
ALTER TABLE idps DROP COLUMN client_secret_sealed;
ALTER TABLE idps DROP COLUMN client_id;
ALTER TABLE idps DROP COLUMN issuer;

-- +goose Up
-- Owner: tenants. consent: users are asked before the app gets what it wants.
ALTER TABLE client_apps ADD COLUMN consent boolean NOT NULL DEFAULT false;
-- Owner: idp/op. What users have let apps have; scopes is all that was ever allowed and
-- not taken back.
CREATE TABLE consents (
  tenant_id text NOT NULL REFERENCES tenants (id),
  user_id text NOT NULL REFERENCES users (id),
  client_app_id text NOT NULL,
  scopes text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, user_id, client_app_id)
);

-- +goose Down
DROP TABLE consents;
ALTER TABLE client_apps DROP COLUMN consent;

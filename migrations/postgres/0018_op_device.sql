-- +goose Up
-- Owner: idp/op. What a device without a browser asks for (RFC 8628).
CREATE TABLE device_requests (
  tenant_id text NOT NULL REFERENCES tenants (id),
  hash text NOT NULL,
  user_code_hash text NOT NULL,
  code_sealed text NOT NULL,
  client_app_id text NOT NULL,
  client_id text NOT NULL,
  scopes text NOT NULL,
  resources text NOT NULL,
  address text NOT NULL,
  user_agent text NOT NULL,
  state text NOT NULL,
  grant_id text NOT NULL,
  poll_interval bigint NOT NULL,
  polled_at timestamptz,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, hash)
);
CREATE UNIQUE INDEX device_requests_user_code ON device_requests (tenant_id, user_code_hash);
CREATE INDEX device_requests_expires ON device_requests (expires_at);
ALTER TABLE auth_requests ADD COLUMN device_hash text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE auth_requests DROP COLUMN device_hash;
DROP TABLE device_requests;

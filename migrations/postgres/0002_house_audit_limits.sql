-- +goose Up
-- Owners: internal/audit, internal/limits.
CREATE TABLE audit_chains (
  id text PRIMARY KEY,
  seq bigint NOT NULL,
  head text NOT NULL
);
CREATE TABLE audit_events (
  id text PRIMARY KEY,
  chain text NOT NULL,
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  subscription_id text NOT NULL,
  tenant_id text NOT NULL,
  kind text NOT NULL,
  actor text NOT NULL,
  user_id text NOT NULL,
  client_app_id text NOT NULL,
  address text NOT NULL,
  request_id text NOT NULL,
  detail text NOT NULL,
  previous text NOT NULL,
  mac text NOT NULL,
  UNIQUE (chain, seq)
);
CREATE INDEX audit_events_tenant ON audit_events (tenant_id, seq);
CREATE TABLE rate_counters (
  key text PRIMARY KEY,
  tat_us bigint NOT NULL
);

-- +goose Down
DROP TABLE rate_counters, audit_events, audit_chains;

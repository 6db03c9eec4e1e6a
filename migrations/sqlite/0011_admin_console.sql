-- +goose Up
-- Owner: admin/console. An administrator's browser that is signed in: by which tenant, as
-- whom, and what was proven. Of the cookie only the hash is kept.
CREATE TABLE console_sessions (
  token_hash text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  tenant_id text NOT NULL REFERENCES tenants (id),
  tenant_name text NOT NULL,
  user_id text NOT NULL REFERENCES users (id),
  credential_epoch integer NOT NULL,
  sid text NOT NULL,
  auth_time datetime NOT NULL,
  acr text NOT NULL,
  amr text NOT NULL,
  created_at datetime NOT NULL,
  seen_at datetime NOT NULL,
  idle_expires_at datetime NOT NULL,
  expires_at datetime NOT NULL
);
CREATE INDEX console_sessions_user ON console_sessions (user_id);
CREATE INDEX console_sessions_idle ON console_sessions (idle_expires_at);
-- Links that make an administrator of whoever opens them, in a tenant and with a role.
CREATE TABLE setup_links (
  token_hash text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  tenant_id text NOT NULL REFERENCES tenants (id),
  role text NOT NULL,
  login text NOT NULL,
  created_at datetime NOT NULL,
  expires_at datetime NOT NULL,
  used_at datetime
);
CREATE INDEX setup_links_expires ON setup_links (expires_at);

-- +goose Down
DROP TABLE setup_links;
DROP TABLE console_sessions;

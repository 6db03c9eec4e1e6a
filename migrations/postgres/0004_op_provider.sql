-- +goose Up
-- Owner: idp/op.
CREATE TABLE signing_keys (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  alg text NOT NULL,
  private_sealed text NOT NULL,
  public_jwk text NOT NULL,
  state text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE TABLE auth_requests (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  client_app_id text NOT NULL,
  client_id text NOT NULL,
  redirect_uri text NOT NULL,
  response_mode text NOT NULL,
  state text NOT NULL,
  nonce text NOT NULL,
  scopes text NOT NULL,
  code_challenge text NOT NULL,
  prompt text NOT NULL,
  max_age bigint,
  acr_values text NOT NULL,
  login_hint text NOT NULL,
  ui_locales text NOT NULL,
  hint_user_id text NOT NULL,
  hint_session_id text NOT NULL,
  claims text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  answered_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX auth_requests_expires ON auth_requests (expires_at);
CREATE TABLE auth_codes (
  tenant_id text NOT NULL REFERENCES tenants (id),
  hash text NOT NULL,
  grant_id text NOT NULL,
  client_app_id text NOT NULL,
  redirect_uri text NOT NULL,
  nonce text NOT NULL,
  code_challenge text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (tenant_id, hash)
);
CREATE INDEX auth_codes_expires ON auth_codes (expires_at);
CREATE TABLE grants (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  client_app_id text NOT NULL,
  user_id text NOT NULL REFERENCES users (id),
  session_id text NOT NULL,
  scopes text NOT NULL,
  claims text NOT NULL,
  acr text NOT NULL,
  amr text NOT NULL,
  auth_time timestamptz NOT NULL,
  offline boolean NOT NULL,
  generation bigint NOT NULL,
  rotated_at timestamptz,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  idle_expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_why text NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX grants_session ON grants (tenant_id, session_id);
CREATE INDEX grants_user ON grants (tenant_id, user_id);
CREATE INDEX grants_expires ON grants (expires_at);
CREATE TABLE revoked_tokens (
  tenant_id text NOT NULL REFERENCES tenants (id),
  token_id text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, token_id)
);
CREATE INDEX revoked_tokens_expires ON revoked_tokens (expires_at);
CREATE TABLE replay (
  tenant_id text NOT NULL REFERENCES tenants (id),
  key text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, key)
);
CREATE INDEX replay_expires ON replay (expires_at);

-- +goose Down
DROP TABLE replay, revoked_tokens, grants, auth_codes, auth_requests, signing_keys;

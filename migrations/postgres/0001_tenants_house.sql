-- +goose Up
-- Owner: tenants. Times are UTC with microseconds; ids are UUIDv7 as text.
CREATE TABLE subscriptions (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  title text NOT NULL,
  enforce_mfa boolean NOT NULL,
  min_acr text NOT NULL,
  active boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL
);
CREATE TABLE tenants (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  name text NOT NULL UNIQUE,
  title text NOT NULL,
  accent text NOT NULL,
  logo_url text NOT NULL,
  enforce_mfa boolean NOT NULL,
  min_acr text NOT NULL,
  session_seconds bigint NOT NULL,
  idle_seconds bigint NOT NULL,
  active boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL
);
CREATE TABLE idps (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  name text NOT NULL,
  title text NOT NULL,
  type text NOT NULL,
  enforce_mfa boolean NOT NULL,
  active boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (subscription_id, name)
);
CREATE TABLE tenant_idps (
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  tenant_id text NOT NULL REFERENCES tenants (id),
  idp_id text NOT NULL REFERENCES idps (id),
  PRIMARY KEY (tenant_id, idp_id)
);
CREATE TABLE client_apps (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  name text NOT NULL,
  title text NOT NULL,
  type text NOT NULL,
  client_id text NOT NULL UNIQUE,
  auth_method text NOT NULL,
  redirect_uris text NOT NULL,
  post_logout_redirect_uris text NOT NULL,
  grant_types text NOT NULL,
  scopes text NOT NULL,
  jwks text NOT NULL,
  pkce_optional boolean NOT NULL,
  id_token_alg text NOT NULL,
  id_token_profile boolean NOT NULL,
  enforce_mfa boolean NOT NULL,
  min_acr text NOT NULL,
  active boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (subscription_id, name)
);
CREATE TABLE tenant_client_apps (
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  tenant_id text NOT NULL REFERENCES tenants (id),
  client_app_id text NOT NULL REFERENCES client_apps (id),
  PRIMARY KEY (tenant_id, client_app_id)
);
CREATE TABLE client_secrets (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  client_app_id text NOT NULL REFERENCES client_apps (id),
  mac text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz
);
CREATE INDEX client_secrets_app ON client_secrets (client_app_id);
CREATE TABLE users (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  name text NOT NULL,
  kind text NOT NULL,
  display_name text NOT NULL,
  given_name text NOT NULL,
  family_name text NOT NULL,
  email text NOT NULL,
  email_verified boolean NOT NULL,
  phone text NOT NULL,
  phone_verified boolean NOT NULL,
  locale text NOT NULL,
  last_two_factor_id text NOT NULL,
  active boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (subscription_id, name)
);
CREATE TABLE identities (
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  idp_id text NOT NULL REFERENCES idps (id),
  subject text NOT NULL,
  user_id text NOT NULL REFERENCES users (id),
  PRIMARY KEY (idp_id, subject)
);
CREATE INDEX identities_user ON identities (user_id);
CREATE TABLE passwords (
  user_id text PRIMARY KEY REFERENCES users (id),
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  hash text NOT NULL,
  changed_at timestamptz NOT NULL
);
CREATE TABLE memberships (
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  tenant_id text NOT NULL REFERENCES tenants (id),
  user_id text NOT NULL REFERENCES users (id),
  PRIMARY KEY (tenant_id, user_id)
);
CREATE TABLE groups (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  name text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (subscription_id, name)
);
CREATE TABLE group_members (
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  group_id text NOT NULL REFERENCES groups (id),
  user_id text NOT NULL REFERENCES users (id),
  PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);
-- subscription_id is empty for the platform's own base settings.
CREATE TABLE settings (
  subscription_id text NOT NULL,
  factor_type text NOT NULL,
  options_sealed text NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (subscription_id, factor_type)
);
CREATE TABLE two_factors (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  name text NOT NULL,
  type text NOT NULL,
  options_sealed text NOT NULL,
  active boolean NOT NULL,
  last_sent_at timestamptz,
  failing_since timestamptz,
  last_error text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (subscription_id, name)
);
CREATE TABLE assignments (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  two_factor_id text NOT NULL REFERENCES two_factors (id),
  level text NOT NULL,
  target_id text NOT NULL,
  required boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (subscription_id, two_factor_id, level, target_id)
);
CREATE INDEX assignments_target ON assignments (subscription_id, target_id);
CREATE TABLE exemptions (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  level text NOT NULL,
  target_id text NOT NULL,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (subscription_id, level, target_id)
);

-- +goose Down
DROP TABLE exemptions, assignments, two_factors, settings, group_members, groups, memberships, passwords, identities, users,
  client_secrets, tenant_client_apps, client_apps, tenant_idps, idps, tenants, subscriptions;

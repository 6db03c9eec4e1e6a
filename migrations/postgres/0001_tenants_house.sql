-- +goose Up
-- Owner: tenants. Times are UTC with microseconds; ids are UUIDv7 as text.
-- What belongs to a subscription can refer to nothing of another: foreign keys name both.
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
  version bigint NOT NULL,
  UNIQUE (subscription_id, id)
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
  UNIQUE (subscription_id, name),
  UNIQUE (subscription_id, id)
);
CREATE TABLE tenant_idps (
  subscription_id text NOT NULL,
  tenant_id text NOT NULL,
  idp_id text NOT NULL,
  PRIMARY KEY (tenant_id, idp_id),
  FOREIGN KEY (subscription_id, tenant_id) REFERENCES tenants (subscription_id, id),
  FOREIGN KEY (subscription_id, idp_id) REFERENCES idps (subscription_id, id)
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
  UNIQUE (subscription_id, name),
  UNIQUE (subscription_id, id)
);
CREATE TABLE tenant_client_apps (
  subscription_id text NOT NULL,
  tenant_id text NOT NULL,
  client_app_id text NOT NULL,
  PRIMARY KEY (tenant_id, client_app_id),
  FOREIGN KEY (subscription_id, tenant_id) REFERENCES tenants (subscription_id, id),
  FOREIGN KEY (subscription_id, client_app_id) REFERENCES client_apps (subscription_id, id)
);
CREATE TABLE client_secrets (
  id text PRIMARY KEY,
  subscription_id text NOT NULL,
  client_app_id text NOT NULL,
  mac text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  FOREIGN KEY (subscription_id, client_app_id) REFERENCES client_apps (subscription_id, id)
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
  UNIQUE (subscription_id, name),
  UNIQUE (subscription_id, id)
);
CREATE INDEX users_email ON users (email);
CREATE TABLE identities (
  subscription_id text NOT NULL,
  idp_id text NOT NULL,
  subject text NOT NULL,
  user_id text NOT NULL,
  PRIMARY KEY (idp_id, subject),
  FOREIGN KEY (subscription_id, idp_id) REFERENCES idps (subscription_id, id),
  FOREIGN KEY (subscription_id, user_id) REFERENCES users (subscription_id, id)
);
CREATE INDEX identities_user ON identities (user_id);
CREATE TABLE passwords (
  user_id text PRIMARY KEY,
  subscription_id text NOT NULL,
  hash text NOT NULL,
  changed_at timestamptz NOT NULL,
  FOREIGN KEY (subscription_id, user_id) REFERENCES users (subscription_id, id)
);
CREATE TABLE memberships (
  subscription_id text NOT NULL,
  tenant_id text NOT NULL,
  user_id text NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (subscription_id, tenant_id) REFERENCES tenants (subscription_id, id),
  FOREIGN KEY (subscription_id, user_id) REFERENCES users (subscription_id, id)
);
CREATE TABLE groups (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  name text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (subscription_id, name),
  UNIQUE (subscription_id, id)
);
CREATE TABLE group_members (
  subscription_id text NOT NULL,
  group_id text NOT NULL,
  user_id text NOT NULL,
  PRIMARY KEY (group_id, user_id),
  FOREIGN KEY (subscription_id, group_id) REFERENCES groups (subscription_id, id),
  FOREIGN KEY (subscription_id, user_id) REFERENCES users (subscription_id, id)
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
  UNIQUE (subscription_id, name),
  UNIQUE (subscription_id, id)
);
CREATE TABLE assignments (
  id text PRIMARY KEY,
  subscription_id text NOT NULL,
  two_factor_id text NOT NULL,
  level text NOT NULL,
  target_id text NOT NULL,
  required boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (subscription_id, two_factor_id, level, target_id),
  FOREIGN KEY (subscription_id, two_factor_id) REFERENCES two_factors (subscription_id, id)
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

-- The stations a sign-in passes, for the policy in one query: subscription, tenant, IDP,
-- client app, the user's groups, the user. Only what is assigned to the tenant and
-- members of it are there. finder is the id to ask with: a group is found by its member.
CREATE VIEW stations AS
SELECT t.subscription_id, t.id AS tenant_id, s.id AS finder, 1 AS place, 'subscription' AS level, s.id, s.name, s.enforce_mfa, s.min_acr, s.active
FROM tenants t JOIN subscriptions s ON s.id = t.subscription_id
UNION ALL
SELECT t.subscription_id, t.id, t.id, 2, 'tenant', t.id, t.name, t.enforce_mfa, t.min_acr, t.active
FROM tenants t
UNION ALL
SELECT ti.subscription_id, ti.tenant_id, i.id, 3, 'idp', i.id, i.name, i.enforce_mfa, '', i.active
FROM tenant_idps ti JOIN idps i ON i.id = ti.idp_id
UNION ALL
SELECT ta.subscription_id, ta.tenant_id, a.id, 4, 'client_app', a.id, a.name, a.enforce_mfa, a.min_acr, a.active
FROM tenant_client_apps ta JOIN client_apps a ON a.id = ta.client_app_id
UNION ALL
SELECT m.subscription_id, m.tenant_id, gm.user_id, 5, 'group', g.id, g.name, false, '', true
FROM memberships m JOIN group_members gm ON gm.user_id = m.user_id JOIN groups g ON g.id = gm.group_id
UNION ALL
SELECT m.subscription_id, m.tenant_id, u.id, 6, 'user', u.id, u.name, false, '', u.active
FROM memberships m JOIN users u ON u.id = m.user_id;

-- Who may sign in with a password, by name or by proven mail address, at which local
-- IDP of which tenant. One query, whoever is asked for: the time it takes tells nobody apart.
CREATE VIEW logins AS
SELECT ti.subscription_id, ti.tenant_id, ti.idp_id, d.name AS idp_name, i.subject AS login, true AS by_name, i.user_id, p.hash
FROM identities i
JOIN idps d ON d.id = i.idp_id AND d.active AND d.type = 'local'
JOIN tenant_idps ti ON ti.idp_id = i.idp_id
JOIN memberships m ON m.tenant_id = ti.tenant_id AND m.user_id = i.user_id
JOIN users u ON u.id = i.user_id AND u.active AND u.kind = 'person'
JOIN passwords p ON p.user_id = i.user_id
UNION ALL
SELECT ti.subscription_id, ti.tenant_id, ti.idp_id, d.name, u.email, false, i.user_id, p.hash
FROM users u
JOIN identities i ON i.user_id = u.id
JOIN idps d ON d.id = i.idp_id AND d.active AND d.type = 'local'
JOIN tenant_idps ti ON ti.idp_id = i.idp_id
JOIN memberships m ON m.tenant_id = ti.tenant_id AND m.user_id = u.id
JOIN passwords p ON p.user_id = u.id
WHERE u.active AND u.kind = 'person' AND u.email_verified;

-- +goose Down
DROP VIEW logins;
DROP VIEW stations;
DROP TABLE exemptions, assignments, two_factors, settings, group_members, groups, memberships, passwords, identities, users,
  client_secrets, tenant_client_apps, client_apps, tenant_idps, idps, tenants, subscriptions;

-- +goose Up
-- Owner: idp.
CREATE TABLE sign_ins (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  auth_request_id text NOT NULL,
  client_app_id text NOT NULL,
  browser_hash text NOT NULL,
  user_id text NOT NULL,
  facts text NOT NULL,
  challenge_id text NOT NULL,
  state text NOT NULL,
  version integer NOT NULL,
  created_at datetime NOT NULL,
  expires_at datetime NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX sign_ins_user ON sign_ins (tenant_id, user_id, state);
CREATE INDEX sign_ins_expires ON sign_ins (expires_at);
CREATE TABLE sessions (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  token_hash text NOT NULL,
  user_id text NOT NULL REFERENCES users (id),
  idp_id text NOT NULL,
  proofs text NOT NULL,
  auth_time datetime NOT NULL,
  address text NOT NULL,
  user_agent text NOT NULL,
  created_at datetime NOT NULL,
  seen_at datetime NOT NULL,
  idle_expires_at datetime NOT NULL,
  expires_at datetime NOT NULL,
  ended_at datetime,
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX sessions_token ON sessions (tenant_id, token_hash);
CREATE INDEX sessions_user ON sessions (tenant_id, user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- The one place where owners meet: whether a grant still stands depends on the
-- grant (idp/op), its user (tenants) and its session (idp). Read-only, for idp/op,
-- so that userinfo and introspection cost one round trip (docs/adr/0004).
CREATE VIEW grant_subjects AS
SELECT g.tenant_id, g.id, g.client_app_id, g.user_id, g.session_id, g.scopes, g.claims, g.acr, g.amr, g.auth_time, g.offline,
  g.generation, g.rotated_at, g.created_at, g.expires_at, g.idle_expires_at, g.revoked_at, g.revoked_why,
  u.name AS user_name, u.display_name, u.given_name, u.family_name, u.email, u.email_verified, u.phone, u.phone_verified, u.locale,
  u.updated_at AS user_updated_at, u.active AS user_active,
  m.user_id IS NOT NULL AS is_member,
  s.id IS NOT NULL AS has_session, s.ended_at AS session_ended_at, s.expires_at AS session_expires_at,
  COALESCE((SELECT group_concat(gr.name, char(10) ORDER BY gr.name) FROM group_members gm JOIN groups gr ON gr.id = gm.group_id WHERE gm.user_id = u.id), '') AS group_names
FROM grants g
JOIN users u ON u.id = g.user_id
LEFT JOIN memberships m ON m.tenant_id = g.tenant_id AND m.user_id = g.user_id
LEFT JOIN sessions s ON s.tenant_id = g.tenant_id AND s.id = g.session_id;

-- +goose Down
DROP VIEW grant_subjects;
DROP TABLE sessions;
DROP TABLE sign_ins;

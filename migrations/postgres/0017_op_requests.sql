-- +goose Up
-- Owner: tenants. resources are the APIs that an app may ask tokens for (RFC 8707);
-- require_par: its requests must be pushed (RFC 9126).
ALTER TABLE client_apps ADD COLUMN resources text NOT NULL DEFAULT '';
ALTER TABLE client_apps ADD COLUMN require_par boolean NOT NULL DEFAULT false;
-- Owner: idp/op.
ALTER TABLE auth_requests ADD COLUMN resources text NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN resources text NOT NULL DEFAULT '';
-- A request that the app itself brought; the browser carries its name alone. Of the name
-- only the hash is kept.
CREATE TABLE pushed_requests (
  tenant_id text NOT NULL REFERENCES tenants (id),
  hash text NOT NULL,
  client_app_id text NOT NULL,
  parameters text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (tenant_id, hash)
);
CREATE INDEX pushed_requests_expires ON pushed_requests (expires_at);
CREATE VIEW usable_apps AS
SELECT ta.tenant_id, ta.client_app_id
FROM tenant_client_apps ta
JOIN client_apps ca ON ca.id = ta.client_app_id
JOIN tenants t ON t.id = ta.tenant_id
JOIN subscriptions sb ON sb.id = t.subscription_id
WHERE ca.active AND t.active AND sb.active;
-- A grant stands as long as its app and its tenant may be used, as seen by every replica.
DROP VIEW grant_subjects;
CREATE VIEW grant_subjects AS
SELECT g.tenant_id, g.id, g.client_app_id, g.user_id, g.session_id, g.scopes, g.claims, g.resources, g.acr, g.amr, g.auth_time, g.offline,
  g.generation, g.rotated_at, g.created_at, g.expires_at, g.idle_expires_at, g.revoked_at, g.revoked_why,
  u.name AS user_name, u.display_name, u.given_name, u.family_name, u.email, u.email_verified, u.phone, u.phone_verified, u.locale,
  u.updated_at AS user_updated_at, u.active AS user_active,
  m.user_id IS NOT NULL AS is_member,
  ca.id IS NOT NULL AND ca.active AND ta.client_app_id IS NOT NULL AS app_active, t.active AND sb.active AS realm_active,
  s.id IS NOT NULL AS has_session, s.ended_at AS session_ended_at, s.expires_at AS session_expires_at,
  COALESCE((SELECT string_agg(gr.name, chr(10) ORDER BY gr.name) FROM group_members gm JOIN groups gr ON gr.id = gm.group_id WHERE gm.user_id = u.id), '') AS group_names
FROM grants g
JOIN users u ON u.id = g.user_id
LEFT JOIN memberships m ON m.tenant_id = g.tenant_id AND m.user_id = g.user_id
JOIN tenants t ON t.id = g.tenant_id
JOIN subscriptions sb ON sb.id = t.subscription_id
LEFT JOIN client_apps ca ON ca.id = g.client_app_id
LEFT JOIN tenant_client_apps ta ON ta.tenant_id = g.tenant_id AND ta.client_app_id = g.client_app_id
LEFT JOIN sessions s ON s.tenant_id = g.tenant_id AND s.id = g.session_id;

-- +goose Down
DROP VIEW usable_apps;
DROP VIEW grant_subjects;
CREATE VIEW grant_subjects AS
SELECT g.tenant_id, g.id, g.client_app_id, g.user_id, g.session_id, g.scopes, g.claims, g.acr, g.amr, g.auth_time, g.offline,
  g.generation, g.rotated_at, g.created_at, g.expires_at, g.idle_expires_at, g.revoked_at, g.revoked_why,
  u.name AS user_name, u.display_name, u.given_name, u.family_name, u.email, u.email_verified, u.phone, u.phone_verified, u.locale,
  u.updated_at AS user_updated_at, u.active AS user_active,
  m.user_id IS NOT NULL AS is_member,
  s.id IS NOT NULL AS has_session, s.ended_at AS session_ended_at, s.expires_at AS session_expires_at,
  COALESCE((SELECT string_agg(gr.name, chr(10) ORDER BY gr.name) FROM group_members gm JOIN groups gr ON gr.id = gm.group_id WHERE gm.user_id = u.id), '') AS group_names
FROM grants g
JOIN users u ON u.id = g.user_id
LEFT JOIN memberships m ON m.tenant_id = g.tenant_id AND m.user_id = g.user_id
LEFT JOIN sessions s ON s.tenant_id = g.tenant_id AND s.id = g.session_id;
DROP TABLE pushed_requests;
ALTER TABLE grants DROP COLUMN resources;
ALTER TABLE auth_requests DROP COLUMN resources;
ALTER TABLE client_apps DROP COLUMN require_par;
ALTER TABLE client_apps DROP COLUMN resources;

-- +goose Up
-- Owner: tenants. A client app may be for certain users and groups alone.
ALTER TABLE client_apps ADD COLUMN restricted boolean NOT NULL DEFAULT false;
CREATE TABLE client_app_users (
  subscription_id text NOT NULL,
  client_app_id text NOT NULL,
  user_id text NOT NULL,
  PRIMARY KEY (client_app_id, user_id),
  FOREIGN KEY (subscription_id, client_app_id) REFERENCES client_apps (subscription_id, id),
  FOREIGN KEY (subscription_id, user_id) REFERENCES users (subscription_id, id)
);
CREATE INDEX client_app_users_user ON client_app_users (user_id);
CREATE TABLE client_app_groups (
  subscription_id text NOT NULL,
  client_app_id text NOT NULL,
  group_id text NOT NULL,
  PRIMARY KEY (client_app_id, group_id),
  FOREIGN KEY (subscription_id, client_app_id) REFERENCES client_apps (subscription_id, id),
  FOREIGN KEY (subscription_id, group_id) REFERENCES groups (subscription_id, id)
);
CREATE INDEX client_app_groups_group ON client_app_groups (group_id);
DROP VIEW stations;
CREATE VIEW stations AS
SELECT t.subscription_id, t.id AS tenant_id, s.id AS finder, 1 AS place, 'subscription' AS level, s.id, s.name, s.enforce_mfa, s.min_acr, s.active, false AS restricted
FROM tenants t JOIN subscriptions s ON s.id = t.subscription_id
UNION ALL
SELECT t.subscription_id, t.id, t.id, 2, 'tenant', t.id, t.name, t.enforce_mfa, t.min_acr, t.active, false
FROM tenants t
UNION ALL
SELECT ti.subscription_id, ti.tenant_id, i.id, 3, 'idp', i.id, i.name, i.enforce_mfa, '', i.active, false
FROM tenant_idps ti JOIN idps i ON i.id = ti.idp_id
UNION ALL
SELECT ta.subscription_id, ta.tenant_id, a.id, 4, 'client_app', a.id, a.name, a.enforce_mfa, a.min_acr, a.active, a.restricted
FROM tenant_client_apps ta JOIN client_apps a ON a.id = ta.client_app_id
UNION ALL
SELECT m.subscription_id, m.tenant_id, gm.user_id, 5, 'group', g.id, g.name, false, '', true, false
FROM memberships m JOIN group_members gm ON gm.user_id = m.user_id JOIN groups g ON g.id = gm.group_id
UNION ALL
SELECT m.subscription_id, m.tenant_id, u.id, 6, 'user', u.id, u.name, false, '', u.active, false
FROM memberships m JOIN users u ON u.id = m.user_id;
-- Whom a restricted app is for.
CREATE VIEW client_app_access AS
SELECT subscription_id, client_app_id, user_id AS target_id FROM client_app_users
UNION ALL
SELECT subscription_id, client_app_id, group_id FROM client_app_groups;
-- Owner: idp/op. A grant stands as long as its app is for its user.
DROP VIEW grant_subjects;
CREATE VIEW grant_subjects AS
SELECT g.tenant_id, g.id, g.client_app_id, g.user_id, g.session_id, g.scopes, g.claims, g.resources, g.acr, g.amr, g.auth_time, g.offline,
  g.generation, g.rotated_at, g.created_at, g.expires_at, g.idle_expires_at, g.revoked_at, g.revoked_why,
  u.name AS user_name, u.display_name, u.given_name, u.family_name, u.email, u.email_verified, u.phone, u.phone_verified, u.locale,
  u.updated_at AS user_updated_at, u.active AS user_active,
  m.user_id IS NOT NULL AS is_member,
  ca.id IS NOT NULL AND ca.active AND ta.client_app_id IS NOT NULL AS app_active, t.active AND sb.active AS realm_active,
  NOT COALESCE(ca.restricted, false)
    OR EXISTS (SELECT 1 FROM client_app_users cu WHERE cu.client_app_id = g.client_app_id AND cu.user_id = g.user_id)
    OR EXISTS (SELECT 1 FROM client_app_groups cg JOIN group_members cm ON cm.group_id = cg.group_id WHERE cg.client_app_id = g.client_app_id AND cm.user_id = g.user_id) AS has_access,
  s.id IS NOT NULL AS has_session, s.ended_at AS session_ended_at, s.expires_at AS session_expires_at,
  COALESCE((SELECT group_concat(gr.name, char(10) ORDER BY gr.name) FROM group_members gm JOIN groups gr ON gr.id = gm.group_id WHERE gm.user_id = u.id), '') AS group_names
FROM grants g
JOIN users u ON u.id = g.user_id
LEFT JOIN memberships m ON m.tenant_id = g.tenant_id AND m.user_id = g.user_id
JOIN tenants t ON t.id = g.tenant_id
JOIN subscriptions sb ON sb.id = t.subscription_id
LEFT JOIN client_apps ca ON ca.id = g.client_app_id
LEFT JOIN tenant_client_apps ta ON ta.tenant_id = g.tenant_id AND ta.client_app_id = g.client_app_id
LEFT JOIN sessions s ON s.tenant_id = g.tenant_id AND s.id = g.session_id;

-- +goose Down
DROP VIEW grant_subjects;
CREATE VIEW grant_subjects AS
SELECT g.tenant_id, g.id, g.client_app_id, g.user_id, g.session_id, g.scopes, g.claims, g.resources, g.acr, g.amr, g.auth_time, g.offline,
  g.generation, g.rotated_at, g.created_at, g.expires_at, g.idle_expires_at, g.revoked_at, g.revoked_why,
  u.name AS user_name, u.display_name, u.given_name, u.family_name, u.email, u.email_verified, u.phone, u.phone_verified, u.locale,
  u.updated_at AS user_updated_at, u.active AS user_active,
  m.user_id IS NOT NULL AS is_member,
  ca.id IS NOT NULL AND ca.active AND ta.client_app_id IS NOT NULL AS app_active, t.active AND sb.active AS realm_active,
  s.id IS NOT NULL AS has_session, s.ended_at AS session_ended_at, s.expires_at AS session_expires_at,
  COALESCE((SELECT group_concat(gr.name, char(10) ORDER BY gr.name) FROM group_members gm JOIN groups gr ON gr.id = gm.group_id WHERE gm.user_id = u.id), '') AS group_names
FROM grants g
JOIN users u ON u.id = g.user_id
LEFT JOIN memberships m ON m.tenant_id = g.tenant_id AND m.user_id = g.user_id
JOIN tenants t ON t.id = g.tenant_id
JOIN subscriptions sb ON sb.id = t.subscription_id
LEFT JOIN client_apps ca ON ca.id = g.client_app_id
LEFT JOIN tenant_client_apps ta ON ta.tenant_id = g.tenant_id AND ta.client_app_id = g.client_app_id
LEFT JOIN sessions s ON s.tenant_id = g.tenant_id AND s.id = g.session_id;
DROP VIEW client_app_access;
DROP VIEW stations;
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
DROP TABLE client_app_groups;
DROP TABLE client_app_users;
ALTER TABLE client_apps DROP COLUMN restricted;

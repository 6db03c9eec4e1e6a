-- +goose Up
-- Owner: tenants. What a client app is told of its users, other than by scopes: JSON.
ALTER TABLE client_apps ADD COLUMN claim_rules text NOT NULL DEFAULT '';
-- Owner: idp/op. Rules can tell what other providers know the user by: an object of
-- subjects, by the name of the IDP.
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
  COALESCE((SELECT string_agg(gr.name, chr(10) ORDER BY gr.name) FROM group_members gm JOIN groups gr ON gr.id = gm.group_id WHERE gm.user_id = u.id), '') AS group_names,
  COALESCE((SELECT json_object_agg(d.name, i.subject)::text FROM identities i JOIN idps d ON d.id = i.idp_id WHERE i.user_id = u.id AND d.type = 'oidc' AND d.deleted_at IS NULL), '') AS upstream_subjects
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
  NOT COALESCE(ca.restricted, false)
    OR EXISTS (SELECT 1 FROM client_app_users cu WHERE cu.client_app_id = g.client_app_id AND cu.user_id = g.user_id)
    OR EXISTS (SELECT 1 FROM client_app_groups cg JOIN group_members cm ON cm.group_id = cg.group_id WHERE cg.client_app_id = g.client_app_id AND cm.user_id = g.user_id) AS has_access,
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
ALTER TABLE client_apps DROP COLUMN claim_rules;

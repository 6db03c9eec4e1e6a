-- +goose Up
-- Owner: tenants. What second factors of a user's own need.
-- credential_epoch is raised by every change of what a user proves himself with: what
-- was begun before such a change does not end after it. prove_first says that the
-- user's factors were reset: before he may set up a new one he needs a bypass code.
ALTER TABLE users ADD COLUMN credential_epoch integer NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN prove_first boolean NOT NULL DEFAULT false;
ALTER TABLE tenants ADD COLUMN remember_days integer NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN passkey_sign_in boolean NOT NULL DEFAULT false;
ALTER TABLE tenants ADD COLUMN sms_countries text NOT NULL DEFAULT '';
ALTER TABLE tenants ADD COLUMN sms_per_day integer NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN locale text NOT NULL DEFAULT '';
ALTER TABLE assignments ADD COLUMN grace_days integer NOT NULL DEFAULT 0;
-- Templates of messages, by whom they are for; subscription_id is empty for the
-- platform's own. level and target_id are as in assignments; lang is a BCP 47 tag.
CREATE TABLE message_templates (
  subscription_id text NOT NULL,
  level text NOT NULL,
  target_id text NOT NULL,
  kind text NOT NULL,
  lang text NOT NULL,
  subject text NOT NULL,
  body_text text NOT NULL,
  body_html text NOT NULL,
  sms text NOT NULL,
  updated_at datetime NOT NULL,
  version integer NOT NULL,
  PRIMARY KEY (subscription_id, level, target_id, kind, lang)
);
-- The epoch that a password belongs to, read with it.
DROP VIEW logins;
CREATE VIEW logins AS
SELECT ti.subscription_id, ti.tenant_id, ti.idp_id, d.name AS idp_name, i.subject AS login, true AS by_name, i.user_id, p.hash, u.credential_epoch
FROM identities i
JOIN idps d ON d.id = i.idp_id AND d.active AND d.type = 'local'
JOIN tenant_idps ti ON ti.idp_id = i.idp_id
JOIN memberships m ON m.tenant_id = ti.tenant_id AND m.user_id = i.user_id
JOIN users u ON u.id = i.user_id AND u.active AND u.kind = 'person'
JOIN passwords p ON p.user_id = i.user_id
UNION ALL
SELECT ti.subscription_id, ti.tenant_id, ti.idp_id, d.name, u.email, false, i.user_id, p.hash, u.credential_epoch
FROM users u
JOIN identities i ON i.user_id = u.id
JOIN idps d ON d.id = i.idp_id AND d.active AND d.type = 'local'
JOIN tenant_idps ti ON ti.idp_id = i.idp_id
JOIN memberships m ON m.tenant_id = ti.tenant_id AND m.user_id = u.id
JOIN passwords p ON p.user_id = u.id
WHERE u.active AND u.kind = 'person' AND u.email_verified;

-- +goose Down
DROP VIEW logins;
DROP TABLE message_templates;
ALTER TABLE assignments DROP COLUMN grace_days;
ALTER TABLE tenants DROP COLUMN locale;
ALTER TABLE tenants DROP COLUMN sms_per_day;
ALTER TABLE tenants DROP COLUMN sms_countries;
ALTER TABLE tenants DROP COLUMN passkey_sign_in;
ALTER TABLE tenants DROP COLUMN remember_days;
ALTER TABLE users DROP COLUMN prove_first;
ALTER TABLE users DROP COLUMN credential_epoch;
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

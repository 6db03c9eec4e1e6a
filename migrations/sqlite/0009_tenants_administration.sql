-- +goose Up
-- Owner: tenants. Who administers what: a role in a scope. An empty tenant_id is the whole
-- subscription, an empty subscription_id the whole server. The subject is a user, a
-- group or a client app of the subscription home_id.
CREATE TABLE role_grants (
  id text PRIMARY KEY,
  subscription_id text NOT NULL,
  tenant_id text NOT NULL,
  role text NOT NULL,
  subject_kind text NOT NULL,
  subject_id text NOT NULL,
  home_id text NOT NULL REFERENCES subscriptions (id),
  created_by text NOT NULL,
  created_at datetime NOT NULL,
  updated_at datetime NOT NULL,
  version integer NOT NULL,
  UNIQUE (subscription_id, tenant_id, role, subject_kind, subject_id)
);
CREATE INDEX role_grants_subject ON role_grants (subject_id);
-- What is deleted stays for a while under a name that nobody else can take: something
-- may still refer to it.
ALTER TABLE subscriptions ADD COLUMN deleted_at datetime;
ALTER TABLE tenants ADD COLUMN deleted_at datetime;
ALTER TABLE idps ADD COLUMN deleted_at datetime;
ALTER TABLE client_apps ADD COLUMN deleted_at datetime;
ALTER TABLE users ADD COLUMN deleted_at datetime;
ALTER TABLE two_factors ADD COLUMN deleted_at datetime;
-- How a client app looks at the sign-in page.
ALTER TABLE client_apps ADD COLUMN accent text NOT NULL DEFAULT '';
ALTER TABLE client_apps ADD COLUMN logo_url text NOT NULL DEFAULT '';
-- Lists find people by what their name or address begins with; membership both ways.
CREATE INDEX users_by_name ON users (subscription_id, name);
CREATE INDEX users_by_mail ON users (subscription_id, email);
-- The few that are looked for among the many, in both orders of the list.
CREATE INDEX users_inactive_by_name ON users (subscription_id, name) WHERE NOT active;
CREATE INDEX users_inactive_by_age ON users (subscription_id, id) WHERE NOT active;
CREATE INDEX users_machines_by_name ON users (subscription_id, name) WHERE kind = 'machine';
CREATE INDEX users_machines_by_age ON users (subscription_id, id) WHERE kind = 'machine';
CREATE INDEX memberships_user ON memberships (subscription_id, user_id);
CREATE INDEX assignments_two_factor ON assignments (subscription_id, two_factor_id);
-- Owner: twofactor/ceremony. Who has set up what, for tenants to filter users by.
CREATE VIEW enrolled_users AS
SELECT e.subscription_id, e.user_id, e.two_factor_id, t.type
FROM enrollments e JOIN two_factors t ON t.id = e.two_factor_id;

-- +goose Down
DROP VIEW enrolled_users;
DROP INDEX assignments_two_factor;
DROP INDEX memberships_user;
DROP INDEX users_machines_by_age;
DROP INDEX users_machines_by_name;
DROP INDEX users_inactive_by_age;
DROP INDEX users_inactive_by_name;
DROP INDEX users_by_mail;
DROP INDEX users_by_name;
ALTER TABLE client_apps DROP COLUMN logo_url;
ALTER TABLE client_apps DROP COLUMN accent;
ALTER TABLE two_factors DROP COLUMN deleted_at;
ALTER TABLE users DROP COLUMN deleted_at;
ALTER TABLE client_apps DROP COLUMN deleted_at;
ALTER TABLE idps DROP COLUMN deleted_at;
ALTER TABLE tenants DROP COLUMN deleted_at;
ALTER TABLE subscriptions DROP COLUMN deleted_at;
DROP TABLE role_grants;

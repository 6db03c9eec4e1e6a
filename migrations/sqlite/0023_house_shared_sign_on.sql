-- +goose Up
-- Owner: tenants. Whether who has signed in at one tenant is signed in at the others too.
ALTER TABLE subscriptions ADD COLUMN shared_sign_on boolean NOT NULL DEFAULT false;
-- Owner: idp. What the sessions of one browser and user in several tenants have in common
-- (docs/adr/0033). A session of no sign-on has none to share.
CREATE TABLE sign_ons (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  token_hash text NOT NULL,
  user_id text NOT NULL REFERENCES users (id),
  created_at datetime NOT NULL,
  expires_at datetime NOT NULL,
  ended_at datetime
);
CREATE UNIQUE INDEX sign_ons_token ON sign_ons (subscription_id, token_hash);
CREATE INDEX sign_ons_user ON sign_ons (user_id) WHERE ended_at IS NULL;
CREATE INDEX sign_ons_expires ON sign_ons (expires_at);
ALTER TABLE sessions ADD COLUMN sign_on_id text NOT NULL DEFAULT '';
CREATE INDEX sessions_sign_on ON sessions (sign_on_id);

-- +goose Down
DROP INDEX sessions_sign_on;
ALTER TABLE sessions DROP COLUMN sign_on_id;
DROP TABLE sign_ons;
ALTER TABLE subscriptions DROP COLUMN shared_sign_on;

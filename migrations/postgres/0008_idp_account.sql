-- +goose Up
-- Owner: idp.
-- return_to is the page of ours that a sign-in without an app's request ends at.
ALTER TABLE sign_ins ADD COLUMN return_to text NOT NULL DEFAULT '';
CREATE TABLE remembered_browsers (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  token_hash text NOT NULL,
  user_id text NOT NULL REFERENCES users (id),
  credential_epoch bigint NOT NULL,
  address text NOT NULL,
  user_agent text NOT NULL,
  created_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX remembered_browsers_token ON remembered_browsers (tenant_id, token_hash);
CREATE INDEX remembered_browsers_user ON remembered_browsers (tenant_id, user_id);
CREATE INDEX remembered_browsers_expires ON remembered_browsers (expires_at);
-- Links that were mailed: to choose a new password, to prove a new address. detail says
-- what it is about; the newest of a user and purpose is the only one that works.
CREATE TABLE mailed_links (
  tenant_id text NOT NULL REFERENCES tenants (id),
  token_hash text NOT NULL,
  purpose text NOT NULL,
  user_id text NOT NULL REFERENCES users (id),
  credential_epoch bigint NOT NULL,
  detail text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (tenant_id, token_hash)
);
CREATE INDEX mailed_links_user ON mailed_links (tenant_id, user_id, purpose);
CREATE INDEX mailed_links_expires ON mailed_links (expires_at);
-- Owner: internal/audit. What a user sees of his own activity.
CREATE INDEX audit_events_user ON audit_events (tenant_id, user_id, seq);

-- +goose Down
DROP INDEX audit_events_user;
DROP TABLE mailed_links;
DROP TABLE remembered_browsers;
ALTER TABLE sign_ins DROP COLUMN return_to;

-- +goose Up
-- Owner: tenants. The pictures of tenants and client apps, decoded and drawn anew before
-- they are kept. The hash is that of the content, and the last part of the address.
CREATE TABLE logos (
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  owner_id text NOT NULL,
  hash text NOT NULL,
  mime text NOT NULL,
  content bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (subscription_id, owner_id)
);
CREATE INDEX logos_hash ON logos (subscription_id, hash);

-- +goose Down
DROP TABLE logos;

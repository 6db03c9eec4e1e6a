-- +goose Up
-- Owner: tenants. Where a client app publishes its keys for private_key_jwt; serves are
-- the APIs that it is itself.
ALTER TABLE client_apps ADD COLUMN jwks_uri text NOT NULL DEFAULT '';
ALTER TABLE client_apps ADD COLUMN serves text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE client_apps DROP COLUMN serves;
ALTER TABLE client_apps DROP COLUMN jwks_uri;

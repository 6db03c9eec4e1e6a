-- +goose Up
-- Owner: tenants, twofactor/ceremony, idp. A host name per tenant beside its path (docs/adr/0034): lower case,
-- unique on the server, empty: none.
ALTER TABLE tenants ADD COLUMN host_name text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX tenants_host_name ON tenants (host_name) WHERE host_name <> '';
-- Where something was set up that works at one host name alone; empty: at the server's own, or it works anywhere.
ALTER TABLE enrollments ADD COLUMN host text NOT NULL DEFAULT '';
-- By which of a tenant's issuers an app holds a session: its logout token must name that one.
ALTER TABLE session_clients ADD COLUMN host text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE session_clients DROP COLUMN host;
ALTER TABLE enrollments DROP COLUMN host;
DROP INDEX tenants_host_name;
ALTER TABLE tenants DROP COLUMN host_name;

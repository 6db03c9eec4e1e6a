-- +goose Up
-- Owner: tenants. How ID tokens are signed for apps that leave it to the tenant.
ALTER TABLE tenants ADD COLUMN id_token_alg text NOT NULL DEFAULT 'RS256';
-- Owner: idp/op. Since when a key is in its state, and when it leaves it where that is not
-- left to the schedule. A version that does not know these columns leaves them empty.
ALTER TABLE signing_keys ADD COLUMN changed_at timestamptz;
ALTER TABLE signing_keys ADD COLUMN due_at timestamptz;
CREATE UNIQUE INDEX signing_keys_one ON signing_keys (tenant_id, alg, state) WHERE state IN ('next', 'active');
CREATE INDEX signing_keys_since ON signing_keys (state, COALESCE(changed_at, created_at));

-- +goose Down
DROP INDEX signing_keys_since;
DROP INDEX signing_keys_one;
ALTER TABLE signing_keys DROP COLUMN due_at;
ALTER TABLE signing_keys DROP COLUMN changed_at;
ALTER TABLE tenants DROP COLUMN id_token_alg;

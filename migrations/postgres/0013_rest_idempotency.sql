-- +goose Up
-- Owner: admin/rest. Idempotency-Keys of a day, as hashes of who and his key, with the
-- sealed answer.
CREATE TABLE idempotency_keys (
  key text PRIMARY KEY,
  request text NOT NULL,
  roles text NOT NULL,
  status bigint NOT NULL,
  version bigint NOT NULL,
  location text NOT NULL,
  sealed text NOT NULL,
  expires_us bigint NOT NULL
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_us);

-- +goose Down
DROP TABLE idempotency_keys;

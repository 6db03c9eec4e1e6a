-- +goose Up
-- Owner: internal/masterkey.
-- Keys that the house keeps here, sealed under the master key. The one that MACs are made
-- with has the id "mac". A database in use has MACs made with a key that follows from its
-- master key, which SQL does not know: the mark lets the first start put it here
-- (docs/adr/0027). Taken down, MACs made with a drawn key fit no more.
CREATE TABLE house_keys (
  id text PRIMARY KEY,
  sealed text NOT NULL,
  origin text NOT NULL
);
INSERT INTO house_keys (id, sealed, origin)
SELECT 'mac', '', 'master key' WHERE EXISTS (SELECT 1 FROM subscriptions) OR EXISTS (SELECT 1 FROM audit_chains);

-- +goose Down
DROP TABLE house_keys;

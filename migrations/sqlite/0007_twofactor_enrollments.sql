-- +goose Up
-- Owners: twofactor/ceremony, twofactor/delivery.
-- An enrollment is an authenticator bound to a user. It belongs to the subscription, as
-- user and instance do. version is compared and raised by each use that changes it.
CREATE TABLE enrollments (
  subscription_id text NOT NULL,
  id text NOT NULL,
  user_id text NOT NULL,
  two_factor_id text NOT NULL,
  label text NOT NULL,
  handle text NOT NULL,
  sealed text NOT NULL,
  uses integer NOT NULL,
  preferred boolean NOT NULL,
  version integer NOT NULL,
  created_at datetime NOT NULL,
  last_used_at datetime,
  PRIMARY KEY (subscription_id, id),
  FOREIGN KEY (subscription_id, user_id) REFERENCES users (subscription_id, id),
  FOREIGN KEY (subscription_id, two_factor_id) REFERENCES two_factors (subscription_id, id)
);
CREATE INDEX enrollments_user ON enrollments (subscription_id, user_id);
CREATE UNIQUE INDEX enrollments_handle ON enrollments (two_factor_id, handle) WHERE handle <> '';
-- Wrong answers in a row, of a user over all tenants of the subscription.
CREATE TABLE user_failures (
  subscription_id text NOT NULL,
  user_id text NOT NULL,
  failures integer NOT NULL,
  last_us integer NOT NULL,
  blocked_until_us integer NOT NULL,
  PRIMARY KEY (subscription_id, user_id)
);
DROP TABLE failure_counters;
-- via_two_factor_id is the instance that carried the code last, when a delivery fell
-- through to another; strength is the weakest of those that carried it; min_strength
-- is what the sign-in demands, below which nothing falls through.
ALTER TABLE challenges ADD COLUMN via_two_factor_id text NOT NULL DEFAULT '';
ALTER TABLE challenges ADD COLUMN strength integer NOT NULL DEFAULT 0;
ALTER TABLE challenges ADD COLUMN min_strength integer NOT NULL DEFAULT 0;
ALTER TABLE challenges ADD COLUMN enrollment_id text NOT NULL DEFAULT '';
CREATE INDEX challenges_user ON challenges (tenant_id, user_id, purpose);
ALTER TABLE messages ADD COLUMN kind text NOT NULL DEFAULT 'code';
ALTER TABLE messages ADD COLUMN medium text NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN fell_from text NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN reported_at datetime;
CREATE INDEX messages_provider ON messages (two_factor_id, provider_id) WHERE provider_id <> '';
CREATE INDEX messages_log ON messages (tenant_id, created_at);
-- Whom text messages went to lately, by the number without its last four digits. Keys
-- are MACs. A prefix that takes many messages and proves few is blocked for a day.
CREATE TABLE sms_numbers (
  prefix text NOT NULL,
  number text NOT NULL,
  sent_us integer NOT NULL,
  proven_us integer NOT NULL,
  PRIMARY KEY (prefix, number)
);
CREATE TABLE sms_blocks (
  prefix text PRIMARY KEY,
  until_us integer NOT NULL
);
CREATE TABLE sms_days (
  tenant_id text NOT NULL REFERENCES tenants (id),
  day text NOT NULL,
  sent integer NOT NULL,
  PRIMARY KEY (tenant_id, day)
);

-- +goose Down
DROP TABLE sms_days;
DROP TABLE sms_blocks;
DROP TABLE sms_numbers;
DROP INDEX messages_log;
DROP INDEX messages_provider;
ALTER TABLE messages DROP COLUMN reported_at;
ALTER TABLE messages DROP COLUMN fell_from;
ALTER TABLE messages DROP COLUMN medium;
ALTER TABLE messages DROP COLUMN kind;
DROP INDEX challenges_user;
ALTER TABLE challenges DROP COLUMN enrollment_id;
ALTER TABLE challenges DROP COLUMN min_strength;
ALTER TABLE challenges DROP COLUMN strength;
ALTER TABLE challenges DROP COLUMN via_two_factor_id;
CREATE TABLE failure_counters (
  tenant_id text NOT NULL REFERENCES tenants (id),
  user_id text NOT NULL,
  failures integer NOT NULL,
  last_us integer NOT NULL,
  blocked_until_us integer NOT NULL,
  PRIMARY KEY (tenant_id, user_id)
);
DROP TABLE user_failures;
DROP TABLE enrollments;

-- +goose Up
-- Owners: twofactor/ceremony, twofactor/delivery.
CREATE TABLE challenges (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  subscription_id text NOT NULL,
  purpose text NOT NULL,
  sign_in_id text NOT NULL,
  user_id text NOT NULL,
  two_factor_id text NOT NULL,
  sealed text NOT NULL,
  attempts integer NOT NULL,
  max_attempts integer NOT NULL,
  sends integer NOT NULL,
  next_send_at datetime NOT NULL,
  created_at datetime NOT NULL,
  expires_at datetime NOT NULL,
  ends_at datetime NOT NULL,
  closed_at datetime,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX challenges_sign_in ON challenges (tenant_id, sign_in_id);
CREATE INDEX challenges_ends ON challenges (ends_at);
CREATE TABLE failure_counters (
  tenant_id text NOT NULL REFERENCES tenants (id),
  user_id text NOT NULL,
  failures integer NOT NULL,
  last_us integer NOT NULL,
  blocked_until_us integer NOT NULL,
  PRIMARY KEY (tenant_id, user_id)
);
CREATE TABLE messages (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  subscription_id text NOT NULL,
  two_factor_id text NOT NULL,
  challenge_id text NOT NULL,
  user_id text NOT NULL,
  sealed text NOT NULL,
  masked text NOT NULL,
  state text NOT NULL,
  attempts integer NOT NULL,
  next_at datetime NOT NULL,
  expires_at datetime NOT NULL,
  provider_id text NOT NULL,
  provider_status text NOT NULL,
  segments integer NOT NULL,
  error_class text NOT NULL,
  error text NOT NULL,
  created_at datetime NOT NULL,
  done_at datetime,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX messages_due ON messages (next_at) WHERE state IN ('queued', 'sending');
CREATE INDEX messages_challenge ON messages (tenant_id, challenge_id);

-- +goose Down
DROP TABLE messages;
DROP TABLE failure_counters;
DROP TABLE challenges;

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
  attempts bigint NOT NULL,
  max_attempts bigint NOT NULL,
  sends bigint NOT NULL,
  next_send_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  closed_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX challenges_sign_in ON challenges (tenant_id, sign_in_id);
CREATE INDEX challenges_ends ON challenges (ends_at);
CREATE TABLE failure_counters (
  tenant_id text NOT NULL REFERENCES tenants (id),
  user_id text NOT NULL,
  failures bigint NOT NULL,
  last_us bigint NOT NULL,
  blocked_until_us bigint NOT NULL,
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
  attempts bigint NOT NULL,
  next_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  provider_id text NOT NULL,
  provider_status text NOT NULL,
  segments bigint NOT NULL,
  error_class text NOT NULL,
  error text NOT NULL,
  created_at timestamptz NOT NULL,
  done_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX messages_due ON messages (next_at) WHERE state IN ('queued', 'sending');
CREATE INDEX messages_challenge ON messages (tenant_id, challenge_id);

-- +goose Down
DROP TABLE messages, failure_counters, challenges;

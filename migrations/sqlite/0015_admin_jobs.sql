-- +goose Up
-- Owner: admin. Bulk actions: what is to be done, for whom, and how far it is. Any
-- replica goes on with one whose lease has run out.
CREATE TABLE admin_jobs (
  id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  kind text NOT NULL,
  group_id text NOT NULL,
  actor_kind text NOT NULL,
  actor_id text NOT NULL,
  actor_name text NOT NULL,
  home_subscription_id text NOT NULL,
  home_tenant_id text NOT NULL,
  ids text NOT NULL,
  search text NOT NULL,
  filter text NOT NULL,
  state text NOT NULL,
  why text NOT NULL,
  total integer NOT NULL,
  done integer NOT NULL,
  failed integer NOT NULL,
  failures text NOT NULL,
  place text NOT NULL,
  last_id text NOT NULL,
  lease text NOT NULL,
  lease_until datetime NOT NULL,
  created_at datetime NOT NULL,
  ended_at datetime
);
CREATE INDEX admin_jobs_running ON admin_jobs (lease_until) WHERE state = 'running';
CREATE INDEX admin_jobs_subscription ON admin_jobs (subscription_id, id);
CREATE INDEX admin_jobs_ended ON admin_jobs (ended_at) WHERE ended_at IS NOT NULL;

-- +goose Down
DROP TABLE admin_jobs;

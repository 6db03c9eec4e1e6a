-- +goose Up
-- Owner: tenants. Where a client app hears that a session is over, and how long sessions
-- live in the tenants that do not say it themselves; 0: as usual.
ALTER TABLE client_apps ADD COLUMN backchannel_logout_uri text NOT NULL DEFAULT '';
ALTER TABLE client_apps ADD COLUMN backchannel_logout_session_required boolean NOT NULL DEFAULT false;
CREATE INDEX client_apps_told ON client_apps (subscription_id) WHERE backchannel_logout_uri <> '';
ALTER TABLE subscriptions ADD COLUMN session_seconds integer NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN idle_seconds integer NOT NULL DEFAULT 0;
-- Owner: idp. Which client apps hold a session: grants end long before it does. When it
-- ends, the row says what became of telling the app (docs/adr/0031).
CREATE TABLE session_clients (
  tenant_id text NOT NULL REFERENCES tenants (id),
  session_id text NOT NULL,
  client_app_id text NOT NULL,
  user_id text NOT NULL,
  state text NOT NULL,
  attempts integer NOT NULL,
  next_at datetime NOT NULL,
  error text NOT NULL,
  created_at datetime NOT NULL,
  ended_at datetime,
  done_at datetime,
  PRIMARY KEY (tenant_id, session_id, client_app_id)
);
CREATE INDEX session_clients_due ON session_clients (next_at) WHERE state IN ('queued', 'sending');
CREATE INDEX session_clients_app ON session_clients (client_app_id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX session_clients_done ON session_clients (done_at) WHERE done_at IS NOT NULL;
-- Sessions that live already: their apps are known as far as grants of them are left.
INSERT INTO session_clients (tenant_id, session_id, client_app_id, user_id, state, attempts, next_at, error, created_at)
SELECT g.tenant_id, g.session_id, g.client_app_id, s.user_id, 'held', 0, MIN(g.created_at), '', MIN(g.created_at)
FROM grants g JOIN sessions s ON s.tenant_id = g.tenant_id AND s.id = g.session_id
WHERE s.ended_at IS NULL AND g.revoked_at IS NULL GROUP BY g.tenant_id, g.session_id, g.client_app_id, s.user_id;

-- +goose Down
DROP TABLE session_clients;
ALTER TABLE subscriptions DROP COLUMN idle_seconds;
ALTER TABLE subscriptions DROP COLUMN session_seconds;
DROP INDEX client_apps_told;
ALTER TABLE client_apps DROP COLUMN backchannel_logout_session_required;
ALTER TABLE client_apps DROP COLUMN backchannel_logout_uri;

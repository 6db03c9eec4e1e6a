-- +goose Up
-- Owner: internal/audit. What administration looks for in a trail: along the chain, by one
-- column each. Every page of it is a stretch of one of these (see db.Strip).
CREATE INDEX audit_events_at ON audit_events (chain, at);
CREATE INDEX audit_events_of_tenant ON audit_events (chain, tenant_id, seq);
CREATE INDEX audit_events_tenant_kind ON audit_events (tenant_id, kind, seq);
CREATE INDEX audit_events_kind ON audit_events (chain, kind, seq);
CREATE INDEX audit_events_actor ON audit_events (chain, actor, seq);
CREATE INDEX audit_events_about ON audit_events (chain, user_id, seq);
CREATE INDEX audit_events_app ON audit_events (chain, client_app_id, seq);
CREATE INDEX audit_events_request ON audit_events (chain, request_id, seq);
DROP INDEX audit_events_tenant; -- every chain has its own tenants
-- Owner: twofactor/delivery. The log, of a subscription, newest first.
CREATE INDEX messages_newest ON messages (subscription_id, created_at, id);
CREATE INDEX messages_of_tenant ON messages (subscription_id, tenant_id, created_at, id);
CREATE INDEX messages_two_factor ON messages (subscription_id, two_factor_id, created_at, id);
CREATE INDEX messages_user ON messages (subscription_id, user_id, created_at, id);
CREATE INDEX messages_state ON messages (subscription_id, state, created_at, id);
CREATE INDEX messages_kind ON messages (subscription_id, kind, created_at, id);
CREATE INDEX messages_medium ON messages (subscription_id, medium, created_at, id);
CREATE INDEX messages_class ON messages (subscription_id, error_class, created_at, id);
CREATE INDEX messages_id ON messages (id);
DROP INDEX messages_log;
-- Owner: idp. Sessions that nobody ended, youngest first, and what ends with a tenant.
CREATE INDEX sessions_young ON sessions (tenant_id, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX sessions_of_user ON sessions (user_id, created_at, id) WHERE ended_at IS NULL;

-- +goose Down
DROP INDEX sessions_of_user;
DROP INDEX sessions_young;
CREATE INDEX messages_log ON messages (tenant_id, created_at);
DROP INDEX messages_id;
DROP INDEX messages_class;
DROP INDEX messages_medium;
DROP INDEX messages_kind;
DROP INDEX messages_state;
DROP INDEX messages_user;
DROP INDEX messages_two_factor;
DROP INDEX messages_of_tenant;
DROP INDEX messages_newest;
CREATE INDEX audit_events_tenant ON audit_events (tenant_id, seq);
DROP INDEX audit_events_request;
DROP INDEX audit_events_app;
DROP INDEX audit_events_about;
DROP INDEX audit_events_actor;
DROP INDEX audit_events_kind;
DROP INDEX audit_events_tenant_kind;
DROP INDEX audit_events_of_tenant;
DROP INDEX audit_events_at;

-- Roles, the tenant of a transaction, and the outbox. Every other room builds on these.

DO $roles$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'forecourt_app') THEN
        CREATE ROLE forecourt_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'forecourt_ingest') THEN
        CREATE ROLE forecourt_ingest NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'forecourt_worker') THEN
        CREATE ROLE forecourt_worker NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'forecourt_lookup') THEN
        CREATE ROLE forecourt_lookup NOLOGIN;
    END IF;
END
$roles$;

GRANT USAGE ON SCHEMA public TO forecourt_app, forecourt_ingest, forecourt_worker, forecourt_lookup;

-- The tenant this transaction acts for; NULL (no row of any tenant) when none was set.
CREATE FUNCTION forecourt_tenant() RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE
AS $body$ SELECT nullif(current_setting('forecourt.tenant', true), '')::int $body$;

-- What must follow a commit, written in that commit. One row per (event, subject) until it is dispatched.
CREATE TABLE outbox (
    event text NOT NULL,
    subject text NOT NULL,
    tenant_id int NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event, subject)
);
CREATE INDEX outbox_in_order ON outbox (written_at);

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY outbox_of_tenant ON outbox TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY outbox_ingest ON outbox TO forecourt_ingest USING (true);
CREATE POLICY outbox_dispatch ON outbox TO forecourt_worker USING (true);
GRANT SELECT, INSERT ON outbox TO forecourt_app, forecourt_ingest;
GRANT SELECT, INSERT, DELETE ON outbox TO forecourt_worker;
-- FOR UPDATE SKIP LOCKED, by which several dispatchers share the work, asks for UPDATE.
GRANT UPDATE (written_at) ON outbox TO forecourt_worker;

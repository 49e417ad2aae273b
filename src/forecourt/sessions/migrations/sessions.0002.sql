-- Remote starts, each with what became of it.
-- depends: sessions.0001 stations.0001

-- When a 1.6 start first arrived, by our clock; a remote start is linked by it.
ALTER TABLE sessions ADD COLUMN start_arrived_at timestamptz;
CREATE INDEX sessions_of_remote_start ON sessions (station_id, remote_start_id) WHERE remote_start_id IS NOT NULL;

CREATE TABLE remote_starts (
    request_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    remote_start_id int NOT NULL,
    token_uid text COLLATE "C" NOT NULL,
    evse int,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    command_id uuid,
    status text NOT NULL DEFAULT 'requested'
        CHECK (status IN ('requested', 'accepted', 'rejected', 'failed', 'started', 'expired')),
    reason text,
    transaction_id text COLLATE "C",
    expires_at timestamptz,
    settled_at timestamptz,
    session_id uuid UNIQUE,
    CHECK ((status = 'started') = (session_id IS NOT NULL))
);
CREATE INDEX remote_starts_of_station ON remote_starts (station_id, number);
CREATE INDEX remote_starts_unlinked ON remote_starts (station_id, number) WHERE session_id IS NULL;
CREATE INDEX remote_starts_open ON remote_starts (tenant_id, expires_at) WHERE status IN ('requested', 'accepted');
COMMENT ON COLUMN remote_starts.remote_start_id IS 'OCPP 2.x remoteStartId';
COMMENT ON COLUMN remote_starts.transaction_id IS 'what a 2.x station answered that runs already';
COMMENT ON COLUMN remote_starts.expires_at IS
    'a 1.6 start that arrives later is not its own; NULL where none can be: it was not sent, or rejected';

ALTER TABLE remote_starts ENABLE ROW LEVEL SECURITY;
ALTER TABLE remote_starts FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON remote_starts TO forecourt_app USING (tenant_id = forecourt_tenant());
GRANT SELECT, INSERT ON remote_starts TO forecourt_app;
GRANT UPDATE (command_id, status, reason, transaction_id, expires_at, settled_at, session_id) ON remote_starts
    TO forecourt_app;

-- Tenants with a remote start that has waited past a time; the worker then settles it as each of them.
CREATE FUNCTION sessions_tenants_with_due_starts(before timestamptz) RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT DISTINCT tenant_id FROM remote_starts WHERE status IN ('requested', 'accepted') AND expires_at < before
$body$;
CREATE POLICY of_lookup ON remote_starts FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (tenant_id, status, expires_at) ON remote_starts TO forecourt_lookup;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION sessions_tenants_with_due_starts(timestamptz) OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION sessions_tenants_with_due_starts(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sessions_tenants_with_due_starts(timestamptz) TO forecourt_worker, forecourt_app;

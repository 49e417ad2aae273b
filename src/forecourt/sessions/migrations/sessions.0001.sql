-- The life of a session and its meter values.
-- depends: stations.0001 drivers.0001

-- 1.6 stations are given their transaction ids by us: positive, 31 bits, never reused.
CREATE SEQUENCE transaction_ids AS int MINVALUE 1;

-- One row a (station, transaction). Facts that may come in any order and more than once carry the order key of the report
-- they came from (see sessions/model.py): the smallest or largest key wins, so any order of arrival ends in the same row.
CREATE TABLE sessions (
    session_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    number bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    start_fingerprint text COLLATE "C",
    generation int NOT NULL DEFAULT 0,
    start_key bigint NOT NULL,
    started_at timestamptz NOT NULL,
    last_key bigint NOT NULL,
    last_at timestamptz NOT NULL,
    heard_at timestamptz NOT NULL,
    end_key bigint NOT NULL DEFAULT 9223372036854775807,
    ended_at timestamptz,
    stop_reason text COLLATE "C",
    place_key bigint NOT NULL DEFAULT 9223372036854775807,
    evse int,
    connector int,
    token_key bigint NOT NULL DEFAULT 9223372036854775807,
    token_uid text COLLATE "C",
    token_type text COLLATE "C",
    token_status text,
    meter_start_key bigint NOT NULL DEFAULT 9223372036854775807,
    meter_start_wh bigint,
    meter_stop_key bigint NOT NULL DEFAULT -1,
    meter_stop_wh bigint,
    power_key bigint NOT NULL DEFAULT -1,
    power_w int,
    soc_key bigint NOT NULL DEFAULT -1,
    soc_pct int,
    state_key bigint NOT NULL DEFAULT -1,
    charging_state text COLLATE "C",
    remote_start_id int,
    seqs int8multirange NOT NULL DEFAULT '{}',
    arrival_clock bool NOT NULL DEFAULT false,
    offline bool NOT NULL DEFAULT false,
    notes text[] NOT NULL DEFAULT '{}',
    closed_at timestamptz,
    over_at timestamptz GENERATED ALWAYS AS (coalesce(ended_at, closed_at)) STORED,
    PRIMARY KEY (station_id, transaction_id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX sessions_by_start ON sessions (station_id, start_fingerprint, generation)
    WHERE start_fingerprint IS NOT NULL;
CREATE INDEX sessions_in_order ON sessions (tenant_id, number);
CREATE INDEX sessions_of_station ON sessions (station_id, number);
CREATE INDEX sessions_of_evse ON sessions (station_id, evse, started_at);
CREATE INDEX sessions_open ON sessions (tenant_id, station_id, transaction_id) WHERE over_at IS NULL;
COMMENT ON COLUMN sessions.last_at IS 'the time of the latest report by its order key, as the station said it';
COMMENT ON COLUMN sessions.heard_at IS 'when a report of it last arrived, by our clock';
COMMENT ON COLUMN sessions.ended_at IS 'the end as the station said it';
COMMENT ON COLUMN sessions.closed_at IS 'closed from evidence because no end was said; undone when the session goes on';
COMMENT ON COLUMN sessions.notes IS 'what the review found, see forecourt.sessions.review';

-- One row a set of values taken together. `readings` alternates code and value: code = measurand + phase*2^8 +
-- location*2^16 + context*2^24 (forecourt.ocpp.neutral), value in the measurand's stored unit.
CREATE TABLE meter_values (
    station_id bigint NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    digest bigint NOT NULL,
    tenant_id int NOT NULL,
    evse int,
    readings bigint[] NOT NULL,
    signed text,
    PRIMARY KEY (station_id, transaction_id, at, digest)
);
COMMENT ON COLUMN meter_values.transaction_id IS 'empty: outside any transaction';
COMMENT ON COLUMN meter_values.signed IS 'JSON [[index of the reading, signed record as sent], ...]';

-- 1.6 reports of a transaction we never gave out: confirmed to the station, kept for review.
CREATE TABLE orphan_reports (
    station_id bigint NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    order_key bigint NOT NULL,
    tenant_id int NOT NULL,
    at timestamptz NOT NULL,
    token_uid text,
    meter_wh bigint,
    stop_reason text,
    reviewed_at timestamptz,
    PRIMARY KEY (station_id, transaction_id, order_key)
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['sessions', 'meter_values', 'orphan_reports']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_ingest ON %I TO forecourt_ingest USING (true)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, UPDATE (notes, closed_at) ON sessions TO forecourt_app;
GRANT SELECT ON meter_values, orphan_reports TO forecourt_app;
GRANT UPDATE (reviewed_at) ON orphan_reports TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON sessions TO forecourt_ingest;
GRANT SELECT, INSERT ON meter_values, orphan_reports TO forecourt_ingest;
GRANT USAGE ON SEQUENCE transaction_ids TO forecourt_ingest;

-- Tenants whose open sessions have been silent for a while; the reconciler then works as each of them.
CREATE FUNCTION sessions_tenants_with_silence(quiet interval) RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT DISTINCT tenant_id FROM sessions WHERE over_at IS NULL AND heard_at < now() - quiet
$body$;
CREATE POLICY of_lookup ON sessions FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (tenant_id, over_at, heard_at) ON sessions TO forecourt_lookup;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION sessions_tenants_with_silence(interval) OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION sessions_tenants_with_silence(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sessions_tenants_with_silence(interval) TO forecourt_worker, forecourt_app;

-- Published: one row a sample, each once, however often and in whatever grouping it was sent.
CREATE VIEW samples WITH (security_invoker = true) AS
SELECT DISTINCT ON (m.station_id, m.transaction_id, m.at, code.value)
    m.tenant_id, m.station_id, m.transaction_id, m.evse, m.at,
    (code.value & 255)::int AS measurand,
    ((code.value >> 8) & 255)::int AS phase,
    ((code.value >> 16) & 255)::int AS location,
    ((code.value >> 24) & 255)::int AS context,
    reading.value
FROM meter_values m
CROSS JOIN LATERAL generate_series(1, array_length(m.readings, 1), 2) AS position
CROSS JOIN LATERAL (SELECT m.readings[position] AS value) AS code
CROSS JOIN LATERAL (SELECT m.readings[position + 1] AS value) AS reading
ORDER BY m.station_id, m.transaction_id, m.at, code.value, m.digest;
GRANT SELECT ON samples TO forecourt_app;

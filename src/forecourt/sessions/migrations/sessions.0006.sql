-- The register at the end that nothing said behind it can change, ends that contradict each other, the accepted token.
-- depends: sessions.0003

ALTER TABLE sessions
    ADD COLUMN end_meter_wh bigint,
    ADD COLUMN readings bigint[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN sessions.end_meter_wh IS 'the register as the end itself said it';
COMMENT ON COLUMN sessions.readings IS
    'order key and register by turns of the latest updates that are not ordered behind the end, the latest first';
COMMENT ON COLUMN sessions.meter_stop_wh IS 'derived: end_meter_wh, else the latest of readings';
COMMENT ON COLUMN sessions.token_key IS 'by 2^62 higher for a token that may not charge';
COMMENT ON COLUMN sessions.meter_stop_key IS 'no longer kept';

ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY;
UPDATE sessions SET
    end_meter_wh = CASE WHEN meter_stop_key >> 60 = 2 THEN meter_stop_wh END,
    readings = CASE WHEN meter_stop_key >> 60 = 1 THEN ARRAY[meter_stop_key, meter_stop_wh] ELSE '{}' END,
    token_key = token_key + CASE WHEN token_status <> 'Accepted' AND token_key < 1::bigint << 62 THEN 1::bigint << 62
        ELSE 0 END;

-- Registers in the order in which they count: the highest of each order key, none behind the end, the latest eight
-- (forecourt.sessions.model.MAX_READINGS).
CREATE FUNCTION sessions_readings(said bigint[], end_key bigint) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $body$
    SELECT coalesce(array_agg(number ORDER BY order_key DESC, part), '{}')
    FROM (
        SELECT said[i] AS order_key, max(said[i + 1]) AS wh FROM generate_series(1, cardinality(said), 2) AS i
        WHERE said[i] & ((1::bigint << 60) - 1) <= end_key & ((1::bigint << 60) - 1)
        GROUP BY said[i] ORDER BY said[i] DESC LIMIT 8
    ) AS latest CROSS JOIN LATERAL (VALUES (0, order_key), (1, wh)) AS flat (part, number)
$body$;
REVOKE ALL ON FUNCTION sessions_readings(bigint[], bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sessions_readings(bigint[], bigint) TO forecourt_ingest;

-- Every end that was said of a transaction, as it was said. The first by its order key is the session's; another one is
-- evidence that the station contradicts itself.
CREATE TABLE session_ends (
    station_id bigint NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    order_key bigint NOT NULL,
    tenant_id int NOT NULL,
    at timestamptz,
    meter_wh bigint,
    stop_reason text COLLATE "C",
    UNIQUE NULLS NOT DISTINCT (station_id, transaction_id, order_key, at, meter_wh, stop_reason)
);
COMMENT ON COLUMN session_ends.at IS 'NULL where the station''s clock could not be believed';
INSERT INTO session_ends (station_id, transaction_id, order_key, tenant_id, at, meter_wh, stop_reason)
SELECT station_id, transaction_id, end_key, tenant_id, CASE WHEN NOT arrival_clock THEN ended_at END, end_meter_wh,
    stop_reason
FROM sessions WHERE ended_at IS NOT NULL;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE session_ends ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_ends FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON session_ends TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON session_ends TO forecourt_ingest USING (true);
GRANT SELECT ON session_ends TO forecourt_app;
GRANT SELECT, INSERT ON session_ends TO forecourt_ingest;

-- Tenants with two open sessions that were at one EVSE at the same time and are not yet noted for it. The worker then
-- works as each of them.
CREATE INDEX sessions_open_at_evse ON sessions (station_id, evse) WHERE over_at IS NULL;
CREATE FUNCTION sessions_tenants_with_sharing() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT DISTINCT s.tenant_id FROM sessions s JOIN sessions o ON o.tenant_id = s.tenant_id
        AND o.station_id = s.station_id AND o.evse = s.evse AND o.transaction_id <> s.transaction_id
    WHERE s.over_at IS NULL AND o.over_at IS NULL AND NOT 'evse-shared' = ANY (s.notes)
      AND o.started_at < s.last_at AND s.started_at < o.last_at
$body$;
GRANT SELECT (station_id, transaction_id, evse, started_at, last_at, notes) ON sessions TO forecourt_lookup;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION sessions_tenants_with_sharing() OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION sessions_tenants_with_sharing() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sessions_tenants_with_sharing() TO forecourt_worker, forecourt_app;

-- A sample whose signed record alone tells its value (1.6) has no number; it hides no plain value, and neither does one
-- value of a moment another.
CREATE OR REPLACE VIEW samples WITH (security_invoker = true) AS
SELECT DISTINCT ON (m.station_id, m.transaction_id, m.at, code.value, reading.value, record.signed)
    m.tenant_id, m.station_id, m.transaction_id, m.evse, m.at,
    (code.value & 255)::int AS measurand,
    ((code.value >> 8) & 255)::int AS phase,
    ((code.value >> 16) & 255)::int AS location,
    ((code.value >> 24) & 255)::int AS context,
    CASE WHEN reading.value <> 0 OR record.signed IS NULL OR record.signed LIKE '{%"signedMeterData":%'
        THEN reading.value END AS value,
    record.signed
FROM meter_values m
CROSS JOIN LATERAL generate_series(1, array_length(m.readings, 1), 2) AS position
CROSS JOIN LATERAL (SELECT m.readings[position] AS value) AS code
CROSS JOIN LATERAL (SELECT m.readings[position + 1] AS value) AS reading
LEFT JOIN LATERAL (
    SELECT part ->> 1 AS signed FROM json_array_elements(m.signed::json) AS part
    WHERE (part ->> 0)::int = (position - 1) / 2
) AS record ON true
ORDER BY m.station_id, m.transaction_id, m.at, code.value, reading.value, record.signed, m.digest;
COMMENT ON COLUMN samples.signed IS '1.6: the text as sent; 2.x: the SignedMeterValueType as JSON';

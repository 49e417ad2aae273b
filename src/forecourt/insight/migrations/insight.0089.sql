-- Imported history tells campaigns and tiers of loyalty what it knows, and its plugs by OCPI's names.
-- depends: insight.0084 pricing.0089 sessions.0082

-- Published: sessions of imported history by the pseudonyms of their drivers, and by where they were.
CREATE OR REPLACE VIEW imported_visits WITH (security_invoker = true) AS
SELECT tenant_id, driver, zone, started_at, energy_wh, currency, excl_minor, incl_minor FROM imported_sessions
WHERE driver IS NOT NULL;

CREATE VIEW imported_use WITH (security_invoker = true) AS
SELECT tenant_id, station, own_station, site, zone, started_at, energy_wh FROM imported_sessions;
COMMENT ON COLUMN imported_use.own_station IS 'the station is one that is registered here';
GRANT SELECT ON imported_use TO forecourt_app;

-- The lake makes days anew of which it knows a plug by another name.
ALTER TABLE imported_sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE lake_marks NO FORCE ROW LEVEL SECURITY;
ALTER TABLE evse_plugs NO FORCE ROW LEVEL SECURITY;
WITH told AS (
    UPDATE imported_sessions SET connector_type = plain_connector_type(connector_type)
    WHERE connector_type <> plain_connector_type(connector_type)
    RETURNING tenant_id, (started_at AT TIME ZONE 'UTC')::date AS day)
INSERT INTO lake_marks (tenant_id, day, number)
SELECT tenant_id, day, nextval('lake_mark_numbers') FROM (SELECT DISTINCT tenant_id, day FROM told) d
ON CONFLICT (tenant_id, day) DO UPDATE SET number = excluded.number;
DO $recorded$
BEGIN
    -- Recorded sessions are held up for it only where a plug has such a name.
    IF EXISTS (SELECT FROM evse_plugs WHERE connector_type <> plain_connector_type(connector_type)) THEN
        ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY;
        INSERT INTO lake_marks (tenant_id, day, number)
        SELECT tenant_id, day, nextval('lake_mark_numbers') FROM (
            SELECT DISTINCT f.tenant_id, (f.started_at AT TIME ZONE 'UTC')::date AS day FROM session_facts f
            JOIN evse_plugs g ON g.station_id = f.station_id
                AND g.connector_type <> plain_connector_type(g.connector_type)
        ) d
        ON CONFLICT (tenant_id, day) DO UPDATE SET number = excluded.number;
        ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
    END IF;
END
$recorded$;
ALTER TABLE imported_sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE lake_marks FORCE ROW LEVEL SECURITY;
ALTER TABLE evse_plugs FORCE ROW LEVEL SECURITY;

-- Who was erased is forgotten once nothing could bring them back.
GRANT DELETE ON lake_erasures TO forecourt_app;

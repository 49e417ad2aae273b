-- Where the stations of imported history are, kept beside the sessions: years of these aren't read to know it.
-- depends: insight.0060 insight.0050

CREATE TABLE imported_places (
    tenant_id int NOT NULL,
    station text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    site text,
    zone text NOT NULL,
    evses text[] NOT NULL,
    first_at timestamptz NOT NULL,
    begun_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, station)
);
COMMENT ON COLUMN imported_places.evses IS 'every EVSE that a session names, in order';
COMMENT ON COLUMN imported_places.begun_at IS 'when the latest session began, whose zone counts';

-- The owner sees its rows only while they aren't kept from it, unless it may do everything.
ALTER TABLE imported_sessions NO FORCE ROW LEVEL SECURITY;
INSERT INTO imported_places (tenant_id, station, source, site, zone, evses, first_at, begun_at, last_at)
SELECT tenant_id, station, min(source), max(site), (array_agg(zone ORDER BY started_at DESC))[1],
    coalesce(array_agg(DISTINCT evse ORDER BY evse) FILTER (WHERE evse IS NOT NULL), '{}'), min(started_at),
    max(started_at), max(ended_at)
FROM imported_sessions GROUP BY tenant_id, station;
ALTER TABLE imported_sessions FORCE ROW LEVEL SECURITY;

ALTER TABLE imported_places ENABLE ROW LEVEL SECURITY;
ALTER TABLE imported_places FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON imported_places TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_the_whole ON imported_places AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON imported_places TO forecourt_app;

-- When a station was not connected, what it can't do, and until when it is restarting.
-- depends: stations.0001

ALTER TABLE station_links ADD COLUMN restarting_until timestamptz;
COMMENT ON COLUMN station_links.restarting_until IS
    'it agreed to a reset and is not back yet; past this it is shown as what it is';

-- One row a loss of a station's connection, by the epoch of the one that was lost.
CREATE TABLE connection_gaps (
    station_id bigint NOT NULL,
    epoch bigint NOT NULL,
    tenant_id int NOT NULL,
    lost_at timestamptz NOT NULL,
    returned_at timestamptz,
    PRIMARY KEY (station_id, epoch)
);
CREATE INDEX connection_gaps_open ON connection_gaps (station_id) WHERE returned_at IS NULL;

-- What a station refused because it doesn't have it. Forgotten when it boots with another firmware.
CREATE TABLE unsupported_actions (
    station_id bigint NOT NULL,
    action text COLLATE "C" NOT NULL,
    tenant_id int NOT NULL,
    said text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (station_id, action)
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['connection_gaps', 'unsupported_actions']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_ingest ON %I TO forecourt_ingest USING (true)', t);
    END LOOP;
END
$policies$;
GRANT SELECT ON connection_gaps, unsupported_actions TO forecourt_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON connection_gaps TO forecourt_ingest;
GRANT SELECT, INSERT, DELETE ON unsupported_actions TO forecourt_ingest;

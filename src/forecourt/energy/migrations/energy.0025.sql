-- What others than us limit stations to, and how cars mean to charge.
-- depends: energy.0012

-- One row for each who limits a station or an EVSE of it, until they say that they don't any more.
CREATE TABLE external_limits (
    station_id bigint NOT NULL,
    evse int NOT NULL CHECK (evse >= 0),
    source text COLLATE "C" NOT NULL CHECK (length(source) BETWEEN 1 AND 40),
    tenant_id int NOT NULL,
    said jsonb NOT NULL,
    since timestamptz NOT NULL,
    said_at timestamptz NOT NULL,
    PRIMARY KEY (station_id, evse, source)
);
COMMENT ON COLUMN external_limits.evse IS '0: the whole station';
COMMENT ON COLUMN external_limits.said IS 'as the neutral language has it';
COMMENT ON COLUMN external_limits.since IS 'when just this was said first';

-- How the car at an EVSE means to charge, as it said last by ISO 15118.
CREATE TABLE car_schedules (
    station_id bigint NOT NULL,
    evse int NOT NULL CHECK (evse > 0),
    tenant_id int NOT NULL,
    said jsonb NOT NULL,
    said_at timestamptz NOT NULL,
    PRIMARY KEY (station_id, evse)
);
COMMENT ON COLUMN car_schedules.said IS 'as the neutral language has it';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['external_limits', 'car_schedules']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_ingest ON %I TO forecourt_ingest USING (true)', t);
    END LOOP;
END
$policies$;
SELECT stations_hold_to_sites(held) FROM unnest(ARRAY['external_limits', 'car_schedules']::regclass[]) held;
GRANT SELECT, DELETE ON external_limits, car_schedules TO forecourt_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON external_limits TO forecourt_ingest;
GRANT SELECT, INSERT, UPDATE ON car_schedules TO forecourt_ingest;

-- Serial numbers by which stations booted: another one at the same identity is other hardware.
-- depends: stations.0070 stations.0005

CREATE TABLE station_hardware (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    station_id bigint NOT NULL,
    serial text COLLATE "C" NOT NULL,
    vendor text,
    model text,
    first_booted_at timestamptz NOT NULL,
    PRIMARY KEY (station_id, serial)
);
CREATE INDEX station_hardware_of_tenant ON station_hardware (tenant_id, station_id);
COMMENT ON TABLE station_hardware IS '50 a station at the most: one that makes a number up at each boot tells nothing';
COMMENT ON COLUMN station_hardware.first_booted_at IS 'of what was there before this was kept: when the station was registered';
ALTER TABLE stations NO FORCE ROW LEVEL SECURITY;
INSERT INTO station_hardware (tenant_id, station_id, serial, vendor, model, first_booted_at)
SELECT tenant_id, station_id, serial, vendor, model, created_at FROM stations WHERE serial <> '';
ALTER TABLE stations FORCE ROW LEVEL SECURITY;

ALTER TABLE station_hardware ENABLE ROW LEVEL SECURITY;
ALTER TABLE station_hardware FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON station_hardware TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON station_hardware TO forecourt_ingest USING (true);
SELECT stations_hold_to_sites('station_hardware');
GRANT SELECT ON station_hardware TO forecourt_app;
GRANT SELECT, INSERT ON station_hardware TO forecourt_ingest;

-- Published: what stations said they are, and the connectors that they told of, in service or not.
CREATE VIEW hardware_seen WITH (security_invoker = true) AS
SELECT tenant_id, station_id, serial, vendor, model, first_booted_at FROM station_hardware;
CREATE VIEW connector_places WITH (security_invoker = true) AS
SELECT tenant_id, station_id, evse, connector FROM connectors WHERE evse > 0 AND connector > 0;
GRANT SELECT ON hardware_seen, connector_places TO forecourt_app;

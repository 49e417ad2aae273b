-- What the stations of a site were told is listed in order; what cars say by ISO 15118 waits for their sessions.
-- depends: energy.0010

CREATE INDEX charging_orders_in_order ON charging_orders (site_id, order_id);

-- What a car said last at an EVSE by ISO 15118, until its session takes it.
CREATE TABLE car_needs (
    station_id bigint NOT NULL,
    evse int NOT NULL,
    tenant_id int NOT NULL,
    needs jsonb NOT NULL,
    said_at timestamptz NOT NULL,
    PRIMARY KEY (station_id, evse)
);
COMMENT ON COLUMN car_needs.needs IS 'as the neutral language has it';
ALTER TABLE car_needs ENABLE ROW LEVEL SECURITY;
ALTER TABLE car_needs FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON car_needs TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON car_needs TO forecourt_ingest USING (true);
SELECT stations_hold_to_sites('car_needs');
GRANT SELECT, DELETE ON car_needs TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON car_needs TO forecourt_ingest;

-- The gateway looks whether anybody plans for an EVSE, and at nothing else.
CREATE POLICY of_ingest ON hung_evses FOR SELECT TO forecourt_ingest USING (true);
CREATE POLICY of_ingest ON energy_sites FOR SELECT TO forecourt_ingest USING (true);
GRANT SELECT (station_id, evse, site_id) ON hung_evses TO forecourt_ingest;
GRANT SELECT (site_id, enabled) ON energy_sites TO forecourt_ingest;

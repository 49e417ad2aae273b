-- Stations of OCPP 2.1 that were asked to let a session go by their own profile for priority.
-- depends: energy.0041

CREATE TABLE priority_asks (
    session_id uuid PRIMARY KEY,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    wanted bool NOT NULL,
    active bool NOT NULL,
    asked_at timestamptz NOT NULL,
    accepted bool,
    status text
);
CREATE INDEX priority_asks_of_station ON priority_asks (station_id);
COMMENT ON COLUMN priority_asks.wanted IS 'what it was asked last: to begin or to end';
COMMENT ON COLUMN priority_asks.active IS 'it may go by its own profile, and is counted with all that it can';
COMMENT ON COLUMN priority_asks.accepted IS 'NULL: nobody knows what it answered';
ALTER TABLE priority_asks ENABLE ROW LEVEL SECURITY;
ALTER TABLE priority_asks FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON priority_asks TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON priority_asks TO forecourt_ingest USING (true);
SELECT stations_hold_to_sites('priority_asks');
GRANT SELECT, INSERT, UPDATE, DELETE ON priority_asks TO forecourt_app;
GRANT SELECT, UPDATE (active) ON priority_asks TO forecourt_ingest;

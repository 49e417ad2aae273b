-- Codes that changed by themselves and that somebody began to pay with: each is good once.
-- depends: driver.0004 stations.0031

CREATE TABLE driver_codes_used (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    station_id bigint NOT NULL,
    evse int NOT NULL,
    interval bigint NOT NULL,
    used_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, station_id, evse, interval)
);
CREATE INDEX driver_codes_used_by_age ON driver_codes_used (tenant_id, used_at);
COMMENT ON COLUMN driver_codes_used.interval IS 'of the one-time password, counted from 1970 in lengths of its validity';
ALTER TABLE driver_codes_used ENABLE ROW LEVEL SECURITY;
ALTER TABLE driver_codes_used FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON driver_codes_used TO forecourt_app USING (tenant_id = forecourt_tenant());
SELECT stations_hold_to_sites('driver_codes_used');
GRANT SELECT, INSERT, DELETE ON driver_codes_used TO forecourt_app;

-- What stations of OCPP 2.1 hold as dynamic profiles: changed by a word of their own, and asked for by stations.
-- depends: energy.0040

-- One row an EVSE that was told a dynamic profile, the last one.
CREATE TABLE dynamic_profiles (
    station_id bigint NOT NULL,
    evse int NOT NULL,
    tenant_id int NOT NULL,
    site_id int NOT NULL,
    session_id uuid NOT NULL,
    order_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    said jsonb NOT NULL,
    limit_ma int NOT NULL CHECK (limit_ma >= 0),
    told_at timestamptz NOT NULL,
    lasts interval NOT NULL,
    until timestamptz NOT NULL,
    held_at timestamptz,
    refused_at timestamptz,
    PRIMARY KEY (station_id, evse),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON COLUMN dynamic_profiles.order_id IS 'the limit by which it was set or changed last';
COMMENT ON COLUMN dynamic_profiles.said IS 'what it shall say now, as the neutral language has it';
COMMENT ON COLUMN dynamic_profiles.lasts IS 'for how long it holds from each change on';
COMMENT ON COLUMN dynamic_profiles.until IS 'when it ends, however often it is changed';
COMMENT ON COLUMN dynamic_profiles.held_at IS 'when its station said yes to it; NULL: it is not known to hold it';
COMMENT ON COLUMN dynamic_profiles.refused_at IS 'when its station said no to one';
ALTER TABLE dynamic_profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE dynamic_profiles FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON dynamic_profiles TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON dynamic_profiles FOR SELECT TO forecourt_ingest USING (true);
SELECT stations_hold_to_sites('dynamic_profiles');
GRANT SELECT, INSERT, UPDATE, DELETE ON dynamic_profiles TO forecourt_app;
GRANT SELECT ON dynamic_profiles TO forecourt_ingest;

-- A station that asks for its limit has it for longer from then on.
CREATE POLICY of_ingest ON charging_orders FOR INSERT TO forecourt_ingest WITH CHECK (true);
GRANT INSERT ON charging_orders TO forecourt_ingest;

-- What stationary batteries said of themselves, and what they were told.
-- depends: energy.0012

CREATE TABLE battery_states (
    site_id int NOT NULL,
    battery text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    tenant_id int NOT NULL,
    power_w int NOT NULL,
    stored_wh bigint NOT NULL CHECK (stored_wh >= 0),
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    arrived_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, battery, at),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON COLUMN battery_states.battery IS 'of the tree, by its id';
COMMENT ON COLUMN battery_states.power_w IS 'below 0: it gives';

CREATE TABLE battery_setpoints (
    setpoint_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    site_id int NOT NULL,
    battery text COLLATE "C" NOT NULL,
    power_w int NOT NULL,
    sent_at timestamptz NOT NULL,
    valid_to timestamptz NOT NULL,
    why text NOT NULL,
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
CREATE INDEX battery_setpoints_of_site ON battery_setpoints (site_id, battery, setpoint_id);
COMMENT ON COLUMN battery_setpoints.valid_to IS 'who follows it does nothing from then on';

ALTER TABLE site_power ADD COLUMN battery_w int NOT NULL DEFAULT 0;
COMMENT ON COLUMN site_power.battery_w IS 'what its batteries took; below 0: gave';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['battery_states', 'battery_setpoints']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i))', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, DELETE ON battery_states, battery_setpoints TO forecourt_app;
GRANT UPDATE (power_w, stored_wh, source, arrived_at) ON battery_states TO forecourt_app;

-- Who plans for which site, what was planned and known, what stations were told, and what sites drew.
-- depends: energy.0001

-- The process that plans for a site, until when. Runs out by itself when the process is gone.
CREATE TABLE planner_leases (
    site_id int PRIMARY KEY REFERENCES energy_sites (site_id) ON DELETE CASCADE,
    tenant_id int NOT NULL,
    holder uuid NOT NULL,
    until timestamptz NOT NULL
);

-- One row a plan. `known` is all that went into it, compressed JSON: the same plan can be made of it again.
CREATE TABLE energy_plans (
    site_id int NOT NULL,
    at timestamptz NOT NULL,
    tenant_id int NOT NULL,
    grade text NOT NULL CHECK (grade IN ('optimal', 'near', 'kept', 'filled')),
    why text NOT NULL,
    plan jsonb NOT NULL,
    known bytea NOT NULL,
    PRIMARY KEY (site_id, at),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON COLUMN energy_plans.grade IS 'near: good, and not the best; kept: the one before, cut; filled: shared out unplanned';

-- One row a limit that a station was told for a transaction.
CREATE TABLE charging_orders (
    order_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    site_id int NOT NULL,
    station_id bigint NOT NULL,
    evse int NOT NULL,
    session_id uuid NOT NULL,
    limit_ma int NOT NULL CHECK (limit_ma >= 0),
    urgent bool NOT NULL,
    sent_at timestamptz NOT NULL,
    valid_to timestamptz NOT NULL,
    answered_at timestamptz,
    accepted bool,
    status text,
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
CREATE INDEX charging_orders_of_site ON charging_orders (site_id, valid_to);
CREATE INDEX charging_orders_of_session ON charging_orders (session_id, sent_at);
COMMENT ON COLUMN charging_orders.accepted IS 'NULL: nobody knows whether the station took it';

-- What is known of how an EVSE obeys.
CREATE TABLE evse_obedience (
    station_id bigint NOT NULL,
    evse int NOT NULL,
    tenant_id int NOT NULL,
    disobeys_since timestamptz,
    obey_s double precision NOT NULL DEFAULT 10,
    PRIMARY KEY (station_id, evse)
);
COMMENT ON COLUMN evse_obedience.disobeys_since IS 'it drew more than it was allowed, after it should have obeyed';

-- What a site took each time it was looked at.
CREATE TABLE site_power (
    site_id int NOT NULL,
    at timestamptz NOT NULL,
    tenant_id int NOT NULL,
    charging_w int NOT NULL,
    load_w int NOT NULL,
    solar_w int NOT NULL,
    allowed_w int NOT NULL,
    PRIMARY KEY (site_id, at),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON COLUMN site_power.allowed_w IS 'what all its EVSEs together might have drawn';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['planner_leases', 'energy_plans', 'charging_orders', 'evse_obedience', 'site_power']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['planner_leases', 'energy_plans', 'charging_orders', 'site_power']
    LOOP
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i))', t);
    END LOOP;
END
$policies$;
SELECT stations_hold_to_sites('evse_obedience');
CREATE POLICY of_worker ON planner_leases TO forecourt_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON planner_leases TO forecourt_worker;
GRANT SELECT ON planner_leases TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON energy_plans, site_power TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON charging_orders TO forecourt_app;
GRANT UPDATE (answered_at, accepted, status) ON charging_orders TO forecourt_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON evse_obedience TO forecourt_app;

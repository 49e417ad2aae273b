-- In which fleet drivers were once, and what fleets were called: a session stays of the fleet that its driver was in.
-- depends: drivers.0022 drivers.0089

CREATE TABLE fleet_stays (
    tenant_id int NOT NULL,
    driver_id bigint NOT NULL,
    fleet_id bigint NOT NULL,
    joined_at timestamptz NOT NULL,
    left_at timestamptz NOT NULL CHECK (left_at >= joined_at),
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id),
    FOREIGN KEY (tenant_id, fleet_id) REFERENCES fleets (tenant_id, fleet_id)
);
CREATE INDEX fleet_stays_of_driver ON fleet_stays (tenant_id, driver_id, joined_at);
COMMENT ON TABLE fleet_stays IS 'that are over; those that go on are fleet_members';

CREATE TABLE fleet_names (
    tenant_id int NOT NULL,
    fleet_id bigint NOT NULL,
    name text NOT NULL,
    until_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, fleet_id) REFERENCES fleets (tenant_id, fleet_id)
);
CREATE INDEX fleet_names_by_name ON fleet_names (tenant_id, name, until_at);
COMMENT ON TABLE fleet_names IS 'that fleets had once; what they are called is in fleets';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['fleet_stays', 'fleet_names']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
    CREATE POLICY of_driver ON fleet_stays AS RESTRICTIVE TO forecourt_app
        USING ((SELECT forecourt_driver()) IS NULL OR driver_id = (SELECT forecourt_driver()));
END
$policies$;
GRANT SELECT, INSERT, DELETE ON fleet_stays TO forecourt_app;
GRANT SELECT, INSERT ON fleet_names TO forecourt_app;
GRANT UPDATE (joined_at) ON fleet_members TO forecourt_app;

-- Published: when drivers were in which fleet, and whose a name was.
CREATE VIEW fleet_times WITH (security_invoker = true) AS
SELECT m.tenant_id, m.fleet_id, m.driver_id, f.name AS fleet, m.joined_at, NULL::timestamptz AS left_at
FROM fleet_members m JOIN fleets f ON f.tenant_id = m.tenant_id AND f.fleet_id = m.fleet_id
UNION ALL
SELECT s.tenant_id, s.fleet_id, s.driver_id, f.name, s.joined_at, s.left_at
FROM fleet_stays s JOIN fleets f ON f.tenant_id = s.tenant_id AND f.fleet_id = s.fleet_id;
COMMENT ON VIEW fleet_times IS 'fleet is what it is called today; left_at NULL: the driver is in it';

CREATE VIEW former_fleet_names WITH (security_invoker = true) AS
SELECT n.tenant_id, n.fleet_id, n.name, n.until_at, f.name AS fleet,
    EXISTS (SELECT FROM fleets o WHERE o.tenant_id = n.tenant_id AND o.name = n.name) AS taken
FROM fleet_names n JOIN fleets f ON f.tenant_id = n.tenant_id AND f.fleet_id = n.fleet_id;
COMMENT ON VIEW former_fleet_names IS 'fleet is what it is called today; taken: a fleet has the name now';

CREATE OR REPLACE VIEW session_fleets WITH (security_invoker = true) AS
SELECT s.tenant_id, s.session_id, f.name AS fleet, s.fleet_id
FROM fleet_sessions s JOIN fleets f ON f.tenant_id = s.tenant_id AND f.fleet_id = s.fleet_id;
GRANT SELECT ON fleet_times, former_fleet_names TO forecourt_app;

-- What limits and prices counted when: a plan shows what was known then, and not what came after.
-- depends: energy.0055

CREATE TABLE limits_in_force (
    site_id int NOT NULL,
    node text NOT NULL,
    at timestamptz NOT NULL,
    tenant_id int NOT NULL,
    limit_w bigint,
    source text NOT NULL,
    PRIMARY KEY (site_id, node, at),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON TABLE limits_in_force IS 'a row for each change: it counted from then until the next';
COMMENT ON COLUMN limits_in_force.limit_w IS 'the tightest of a node, of currents as if all conductors were loaded alike; NULL: none';
COMMENT ON COLUMN limits_in_force.source IS 'who said it; empty: it is of the site''s electrics';

CREATE TABLE prices_in_force (
    site_id int NOT NULL,
    at timestamptz NOT NULL,
    tenant_id int NOT NULL,
    price numeric NOT NULL,
    currency text,
    stands_in bool NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (site_id, at),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON TABLE prices_in_force IS 'a row for each change: a kWh was planned with at this price from then until the next';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['limits_in_force', 'prices_in_force']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i))', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, DELETE ON limits_in_force, prices_in_force TO forecourt_app;

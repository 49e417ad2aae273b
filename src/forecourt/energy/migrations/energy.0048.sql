-- A planner that is gone is known by its connection; nodes that are overloaded by what else hangs there.
-- depends: energy.0046

ALTER TABLE planner_holders ADD COLUMN lock int;
COMMENT ON COLUMN planner_holders.lock IS 'of an advisory lock that its process holds for as long as its connection lives; NULL: it has none';

CREATE TABLE node_overloads (
    site_id int NOT NULL,
    node text NOT NULL,
    tenant_id int NOT NULL,
    name text NOT NULL,
    since timestamptz NOT NULL,
    load_w int NOT NULL,
    limit_w int NOT NULL,
    PRIMARY KEY (site_id, node),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON COLUMN node_overloads.load_w IS 'the most that what is no EVSE took there since then, as measured';
COMMENT ON COLUMN node_overloads.limit_w IS 'the limit that is exceeded, of currents as if all conductors were loaded alike';
ALTER TABLE node_overloads ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_overloads FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON node_overloads TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_sites ON node_overloads AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i));
GRANT SELECT, INSERT, UPDATE, DELETE ON node_overloads TO forecourt_app;

-- For whoever watches over sites.
CREATE VIEW overload_conditions WITH (security_invoker = true) AS
SELECT o.tenant_id, o.site_id, o.node, o.name, o.since, o.load_w, o.limit_w
FROM node_overloads o JOIN energy_sites e ON e.tenant_id = o.tenant_id AND e.site_id = o.site_id AND e.enabled;
COMMENT ON VIEW overload_conditions IS 'nodes that what is no EVSE loads beyond their limits, at sites that are kept';
CREATE VIEW kept_sites WITH (security_invoker = true) AS
SELECT i.tenant_id, i.site_id, i.slug, i.name, i.time_zone
FROM sites i JOIN energy_sites e ON e.tenant_id = i.tenant_id AND e.site_id = i.site_id;
COMMENT ON VIEW kept_sites IS 'sites that something of smart charging was set up for';
GRANT SELECT ON overload_conditions, kept_sites TO forecourt_app;

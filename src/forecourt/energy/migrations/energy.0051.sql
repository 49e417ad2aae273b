-- Sites that can't be planned, and why.
-- depends: energy.0050 energy.0049

CREATE TABLE planning_faults (
    site_id int PRIMARY KEY,
    tenant_id int NOT NULL,
    since timestamptz NOT NULL,
    times int NOT NULL DEFAULT 1,
    stage text NOT NULL CHECK (stage IN ('look', 'plan')),
    fault text NOT NULL,
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON COLUMN planning_faults.times IS 'in a row: the row is gone once a plan was made without fault';
COMMENT ON COLUMN planning_faults.stage IS 'look: nothing was planned or shared out; plan: what there is was shared out';
ALTER TABLE planning_faults ENABLE ROW LEVEL SECURITY;
ALTER TABLE planning_faults FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON planning_faults TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_sites ON planning_faults AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i));
GRANT SELECT, INSERT, UPDATE, DELETE ON planning_faults TO forecourt_app;

-- For whoever watches over sites.
CREATE VIEW planning_conditions WITH (security_invoker = true) AS
SELECT e.tenant_id, e.site_id, i.name, greatest(p.at, e.changed_at, t.changed_at) AS planned_at,
    EXISTS (SELECT FROM planner_leases l WHERE l.site_id = e.site_id AND l.until > now()) AS held,
    f.since AS failing_since, coalesce(f.times, 0) AS times, f.stage, f.fault
FROM energy_sites e
JOIN sites i ON i.tenant_id = e.tenant_id AND i.site_id = e.site_id
JOIN electrics t ON t.tenant_id = e.tenant_id AND t.site_id = e.site_id AND t.version = e.electrics_version
LEFT JOIN LATERAL (
    SELECT max(p.at) AS at FROM energy_plans p WHERE p.tenant_id = e.tenant_id AND p.site_id = e.site_id) p ON true
LEFT JOIN planning_faults f ON f.tenant_id = e.tenant_id AND f.site_id = e.site_id
WHERE e.enabled AND EXISTS (
    SELECT FROM hung_evses h
    JOIN stations s ON s.tenant_id = h.tenant_id AND s.station_id = h.station_id AND s.retired_at IS NULL
    JOIN sites w ON w.tenant_id = s.tenant_id AND w.site_id = s.site_id AND w.path @> ARRAY[e.site_id]
    WHERE h.tenant_id = e.tenant_id AND h.site_id = e.site_id);
COMMENT ON VIEW planning_conditions IS 'sites that shall be planned, when they were last, who plans them and what fails';
COMMENT ON COLUMN planning_conditions.planned_at IS 'the last plan, or when what is to be planned was changed since';
GRANT SELECT ON planning_conditions TO forecourt_app;

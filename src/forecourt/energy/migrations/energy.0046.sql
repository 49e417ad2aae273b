-- Which EVSEs draw more than they may, for whoever watches over stations.
-- depends: energy.0042 sessions.0004 stations.0006

CREATE VIEW disobedience_conditions WITH (security_invoker = true) AS
SELECT o.tenant_id, o.station_id, o.evse, o.disobeys_since, e.site_id
FROM evse_obedience o
JOIN hung_evses h ON h.tenant_id = o.tenant_id AND h.station_id = o.station_id AND h.evse = o.evse
JOIN energy_sites e ON e.tenant_id = h.tenant_id AND e.site_id = h.site_id AND e.enabled
WHERE o.disobeys_since IS NOT NULL AND EXISTS (
    SELECT FROM session_facts f WHERE f.tenant_id = o.tenant_id AND f.station_id = o.station_id AND f.evse = o.evse
        AND f.over_at IS NULL);
COMMENT ON VIEW disobedience_conditions IS 'EVSEs where something runs that draws more than it was told, at sites that are kept';
GRANT SELECT ON disobedience_conditions TO forecourt_app;

-- Published: losses of connection as everybody counts them. A gateway that died says no goodbye, and nobody waits for
-- a station that was retired.
-- depends: stations.0070 stations.0014

CREATE OR REPLACE VIEW connection_losses WITH (security_invoker = true) AS
SELECT g.tenant_id, g.station_id, g.lost_at, least(g.returned_at, s.retired_at) AS returned_at
FROM (
    SELECT tenant_id, station_id, lost_at, returned_at FROM connection_gaps
    UNION ALL
    SELECT l.tenant_id, l.station_id, greatest(l.last_seen_at, w.lease_until), NULL
    FROM station_links l LEFT JOIN gateways w ON w.gateway_id = l.gateway_id
    WHERE l.gateway_id IS NOT NULL AND (w.lease_until IS NULL OR w.lease_until <= now())
) g
JOIN stations s ON s.tenant_id = g.tenant_id AND s.station_id = g.station_id
WHERE s.retired_at IS NULL OR g.lost_at < s.retired_at;
COMMENT ON COLUMN connection_losses.returned_at IS 'NULL while it lasts; where a station was retired meanwhile, when that was';

-- The worker writes down what a gateway that died could not.
GRANT SELECT (epoch, tenant_id) ON station_links TO forecourt_worker;
GRANT INSERT ON connection_gaps TO forecourt_worker;

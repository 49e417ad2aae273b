-- What other rooms may read of stations, once more: those of a gateway that died were there until its lease ended, and
-- who is refused at the door is not away for want of power.
-- depends: stations.0006 stations.0013

CREATE OR REPLACE VIEW station_conditions WITH (security_invoker = true) AS
SELECT s.tenant_id, s.station_id, s.identity AS station, s.name, s.site_id, i.slug AS site, i.name AS site_name,
    coalesce(i.time_zone, 'UTC') AS time_zone, s.registration, s.created_at, l.connected_at,
    coalesce(l.disconnected_at, CASE WHEN g.lease_until <= now() THEN greatest(l.last_seen_at, g.lease_until) END,
        l.last_seen_at) AS last_seen_at,
    coalesce(g.lease_until > now(), false) AS connected
FROM stations s
LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
WHERE s.identity IS NOT NULL;

CREATE VIEW refusal_conditions WITH (security_invoker = true) AS
SELECT k.tenant_id, k.station_id, k.reason, k.detail, k.last_at
FROM knocks k
JOIN stations s ON s.tenant_id = k.tenant_id AND s.station_id = k.station_id AND s.identity = k.identity
LEFT JOIN station_links l ON l.tenant_id = k.tenant_id AND l.station_id = k.station_id
WHERE coalesce(k.last_at > greatest(l.connected_at, l.disconnected_at, l.last_seen_at), true);
COMMENT ON VIEW refusal_conditions IS 'stations in service that were refused since they were last there, and why the last time';
GRANT SELECT ON refusal_conditions TO forecourt_app;

-- What other rooms may read of stations: how each is, how its connectors are, and what of theirs could not be stored.
-- depends: stations.0003 stations.0004

CREATE VIEW station_conditions WITH (security_invoker = true) AS
SELECT s.tenant_id, s.station_id, s.identity AS station, s.name, s.site_id, i.slug AS site, i.name AS site_name,
    coalesce(i.time_zone, 'UTC') AS time_zone, s.registration, s.created_at, l.connected_at,
    coalesce(l.disconnected_at, l.last_seen_at) AS last_seen_at, coalesce(g.lease_until > now(), false) AS connected
FROM stations s
LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
LEFT JOIN station_links l ON l.station_id = s.station_id AND l.tenant_id = s.tenant_id
LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
WHERE s.identity IS NOT NULL;
COMMENT ON VIEW station_conditions IS 'stations in service; last_seen_at is when a lost one was last there';

CREATE VIEW connector_conditions WITH (security_invoker = true) AS
SELECT c.tenant_id, c.station_id, c.evse, c.connector, c.shown_state AS state, c.state_at, c.error_code,
    c.vendor_error_code, c.info, coalesce(h.arrived_at, c.state_at) AS arrived_at
FROM connectors c
LEFT JOIN connector_history h ON h.tenant_id = c.tenant_id AND h.station_id = c.station_id AND h.evse = c.evse
    AND h.connector = c.connector AND h.state_at = c.state_at AND h.state = c.state;
COMMENT ON VIEW connector_conditions IS 'state_at is the station''s time, arrived_at when it was said, by our clock';

CREATE VIEW quarantine_conditions WITH (security_invoker = true) AS
SELECT tenant_id, station_id, count(*)::int AS messages, min(at) AS first_at, max(at) AS last_at,
    (array_agg(error ORDER BY quarantine_id DESC))[1] AS error,
    (array_agg(quarantine_id ORDER BY quarantine_id DESC))[1:100] AS numbers
FROM quarantine WHERE reviewed_at IS NULL
GROUP BY tenant_id, station_id;
COMMENT ON VIEW quarantine_conditions IS 'what nobody has looked at; numbers are the latest hundred of quarantine_id';

-- Since when stations can connect at all: NULL while no gateway lives.
CREATE VIEW gateway_conditions WITH (security_invoker = true) AS
SELECT min(started_at) AS listening_since FROM gateways WHERE lease_until > now();

CREATE VIEW connection_losses WITH (security_invoker = true) AS
SELECT tenant_id, station_id, lost_at, returned_at FROM connection_gaps;

GRANT SELECT ON connection_losses, station_conditions, connector_conditions, quarantine_conditions, gateway_conditions TO forecourt_app;
CREATE INDEX connection_gaps_in_time ON connection_gaps (tenant_id, lost_at);
CREATE INDEX quarantine_unread ON quarantine (tenant_id, station_id) WHERE reviewed_at IS NULL;

-- Published: places of stations, in service or not, and all that connectors ever said of themselves.
-- depends: stations.0031

CREATE VIEW station_places WITH (security_invoker = true) AS
SELECT s.tenant_id, s.station_id, coalesce(s.identity, s.retired_identity) AS station, s.name, i.slug AS site,
    i.name AS site_name, coalesce(i.time_zone, 'UTC') AS time_zone, coalesce(s.latitude, i.latitude) AS latitude,
    coalesce(s.longitude, i.longitude) AS longitude, s.max_power_w, s.vendor, s.model, s.firmware, s.created_at,
    s.retired_at,
    (SELECT count(DISTINCT c.evse)::int FROM connectors c
        WHERE c.tenant_id = s.tenant_id AND c.station_id = s.station_id AND c.evse > 0) AS evses
FROM stations s LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id;
COMMENT ON VIEW station_places IS 'a retired one by the identity that it had; evses are those that it ever spoke of';

CREATE VIEW connector_states WITH (security_invoker = true) AS
SELECT tenant_id, station_id, evse, connector, state_at, state, error_code, vendor_error_code, info, arrived_at
FROM connector_history;

CREATE INDEX connector_history_by_arrival ON connector_history (tenant_id, arrived_at);
GRANT SELECT ON station_places, connector_states TO forecourt_app;

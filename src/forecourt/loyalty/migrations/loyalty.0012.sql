-- What campaigns and points look at is read from the views of the rooms whose it is.
-- depends: loyalty.0011 stations.0089 sessions.0089 drivers.0089 payments.0109

CREATE OR REPLACE VIEW campaign_places WITH (security_invoker = true) AS
SELECT tenant_id, station_id, time_zone, sites FROM station_sites;

CREATE OR REPLACE VIEW driver_visits WITH (security_invoker = true) AS
SELECT c.tenant_id, c.session_id, c.driver_id, s.station_id, c.started_at, s.over_at AS ended_at, s.energy_wh,
    p.currency, p.excl_minor, p.incl_minor
FROM (
    SELECT i.tenant_id, i.session_id, i.driver_id, n.started_at
    FROM payment_sums i JOIN session_visits n ON n.tenant_id = i.tenant_id AND n.session_id = i.session_id
    WHERE i.driver_id IS NOT NULL AND i.purpose = 'session'
    UNION
    SELECT d.tenant_id, n.session_id, d.driver_id, n.started_at
    FROM token_drivers d
    CROSS JOIN LATERAL (
        SELECT d.uid_key AS uid UNION SELECT upper(d.uid_key)
        UNION SELECT t.uid FROM token_spellings t WHERE t.tenant_id = d.tenant_id AND t.uid_key = d.uid_key
    ) spelt
    JOIN session_visits n ON n.tenant_id = d.tenant_id AND n.token_uid = spelt.uid AND n.started_at >= d.attached_at
) c
JOIN session_drivers w ON w.tenant_id = c.tenant_id AND w.session_id = c.session_id AND w.driver_id = c.driver_id
JOIN session_visits s ON s.tenant_id = c.tenant_id AND s.session_id = c.session_id
LEFT JOIN session_bills p ON p.tenant_id = c.tenant_id AND p.session_id = c.session_id;

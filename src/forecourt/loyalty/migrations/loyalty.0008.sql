-- A driver's visits are found without looking at those of others.
-- depends: loyalty.0006 payments.0090

-- Whose a session is `session_drivers` says; a driver's are looked for by their payments and their tokens, however
-- stations spell these: as they were registered, in small letters or in capitals.
CREATE OR REPLACE VIEW driver_visits WITH (security_invoker = true) AS
SELECT c.tenant_id, c.session_id, c.driver_id, s.station_id, c.started_at, s.over_at AS ended_at,
    greatest(s.meter_stop_wh - s.meter_start_wh, 0) AS energy_wh, p.currency, p.excl_minor, p.incl_minor
FROM (
    SELECT i.tenant_id, i.session_id, i.driver_id, n.started_at
    FROM payment_intents i JOIN sessions n ON n.tenant_id = i.tenant_id AND n.session_id = i.session_id
    WHERE i.driver_id IS NOT NULL AND i.purpose = 'session'
    UNION
    SELECT d.tenant_id, n.session_id, d.driver_id, n.started_at
    FROM token_drivers d
    CROSS JOIN LATERAL (
        SELECT d.uid_key AS uid UNION SELECT upper(d.uid_key)
        UNION SELECT t.uid FROM tokens t WHERE t.tenant_id = d.tenant_id AND t.uid_key = d.uid_key
    ) spelt
    JOIN sessions n ON n.tenant_id = d.tenant_id AND n.token_uid = spelt.uid AND n.started_at >= d.attached_at
) c
JOIN session_drivers w ON w.tenant_id = c.tenant_id AND w.session_id = c.session_id AND w.driver_id = c.driver_id
JOIN sessions s ON s.tenant_id = c.tenant_id AND s.session_id = c.session_id
LEFT JOIN session_costs p ON p.tenant_id = c.tenant_id AND p.session_id = c.session_id AND p.final;

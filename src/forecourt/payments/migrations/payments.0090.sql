-- Published: whose a session is. There is no other rule.
-- depends: payments.0060 drivers.0021 sessions.0072

-- By its payment; else by its token, of several that held it the one that was attached first.
CREATE VIEW session_drivers WITH (security_invoker = true) AS
SELECT s.tenant_id, s.session_id, coalesce(i.driver_id, t.driver_id) AS driver_id, s.station_id, s.started_at
FROM sessions s
LEFT JOIN payment_intents i ON i.tenant_id = s.tenant_id AND i.session_id = s.session_id AND i.purpose = 'session'
LEFT JOIN LATERAL (
    SELECT d.driver_id FROM token_drivers d
    WHERE d.tenant_id = s.tenant_id AND d.uid_key = lower(s.token_uid COLLATE "C") AND d.attached_at <= s.started_at
        AND (d.until_at IS NULL OR d.until_at > least(s.started_at, s.start_arrived_at, s.heard_at)
            OR (d.still AND s.token_status = 'Accepted'))
    ORDER BY d.attached_at, d.driver_id LIMIT 1
) t ON true
WHERE coalesce(i.driver_id, t.driver_id) IS NOT NULL;
COMMENT ON VIEW session_drivers IS 'drivers with an account, as of the session''s start; found by session';
GRANT SELECT ON session_drivers TO forecourt_app;

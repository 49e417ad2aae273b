-- What other rooms may read of sessions, and the way to those of a day.
-- depends: sessions.0003

CREATE VIEW session_facts WITH (security_invoker = true) AS
SELECT tenant_id, session_id, number, station_id, evse, connector, transaction_id, started_at, over_at, last_at, heard_at,
    CASE WHEN meter_stop_wh >= meter_start_wh THEN meter_stop_wh - meter_start_wh END AS energy_wh,
    CASE WHEN over_at IS NULL THEN power_w END AS power_w, token_status, stop_reason, arrival_clock, offline, notes
FROM sessions;
COMMENT ON VIEW session_facts IS 'one row a session, running or over; energy_wh is NULL while it is not known';
GRANT SELECT ON session_facts TO forecourt_app;

CREATE INDEX sessions_by_time ON sessions (tenant_id, started_at);

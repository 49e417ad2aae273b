-- What cars gave back: the first and the latest register of it, by the order of what their stations said.
-- depends: sessions.0004 sessions.0008

ALTER TABLE sessions
    ADD COLUMN given_start_key bigint NOT NULL DEFAULT 9223372036854775807,
    ADD COLUMN given_start_wh bigint,
    ADD COLUMN given_key bigint NOT NULL DEFAULT -1,
    ADD COLUMN given_stop_wh bigint;
COMMENT ON COLUMN sessions.given_stop_wh IS 'of the export register; no bill goes by it';

CREATE OR REPLACE VIEW session_facts WITH (security_invoker = true) AS
SELECT tenant_id, session_id, number, station_id, evse, connector, transaction_id, started_at, over_at, last_at, heard_at,
    CASE WHEN meter_stop_wh >= meter_start_wh THEN meter_stop_wh - meter_start_wh END AS energy_wh,
    CASE WHEN over_at IS NULL THEN power_w END AS power_w, token_status, stop_reason, arrival_clock, offline, notes,
    CASE WHEN given_stop_wh >= given_start_wh THEN given_stop_wh - given_start_wh END AS given_wh
FROM sessions;

-- Published: by which token sessions ran, and what their final bills say.
-- depends: sessions.0082

CREATE VIEW session_visits WITH (security_invoker = true) AS
SELECT tenant_id, session_id, station_id, evse, token_uid, started_at, over_at,
    greatest(meter_stop_wh - meter_start_wh, 0) AS energy_wh
FROM sessions;
COMMENT ON VIEW session_visits IS 'found by session and by token, as the tables are';

CREATE VIEW session_bills WITH (security_invoker = true) AS
SELECT tenant_id, session_id, currency, excl_minor, incl_minor, bill -> 'discounts' AS discounts, priced_at, sealed_at
FROM session_costs WHERE final;
COMMENT ON COLUMN session_bills.discounts IS 'what was taken off, as pricing.shown keeps it';
COMMENT ON COLUMN session_bills.sealed_at IS 'since when money was moved for it, so that it stays; NULL: it may change';
GRANT SELECT ON session_visits, session_bills TO forecourt_app;

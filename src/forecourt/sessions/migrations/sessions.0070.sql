-- Published: what sessions that are over were: how long the plug was taken and current flowed, what they came to.
-- depends: sessions.0017 pricing.0002

CREATE VIEW session_use WITH (security_invoker = true) AS
SELECT s.tenant_id, s.session_id, s.station_id, s.evse, s.connector,
    CASE WHEN s.token_uid NOT LIKE 'erased-%' THEN s.token_uid END AS token_uid, s.token_status,
    s.started_at, greatest(s.over_at, s.started_at) AS ended_at,
    CASE WHEN flow.at IS NOT NULL THEN
        least(greatest(flow.at, s.started_at), greatest(s.over_at, s.started_at)) END AS charging_ended_at,
    CASE WHEN s.meter_stop_wh >= s.meter_start_wh THEN s.meter_stop_wh - s.meter_start_wh END AS energy_wh,
    CASE WHEN s.given_stop_wh >= s.given_start_wh THEN s.given_stop_wh - s.given_start_wh END AS given_wh,
    s.stop_reason, s.notes, s.ended_at IS NULL AS closed_from_evidence,
    c.currency, c.excl_minor, c.incl_minor, t.name AS tariff
FROM sessions s
LEFT JOIN session_costs c ON c.session_id = s.session_id AND c.tenant_id = s.tenant_id AND c.final
LEFT JOIN tariffs t ON t.tariff_id = c.tariff_id AND t.tenant_id = s.tenant_id
LEFT JOIN LATERAL (
    -- When the register at the outlet first stood where it stood at the end, but for what a station at rest takes.
    SELECT min(m.at) AS at
    FROM meter_values m CROSS JOIN LATERAL generate_series(1, array_length(m.readings, 1), 2) AS place
    WHERE m.tenant_id = s.tenant_id AND m.station_id = s.station_id AND m.transaction_id = s.transaction_id
      AND m.readings[place] & 16777215 = 0 AND m.readings[place + 1] >= s.meter_stop_wh - 20
) AS flow ON true
WHERE s.over_at IS NOT NULL;
COMMENT ON COLUMN session_use.token_uid IS 'NULL where there was none, and where its driver was erased';
COMMENT ON COLUMN session_use.charging_ended_at IS 'NULL: nothing that was measured while it ran tells';
COMMENT ON COLUMN session_use.excl_minor IS 'before taxes, once its cost is final; NULL: it is not, or no tariff counts';
GRANT SELECT ON session_use TO forecourt_app;

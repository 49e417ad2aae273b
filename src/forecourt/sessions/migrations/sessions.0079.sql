-- Published besides: the most power that a session took.
-- depends: sessions.0072

CREATE OR REPLACE VIEW session_use WITH (security_invoker = true) AS
SELECT s.tenant_id, s.session_id, s.station_id, s.evse, s.connector,
    CASE WHEN s.token_uid NOT LIKE 'erased-%' THEN s.token_uid END AS token_uid, s.token_status,
    s.started_at, greatest(s.over_at, s.started_at) AS ended_at,
    CASE WHEN flow.at IS NOT NULL THEN
        least(greatest(flow.at, s.started_at), greatest(s.over_at, s.started_at)) END AS charging_ended_at,
    CASE WHEN s.meter_stop_wh >= s.meter_start_wh THEN s.meter_stop_wh - s.meter_start_wh END AS energy_wh,
    CASE WHEN s.given_stop_wh >= s.given_start_wh THEN s.given_stop_wh - s.given_start_wh END AS given_wh,
    s.stop_reason, s.notes, s.ended_at IS NULL AS closed_from_evidence,
    c.currency, c.excl_minor, c.incl_minor, t.name AS tariff,
    told.sampled_wh, told.power_wh, told.offered_wh, told.hottest_centi_c, told.most_w
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
LEFT JOIN LATERAL (
    -- Steps between two samples of power, a quarter of an hour long at the most, in which current flowed: what came of
    -- power by its mean, and what the register and the offer made of the same steps.
    SELECT round(sum(step.power_ws) / 3600)::bigint AS power_wh,
        CASE WHEN count(step.power_ws) = count(step.register_wh) FILTER (WHERE step.power_ws IS NOT NULL)
            THEN sum(step.register_wh) FILTER (WHERE step.power_ws IS NOT NULL) END::bigint AS sampled_wh,
        CASE WHEN count(step.power_ws) = count(step.offered_ws) FILTER (WHERE step.power_ws IS NOT NULL)
            THEN round(sum(step.offered_ws) FILTER (WHERE step.power_ws IS NOT NULL) / 3600) END::bigint AS offered_wh,
        max(step.centi_c) AS hottest_centi_c, max(step.power_w)::bigint AS most_w
    FROM (
        SELECT one.centi_c, one.power_w,
            CASE WHEN one.power_w > 0 AND one.next_w > 0 AND one.seconds <= 900
                THEN (one.power_w + one.next_w) / 2 * one.seconds END AS power_ws,
            (one.offered_w + one.next_offered_w) / 2 * one.seconds AS offered_ws,
            one.next_wh - one.register_wh AS register_wh
        FROM (
            SELECT v.*, extract(epoch FROM lead(v.at) OVER following - v.at) AS seconds,
                lead(v.power_w) OVER following AS next_w, lead(v.offered_w) OVER following AS next_offered_w,
                lead(v.register_wh) OVER following AS next_wh
            FROM (
                -- By time: a whole where it is said, else its three conductors; heat of anything but the car.
                SELECT m.at, max(r.value) FILTER (WHERE r.place = 0) AS register_wh,
                    coalesce(max(r.value) FILTER (WHERE r.place = 4),
                        sum(r.value) FILTER (WHERE r.place IN (260, 516, 772)),
                        sum(r.value) FILTER (WHERE r.place IN (1284, 1540, 1796)))::numeric AS power_w,
                    coalesce(max(r.value) FILTER (WHERE r.place = 6),
                        sum(r.value) FILTER (WHERE r.place IN (262, 518, 774)),
                        sum(r.value) FILTER (WHERE r.place IN (1286, 1542, 1798)))::numeric AS offered_w,
                    max(r.value) FILTER (WHERE r.place & 255 = 12 AND r.place >> 16 <> 3
                        AND r.value BETWEEN -5000 AND 20000) AS centi_c
                FROM meter_values m CROSS JOIN LATERAL generate_series(1, array_length(m.readings, 1), 2) AS place
                CROSS JOIN LATERAL (
                    SELECT m.readings[place] & 16777215 AS place, m.readings[place + 1] AS value
                ) AS r
                WHERE m.tenant_id = s.tenant_id AND m.station_id = s.station_id AND m.transaction_id = s.transaction_id
                GROUP BY m.at
            ) AS v
            WINDOW following AS (ORDER BY v.at)
        ) AS one
    ) AS step
) AS told ON true
WHERE s.over_at IS NOT NULL;
COMMENT ON COLUMN session_use.most_w IS 'the most of all samples of power; NULL: there are none';

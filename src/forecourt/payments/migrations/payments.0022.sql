-- What is left of a fleet's month is reckoned from that month alone, and only where somebody set a limit.
-- depends: payments.0018

CREATE INDEX payment_book_holds_of_month ON payment_book_holds (tenant_id, payer, made_at) WHERE state <> 'cancelled';
DROP INDEX payment_book_holds_of_payer;
CREATE INDEX payment_book_holds_of_intent ON payment_book_holds (tenant_id, intent) WHERE state <> 'cancelled';
GRANT SELECT (purpose) ON payment_intents TO forecourt_ingest;

-- What a fleet, and a member of it, may still spend in the month of a time; NULL: no limit. What is held counts as spent.
-- It is asked within the commit that answers stations. So each look at another table is one of its own, by one key: none
-- can become a join over all that there ever was.
CREATE OR REPLACE FUNCTION payments_fleet_left(tenant int, fleet bigint, driver bigint, at timestamptz) RETURNS bigint
LANGUAGE sql STABLE
AS $body$
    SELECT least(f.month_limit - spent.whole, m.month_limit - spent.own)::bigint
    FROM fleets f
    LEFT JOIN fleet_members m ON m.tenant_id = f.tenant_id AND m.fleet_id = f.fleet_id AND m.driver_id = driver
    CROSS JOIN LATERAL (SELECT date_trunc('month', at AT TIME ZONE f.zone) AS month) now
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(each.amount), 0) AS whole,
            coalesce(sum(each.amount) FILTER (WHERE each.driver_id = driver), 0) AS own
        FROM (
            SELECT (SELECT i.driver_id FROM payment_intents i
                    WHERE i.tenant_id = b.tenant_id AND i.intent_id = b.intent::uuid) AS driver_id,
                CASE WHEN b.state = 'authorised' THEN b.authorised
                ELSE b.captured - (SELECT coalesce(sum((r ->> 'amount')::bigint), 0) FROM jsonb_array_elements(b.refunds) r)
                END AS amount
            FROM payment_book_holds b
            WHERE b.tenant_id = tenant AND b.payer = 'fleet:' || fleet AND b.kind = 'invoice' AND b.state <> 'cancelled'
              AND b.made_at >= now.month AT TIME ZONE f.zone
              AND b.made_at < (now.month + interval '1 month') AT TIME ZONE f.zone
            UNION ALL
            -- What was said of sessions that nothing was held for.
            SELECT s.driver_id, s.amount FROM fleet_sessions s
            LEFT JOIN LATERAL (
                SELECT true AS stands FROM payment_intents i
                CROSS JOIN LATERAL (
                    SELECT FROM payment_book_holds b
                    WHERE b.tenant_id = i.tenant_id AND b.intent = replace(i.intent_id::text, '-', '')
                      AND b.payer = 'fleet:' || fleet AND b.state <> 'cancelled' LIMIT 1) held
                WHERE i.tenant_id = s.tenant_id AND i.session_id = s.session_id AND i.purpose = 'session' LIMIT 1
            ) hold ON true
            WHERE s.tenant_id = tenant AND s.fleet_id = fleet AND s.month = now.month::date AND hold.stands IS NULL
        ) each
    ) spent
    WHERE f.tenant_id = tenant AND f.fleet_id = fleet AND (f.month_limit IS NOT NULL OR m.month_limit IS NOT NULL)
$body$;

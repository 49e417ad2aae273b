-- Sessions that begin by a driver's own token are paid by what the account says; fees of memberships are payments too.
-- depends: payments.0010 payments.0004 drivers.0010 driver.0004

ALTER TABLE payment_intents ADD COLUMN driver_id bigint;
COMMENT ON COLUMN payment_intents.driver_id IS 'the driver with an account whose session or membership it is, whoever pays';
ALTER TABLE payment_intents ADD COLUMN contract_key text COLLATE "C" CHECK (length(contract_key) BETWEEN 1 AND 255);
COMMENT ON COLUMN payment_intents.contract_key IS 'the driver''s own token that began the session, as uids are compared';
CREATE INDEX payment_intents_of_driver ON payment_intents (tenant_id, driver_id, number) WHERE driver_id IS NOT NULL;
CREATE INDEX payment_intents_of_contract ON payment_intents (tenant_id, contract_key)
    WHERE contract_key IS NOT NULL AND state IN ('hold_requested', 'authorised');
ALTER TABLE payment_intents DROP CONSTRAINT payment_intents_purpose_check;
ALTER TABLE payment_intents ADD CONSTRAINT payment_intents_purpose_check
    CHECK (purpose IN ('session', 'top_up', 'debt', 'fee'));

-- What is a driver's to see: what they pay, and what others pay for them.
ALTER POLICY of_driver ON payment_intents USING ((SELECT forecourt_driver()) IS NULL
    OR payer = 'driver:' || (SELECT forecourt_driver()) OR driver_id = (SELECT forecourt_driver()));

-- What a gateway reads to refuse a token before energy flows.
DO $ingest$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['payment_intents', 'payment_methods', 'payment_book_holds', 'ledger_accounts', 'postings',
                             'journal']
    LOOP
        EXECUTE format('CREATE POLICY of_ingest ON %I FOR SELECT TO forecourt_ingest USING (true)', t);
    END LOOP;
END
$ingest$;
GRANT SELECT (tenant_id, intent_id, session_id, driver_id, payer, owed_amount, contract_key, state) ON payment_intents TO forecourt_ingest;
GRANT SELECT (tenant_id, method_id, payer, removed_at) ON payment_methods TO forecourt_ingest;
GRANT SELECT (tenant_id, intent, payer, kind, currency, state, authorised, captured, refunds, made_at)
    ON payment_book_holds TO forecourt_ingest;
GRANT SELECT (tenant_id, account_id, name) ON ledger_accounts TO forecourt_ingest;
GRANT SELECT (account_id, currency, amount) ON postings TO forecourt_ingest;
GRANT SELECT (tenant_id, key) ON journal TO forecourt_ingest;
GRANT SELECT (session_id) ON fleet_sessions TO forecourt_ingest;

-- What is left in the fullest purse of a driver's wallet, in minor units, what is held of it taken off.
CREATE FUNCTION payments_wallet_left(tenant int, driver bigint) RETURNS bigint
LANGUAGE sql STABLE
AS $body$
    SELECT max(purse.total - coalesce(h.held, 0))::bigint
    FROM (
        SELECT p.currency, -sum(p.amount) AS total FROM ledger_accounts a JOIN postings p USING (account_id)
        WHERE a.tenant_id = tenant AND a.name = 'wallet:' || driver GROUP BY p.currency
    ) purse
    CROSS JOIN LATERAL (
        SELECT sum(CASE WHEN b.state = 'authorised' THEN b.authorised ELSE b.captured END) AS held
        FROM payment_book_holds b
        WHERE b.tenant_id = tenant AND b.payer = 'driver:' || driver AND b.kind = 'wallet' AND b.currency = purse.currency
          AND (b.state = 'authorised' OR (b.state = 'captured' AND NOT EXISTS (
              SELECT FROM journal j WHERE j.tenant_id = tenant AND j.key = 'capture:' || b.intent::uuid)))
    ) h
$body$;

-- What a fleet, and a member of it, may still spend in the month of a time; NULL: no limit. What is held counts as spent.
CREATE FUNCTION payments_fleet_left(tenant int, fleet bigint, driver bigint, at timestamptz) RETURNS bigint
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
            SELECT i.driver_id, CASE WHEN b.state = 'authorised' THEN b.authorised
                ELSE b.captured - (SELECT coalesce(sum((r ->> 'amount')::bigint), 0) FROM jsonb_array_elements(b.refunds) r)
                END AS amount
            FROM payment_book_holds b
            LEFT JOIN payment_intents i ON i.tenant_id = b.tenant_id AND i.intent_id = b.intent::uuid
            WHERE b.tenant_id = tenant AND b.payer = 'fleet:' || fleet AND b.kind = 'invoice' AND b.state <> 'cancelled'
              AND b.made_at >= now.month AT TIME ZONE f.zone
              AND b.made_at < (now.month + interval '1 month') AT TIME ZONE f.zone
            UNION ALL
            -- What was said of sessions that nothing was held for.
            SELECT s.driver_id, s.amount FROM fleet_sessions s
            WHERE s.tenant_id = tenant AND s.fleet_id = fleet AND s.month = now.month::date AND NOT EXISTS (
                SELECT FROM payment_intents i JOIN payment_book_holds b ON b.tenant_id = i.tenant_id
                    AND b.payer = 'fleet:' || fleet AND b.intent = replace(i.intent_id::text, '-', '')
                    AND b.state <> 'cancelled'
                WHERE i.tenant_id = s.tenant_id AND i.session_id = s.session_id)
        ) each
    ) spent
    WHERE f.tenant_id = tenant AND f.fleet_id = fleet
$body$;
GRANT EXECUTE ON FUNCTION payments_wallet_left(int, bigint) TO forecourt_app, forecourt_ingest;
GRANT EXECUTE ON FUNCTION payments_fleet_left(int, bigint, bigint, timestamptz) TO forecourt_app, forecourt_ingest;

-- What stands against a session that an account pays for. The least hold is five of a currency's units, and a wallet must
-- have a fifth of what is to be held: with less than one unit nothing ever starts. A token whose session is being paid
-- for is good until that is over, for its own hold may be all that there was.
CREATE OR REPLACE VIEW contract_refusals WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key,
    CASE
        WHEN EXISTS (
            SELECT FROM payment_intents i WHERE i.tenant_id = d.tenant_id AND i.contract_key = d.uid_key
              AND i.state IN ('hold_requested', 'authorised')) THEN NULL
        WHEN a.pays_by IN ('card', 'wallet') AND EXISTS (
            SELECT FROM payment_intents i
            WHERE i.tenant_id = a.tenant_id AND i.payer = 'driver:' || a.driver_id AND i.owed_amount > 0) THEN 'NoCredit'
        WHEN a.pays_by = 'card' AND NOT EXISTS (
            SELECT FROM payment_methods m WHERE m.tenant_id = a.tenant_id AND m.payer = 'driver:' || a.driver_id
              AND m.method_id = a.pays_method AND m.removed_at IS NULL) THEN 'NoCredit'
        WHEN a.pays_by = 'wallet' AND coalesce(payments_wallet_left(a.tenant_id, a.driver_id), 0) < 100 THEN 'NoCredit'
        WHEN a.pays_by = 'fleet' AND (
            SELECT payments_fleet_left(f.tenant_id, f.fleet_id, a.driver_id, now()) FROM fleet_members f
            WHERE f.tenant_id = a.tenant_id AND f.driver_id = a.driver_id) <= 0 THEN 'NoCredit'
    END AS status
FROM driver_tokens d JOIN driver_accounts a ON a.tenant_id = d.tenant_id AND a.driver_id = d.driver_id
WHERE a.pays_by <> 'page';

-- Months of memberships with a fee, each paid ahead, once.
CREATE TABLE subscription_fees (
    fee_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    driver_id bigint NOT NULL,
    subscription_id bigint NOT NULL,
    number int NOT NULL CHECK (number >= 0),
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL CHECK (until_at > from_at),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CHECK (amount > 0),
    vat numeric CHECK (vat >= 0 AND vat < 100),
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'asked', 'paid', 'failed', 'dropped')),
    tries int NOT NULL DEFAULT 0 CHECK (tries >= 0),
    intent_id uuid,
    reason text CHECK (length(reason) <= 500),
    paid_at timestamptz,
    next_at timestamptz,
    UNIQUE (tenant_id, subscription_id, number),
    FOREIGN KEY (tenant_id, intent_id) REFERENCES payment_intents (tenant_id, intent_id)
);
CREATE INDEX subscription_fees_due ON subscription_fees (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX subscription_fees_of_driver ON subscription_fees (tenant_id, driver_id, from_at);
CREATE INDEX subscription_fees_of_intent ON subscription_fees (tenant_id, intent_id) WHERE intent_id IS NOT NULL;
COMMENT ON COLUMN subscription_fees.number IS 'months since the membership began';
COMMENT ON COLUMN subscription_fees.vat IS 'percent of VAT within the amount, as the plan said when it fell due';
COMMENT ON COLUMN subscription_fees.country IS 'for whose tax: where the organisation has its first site';
COMMENT ON COLUMN subscription_fees.state IS 'dropped: the membership ended before it was paid';
COMMENT ON COLUMN subscription_fees.next_at IS 'when it is looked at again: to ask, or once paid to begin the next month';
ALTER TABLE subscription_fees ENABLE ROW LEVEL SECURITY;
ALTER TABLE subscription_fees FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON subscription_fees TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_the_whole ON subscription_fees AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL);
CREATE POLICY of_driver ON subscription_fees AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_driver()) IS NULL OR driver_id = (SELECT forecourt_driver()));
GRANT SELECT, INSERT, UPDATE ON subscription_fees TO forecourt_app;
CREATE POLICY of_worker ON subscription_fees TO forecourt_worker USING (true);
GRANT SELECT (tenant_id, fee_id, next_at), UPDATE (next_at) ON subscription_fees TO forecourt_worker;

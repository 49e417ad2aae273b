-- What of disputed top-ups is still in their wallets is spent by nobody.
-- depends: payments.0091 payments.0072

ALTER TABLE payment_disputes ADD COLUMN payer text COLLATE "C" CHECK (length(payer) BETWEEN 1 AND 100);
ALTER TABLE payment_disputes ADD COLUMN in_wallet bigint NOT NULL DEFAULT 0 CHECK (in_wallet >= 0);
ALTER TABLE payment_disputes ADD CHECK (in_wallet = 0 OR payer IS NOT NULL);
COMMENT ON COLUMN payment_disputes.payer IS 'whose wallet was filled by what is disputed; NULL: none was, or nothing of it was left there';
COMMENT ON COLUMN payment_disputes.in_wallet IS 'what of it is in that wallet still, and can''t be spent: it is disputed, or lost and held by a payment that is not over';
GRANT UPDATE (payer, in_wallet) ON payment_disputes TO forecourt_app;
CREATE INDEX payment_disputes_in_wallets ON payment_disputes (tenant_id, payer) WHERE in_wallet > 0;
CREATE POLICY of_ingest ON payment_disputes FOR SELECT TO forecourt_ingest USING (true);
GRANT SELECT (tenant_id, payer, currency, in_wallet) ON payment_disputes TO forecourt_ingest;

-- Of what is disputed now as much as the wallet has, the latest first.
ALTER TABLE payment_disputes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_intents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_accounts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE postings NO FORCE ROW LEVEL SECURITY;
UPDATE payment_disputes d SET payer = found.payer, in_wallet = found.kept
FROM (
    SELECT t.account_id, t.reference, i.payer, least(t.amount, coalesce((
            SELECT -sum(p.amount) FROM ledger_accounts a JOIN postings p USING (account_id)
            WHERE a.tenant_id = t.tenant_id AND a.name = 'wallet:' || split_part(i.payer, ':', 2)
                AND p.currency = t.currency
        ), 0) - (sum(t.amount) OVER (
            PARTITION BY t.tenant_id, i.payer, t.currency ORDER BY t.opened_at DESC, t.reference) - t.amount)) AS kept
    FROM payment_disputes t
    JOIN payment_intents i ON i.tenant_id = t.tenant_id AND i.intent_id = t.intent_id
    WHERE i.purpose = 'top_up' AND i.payer IS NOT NULL AND t.took_money AND t.status IN ('needs_response', 'under_review')
) found
WHERE d.account_id = found.account_id AND d.reference = found.reference AND found.kept > 0;
ALTER TABLE payment_disputes FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_intents FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE postings FORCE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION payments_wallet_left(tenant int, driver bigint) RETURNS bigint
LANGUAGE sql STABLE
AS $body$
    SELECT max(greatest(purse.total - coalesce(h.held, 0) - coalesce(d.disputed, 0), 0))::bigint
    FROM (
        SELECT p.currency, -sum(p.amount) AS total FROM ledger_accounts a JOIN postings p USING (account_id)
        WHERE a.tenant_id = tenant AND a.name = 'wallet:' || driver GROUP BY p.currency
    ) purse
    CROSS JOIN LATERAL (
        SELECT sum(CASE WHEN b.state = 'authorised' THEN b.authorised ELSE b.captured END) AS held
        FROM payment_book_holds b
        WHERE b.tenant_id = tenant AND b.payer = 'driver:' || driver AND b.kind = 'wallet' AND b.currency = purse.currency
          AND (b.state = 'authorised' OR (b.state = 'captured' AND NOT EXISTS (
              SELECT FROM journal j WHERE j.tenant_id = tenant
              AND j.key IN ('capture:' || b.intent::uuid, 'debt:' || b.intent::uuid))))
    ) h
    CROSS JOIN LATERAL (
        SELECT sum(t.in_wallet) AS disputed FROM payment_disputes t
        WHERE t.tenant_id = tenant AND t.payer = 'driver:' || driver AND t.currency = purse.currency AND t.in_wallet > 0
    ) d
$body$;

-- What a wallet paid of a debt is posted under a key of its own: it is held no more once that is there.
-- depends: payments.0090

CREATE OR REPLACE FUNCTION payments_wallet_left(tenant int, driver bigint) RETURNS bigint
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
              SELECT FROM journal j WHERE j.tenant_id = tenant
              AND j.key IN ('capture:' || b.intent::uuid, 'debt:' || b.intent::uuid))))
    ) h
$body$;

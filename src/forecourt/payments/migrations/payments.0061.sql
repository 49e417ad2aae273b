-- Which entry of the journal a step of a payment's story was posted by, where one was: a posting that paid a debt is taken
-- back from that very debt.
-- depends: payments.0060

ALTER TABLE payment_steps ADD COLUMN entry text COLLATE "C" CHECK (length(entry) BETWEEN 1 AND 200);
COMMENT ON COLUMN payment_steps.entry IS 'the key of the entry by which it was posted, where that is asked for later';
CREATE INDEX payment_steps_of_entries ON payment_steps (tenant_id, entry) WHERE entry IS NOT NULL;

-- Debts that money of nobody paid, where payment, time and amount name one posting and one debt.
ALTER TABLE payment_steps NO FORCE ROW LEVEL SECURITY;
ALTER TABLE journal NO FORCE ROW LEVEL SECURITY;
ALTER TABLE postings NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_accounts NO FORCE ROW LEVEL SECURITY;
UPDATE payment_steps s SET entry = found.key
FROM (
    SELECT min(j.key) AS key, min(d.step_id) AS step_id
    FROM journal j
    JOIN postings p ON p.entry_id = j.entry_id AND p.amount < 0
    JOIN ledger_accounts a ON a.account_id = p.account_id AND a.name = 'driver_receivable'
    JOIN payment_steps d ON d.tenant_id = j.tenant_id AND d.kind = 'debt_paid' AND d.detail = j.intent AND d.at = j.at
        AND d.amount = -p.amount AND d.intent_id::text <> d.detail
    WHERE j.kind = 'unmatched_posted'
    GROUP BY j.tenant_id, j.intent, j.at, p.amount HAVING count(*) = 1
) found
WHERE s.step_id = found.step_id;
ALTER TABLE payment_steps FORCE ROW LEVEL SECURITY;
ALTER TABLE journal FORCE ROW LEVEL SECURITY;
ALTER TABLE postings FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_accounts FORCE ROW LEVEL SECURITY;

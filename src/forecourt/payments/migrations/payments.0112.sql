-- What was owed of one payment of somebody without an account is paid by another, of that one alone; and who is drawn
-- again after a debit came back is written to before.
-- depends: payments.0111

-- No row is read meanwhile: payments wait for this no longer than that takes. They are read by payments.0113.
ALTER TABLE payment_intents ADD COLUMN debt_of uuid,
    ADD CONSTRAINT payment_intents_debt_of CHECK (debt_of IS NULL OR (purpose = 'debt' AND payer IS NULL)) NOT VALID,
    ADD CONSTRAINT payment_intents_of_one_tenant FOREIGN KEY (tenant_id, debt_of)
        REFERENCES payment_intents (tenant_id, intent_id) NOT VALID;
COMMENT ON COLUMN payment_intents.debt_of IS 'the payment whose debt it pays; NULL: it is none of a debt, or pays what its payer owes';

ALTER TABLE fleet_letters DROP CONSTRAINT fleet_letters_kind_check;
ALTER TABLE fleet_letters ADD CONSTRAINT fleet_letters_kind_check
    CHECK (kind IN ('invoice', 'credit_note', 'reminder', 'debit_returned', 'debit_again'));

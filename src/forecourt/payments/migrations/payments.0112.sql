-- What was owed of one payment of somebody without an account is paid by another, of that one alone; and who is drawn
-- again after a debit came back is written to before.
-- depends: payments.0111

ALTER TABLE payment_intents ADD COLUMN debt_of uuid;
ALTER TABLE payment_intents ADD CHECK (debt_of IS NULL OR (purpose = 'debt' AND payer IS NULL));
ALTER TABLE payment_intents ADD FOREIGN KEY (debt_of) REFERENCES payment_intents (intent_id);
COMMENT ON COLUMN payment_intents.debt_of IS 'the payment whose debt it pays; NULL: it is none of a debt, or pays what its payer owes';
CREATE INDEX payment_intents_of_debt ON payment_intents (tenant_id, debt_of) WHERE debt_of IS NOT NULL;
-- One is under way at a time, so that a debt is paid once.
CREATE UNIQUE INDEX payment_intents_paying ON payment_intents (debt_of)
    WHERE debt_of IS NOT NULL AND state IN ('hold_requested', 'authorised', 'capturing');

ALTER TABLE fleet_letters DROP CONSTRAINT fleet_letters_kind_check;
ALTER TABLE fleet_letters ADD CONSTRAINT fleet_letters_kind_check
    CHECK (kind IN ('invoice', 'credit_note', 'reminder', 'debit_returned', 'debit_again'));

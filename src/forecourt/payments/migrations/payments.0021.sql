-- A movement that the journal can't take is a difference of its own; and which debts a payment paid.
-- depends: payments.0018

ALTER TABLE reconcile_differences DROP CONSTRAINT reconcile_differences_kind_check;
ALTER TABLE reconcile_differences ADD CONSTRAINT reconcile_differences_kind_check CHECK (kind IN ('missing', 'unknown',
    'doubled', 'wrong_amount', 'wrong_currency', 'late', 'fee_mismatch', 'unposted', 'bank_unknown', 'bank_amount',
    'bank_missing'));

CREATE INDEX payment_intents_of_debts ON payment_intents (tenant_id, payer) WHERE purpose = 'debt';
CREATE INDEX payment_steps_of_debts ON payment_steps (tenant_id, detail) WHERE kind = 'debt_paid';

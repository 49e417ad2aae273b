-- Payments are found by the debt that they pay. They are read while these are built, and written again right after: no
-- row is in either yet.
-- depends: payments.0113

CREATE INDEX payment_intents_of_debt ON payment_intents (tenant_id, debt_of) WHERE debt_of IS NOT NULL;
-- One is under way at a time, so that a debt is paid once.
CREATE UNIQUE INDEX payment_intents_paying ON payment_intents (debt_of)
    WHERE debt_of IS NOT NULL AND state IN ('hold_requested', 'authorised', 'capturing');

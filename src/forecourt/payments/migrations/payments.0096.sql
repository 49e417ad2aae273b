-- What a debt was paid with goes back as a refund of its session: of which debt, where somebody asked for that one.
-- depends: payments.0095

ALTER TABLE payment_calls ADD COLUMN debt uuid;
COMMENT ON COLUMN payment_calls.debt IS 'of what paid this debt a refund gives back; NULL: of what was paid last';
CREATE INDEX payment_steps_debt_refunded ON payment_steps (tenant_id, detail) WHERE kind = 'debt_refunded';
CREATE INDEX payment_steps_debt_refunded_by ON payment_steps (tenant_id, entry) WHERE kind = 'debt_refunded';

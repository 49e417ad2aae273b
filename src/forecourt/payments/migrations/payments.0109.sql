-- Published: what payments took, of whom and for which session, and what went back of it.
-- depends: payments.0095

CREATE VIEW payment_sums WITH (security_invoker = true) AS
SELECT i.tenant_id, i.intent_id, i.purpose, i.session_id, i.payer, i.driver_id,
    coalesce(i.driver_id, substring(i.payer FROM '^driver:([0-9]+)$')::bigint) AS paid_by, i.method, i.currency,
    i.captured_amount AS captured, i.refunded_amount AS refunded, i.owed_amount AS owed,
    (SELECT coalesce(sum(d.amount), 0)::bigint FROM payment_disputes d WHERE d.tenant_id = i.tenant_id
        AND d.intent_id = i.intent_id AND d.status = 'lost') AS lost
FROM payment_intents i;
COMMENT ON COLUMN payment_sums.driver_id IS 'whose session it is';
COMMENT ON COLUMN payment_sums.paid_by IS 'the driver whom it is of, or who pays';
COMMENT ON COLUMN payment_sums.lost IS 'by disputes, in minor units';
-- UPDATE so that who reads may hold a payment as it is until the end of a transaction.
GRANT SELECT, UPDATE ON payment_sums TO forecourt_app;

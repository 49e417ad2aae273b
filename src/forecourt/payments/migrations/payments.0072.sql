-- Disputes for which nothing was taken, which are inquiries, bar no refund.
-- depends: payments.0071

ALTER TABLE payment_disputes ADD COLUMN took_money boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN payment_disputes.took_money IS 'the provider took the amount until it is decided; an inquiry takes nothing';
GRANT UPDATE (took_money) ON payment_disputes TO forecourt_app;

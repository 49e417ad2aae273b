-- How often a provider refused a call, apart from how often it did not answer.
-- depends: payments.0047

ALTER TABLE payment_calls ADD COLUMN refusals integer NOT NULL DEFAULT 0 CHECK (refusals >= 0);
COMMENT ON COLUMN payment_calls.refusals IS 'tries that the provider refused; those it did not answer are none';

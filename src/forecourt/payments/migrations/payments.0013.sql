-- What hosts may do at the payment provider, what was taken back there, and whose account each payment account is.
-- depends: payments.0012 payments.0002

ALTER TABLE hosts ADD COLUMN connect_state jsonb, ADD COLUMN connect_read_at timestamptz;
COMMENT ON COLUMN hosts.connect_state IS 'what the provider said last of connect_account; NULL: it was never asked';

ALTER TABLE payouts ADD COLUMN taken_back bigint NOT NULL DEFAULT 0 CHECK (taken_back BETWEEN 0 AND amount);
COMMENT ON COLUMN payouts.taken_back IS 'minor units of it that came back at the provider';
GRANT UPDATE (taken_back) ON payouts TO forecourt_app;
CREATE INDEX payouts_by_reference ON payouts (tenant_id, reference) WHERE reference IS NOT NULL;

ALTER TABLE payment_accounts ADD COLUMN merchant text NOT NULL DEFAULT '' CHECK (length(merchant) <= 200),
    ADD COLUMN statement text NOT NULL DEFAULT '' CHECK (length(statement) <= 60), ADD COLUMN checked_at timestamptz;
COMMENT ON COLUMN payment_accounts.merchant IS 'whose account it is, as the provider says: who sells';
COMMENT ON COLUMN payment_accounts.statement IS 'what stands on statements of buyers';

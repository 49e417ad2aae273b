-- What a fleet had left over and was paid back from the bank is of the credit from which it was taken.
-- depends: payments.0018 payments.0060

ALTER TABLE fleet_credits ADD COLUMN of_credit bigint;
ALTER TABLE fleet_credits ADD FOREIGN KEY (tenant_id, of_credit) REFERENCES fleet_credits (tenant_id, credit_id);
CREATE INDEX fleet_credits_of_credit ON fleet_credits (of_credit) INCLUDE (amount) WHERE of_credit IS NOT NULL;
COMMENT ON COLUMN fleet_credits.of_credit IS 'of what was paid back: the credit that has so much less left to spend';

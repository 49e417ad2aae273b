-- What a line of the bank brought a fleet is looked for by that line.
-- depends: payments.0093

CREATE INDEX fleet_credits_of_line ON fleet_credits (tenant_id, bank_line) WHERE bank_line IS NOT NULL;

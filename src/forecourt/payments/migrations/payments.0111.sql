-- A payout knows the line of the bank that booked it, so that whoever takes that line's match back knows what it booked.
-- depends: payments.0110

ALTER TABLE payouts ADD COLUMN booked_line bigint;
COMMENT ON COLUMN payouts.booked_line IS 'the line of a statement that booked it';
GRANT UPDATE (booked_line) ON payouts TO forecourt_app;
CREATE INDEX payouts_of_line ON payouts (tenant_id, booked_line) WHERE booked_line IS NOT NULL;

ALTER TABLE payouts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE bank_lines NO FORCE ROW LEVEL SECURITY;
UPDATE payouts p SET booked_line = l.line_id FROM bank_lines l
WHERE l.tenant_id = p.tenant_id AND l.matched_by = 'payout' AND l.matched = p.payout_id::text
    AND p.booked_on IS NOT NULL;
UPDATE payouts p SET booked_line = l.line_id FROM bank_lines l
WHERE l.tenant_id = p.tenant_id AND l.matched_by = 'payout_file' AND l.matched = p.file_id::text
    AND p.booked_on = l.booked_on AND p.booked_line IS NULL;
ALTER TABLE payouts FORCE ROW LEVEL SECURITY;
ALTER TABLE bank_lines FORCE ROW LEVEL SECURITY;

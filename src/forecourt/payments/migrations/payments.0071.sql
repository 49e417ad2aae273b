-- Lines of a bank have names of their own: what the bank calls them may be the same for several, or for all.
-- depends: payments.0070

ALTER TABLE bank_lines DROP CONSTRAINT bank_lines_tenant_id_reference_key;
ALTER TABLE bank_lines ADD COLUMN name text COLLATE "C" CHECK (length(name) BETWEEN 1 AND 200);
CREATE UNIQUE INDEX bank_lines_name ON bank_lines (tenant_id, name);
CREATE INDEX bank_lines_unnamed ON bank_lines (tenant_id, booked_on, amount) WHERE name IS NULL;
COMMENT ON COLUMN bank_lines.name IS 'its own for good; NULL of those that were read before lines had one';

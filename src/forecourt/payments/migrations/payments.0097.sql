-- Of which account a statement of the bank is, and each of its lines: one of another account than the organisation's own is
-- taken only where somebody says that it is theirs too.
-- depends: payments.0096

ALTER TABLE bank_statements ADD COLUMN accounts text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN bank_statements.accounts IS 'the accounts that it tells of, shown by their ends';
ALTER TABLE bank_lines ADD COLUMN account text CHECK (length(account) <= 100);
COMMENT ON COLUMN bank_lines.account IS 'on which account it was booked, shown by its ends; NULL: the bank did not say, or it was read before that was kept';

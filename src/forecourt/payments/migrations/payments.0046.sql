-- From which day a statement of the bank covers all: a day between two of them may be read of by neither.
-- depends: payments.0045

ALTER TABLE bank_statements ADD COLUMN from_on date CHECK (from_on <= until_on);
COMMENT ON COLUMN bank_statements.from_on IS 'the first day that it covers whole; NULL: read before that was kept';

-- Which statements of the bank were read, and up to which day: nobody is reminded of what may have been paid by then.
-- depends: payments.0032

CREATE TABLE bank_statements (
    statement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    read_at timestamptz NOT NULL,
    read_by text NOT NULL,
    until_on date NOT NULL,
    lines int NOT NULL CHECK (lines >= 0),
    new int NOT NULL CHECK (new BETWEEN 0 AND lines),
    matched int NOT NULL CHECK (matched BETWEEN 0 AND lines)
);
COMMENT ON COLUMN bank_statements.until_on IS 'the last day that it covers whole, by the bank''s clock';
COMMENT ON COLUMN bank_statements.matched IS 'of its lines, once it was read';
CREATE INDEX bank_statements_until ON bank_statements (tenant_id, until_on);
ALTER TABLE bank_statements ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_statements FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON bank_statements TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_the_whole ON bank_statements AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL);
GRANT SELECT, INSERT ON bank_statements TO forecourt_app;

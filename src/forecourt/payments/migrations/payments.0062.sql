-- Receipts have consecutive numbers where the law wants that: a series of receipts and one of corrections for each country
-- and year. What was posted before has none.
-- depends: payments.0061

-- How many numbers of a series are given away. A number is taken in the transaction that posts, so that none is missing.
CREATE TABLE receipt_numbers (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    series text NOT NULL CHECK (series IN ('receipt', 'correction')),
    year int NOT NULL,
    last int NOT NULL CHECK (last > 0),
    PRIMARY KEY (tenant_id, country, series, year)
);

CREATE TABLE receipts (
    tenant_id int NOT NULL,
    entry text COLLATE "C" NOT NULL CHECK (length(entry) BETWEEN 1 AND 200),
    intent_id uuid NOT NULL,
    country text NOT NULL,
    series text NOT NULL,
    year int NOT NULL,
    serial int NOT NULL CHECK (serial > 0),
    number text COLLATE "C" NOT NULL CHECK (length(number) BETWEEN 1 AND 40),
    issued_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, entry),
    UNIQUE (tenant_id, number),
    UNIQUE (tenant_id, country, series, year, serial),
    FOREIGN KEY (tenant_id, intent_id) REFERENCES payment_intents (tenant_id, intent_id)
);
CREATE INDEX receipts_of_intent ON receipts (tenant_id, intent_id);
COMMENT ON COLUMN receipts.entry IS 'the key of the entry that posted what it is of';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['receipt_numbers', 'receipts']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    CREATE POLICY of_the_whole ON receipt_numbers AS RESTRICTIVE TO forecourt_app
        USING ((SELECT forecourt_sites()) IS NULL);
    CREATE POLICY of_sites ON receipts AS RESTRICTIVE TO forecourt_app USING (
        (SELECT forecourt_sites()) IS NULL OR intent_id IN (SELECT i.intent_id FROM payment_intents i));
END
$policies$;
CREATE TRIGGER receipts_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON receipts
    FOR EACH STATEMENT EXECUTE FUNCTION payments_invoices_stay();
ALTER TABLE receipts ENABLE ALWAYS TRIGGER receipts_stay;
GRANT SELECT, INSERT, UPDATE ON receipt_numbers TO forecourt_app;
GRANT SELECT, INSERT ON receipts TO forecourt_app;

-- The documents by which hosts are billed for what they supply, issued in their name. Issued ones never change.
-- depends: payments.0050

-- How many numbers of a year are given away. A number is taken in the transaction that issues, so that none is missing.
CREATE TABLE host_document_numbers (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    year int NOT NULL,
    last int NOT NULL CHECK (last > 0),
    PRIMARY KEY (tenant_id, year)
);

CREATE TABLE host_documents (
    document_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    host_id int NOT NULL,
    payout_id int NOT NULL,
    year int NOT NULL,
    serial int NOT NULL CHECK (serial > 0),
    number text COLLATE "C" NOT NULL CHECK (length(number) BETWEEN 1 AND 40),
    corrects bigint,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    net bigint NOT NULL,
    vat bigint NOT NULL,
    other bigint NOT NULL,
    total bigint NOT NULL CHECK (total = net + vat + other),
    lines bigint NOT NULL CHECK (lines > 0),
    up_to_line bigint NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_on date NOT NULL,
    period_from timestamptz NOT NULL,
    period_to timestamptz NOT NULL,
    said jsonb NOT NULL,
    UNIQUE (tenant_id, document_id),
    UNIQUE (tenant_id, number),
    UNIQUE (tenant_id, year, serial),
    FOREIGN KEY (tenant_id, host_id) REFERENCES hosts (tenant_id, host_id),
    FOREIGN KEY (tenant_id, payout_id) REFERENCES payouts (tenant_id, payout_id),
    FOREIGN KEY (tenant_id, corrects) REFERENCES host_documents (tenant_id, document_id)
);
CREATE INDEX host_documents_of_host ON host_documents (tenant_id, host_id, currency, up_to_line);
COMMENT ON COLUMN host_documents.said IS 'supplier, recipient and sums by rate as they were when it was issued';
COMMENT ON COLUMN host_documents.other IS 'what is no supply of the host: expenses, fees, charging at home';
COMMENT ON COLUMN host_documents.corrects IS 'the document of which it takes something back';
COMMENT ON COLUMN host_documents.up_to_line IS 'every line up to it is on a document';

CREATE TABLE host_document_lines (
    line_id bigint PRIMARY KEY REFERENCES host_lines (line_id),
    tenant_id int NOT NULL,
    document_id bigint NOT NULL,
    FOREIGN KEY (tenant_id, document_id) REFERENCES host_documents (tenant_id, document_id)
);
CREATE INDEX host_document_lines_of_document ON host_document_lines (document_id, line_id);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['host_document_numbers', 'host_documents', 'host_document_lines']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    CREATE POLICY of_the_whole ON host_document_numbers AS RESTRICTIVE TO forecourt_app
        USING ((SELECT forecourt_sites()) IS NULL);
    CREATE POLICY of_sites ON host_documents AS RESTRICTIVE TO forecourt_app
        USING ((SELECT forecourt_sites()) IS NULL OR host_id IN (SELECT h.host_id FROM hosts h));
    CREATE POLICY of_sites ON host_document_lines AS RESTRICTIVE TO forecourt_app
        USING ((SELECT forecourt_sites()) IS NULL OR document_id IN (SELECT d.document_id FROM host_documents d));
    FOREACH t IN ARRAY ARRAY['host_documents', 'host_document_lines']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION payments_invoices_stay()', t || '_stay', t);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', t, t || '_stay');
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE ON host_document_numbers TO forecourt_app;
GRANT SELECT, INSERT ON host_documents, host_document_lines TO forecourt_app;

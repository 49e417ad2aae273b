-- Invoices of fleets: who issues and who gets them, what they are made of, and the documents. Issued ones never change.
-- depends: payments.0004 payments.0010 drivers.0011

CREATE TABLE invoice_sellers (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    said jsonb NOT NULL,
    dunning jsonb NOT NULL,
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE invoice_sellers IS 'who an organisation is on its invoices, and how it reminds those who don''t pay';

CREATE TABLE fleet_terms (
    tenant_id int NOT NULL,
    fleet_id bigint NOT NULL,
    said jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, fleet_id),
    FOREIGN KEY (tenant_id, fleet_id) REFERENCES fleets (tenant_id, fleet_id)
);
COMMENT ON TABLE fleet_terms IS 'whom a fleet''s invoices are for, and how and when they are paid';

-- What a fleet owes before it is invoiced: one of each entry on its account. `invoice_id` is said once.
CREATE TABLE fleet_lines (
    line_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    fleet_id bigint NOT NULL,
    entry_id bigint NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('session', 'home', 'refund')),
    at timestamptz NOT NULL,
    session_id uuid,
    driver_id bigint,
    driver text NOT NULL DEFAULT '' CHECK (length(driver) <= 254),
    cost_centre text NOT NULL DEFAULT '' CHECK (length(cost_centre) <= 60),
    started_at timestamptz,
    ended_at timestamptz NOT NULL,
    station text NOT NULL DEFAULT '',
    site text NOT NULL DEFAULT '',
    country text NOT NULL DEFAULT '',
    energy_wh bigint,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL,
    parts jsonb NOT NULL,
    memo text NOT NULL DEFAULT '' CHECK (length(memo) <= 300),
    invoice_id bigint,
    FOREIGN KEY (tenant_id, fleet_id) REFERENCES fleets (tenant_id, fleet_id),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES journal (tenant_id, entry_id)
);
CREATE INDEX fleet_lines_open ON fleet_lines (tenant_id, fleet_id, ended_at) WHERE invoice_id IS NULL;
CREATE INDEX fleet_lines_of_invoice ON fleet_lines (invoice_id, line_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX fleet_lines_of_session ON fleet_lines (tenant_id, session_id) WHERE session_id IS NOT NULL;
COMMENT ON COLUMN fleet_lines.parts IS 'net and VAT in minor units by rate; together the amount';
COMMENT ON COLUMN fleet_lines.ended_at IS 'when it was delivered, which says in which month it is invoiced';

-- How many numbers of a year are given away. A number is taken in the transaction that issues, so that none is missing.
CREATE TABLE invoice_numbers (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    year int NOT NULL,
    last int NOT NULL CHECK (last > 0),
    PRIMARY KEY (tenant_id, year)
);

CREATE TABLE fleet_invoices (
    invoice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    fleet_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    year int NOT NULL,
    serial int NOT NULL CHECK (serial > 0),
    number text COLLATE "C" NOT NULL CHECK (length(number) BETWEEN 1 AND 40),
    reference text COLLATE "C" NOT NULL CHECK (length(reference) <= 25),
    month date,
    part int NOT NULL DEFAULT 1 CHECK (part > 0),
    corrects bigint,
    reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 300),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    net bigint NOT NULL,
    vat bigint NOT NULL,
    total bigint NOT NULL CHECK (total = net + vat),
    issued_at timestamptz NOT NULL,
    issued_on date NOT NULL,
    due_on date NOT NULL,
    period_from date NOT NULL,
    period_to date NOT NULL,
    said jsonb NOT NULL,
    made_by text NOT NULL,
    UNIQUE (tenant_id, invoice_id),
    UNIQUE (tenant_id, number),
    UNIQUE (tenant_id, year, serial),
    UNIQUE (tenant_id, fleet_id, month, currency, part),
    FOREIGN KEY (tenant_id, fleet_id) REFERENCES fleets (tenant_id, fleet_id),
    FOREIGN KEY (tenant_id, corrects) REFERENCES fleet_invoices (tenant_id, invoice_id),
    CHECK (kind = 'credit_note' OR corrects IS NULL)
);
CREATE INDEX fleet_invoices_of_fleet ON fleet_invoices (tenant_id, fleet_id, invoice_id);
CREATE INDEX fleet_invoices_corrected ON fleet_invoices (tenant_id, corrects) WHERE corrects IS NOT NULL;
COMMENT ON COLUMN fleet_invoices.said IS 'seller, buyer and sums as they were when it was issued';
COMMENT ON COLUMN fleet_invoices.total IS 'of a credit note below 0';
COMMENT ON COLUMN fleet_invoices.month IS 'of what the month''s job makes: once a fleet, month and currency; NULL: a person made it';
ALTER TABLE fleet_lines ADD FOREIGN KEY (tenant_id, invoice_id) REFERENCES fleet_invoices (tenant_id, invoice_id);

CREATE TABLE fleet_documents (
    invoice_id bigint PRIMARY KEY,
    tenant_id int NOT NULL,
    pdf bytea NOT NULL CHECK (length(pdf) <= 33554432),
    xml bytea NOT NULL CHECK (length(xml) <= 67108864),
    made_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES fleet_invoices (tenant_id, invoice_id)
);

-- What was written to fleets, and which invoice goes with it.
CREATE TABLE fleet_letters (
    letter_id uuid PRIMARY KEY,
    tenant_id int NOT NULL,
    invoice_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note', 'reminder')),
    level int NOT NULL DEFAULT 0,
    recipient text NOT NULL CHECK (length(recipient) BETWEEN 3 AND 254),
    written_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES fleet_invoices (tenant_id, invoice_id)
);
CREATE INDEX fleet_letters_of_invoice ON fleet_letters (invoice_id);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['invoice_sellers', 'fleet_terms', 'fleet_lines', 'invoice_numbers', 'fleet_invoices',
                             'fleet_documents', 'fleet_letters']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE ON invoice_sellers, fleet_terms, invoice_numbers TO forecourt_app;
GRANT SELECT, INSERT ON fleet_lines, fleet_invoices, fleet_documents, fleet_letters TO forecourt_app;
GRANT UPDATE (invoice_id) ON fleet_lines TO forecourt_app;

-- Issued is issued, whoever asks.
CREATE FUNCTION payments_invoices_stay() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    RAISE EXCEPTION 'an invoice that is issued never changes: issue a credit note' USING ERRCODE = 'insufficient_privilege';
END
$body$;
DO $stays$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['fleet_invoices', 'fleet_documents']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION payments_invoices_stay()', t || '_stay', t);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', t, t || '_stay');
    END LOOP;
END
$stays$;
CREATE TRIGGER fleet_lines_stay BEFORE UPDATE ON fleet_lines FOR EACH ROW
    WHEN (OLD.invoice_id IS NOT NULL) EXECUTE FUNCTION payments_invoices_stay();
CREATE TRIGGER fleet_lines_go_never BEFORE DELETE OR TRUNCATE ON fleet_lines
    FOR EACH STATEMENT EXECUTE FUNCTION payments_invoices_stay();
ALTER TABLE fleet_lines ENABLE ALWAYS TRIGGER fleet_lines_stay;
ALTER TABLE fleet_lines ENABLE ALWAYS TRIGGER fleet_lines_go_never;

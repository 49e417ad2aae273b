-- How fleets pay: mandates and direct debits, what settles an invoice, and reminders.
-- depends: payments.0017

CREATE TABLE fleet_mandates (
    mandate_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    fleet_id bigint NOT NULL,
    reference text COLLATE "C" NOT NULL CHECK (reference ~ '^[A-Za-z0-9+?/:().,''-]{1,35}$'),
    scheme text NOT NULL CHECK (scheme IN ('CORE', 'B2B')),
    signed_on date NOT NULL,
    holder text NOT NULL CHECK (length(holder) BETWEEN 1 AND 70),
    iban_sealed bytea NOT NULL,
    iban_shown text NOT NULL,
    bic text NOT NULL DEFAULT '' CHECK (bic ~ '^([A-Z0-9]{8}|[A-Z0-9]{11})?$'),
    made_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text NOT NULL DEFAULT '' CHECK (length(end_reason) <= 300),
    UNIQUE (tenant_id, mandate_id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, fleet_id) REFERENCES fleets (tenant_id, fleet_id)
);
CREATE UNIQUE INDEX fleet_mandates_standing ON fleet_mandates (tenant_id, fleet_id) WHERE ended_at IS NULL;

CREATE TABLE debit_files (
    file_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    message text COLLATE "C" NOT NULL CHECK (length(message) BETWEEN 1 AND 35),
    scheme text NOT NULL CHECK (scheme IN ('CORE', 'B2B')),
    collection_on date NOT NULL,
    debits int NOT NULL CHECK (debits > 0),
    total bigint NOT NULL CHECK (total > 0),
    sealed bytea NOT NULL,
    made_at timestamptz NOT NULL,
    UNIQUE (tenant_id, file_id),
    UNIQUE (tenant_id, message)
);

CREATE TABLE fleet_debits (
    debit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    invoice_id bigint NOT NULL,
    mandate_id bigint NOT NULL,
    file_id bigint,
    amount bigint NOT NULL CHECK (amount > 0),
    sequence text NOT NULL CHECK (sequence IN ('FRST', 'RCUR')),
    collection_on date NOT NULL,
    state text NOT NULL CHECK (state IN ('asked', 'paid', 'returned')),
    reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 300),
    made_at timestamptz NOT NULL,
    ended_at timestamptz,
    UNIQUE (tenant_id, debit_id),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES fleet_invoices (tenant_id, invoice_id),
    FOREIGN KEY (tenant_id, mandate_id) REFERENCES fleet_mandates (tenant_id, mandate_id),
    FOREIGN KEY (tenant_id, file_id) REFERENCES debit_files (tenant_id, file_id)
);
-- One is in the air at a time, so that an invoice is collected once.
CREATE UNIQUE INDEX fleet_debits_asked ON fleet_debits (invoice_id) WHERE state = 'asked';
CREATE INDEX fleet_debits_of_invoice ON fleet_debits (invoice_id, debit_id);
CREATE INDEX fleet_debits_of_file ON fleet_debits (file_id);
CREATE INDEX fleet_debits_of_mandate ON fleet_debits (mandate_id);

-- Money of a fleet that settles invoices: what came, what went back, and credit notes.
CREATE TABLE fleet_credits (
    credit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    fleet_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('paid', 'returned', 'credited')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CHECK (amount <> 0),
    bank_line bigint,
    invoice_id bigint,
    debit_id bigint,
    at timestamptz NOT NULL,
    UNIQUE (tenant_id, credit_id),
    FOREIGN KEY (tenant_id, fleet_id) REFERENCES fleets (tenant_id, fleet_id),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES fleet_invoices (tenant_id, invoice_id)
);
CREATE INDEX fleet_credits_of_fleet ON fleet_credits (tenant_id, fleet_id, credit_id);
COMMENT ON COLUMN fleet_credits.amount IS 'minor units; below 0: a direct debit came back';

-- What an invoice still asks for is its total less all of these. Only added to.
CREATE TABLE fleet_settlements (
    settlement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    invoice_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('paid', 'returned', 'credited', 'written_off', 'fee')),
    amount bigint NOT NULL CHECK (amount <> 0),
    credit_id bigint,
    at timestamptz NOT NULL,
    memo text NOT NULL DEFAULT '' CHECK (length(memo) <= 300),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES fleet_invoices (tenant_id, invoice_id),
    FOREIGN KEY (tenant_id, credit_id) REFERENCES fleet_credits (tenant_id, credit_id)
);
CREATE INDEX fleet_settlements_of_invoice ON fleet_settlements (invoice_id) INCLUDE (amount);
CREATE INDEX fleet_settlements_of_credit ON fleet_settlements (credit_id) INCLUDE (amount) WHERE credit_id IS NOT NULL;
COMMENT ON COLUMN fleet_settlements.amount IS 'minor units that the invoice asks for no more; below 0: more, such as a fee';

CREATE TABLE fleet_reminders (
    tenant_id int NOT NULL,
    invoice_id bigint NOT NULL,
    level int NOT NULL CHECK (level > 0),
    fee bigint NOT NULL CHECK (fee >= 0),
    said_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, invoice_id, level),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES fleet_invoices (tenant_id, invoice_id)
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['fleet_mandates', 'debit_files', 'fleet_debits', 'fleet_credits', 'fleet_settlements',
                             'fleet_reminders']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT ON fleet_mandates, debit_files, fleet_debits, fleet_credits, fleet_settlements, fleet_reminders
    TO forecourt_app;
GRANT UPDATE (ended_at, end_reason) ON fleet_mandates TO forecourt_app;
GRANT UPDATE (file_id, state, reason, ended_at) ON fleet_debits TO forecourt_app;

ALTER TABLE bank_lines DROP CONSTRAINT bank_lines_matched_by_check;
ALTER TABLE bank_lines ADD CONSTRAINT bank_lines_matched_by_check CHECK (matched_by IN ('payout', 'payout_file',
    'return', 'settlement', 'posted', 'fleet', 'debit', 'debit_file', 'debit_return'));

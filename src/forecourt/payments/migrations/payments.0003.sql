-- What providers and banks say of our money, what of it the journal does not, and what became of that.
-- depends: payments.0002

CREATE TABLE provider_movements (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    account text COLLATE "C" NOT NULL CHECK (length(account) BETWEEN 1 AND 80),
    reference text COLLATE "C" NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    kind text NOT NULL CHECK (length(kind) <= 60),
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    source text COLLATE "C",
    hold text COLLATE "C",
    intent text COLLATE "C",
    read_at timestamptz NOT NULL,
    posted_at timestamptz,
    settled_at timestamptz,
    PRIMARY KEY (tenant_id, account, reference)
);
CREATE INDEX provider_movements_by_time ON provider_movements (tenant_id, account, at);
CREATE INDEX provider_movements_of_hold ON provider_movements (tenant_id, account, hold) WHERE hold IS NOT NULL;
CREATE INDEX provider_movements_to_post ON provider_movements (tenant_id, at) WHERE posted_at IS NULL;
CREATE INDEX provider_movements_to_settle ON provider_movements (tenant_id, available_at) WHERE settled_at IS NULL;
COMMENT ON COLUMN provider_movements.posted_at IS 'when the journal took what only the provider can tell: fees, payouts, disputes';
COMMENT ON COLUMN provider_movements.settled_at IS 'when hosts were owed their share of it';

CREATE TABLE reconciliations (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    account text COLLATE "C" NOT NULL,
    until timestamptz NOT NULL,
    since timestamptz NOT NULL,
    movements int NOT NULL,
    differences int NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, account)
);
COMMENT ON TABLE reconciliations IS 'the last comparison of each provider''s account with the journal';

-- One row a difference, found again and again until it is gone or somebody explained it.
CREATE TABLE reconcile_differences (
    difference_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    account text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('missing', 'unknown', 'doubled', 'wrong_amount', 'wrong_currency', 'late',
        'fee_mismatch', 'bank_unknown', 'bank_amount', 'bank_missing')),
    about text COLLATE "C" NOT NULL CHECK (length(about) <= 300),
    reference text COLLATE "C",
    entry_id bigint,
    intent text,
    said bigint,
    said_currency text,
    booked bigint,
    booked_currency text,
    at timestamptz NOT NULL,
    found_at timestamptz NOT NULL,
    gone_at timestamptz,
    explained_at timestamptz,
    explained_by text,
    explanation text CHECK (length(explanation) BETWEEN 1 AND 1000),
    UNIQUE (tenant_id, account, kind, about)
);
CREATE INDEX reconcile_differences_open ON reconcile_differences (tenant_id, difference_id)
    WHERE gone_at IS NULL AND explained_at IS NULL;
COMMENT ON COLUMN reconcile_differences.about IS 'the movement, or the entry''s key, or the bank''s line';

-- Lines of our bank's statements (camt.053), each once.
CREATE TABLE bank_lines (
    line_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    reference text COLLATE "C" NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    booked_on date NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    end_to_end text CHECK (length(end_to_end) <= 100),
    who text NOT NULL DEFAULT '' CHECK (length(who) <= 200),
    text text NOT NULL DEFAULT '' CHECK (length(text) <= 1000),
    returned bool NOT NULL,
    return_reason text NOT NULL DEFAULT '' CHECK (length(return_reason) <= 200),
    matched_by text CHECK (matched_by IN ('payout', 'payout_file', 'return', 'settlement', 'posted')),
    matched text,
    read_at timestamptz NOT NULL,
    UNIQUE (tenant_id, reference)
);
CREATE INDEX bank_lines_open ON bank_lines (tenant_id, line_id) WHERE matched_by IS NULL;
COMMENT ON COLUMN bank_lines.amount IS 'what came; below 0: what went';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['provider_movements', 'reconciliations', 'reconcile_differences', 'bank_lines']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT ON provider_movements, bank_lines TO forecourt_app;
GRANT UPDATE (intent, available_at, fee, posted_at, settled_at) ON provider_movements TO forecourt_app;
GRANT UPDATE (matched_by, matched) ON bank_lines TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON reconciliations, reconcile_differences TO forecourt_app;

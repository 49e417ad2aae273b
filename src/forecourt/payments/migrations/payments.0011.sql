-- What providers told that can't be asked for again: answers, and the signed words of webhooks.
-- depends: payments.0010

CREATE TABLE payment_told (
    account_id uuid NOT NULL,
    event text COLLATE "C" NOT NULL CHECK (length(event) BETWEEN 1 AND 255),
    tenant_id int NOT NULL,
    kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 60),
    reference text COLLATE "C" NOT NULL CHECK (length(reference) BETWEEN 1 AND 80),
    about text COLLATE "C" NOT NULL CHECK (length(about) BETWEEN 1 AND 80),
    call text COLLATE "C" CHECK (length(call) BETWEEN 1 AND 80),
    key text COLLATE "C" CHECK (length(key) BETWEEN 1 AND 64),
    good bool NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    currency text NOT NULL CHECK (currency ~ '^([A-Z]{3})?$'),
    at_once bool NOT NULL DEFAULT false,
    card jsonb,
    saved jsonb,
    reason text CHECK (length(reason) <= 500),
    at timestamptz NOT NULL,
    PRIMARY KEY (account_id, event),
    FOREIGN KEY (tenant_id, account_id) REFERENCES payment_accounts (tenant_id, account_id)
);
CREATE INDEX payment_told_about ON payment_told (account_id, about);
CREATE INDEX payment_told_named ON payment_told (account_id, reference);
CREATE INDEX payment_told_of_call ON payment_told (account_id, call) WHERE call IS NOT NULL;
CREATE INDEX payment_told_by_key ON payment_told (account_id, key) WHERE key IS NOT NULL;
COMMENT ON COLUMN payment_told.event IS 'by what it is the same, however often it is said';
COMMENT ON COLUMN payment_told.about IS 'the payment that it happened to, by the provider''s name';
COMMENT ON COLUMN payment_told.call IS 'our call that it came of';
COMMENT ON COLUMN payment_told.key IS 'the key of the request that this is the answer to';
COMMENT ON COLUMN payment_told.good IS 'whether it was done';

ALTER TABLE payment_told ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_told FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON payment_told TO forecourt_app USING (tenant_id = forecourt_tenant());
-- Written once and read: what a provider said, it has said.
GRANT SELECT, INSERT ON payment_told TO forecourt_app;
